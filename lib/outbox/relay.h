#ifndef MP_OUTBOX_RELAY_H
#define MP_OUTBOX_RELAY_H

#include "outbox/lease.h"
#include "outbox/wire.h"

#include "metrics/metrics.h"

/*
 * The relay's work, without its thread. Internal to lib/outbox.
 *
 * Two ways lead from a row to the broker. Ids that this process has just committed are read by key:
 * cheap, whatever the table looks like. And about once a second a sweep reads every partition from
 * its start, for what nobody told of: rows of before a crash, of other replicas, of commits whose
 * outcome was unknown, and whatever failed the first time. The sweep alone would be right; the
 * first way is what makes it fast, as a partition's start is where erased rows pile up until the
 * engine compacts them away.
 *
 * Where several replicas share a table, one of them sweeps, under a lease, and passes by rows so
 * young that whoever committed them is at it: each row is published once, unless its process died
 * or lost the broker. A replica that the broker is away from lets the lease end, for another.
 */
#define MP_RELAY_BATCH_MAX 500

struct mp_relay_row {
	char pk[16];
	char sk[40];
};

struct mp_relay {
	struct mp_store *store;
	const char *source;
	mp_event_encoder encode;
	void *encode_ctx;
	struct mp_sink sink;
	struct mp_wire wire;

	struct mp_arena *rows_arena;   /* a page's or a batch_get's items */
	struct mp_arena *bodies_arena; /* encoded events of one batch */
	struct mp_buf scratch;	       /* one encoded event */

	/* The batch: encoded, to be published with one call. */
	size_t count;
	struct mp_relay_row rows[MP_RELAY_BATCH_MAX];
	struct mp_message messages[MP_RELAY_BATCH_MAX];
	struct mp_key keys[MP_RELAY_BATCH_MAX]; /* for batch_get and erase */
	struct mp_item *items[MP_RELAY_BATCH_MAX];

	bool shared;	       /* the table, with other replicas */
	struct mp_lease lease; /* of sweeping, where it is shared */

	bool down; /* the broker: rows are only counted until a publish works again */

	/* The sweep under way, or the next. */
	bool sweeping;
	int partition;
	char after[MP_KEY_BYTES_MAX + 1]; /* within this sweep only; "" at a partition's start */
	size_t page_limit;
	int64_t next_sweep_ms; /* monotonic */
	bool sweep_wanted;     /* a whole one, at once: behind the one under way */
	int pause_ms;	       /* before the next sweep; grows while rows are refused */
	size_t refused;	       /* rows of this sweep that could not be published */
	size_t found;
	size_t broken; /* of those, rows that are no event */
	int64_t oldest_ms;
	int64_t read_us; /* that its reading took */
	struct mp_id broken_first;
	struct mp_id broken_told;
	size_t broken_told_count;
	enum mp_rc store_told;

	struct mp_metric *waiting;
	struct mp_metric *oldest;
	struct mp_metric *published;
	struct mp_metric *failures;
};

enum mp_rc mp_relay_init(struct mp_relay *relay, const struct mp_outbox_config *config,
	const struct mp_wire *wire) MP_MUST_CHECK;
void mp_relay_done(struct mp_relay *relay);

/* Publishes and erases these rows, as far as they are still there. ids is put in order. */
void mp_relay_ids(struct mp_relay *relay, struct mp_id *ids, size_t count);

/* There may be rows that no sweep has looked for yet. */
void mp_relay_want_sweep(struct mp_relay *relay);

/* Does the next step of a sweep, when one is due by now_ms or under way; false: nothing to do. */
bool mp_relay_sweep_step(struct mp_relay *relay, int64_t now_ms);

/* A row's key. */
void mp_relay_row_key(const struct mp_id *id, struct mp_relay_row *out_row);

#endif
