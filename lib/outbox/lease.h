#ifndef MP_OUTBOX_LEASE_H
#define MP_OUTBOX_LEASE_H

#include "base/id.h"
#include "store/store.h"

/*
 * Which of several replicas does a work that one is enough for. Internal to lib/outbox. It only
 * limits duplicates and is no lock: that it was lost in a long pause is noticed afterwards, so
 * what is done under it must be harmless twice. One row: pk LEASE#<name>, sk LEASE, with holder and
 * until (wall clock, milliseconds).
 */
struct mp_lease {
	struct mp_store *store;
	const char *name;
	struct mp_id holder;	  /* this process */
	int64_t version;	  /* of the row that we wrote last */
	int64_t until_ms;	  /* ours until then; 0: not ours */
	int64_t seen_version;	  /* of another's row, */
	int64_t seen_until_ms;	  /* its promise, */
	int64_t seen_mono_ms;	  /* and since when it has stood so */
	int64_t (*mono_ms)(void); /* for tests */
};

#define MP_LEASE_MS 10000

/* Nothing is asked for yet. name is borrowed for the lease's life. */
void mp_lease_init(struct mp_lease *lease, struct mp_store *store, const char *name);

/*
 * Whether the lease is ours, taken or prolonged where needed. Otherwise *out_again_ms is when to
 * ask again. Trouble of the store counts as not ours.
 */
bool mp_lease_hold(struct mp_lease *lease, int64_t now_ms, int64_t *out_again_ms);

/* Gives it to whoever asks next, if it is ours. */
void mp_lease_release(struct mp_lease *lease);

#endif
