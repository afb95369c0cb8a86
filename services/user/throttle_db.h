#ifndef MP_USER_THROTTLE_DB_H
#define MP_USER_THROTTLE_DB_H

#include "store/store.h"
#include "user_types.h"

/* Stored buckets of throttle.h. Errors of the store (store.h) pass through. Threads: any. */
struct throttle_bucket {
	const char *hash; /* which; borrowed */
	int64_t full_at_ms;
	int64_t expires_at_s;
	int64_t version; /* the stored item's; 0: there is none */
};

/* Reads the buckets whose hash is set; one that is not there is full. */
enum mp_rc throttle_db_get(struct mp_store *store, struct mp_arena *arena,
	struct throttle_bucket *buckets, size_t count) MP_MUST_CHECK;

/* Writes all of them at their versions, or none. MP_STALE: one has changed, or is there now. */
enum mp_rc throttle_db_write(struct mp_store *store, struct mp_arena *arena,
	const struct throttle_bucket *buckets, size_t count) MP_MUST_CHECK;

#endif
