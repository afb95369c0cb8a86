#ifndef MP_EMAIL_HTTP_H
#define MP_EMAIL_HTTP_H

#include "http_server/http_server.h"

/* ctx of the handlers: struct email_app. */
extern const struct mp_route email_routes[];
extern const size_t email_routes_count;

#endif
