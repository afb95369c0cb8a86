#ifndef MP_BILLING_HTTP_H
#define MP_BILLING_HTTP_H

#include "billing.h"
#include "http_server/http_server.h"

/* ctx of the handlers: struct billing_app. */
extern const struct mp_route billing_routes[];
extern const size_t billing_routes_count;

/* report_http.c */
enum mp_rc billing_get_summary(struct mp_request *req, struct mp_response *res, void *ctx);

#endif
