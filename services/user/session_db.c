#include "session_db.h"

#include <string.h>

#include "base/clock.h"

/*
 *	pk         sk              attributes
 *	USER#<id>  SESSION#<id>    current, sibling, previous (hex; absent: none), created_at,
 *	                           rotated_at (ms); expires with the session
 *
 * In the user's own partition, so that all sessions of a user are one query away; ids are UUIDv7,
 * so that it gives the oldest first.
 */
#define FORMAT 1
#define SK_PREFIX "SESSION#"

static const char *pk_of(struct mp_arena *arena, const struct mp_id *user_id)
{
	return mp_arena_printf(arena, "USER#%s", user_id->text);
}

static const char *sk_of(struct mp_arena *arena, const struct mp_id *id)
{
	return mp_arena_printf(arena, SK_PREFIX "%s", id->text);
}

static const char *or_absent(const char *hash)
{
	return hash[0] == '\0' ? NULL : hash;
}

static struct mp_item *to_item(struct mp_arena *arena, const struct session *session)
{
	struct mp_item *item = mp_item_new(
		arena, pk_of(arena, &session->user_id), sk_of(arena, &session->id), FORMAT);
	struct mp_map *attrs = mp_item_attrs(item);

	if (item != NULL)
		item->expires_at_s = session->expires_at_s;
	mp_map_set_text(attrs, "current", session->current);
	mp_map_set_text(attrs, "sibling", or_absent(session->sibling));
	mp_map_set_text(attrs, "previous", or_absent(session->previous));
	mp_map_set_int(attrs, "created_at", session->created_at_ms);
	mp_map_set_int(attrs, "rotated_at", session->rotated_at_ms);
	return item;
}

static enum mp_rc from_item(
	const struct mp_item *item, const struct mp_id *user_id, struct session *out)
{
	struct mp_item_reader r;
	struct session session = {
		.user_id = *user_id,
		.expires_at_s = item->expires_at_s,
		.version = item->version,
	};

	if (!mp_id_parse(item->sk + strlen(SK_PREFIX), &session.id))
		return MP_CORRUPT;
	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_copy(&r, "current", session.current, sizeof(session.current));
	mp_item_read_copy_or(&r, "sibling", session.sibling, sizeof(session.sibling));
	mp_item_read_copy_or(&r, "previous", session.previous, sizeof(session.previous));
	mp_item_read_int(&r, "created_at", &session.created_at_ms);
	mp_item_read_int(&r, "rotated_at", &session.rotated_at_ms);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out = session;
	return rc;
}

enum mp_rc session_db_list(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, struct session out_sessions[SESSIONS_MAX + 1],
	size_t *out_count)
{
	struct mp_query query = {
		.pk = pk_of(arena, user_id),
		.sk_min = SK_PREFIX,
		.sk_max = SK_PREFIX "~",
		.limit = SESSIONS_MAX + 1,
	};
	struct mp_page page = {.more = true};
	size_t count = 0;

	if (query.pk == NULL)
		return MP_NOMEM;
	while (page.more && count <= SESSIONS_MAX) {
		query.limit = SESSIONS_MAX + 1 - count;
		enum mp_rc rc = mp_store_query(store, &query, arena, &page);

		for (size_t i = 0; rc == MP_OK && i < page.count; i++)
			rc = from_item(page.items[i], user_id, &out_sessions[count++]);
		if (rc != MP_OK)
			return rc;
		if (page.last_sk == NULL)
			break;
		query.after = page.last_sk;
	}
	*out_count = count;
	return MP_OK;
}

enum mp_rc session_db_get(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *id, struct session *out)
{
	const char *pk = pk_of(arena, user_id);
	const char *sk = sk_of(arena, id);
	struct mp_item *item = NULL;

	if (pk == NULL || sk == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_store_get(store, pk, sk, arena, &item);
	return rc == MP_OK ? from_item(item, user_id, out) : rc;
}

/* With contracts/events/session.ended.json: its access tokens are good no more. */
static void add_remove(
	const struct user_db *db, struct mp_txn *txn, const struct session *session, int64_t now_ms)
{
	const struct mp_id event_id = mp_id_derive(&session->id, "session.ended", 0);
	char tokens_expire_at[MP_TIME_TEXT_SIZE];

	(void)mp_txn_remove(txn, pk_of(txn->arena, &session->user_id),
		sk_of(txn->arena, &session->id), session->version);
	struct mp_map *data = mp_outbox_add(
		db->outbox, txn, &event_id, "session.ended", session->user_id.text, now_ms);
	mp_time_format(now_ms + ACCESS_TOKEN_LIFE_S * 1000, tokens_expire_at);
	mp_map_set_id(data, "user_id", &session->user_id);
	mp_map_set_id(data, "session_id", &session->id);
	mp_map_set_text(data, "tokens_expire_at", tokens_expire_at);
}

enum mp_rc session_db_insert(const struct user_db *db, struct mp_arena *arena,
	const struct session *fresh, int64_t password_version, const struct session *gone,
	size_t gone_count)
{
	size_t refused = MP_OP_NONE;
	struct mp_txn txn;

	mp_txn_begin(&txn, db->store, arena);
	size_t check = user_db_check_password(&txn, &fresh->user_id, password_version);
	(void)mp_txn_insert(&txn, to_item(arena, fresh));
	for (size_t i = 0; i < gone_count; i++)
		add_remove(db, &txn, &gone[i], fresh->created_at_ms);
	enum mp_rc rc = mp_txn_commit(&txn, &refused);
	return rc == MP_STALE && refused == check ? MP_CONFLICT : rc;
}

enum mp_rc session_db_change_password(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct user_password *password, int64_t now_ms,
	const struct session *gone, size_t gone_count)
{
	size_t refused = MP_OP_NONE;
	struct mp_txn txn;

	mp_txn_begin(&txn, db->store, arena);
	size_t replace = user_db_add_password(&txn, user_id, password, now_ms);
	for (size_t i = 0; i < gone_count; i++)
		add_remove(db, &txn, &gone[i], now_ms);
	enum mp_rc rc = mp_txn_commit(&txn, &refused);
	return rc == MP_STALE && refused == replace ? MP_CONFLICT : rc;
}

enum mp_rc session_db_replace(
	struct mp_store *store, struct mp_arena *arena, const struct session *session)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, store, arena);
	(void)mp_txn_replace(&txn, to_item(arena, session), session->version);
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc session_db_remove(const struct user_db *db, struct mp_arena *arena,
	const struct session *sessions, size_t count, int64_t now_ms)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, db->store, arena);
	for (size_t i = 0; i < count; i++)
		add_remove(db, &txn, &sessions[i], now_ms);
	return mp_txn_commit(&txn, NULL);
}
