#include "throttle.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "log/log.h"
#include "names.h"
#include "throttle_db.h"
#include "user_metrics.h"

#define TRIES_MAX 10 /* of a change that others overtake */
#define BUCKETS 3

enum {
	PAIR,
	NAME,
	NETWORK
};

/* --- the rule --- */

bool throttle_take(const struct throttle_rate *rate, int64_t now_ms, int64_t *full_at_ms,
	int64_t *reterr_wait_ms)
{
	assert(rate->burst > 0 && rate->refill_ms > 0);
	const int64_t whole_ms = rate->burst * rate->refill_ms; /* an empty one is full again in */
	const bool is_full = *full_at_ms <= now_ms || *full_at_ms - now_ms > 2 * whole_ms;
	const int64_t full_at = (is_full ? now_ms : *full_at_ms) + rate->refill_ms;
	const int64_t wait_ms = full_at - now_ms - whole_ms;

	if (wait_ms > 0) {
		*reterr_wait_ms = wait_ms;
		return false;
	}
	*full_at_ms = full_at;
	return true;
}

void throttle_network(const char *address, char out_network[64])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct in6_addr parsed;
	const char *text = NULL;

	if (inet_pton(AF_INET6, address, &parsed) == 1) {
		const bool is_v4 = memcmp(parsed.s6_addr, mapped, sizeof(mapped)) == 0;

		/* A home or a host has 64 bits to itself: all of it counts as one. */
		memset(parsed.s6_addr + 8, 0, is_v4 ? 0 : 8);
		text = inet_ntop(is_v4 ? AF_INET : AF_INET6,
			is_v4 ? parsed.s6_addr + sizeof(mapped) : parsed.s6_addr, out_network, 64);
	}
	if (text == NULL && mp_text_copy(out_network, 64, address) != MP_OK)
		out_network[0] = '\0'; /* none is so long: all of them are one network */
}

/* --- one try --- */

/* kind keeps names, ids, networks and pairs apart, whatever is in them. */
static void hash_of(
	const char *kind, const char *first, const char *second, char out[MP_SHA256_HEX_SIZE])
{
	char text[2 * MP_SHA256_HEX_SIZE + PASSWORD_BYTES_MAX + 16];

	enum mp_rc fits = mp_text_format(text, sizeof(text), "%s:%s:%s", kind, first, second);
	assert(fits == MP_OK);
	mp_sha256_hex(text, strlen(text), out);
}

void throttle_try_init(
	struct throttle_try *try, enum throttle_kind kind, const char *subject, const char *address)
{
	char folded[USER_NAME_MAX + 1] = "";
	char network[64];

	*try = (struct throttle_try){.known = false};
	if (user_name_fault(subject) == NULL) {
		names_fold(subject, folded, sizeof(folded));
		subject = folded;
	}
	assert(strlen(subject) <= PASSWORD_BYTES_MAX);
	throttle_network(address, network);
	hash_of(kind == THROTTLE_NAME ? "name" : "id", subject, "", try->name);
	hash_of("network", network, "", try->network);
	hash_of("pair", try->name, try->network, try->pair);
}

static void make_buckets(const struct throttle_try *try, struct throttle_bucket buckets[BUCKETS])
{
	buckets[PAIR] = (struct throttle_bucket){.hash = try->pair};
	buckets[NAME] = (struct throttle_bucket){.hash = try->name};
	buckets[NETWORK] = (struct throttle_bucket){.hash = try->network};
}

static const struct throttle_rate *rate_of(const struct throttle_policy *policy, int bucket)
{
	return bucket == NETWORK ? &policy->network : &policy->name;
}

/* The buckets that a try is about: [*out_first, *out_end). */
static void range_of(bool known, int *out_first, int *out_end)
{
	*out_first = known ? PAIR : NAME;
	*out_end = known ? PAIR + 1 : BUCKETS;
}

