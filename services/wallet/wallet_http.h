#ifndef MP_WALLET_HTTP_H
#define MP_WALLET_HTTP_H

#include "http_server/http_server.h"
#include "wallet.h"

/* The wallet's HTTP contract (openapi.yaml). Every handler's ctx is the struct wallet. */
extern const struct mp_route wallet_routes[];
extern const size_t wallet_routes_count;

/* Largest body of POST /v1/transfers/batch. */
#define WALLET_BATCH_BYTES_MAX (256u * 1024)

/* Handlers of transfers_http.c. */
enum mp_rc wallet_post_transfer(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc wallet_post_transfers(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc wallet_get_transfer(struct mp_request *req, struct mp_response *res, void *ctx);

/* fundings_http.c */
/* A time in the query. MP_INVALID, told as a field's error: it is missing, or none. */
enum mp_rc wallet_read_time(
	struct mp_request *req, const char *name, int64_t *out_ms) MP_MUST_CHECK;
enum mp_rc wallet_get_fundings(struct mp_request *req, struct mp_response *res, void *ctx);

#endif
