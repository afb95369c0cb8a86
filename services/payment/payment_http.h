#ifndef MP_PAYMENT_PAYMENT_HTTP_H
#define MP_PAYMENT_PAYMENT_HTTP_H

#include "http_server/http_server.h"

/* ctx of the handlers: struct payment_app. */
extern const struct mp_route payment_routes[];
extern const size_t payment_routes_count;

#endif
