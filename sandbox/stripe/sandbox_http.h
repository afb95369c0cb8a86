#ifndef MP_SANDBOX_SANDBOX_HTTP_H
#define MP_SANDBOX_SANDBOX_HTTP_H

#include "http_server/http_server.h"

/* The provider's API, the hosted pages, and what is the sandbox's own. ctx is struct app. */
extern const struct mp_route sandbox_routes[];
extern const size_t sandbox_routes_count;

/* page_http.c */
enum mp_rc page_get(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc page_post(struct mp_request *req, struct mp_response *res, void *ctx);

/* own_http.c */
enum mp_rc faults_get(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc faults_post(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc faults_delete(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc async_post(struct mp_request *req, struct mp_response *res, void *ctx);

#endif
