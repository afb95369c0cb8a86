#ifndef MP_STORE_DYNAMO_CREDENTIALS_H
#define MP_STORE_DYNAMO_CREDENTIALS_H

#include "base/arena.h"
#include "base/rc.h"
#include "store/store.h"

/*
 * The keys that requests are signed with: given ones, or those that the container's endpoint hands
 * out (EKS Pod Identity, ECS), fetched again before they end. While a renewal fails, the old ones
 * are used on. Never logged. Threads: any.
 */
struct mp_credentials;

struct mp_aws_keys {
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* NULL: none */
};

/*
 * Takes copies of the config's texts; nothing is fetched yet. MP_INVALID with one sentence: none
 * are given, or an endpoint that keys must not be sent to. MP_NOMEM.
 */
enum mp_rc mp_credentials_open(const struct mp_store_aws *config, const struct mp_sink *sink,
	struct mp_credentials **out_credentials, char reterr[256]) MP_MUST_CHECK;
void mp_credentials_close(struct mp_credentials *credentials); /* takes NULL */

/* Copies into the arena. MP_UNAVAILABLE: none could be fetched. MP_NOMEM. */
enum mp_rc mp_credentials_get(struct mp_credentials *credentials, struct mp_arena *arena,
	struct mp_aws_keys *out_keys) MP_MUST_CHECK;

/* They were refused: the next get asks for new ones, where there is whom to ask. */
void mp_credentials_refused(struct mp_credentials *credentials);

/* Whether the endpoint may be asked: https, or a loopback or link-local address of AWS's. Pure. */
bool mp_credentials_url_is_allowed(const char *url);

#endif
