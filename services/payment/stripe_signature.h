#ifndef MP_PAYMENT_STRIPE_SIGNATURE_H
#define MP_PAYMENT_STRIPE_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"

/*
 * Webhook signatures as Stripe makes them: header `t=<seconds>,v1=<hex>[,v1=<hex>...]`, each v1 an
 * HMAC-SHA256 of "<t>.<body as it came>" with one endpoint secret. Pure: the time is given.
 */
#define STRIPE_TOLERANCE_S 300 /* both ways: late deliveries are signed anew by the provider */
#define STRIPE_SECRETS_MAX 4   /* while a secret is being rotated, the old and the new one */
#define STRIPE_SIGNATURES_MAX 8
#define STRIPE_HEADER_BYTES_MAX 2048

struct stripe_secrets {
	const char *text[STRIPE_SECRETS_MAX]; /* not terminated: len */
	size_t len[STRIPE_SECRETS_MAX];
	size_t count;
};

/* "whsec_a,whsec_b": borrowed. MP_INVALID: none, an empty one, or too many. */
enum mp_rc stripe_secrets_parse(const char *text, struct stripe_secrets *out) MP_MUST_CHECK;

enum stripe_signature {
	STRIPE_SIGNATURE_GOOD,
	STRIPE_SIGNATURE_MALFORMED, /* the header is absent or not of this form */
	STRIPE_SIGNATURE_WRONG,	    /* made with none of our secrets over these bytes */
	STRIPE_SIGNATURE_TIME,	    /* right, but not of now */
	STRIPE_SIGNATURE_NO_MEMORY,
};

/* header may be NULL. */
enum stripe_signature stripe_signature_check(const struct stripe_secrets *secrets,
	const char *header, const char *body, size_t body_len, int64_t now_s,
	struct mp_arena *arena);

#endif