/* When the item may go: a bucket once it is full, but a known pair is remembered. */
static void set_expiry(struct throttle_bucket *bucket, int64_t known_until_s)
{
	const int64_t full_at_s = bucket->full_at_ms / 1000 + 1;

	bucket->expires_at_s = full_at_s > known_until_s ? full_at_s : known_until_s;
}

/* One try to take. MP_STALE: overtaken. */
static enum mp_rc begin_once(struct mp_store *store, const struct throttle_policy *policy,
	struct mp_arena *arena, struct throttle_try *try, int64_t now_ms, int64_t *reterr_wait_s)
{
	struct throttle_bucket buckets[BUCKETS];
	int64_t longest_ms = 0;
	int first;
	int end;

	make_buckets(try, buckets);
	enum mp_rc rc = throttle_db_get(store, arena, buckets, BUCKETS);
	if (rc != MP_OK)
		return rc;
	try->known = buckets[PAIR].version > 0;
	range_of(try->known, &first, &end);
	for (int i = first; i < end; i++) {
		int64_t wait_ms = 0;

		if (!throttle_take(rate_of(policy, i), now_ms, &buckets[i].full_at_ms, &wait_ms) &&
			wait_ms > longest_ms)
			longest_ms = wait_ms;
		set_expiry(&buckets[i], try->known ? buckets[i].expires_at_s : 0);
	}
	if (longest_ms > 0) {
		*reterr_wait_s = (longest_ms + 999) / 1000;
		return MP_TOO_MANY;
	}
	return throttle_db_write(store, arena, buckets + first, (size_t)(end - first));
}

enum mp_rc throttle_begin(struct mp_store *store, const struct throttle_policy *policy,
	struct mp_arena *arena, struct throttle_try *try, int64_t now_ms, int64_t *reterr_wait_s)
{
	enum mp_rc rc = MP_STALE;

	for (int i = 0; i < TRIES_MAX && rc == MP_STALE; i++)
		rc = begin_once(store, policy, arena, try, now_ms, reterr_wait_s);
	if (rc == MP_TOO_MANY)
		mp_metric_add(user_metrics.log_ons_throttled, 1);
	if (rc ==
		MP_UNKNOWN) /* a try was counted, perhaps: of what was asked for, nothing is done */
		return MP_UNAVAILABLE;
	return rc == MP_STALE ? MP_BUSY : rc;
}

/* One try to give back. MP_STALE: overtaken. */
static enum mp_rc end_once(struct mp_store *store, const struct throttle_policy *policy,
	struct mp_arena *arena, const struct throttle_try *try, int64_t now_ms, bool was_right)
{
	struct throttle_bucket buckets[BUCKETS];
	int first;
	int end;

	make_buckets(try, buckets);
	enum mp_rc rc = throttle_db_get(store, arena, buckets, BUCKETS);
	if (rc != MP_OK)
		return rc;
	range_of(try->known, &first, &end);
	for (int i = first; i < end; i++) {
		buckets[i].full_at_ms -= rate_of(policy, i)->refill_ms;
		if (buckets[i].full_at_ms < 0)
			buckets[i].full_at_ms = 0; /* it was full, and its item gone */
		set_expiry(&buckets[i], try->known ? buckets[i].expires_at_s : 0);
	}
	if (was_right) {
		set_expiry(&buckets[PAIR], now_ms / 1000 + THROTTLE_KNOWN_S);
		first = PAIR;
	}
	return throttle_db_write(store, arena, buckets + first, (size_t)(end - first));
}

void throttle_end(struct mp_store *store, const struct throttle_policy *policy,
	struct mp_arena *arena, const struct throttle_try *try, int64_t now_ms, enum mp_rc outcome)
{
	enum mp_rc rc = MP_STALE;

	if (outcome == MP_UNAUTHENTICATED)
		return;
	for (int i = 0; i < TRIES_MAX && rc == MP_STALE; i++)
		rc = end_once(store, policy, arena, try, now_ms, outcome == MP_OK);
	if (rc != MP_OK)
		mp_log(MP_LOG_WARN, "log_on_try_not_given_back", MP_RC(rc));
}
