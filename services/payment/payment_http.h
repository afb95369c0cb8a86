#ifndef MP_PAYMENT_PAYMENT_HTTP_H
#define MP_PAYMENT_PAYMENT_HTTP_H

#include "http_server/http_server.h"
#include "payment.h"

/* ctx of the handlers: struct payment_app. */
extern const struct mp_route payment_routes[];
extern const size_t payment_routes_count;

/* The payment of the path, as the caller may see it; MP_NOT_FOUND otherwise. */
enum mp_rc payment_of_path(struct mp_request *req, struct payment_app *app, struct mp_id *out_user,
	struct payment *out_payment) MP_MUST_CHECK;

/*
 * The session of the caller's token, which must not have ended where money is moved or watched:
 * the token alone is good for minutes longer. MP_UNAUTHENTICATED, with its problem.
 */
enum mp_rc caller_in_session(
	struct mp_request *req, struct payment_app *app, struct mp_id *out_session) MP_MUST_CHECK;

/*
 * As the API has them, for the reader: the payee is not told why the payer's money did not come.
 * The caller's to free; NULL without memory.
 */
json_t *payment_to_json(const struct payment *payment, const struct mp_id *reader);
json_t *payment_row_to_json(const struct payment_row *row, bool for_payer);

/* operations_http.c */
enum mp_rc payment_get_operated(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc payment_post_redrive(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc payment_post_close(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc payment_post_republish(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc payment_get_captures(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc payment_get_capture(struct mp_request *req, struct mp_response *res, void *ctx);

#endif
