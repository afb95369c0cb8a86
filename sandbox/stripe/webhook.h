#ifndef MP_SANDBOX_WEBHOOK_H
#define MP_SANDBOX_WEBHOOK_H

#include "checkout.h"

/*
 * Sends each event to the one endpoint until it answers 2xx: after 1 s, 2 s ... 60 s, for three
 * days. Deliveries may come twice or in another order, as the provider's own.
 */
struct webhook;

struct webhook_config {
	struct sandbox *sandbox; /* borrowed */
	const char *url;
	const char *secrets; /* separated by commas: one signature each */
};

#define WEBHOOK_SECRETS_MAX 8

/* MP_INVALID: no secret, or too many; MP_NOMEM. */
enum mp_rc webhook_open(
	const struct webhook_config *config, struct webhook **out_webhook) MP_MUST_CHECK;
void webhook_close(struct webhook *webhook);

/* "t=1700000000,v1=<hex>" and a v1 for each secret; MP_TOO_LARGE when out is too small. Pure. */
#define WEBHOOK_SIGNATURE_SIZE (32 + WEBHOOK_SECRETS_MAX * 70)
enum mp_rc webhook_sign(const char *secrets, int64_t at_s, const char *body, size_t body_len,
	char out_header[WEBHOOK_SIGNATURE_SIZE]) MP_MUST_CHECK;

/* The handler of due rows; ctx is the webhook. */
struct mp_due_result webhook_due(void *ctx, struct mp_arena *arena, const struct mp_id *id,
	int64_t attempts, int64_t now_ms);

/* Ends all faults, and has the held events sent now. */
enum mp_rc webhook_release(
	struct sandbox *sandbox, struct mp_arena *arena, int64_t now_ms) MP_MUST_CHECK;

/* How long until the next try. Pure. */
int64_t webhook_backoff_ms(int64_t attempts);

#endif
