#ifndef MP_HTTP_CLIENT_SERVICE_TOKEN_H
#define MP_HTTP_CLIENT_SERVICE_TOKEN_H

#include <stddef.h>

#include "base/rc.h"

/*
 * This service's own access token (OAuth 2.0 client credentials, RFC 6749 section 4.4), fetched
 * when first wanted, kept until 60 s before its end. Threads: any.
 */
struct mp_service_token;

enum mp_rc mp_service_token_open(const char *token_url, const char *client_id,
	const char *client_secret, struct mp_service_token **out_token) MP_MUST_CHECK;
void mp_service_token_close(struct mp_service_token *token);

#define MP_TOKEN_TEXT_MAX 2048

/* Copies the token. MP_UNAVAILABLE while the user service cannot be asked; MP_FORBIDDEN refused. */
enum mp_rc mp_service_token_get(
	struct mp_service_token *token, char *out_text, size_t out_size) MP_MUST_CHECK;

/* After a 401: the next get fetches anew. */
void mp_service_token_drop(struct mp_service_token *token);

#endif
