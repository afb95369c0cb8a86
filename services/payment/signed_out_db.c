#include "item_db.h"
#include "payment_db.h"
#include "store/by_id.h"

/*
 *	SIGNED_OUT#<session id>  SIGNED_OUT  nothing: that it is there says it
 *
 * It expires when the session's last access token has, and clocks may differ.
 */
#define PK_PREFIX "SIGNED_OUT#"
#define SK "SIGNED_OUT"
#define FORMAT 1
#define KEPT_S 60

static const char *pk_of(struct mp_arena *arena, const struct mp_id *session_id)
{
	return mp_arena_printf(arena, PK_PREFIX "%s", session_id->text);
}

static void put_end(
	struct mp_txn *txn, const struct payment_session_end *end, struct mp_arena *arena)
{
	const char *pk = pk_of(arena, &end->session_id);
	struct mp_item *item = pk != NULL ? mp_item_new(arena, pk, SK, FORMAT) : NULL;

	if (item != NULL)
		item->expires_at_s = end->tokens_expire_at_ms / 1000 + KEPT_S;
	(void)mp_txn_put(txn, item);
}

/* A transaction takes no item twice, and the broker may have told the same end twice. */
static bool stands_before(const struct payment_session_end *ends, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (mp_id_equal(&ends[i].session_id, &ends[index].session_id))
			return true;
	}
	return false;
}

enum mp_rc payment_db_sign_out(struct payment_db *db, const struct payment_session_end *ends,
	size_t count, struct mp_arena *arena)
{
	const size_t ops_max = payment_db_ops_max(db);
	enum mp_rc rc = MP_OK;

	for (size_t i = 0; i < count && rc == MP_OK;) {
		struct mp_txn txn;

		mp_txn_begin(&txn, db->store, arena);
		for (; i < count && txn.count < ops_max && txn.rc == MP_OK; i++) {
			if (!stands_before(ends, i))
				put_end(&txn, &ends[i], arena);
		}
		rc = mp_txn_commit(&txn, NULL);
	}
	return rc;
}

enum mp_rc payment_db_signed_out(struct payment_db *db, const struct mp_id *session_ids,
	size_t count, struct mp_arena *arena, bool *out_signed_out)
{
	struct mp_item **items = NULL;

	enum mp_rc rc =
		mp_store_get_by_ids(db->store, session_ids, count, pk_of, SK, arena, &items);
	for (size_t i = 0; rc == MP_OK && i < count; i++)
		out_signed_out[i] = items[i] != NULL;
	return rc;
}
