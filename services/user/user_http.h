#ifndef MP_USER_USER_HTTP_H
#define MP_USER_USER_HTTP_H

#include "http_server/http_server.h"
#include "user_app.h"

/* The service's routes; ctx of each is a struct user_app. */
extern const struct mp_route user_routes[];
extern const size_t user_routes_count;

/* The profile as its owner sees it; NULL without memory. */
json_t *user_to_json(const struct user *user);

/* The logged-on user's id: the subject of every user's token. */
enum mp_rc caller_id(const struct mp_request *req, struct mp_id *out_id) MP_MUST_CHECK;

/* And the session, which has not ended; for what changes something. MP_UNAUTHENTICATED. */
enum mp_rc caller_in_session(struct mp_request *req, const struct user_app *app,
	struct mp_id *out_id, struct mp_id *out_session_id) MP_MUST_CHECK;
void refuse_ended(struct mp_request *req); /* with that problem */

/* Reads a text that also keeps one of names.h's rules. */
void read_ruled(struct mp_json_reader *r, const char *name, size_t min, size_t max,
	const char *(*fault_of)(const char *text), const char **out_text);

/* session_http.c */
enum mp_rc post_session(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc post_session_refresh(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc delete_session(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc delete_sessions(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc post_password(struct mp_request *req, struct mp_response *res, void *ctx);

/* oauth_http.c */
enum mp_rc post_token(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc get_jwks(struct mp_request *req, struct mp_response *res, void *ctx);
enum mp_rc post_rotation(struct mp_request *req, struct mp_response *res, void *ctx);

/* operations_http.c */
enum mp_rc post_republish(struct mp_request *req, struct mp_response *res, void *ctx);

#endif
