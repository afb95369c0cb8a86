#ifndef MP_USER_THROTTLE_H
#define MP_USER_THROTTLE_H

#include "store/store.h"
#include "user_types.h"

/*
 * How often passwords may be guessed. Each try takes from buckets that refill with time:
 *
 *	from a network that this name has logged on from before (in the last THROTTLE_KNOWN_S): the
 *	bucket of this name and network alone
 *	from any other: the bucket of the name, and that of the network
 *
 * and gives back what it took when the password was right, so only wrong ones count. Whoever
 * guesses at a person's name from elsewhere therefore never slows the person down at home, and
 * elsewhere by one refill at a time: no try that was refused counts. A network is an IPv4 address
 * or the first 64 bits of an IPv6 address. Buckets are items that expire: replicas share them, and
 * a restart forgets nothing. Names that nobody has are treated alike. Threads: any.
 */
#define THROTTLE_KNOWN_S (90 * 24 * 3600)

struct throttle_rate {
	int64_t burst;	   /* tries that a full bucket has, 1 or more */
	int64_t refill_ms; /* until there is one more, 1 or more */
};

struct throttle_policy {
	struct throttle_rate name; /* also of a name and a network that know each other */
	struct throttle_rate network;
};

/* One try: made by throttle_begin, ended by throttle_end. */
struct throttle_try {
	char name[MP_SHA256_HEX_SIZE];
	char network[MP_SHA256_HEX_SIZE];
	char pair[MP_SHA256_HEX_SIZE];
	bool known;
};

/* What is guessed at: its buckets are apart from those of another kind, whatever the text. */
enum throttle_kind {
	THROTTLE_NAME, /* a user name as it was sent, by anyone */
	THROTTLE_ID,   /* a user's id, by who has a token of theirs */
};

void throttle_try_init(struct throttle_try *try, enum throttle_kind kind, const char *subject,
	const char *address);

/*
 * Before the password is looked at. MP_TOO_MANY: not now, but in *reterr_wait_s (1 or more).
 * MP_BUSY: overtaken again and again. Errors of the store pass through.
 */
enum mp_rc throttle_begin(struct mp_store *store, const struct throttle_policy *policy,
	struct mp_arena *arena, struct throttle_try *try, int64_t now_ms,
	int64_t *reterr_wait_s) MP_MUST_CHECK;

/*
 * After it. MP_OK: gives back what was taken, and remembers the network; MP_UNAUTHENTICATED: it
 * stays taken; any other: gives it back. Best effort: what is not given back comes back with time.
 */
void throttle_end(struct mp_store *store, const struct throttle_policy *policy,
	struct mp_arena *arena, const struct throttle_try *try, int64_t now_ms, enum mp_rc outcome);

/* --- the rule, pure --- */

/*
 * Takes one try from a bucket, of which *full_at_ms alone is kept: when it will be full again,
 * 0 or any time past for a full one. False: there is none left; *reterr_wait_ms until there is.
 * One that would be full much later than an empty one was stored by a clock that ran ahead and came
 * back: it counts as full, rather than to refuse people until then.
 */
bool throttle_take(const struct throttle_rate *rate, int64_t now_ms, int64_t *full_at_ms,
	int64_t *reterr_wait_ms);

/* The network of an address, as text; the address itself when it is not one. */
void throttle_network(const char *address, char out_network[64]);

#endif
