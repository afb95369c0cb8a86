#ifndef MP_MPCTL_CALL_H
#define MP_MPCTL_CALL_H

#include "json/json.h"
#include "mpctl.h"

/* Calls to the services, with mpctl's own token. One thread. */
struct mpctl_calls;

enum mpctl_peer {
	PEER_USER,
	PEER_WALLET,
	PEER_PAYMENT,
	PEER_BILLING,
	PEER_EMAIL,
	PEERS
};

const char *mpctl_peer_name(enum mpctl_peer peer);

/* Says that the service lacks what this mpctl asks of it, such as a path; MPCTL_TROUBLE. */
enum mpctl_exit mpctl_not_of_this_version(
	const struct mpctl *ctl, enum mpctl_peer peer, const char *what);

/* MP_NOMEM. */
enum mp_rc mpctl_calls_open(
	const struct mpctl_settings *settings, struct mpctl_calls **out_calls) MP_MUST_CHECK;
void mpctl_calls_close(struct mpctl_calls *calls);

/*
 * method on path (encoded, with its query), with body when it is not NULL (borrowed). MPCTL_DONE:
 * *out_json is the answer, the caller's to json_decref. MPCTL_NO: 404 or 409, nothing was said.
 * MPCTL_TROUBLE: the sentence was said.
 */
enum mpctl_exit mpctl_call(struct mpctl *ctl, enum mpctl_peer peer, const char *method,
	const char *path, json_t *body, json_t **out_json);

enum mpctl_exit mpctl_get(
	struct mpctl *ctl, enum mpctl_peer peer, const char *path, json_t **out_json);

#endif
