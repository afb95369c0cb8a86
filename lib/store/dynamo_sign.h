#ifndef MP_STORE_DYNAMO_SIGN_H
#define MP_STORE_DYNAMO_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"

/*
 * AWS Signature Version 4 of a POST to "/", as DynamoDB takes its requests. libcurl could sign,
 * too, but with a clock of its own and with headers that it then does not send; this is pure, so
 * that a table of cases proves it.
 */
struct mp_sign_request {
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* NULL: none */
	const char *region;
	const char *host;	  /* as the header says it, with a port that is not the scheme's */
	const char *content_type; /* as sent */
	const char *target;	  /* X-Amz-Target */
	const char *body;
	size_t body_len;
	int64_t time_s;
};

#define MP_SIGN_DATE_SIZE 17 /* "20261123T022250Z" and its NUL */

struct mp_signature {
	char date[MP_SIGN_DATE_SIZE]; /* X-Amz-Date */
	const char *authorization;    /* in the arena */
};

/* MP_NOMEM. Pure. */
enum mp_rc mp_sign(const struct mp_sign_request *request, struct mp_arena *arena,
	struct mp_signature *out_signature) MP_MUST_CHECK;

#endif
