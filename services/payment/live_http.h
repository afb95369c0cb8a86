#ifndef MP_PAYMENT_LIVE_HTTP_H
#define MP_PAYMENT_LIVE_HTTP_H

#include "http_server/http_server.h"

/* GET /v1/payments/{id}/events: Server-Sent Events. ctx: struct payment_app. */
enum mp_rc get_payment_events(struct mp_request *req, struct mp_response *res, void *ctx);

#endif
