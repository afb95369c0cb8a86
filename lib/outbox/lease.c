#include "outbox/lease.h"

#include <string.h>

#include "base/clock.h"

#define ROW_FORMAT 1
#define ROW_SK "LEASE"
#define ARENA_BYTES 8192
/* Prolonged when less than this is left, which leaves time for a store that is slow. */
#define PROLONG_MS (MP_LEASE_MS / 2)
#define ASK_AGAIN_MS 1000

void mp_lease_init(struct mp_lease *lease, struct mp_store *store, const char *name)
{
	*lease = (struct mp_lease){
		.store = store,
		.name = name,
		.holder = mp_id_new(mp_clock_ms()),
		.mono_ms = mp_clock_mono_ms,
	};
}

static struct mp_item *make_row(
	const struct mp_lease *lease, struct mp_arena *arena, const char *pk, int64_t until_ms)
{
	struct mp_item *item = mp_item_new(arena, pk, ROW_SK, ROW_FORMAT);

	mp_map_set_id(mp_item_attrs(item), "holder", &lease->holder);
	mp_map_set_int(mp_item_attrs(item), "until", until_ms);
	return item;
}

/* version 0: there is no row yet. */
static bool write_row(struct mp_lease *lease, struct mp_arena *arena, const char *pk,
	int64_t version, int64_t now_ms)
{
	int64_t until_ms = now_ms + MP_LEASE_MS;
	struct mp_item *item = make_row(lease, arena, pk, until_ms);
	struct mp_txn txn;

	mp_txn_begin(&txn, lease->store, arena);
	if (version == 0)
		(void)mp_txn_insert(&txn, item);
	else
		(void)mp_txn_replace(&txn, item, version);
	if (mp_txn_commit(&txn, NULL) != MP_OK)
		return false;
	lease->version = version + 1;
	lease->until_ms = until_ms;
	return true;
}

/*
 * A clock that was ahead promised more than a lease ever does. Whoever lives prolongs it, and so
 * changes the row; of one that stayed as it was for a lease's time, the holder is gone.
 */
static bool is_abandoned(struct mp_lease *lease, int64_t version, int64_t until_ms, int64_t now_ms)
{
	int64_t mono_ms = lease->mono_ms();

	if (version != lease->seen_version || until_ms != lease->seen_until_ms) {
		lease->seen_version = version;
		lease->seen_until_ms = until_ms;
		lease->seen_mono_ms = mono_ms;
	}
	return until_ms - now_ms > MP_LEASE_MS && mono_ms - lease->seen_mono_ms > MP_LEASE_MS;
}

/* Somebody else's and good until *out_until_ms, or free: then its version, 0 without a row. */
static enum mp_rc read_row(struct mp_lease *lease, struct mp_arena *arena, const char *pk,
	int64_t now_ms, int64_t *out_version, int64_t *out_until_ms)
{
	struct mp_item *item;
	struct mp_item_reader r;
	struct mp_id holder;
	int64_t until_ms = 0;

	enum mp_rc rc = mp_store_get(lease->store, pk, ROW_SK, arena, &item);
	if (rc == MP_NOT_FOUND) {
		*out_version = 0;
		return MP_OK;
	}
	if (rc != MP_OK)
		return rc;
	mp_item_read_begin(&r, item, ROW_FORMAT);
	mp_item_read_id(&r, "holder", &holder);
	mp_item_read_int(&r, "until", &until_ms);
	rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	*out_version = item->version;
	if (mp_id_equal(&holder, &lease->holder) || until_ms <= now_ms ||
		is_abandoned(lease, item->version, until_ms, now_ms))
		return MP_OK;
	*out_until_ms = until_ms;
	return MP_CONFLICT;
}

static bool take(
	struct mp_lease *lease, struct mp_arena *arena, int64_t now_ms, int64_t *out_again_ms)
{
	const char *pk = mp_arena_printf(arena, "LEASE#%s", lease->name);
	int64_t version = 0;
	int64_t until_ms = 0;

	if (pk == NULL)
		return false;
	/* A row of ours is prolonged without a look: whoever took it meanwhile changed it. */
	if (lease->until_ms > now_ms && write_row(lease, arena, pk, lease->version, now_ms))
		return true;
	lease->until_ms = 0;
	enum mp_rc rc = read_row(lease, arena, pk, now_ms, &version, &until_ms);
	if (rc == MP_OK)
		return write_row(lease, arena, pk, version, now_ms);
	/* The clock of whoever holds it may be far off: it is looked at again in time. */
	if (rc == MP_CONFLICT && until_ms - now_ms < MP_LEASE_MS)
		*out_again_ms = until_ms + ASK_AGAIN_MS;
	return false;
}

bool mp_lease_hold(struct mp_lease *lease, int64_t now_ms, int64_t *out_again_ms)
{
	int64_t again_ms = now_ms + ASK_AGAIN_MS;
	int64_t left_ms = lease->until_ms - now_ms; /* more than all: our clock was set back */
	bool held = left_ms > PROLONG_MS && left_ms <= MP_LEASE_MS;

	if (!held) {
		struct mp_arena *arena = mp_arena_new(ARENA_BYTES);
		held = arena != NULL && take(lease, arena, now_ms, &again_ms);
		mp_arena_free(arena);
	}
	if (!held)
		*out_again_ms = again_ms;
	return held;
}

void mp_lease_release(struct mp_lease *lease)
{
	struct mp_arena *arena = lease->until_ms > 0 ? mp_arena_new(ARENA_BYTES) : NULL;
	struct mp_txn txn;

	if (arena == NULL)
		return;
	lease->until_ms = 0;
	mp_txn_begin(&txn, lease->store, arena);
	(void)mp_txn_remove(
		&txn, mp_arena_printf(arena, "LEASE#%s", lease->name), ROW_SK, lease->version);
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	(void)rc; /* or it ends by itself */
	mp_arena_free(arena);
}
