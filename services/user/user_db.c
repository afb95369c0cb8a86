#include "user_db.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "store/by_id.h"

/*
 * The table of the user service (session_db.c and key_db.c describe their own rows):
 *
 *	pk                     sk              attributes
 *	USER#<id>              PROFILE         user_name, first_name, last_name, email (absent:
 *	                                       none), created_at (ms); its version is the events'
 *	USER#<id>              PASSWORD        hash (argon2id, with its settings), changed_at (ms)
 *	NAME#<folded name>     USER            user_id: the claim that makes user names unique
 *	SEARCH#<3 characters>  <text>#<id>     user_id: the user has a folded name <text>
 *	USERS                  <id>            nothing: all users, in order of their ids
 *
 * A search row follows from its key alone, so writing it again is harmless. Users are never
 * removed.
 */
#define FORMAT 1 /* of each of these kinds */
#define PK_USERS "USERS"
#define SK_PROFILE "PROFILE"
#define SK_PASSWORD "PASSWORD"
#define SK_NAME "USER"
#define UTF8_LAST "\xf4\x8f\xbf\xbf" /* U+10FFFF: after every text with this prefix */
#define SEARCH_PAGE 40
#define TELL_PAGE 90 /* an event's row for each is one operation of a transaction */
#define SEARCH_PAGES_MAX 5

static const char *user_pk(struct mp_arena *arena, const struct mp_id *id)
{
	return mp_arena_printf(arena, "USER#%s", id->text);
}

static const char *name_pk(struct mp_arena *arena, const char *folded_name)
{
	return mp_arena_printf(arena, "NAME#%s", folded_name);
}

static const char *search_pk(struct mp_arena *arena, const struct search_text *text)
{
	return mp_arena_printf(arena, "SEARCH#%.*s", (int)text->prefix_bytes, text->text);
}

static const char *search_sk(
	struct mp_arena *arena, const struct search_text *text, const struct mp_id *id)
{
	return mp_arena_printf(arena, "%s#%s", text->text, id->text);
}

static struct mp_item *profile_item(struct mp_arena *arena, const struct user *user)
{
	struct mp_item *item = mp_item_new(arena, user_pk(arena, &user->id), SK_PROFILE, FORMAT);
	struct mp_map *attrs = mp_item_attrs(item);

	mp_map_set_text(attrs, "user_name", user->user_name);
	mp_map_set_text(attrs, "first_name", user->first_name);
	mp_map_set_text(attrs, "last_name", user->last_name);
	mp_map_set_text(attrs, "email", user->email[0] == '\0' ? NULL : user->email);
	mp_map_set_int(attrs, "created_at", user->created_at_ms);
	return item;
}

static struct mp_item *password_item(
	struct mp_arena *arena, const struct mp_id *user_id, const char *hash, int64_t now_ms)
{
	struct mp_item *item = mp_item_new(arena, user_pk(arena, user_id), SK_PASSWORD, FORMAT);
	struct mp_map *attrs = mp_item_attrs(item);

	mp_map_set_text(attrs, "hash", hash);
	mp_map_set_int(attrs, "changed_at", now_ms);
	return item;
}

static struct mp_item *name_item(
	struct mp_arena *arena, const char *folded_name, const struct mp_id *user_id)
{
	struct mp_item *item = mp_item_new(arena, name_pk(arena, folded_name), SK_NAME, FORMAT);

	mp_map_set_id(mp_item_attrs(item), "user_id", user_id);
	return item;
}

static bool has_text(const struct user_index *index, const struct search_text *text)
{
	for (size_t i = 0; i < index->texts_count; i++) {
		if (strcmp(index->texts[i].text, text->text) == 0)
			return true;
	}
	return false;
}

/* Rows for the texts of index that before (NULL: none) does not have. */
static void add_search_rows(struct mp_txn *txn, const struct mp_id *user_id,
	const struct user_index *index, const struct user_index *before)
{
	for (size_t i = 0; i < index->texts_count; i++) {
		const struct search_text *text = &index->texts[i];

		if (before != NULL && has_text(before, text))
			continue;
		struct mp_item *item = mp_item_new(txn->arena, search_pk(txn->arena, text),
			search_sk(txn->arena, text, user_id), FORMAT);
		mp_map_set_id(mp_item_attrs(item), "user_id", user_id);
		(void)mp_txn_put(txn, item);
	}
}

/* The other way round: put rows are at version 1. */
static void remove_search_rows(struct mp_txn *txn, const struct mp_id *user_id,
	const struct user_index *before, const struct user_index *index)
{
	for (size_t i = 0; i < before->texts_count; i++) {
		const struct search_text *text = &before->texts[i];

		if (!has_text(index, text))
			(void)mp_txn_remove(txn, search_pk(txn->arena, text),
				search_sk(txn->arena, text, user_id), 1);
	}
}

/* contracts/events/user.registered.json and user.updated.json; user_events.c adds what is null. */
static void add_event(const struct user_db *db, struct mp_txn *txn, const char *type,
	const struct user *user, int64_t now_ms)
{
	const struct mp_id event_id = mp_id_derive(&user->id, type, user->version);
	struct mp_map *data =
		mp_outbox_add(db->outbox, txn, &event_id, type, user->id.text, now_ms);

	mp_map_set_id(data, "user_id", &user->id);
	mp_map_set_int(data, "version", user->version);
	mp_map_set_text(data, "first_name", user->first_name);
	mp_map_set_text(data, "last_name", user->last_name);
	mp_map_set_text(data, "user_name", user->user_name);
	mp_map_set_text(data, "email", user->email[0] == '\0' ? NULL : user->email);
}

enum mp_rc user_db_insert(const struct user_db *db, struct mp_arena *arena, const struct user *user,
	const struct user_index *index, const char password[PASSWORD_HASH_SIZE])
{
	size_t refused = MP_OP_NONE;
	struct mp_txn txn;

	assert(user->version == 1);
	mp_txn_begin(&txn, db->store, arena);
	size_t claim = mp_txn_insert(&txn, name_item(arena, index->folded_name, &user->id));
	(void)mp_txn_insert(&txn, profile_item(arena, user));
	(void)mp_txn_insert(&txn, password_item(arena, &user->id, password, user->created_at_ms));
	(void)mp_txn_insert(&txn, mp_item_new(arena, PK_USERS, user->id.text, FORMAT));
	add_search_rows(&txn, &user->id, index, NULL);
	add_event(db, &txn, "user.registered", user, user->created_at_ms);

	enum mp_rc rc = mp_txn_commit(&txn, &refused);
	return rc == MP_EXISTS && refused != claim ? MP_BUG : rc; /* ids are ours: never there */
}

enum mp_rc user_db_replace(const struct user_db *db, struct mp_arena *arena,
	const struct user *before, const struct user_index *index_before, const struct user *after,
	const struct user_index *index_after, int64_t now_ms)
{
	struct mp_txn txn;

	assert(after->version == before->version + 1);
	assert(strcmp(index_before->folded_name, index_after->folded_name) == 0);
	mp_txn_begin(&txn, db->store, arena);
	(void)mp_txn_replace(&txn, profile_item(arena, after), before->version);
	remove_search_rows(&txn, &after->id, index_before, index_after);
	add_search_rows(&txn, &after->id, index_after, index_before);
	add_event(db, &txn, "user.updated", after, now_ms);
	return mp_txn_commit(&txn, NULL);
}

static enum mp_rc read_profile(const struct mp_item *item, struct user *out)
{
	struct mp_item_reader r;
	struct user user = {.version = item->version};

	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_copy(&r, "user_name", user.user_name, sizeof(user.user_name));
	mp_item_read_copy(&r, "first_name", user.first_name, sizeof(user.first_name));
	mp_item_read_copy(&r, "last_name", user.last_name, sizeof(user.last_name));
	mp_item_read_copy_or(&r, "email", user.email, sizeof(user.email));
	mp_item_read_int(&r, "created_at", &user.created_at_ms);
	if (!mp_id_parse(item->pk + strlen("USER#"), &user.id))
		return MP_CORRUPT;
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out = user;
	return rc;
}

/* A key without memory is a NULL text. */
static enum mp_rc get_item(const struct user_db *db, struct mp_arena *arena, const char *pk,
	const char *sk, struct mp_item **out_item)
{
	return pk == NULL ? MP_NOMEM : mp_store_get(db->store, pk, sk, arena, out_item);
}

enum mp_rc user_db_get(
	const struct user_db *db, struct mp_arena *arena, const struct mp_id *id, struct user *out)
{
	struct mp_item *item = NULL;

	enum mp_rc rc = get_item(db, arena, user_pk(arena, id), SK_PROFILE, &item);
	return rc == MP_OK ? read_profile(item, out) : rc;
}

enum mp_rc user_db_find_name(const struct user_db *db, struct mp_arena *arena,
	const char *folded_name, struct mp_id *out_id)
{
	struct mp_item_reader r;
	struct mp_item *item = NULL;

	enum mp_rc rc = get_item(db, arena, name_pk(arena, folded_name), SK_NAME, &item);
	if (rc != MP_OK)
		return rc;
	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_id(&r, "user_id", out_id);
	return mp_item_read_end(&r);
}

enum mp_rc user_db_get_password(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, struct user_password *out)
{
	struct mp_item_reader r;
	struct mp_item *item = NULL;
	struct user_password password = {0};

	enum mp_rc rc = get_item(db, arena, user_pk(arena, user_id), SK_PASSWORD, &item);
	if (rc != MP_OK)
		return rc;
	mp_item_read_begin(&r, item, FORMAT);
	mp_item_read_copy(&r, "hash", password.hash, sizeof(password.hash));
	password.version = item->version;
	rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out = password;
	return rc;
}

enum mp_rc user_db_replace_password(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct user_password *password, int64_t now_ms)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, db->store, arena);
	(void)user_db_add_password(&txn, user_id, password, now_ms);
	return mp_txn_commit(&txn, NULL);
}

size_t user_db_check_password(struct mp_txn *txn, const struct mp_id *user_id, int64_t version)
{
	return mp_txn_check(txn, user_pk(txn->arena, user_id), SK_PASSWORD, version);
}

size_t user_db_add_password(struct mp_txn *txn, const struct mp_id *user_id,
	const struct user_password *password, int64_t now_ms)
{
	return mp_txn_replace(
		txn, password_item(txn->arena, user_id, password->hash, now_ms), password->version);
}

/* --- search --- */

/* Different users of the rows read so far. */
struct found {
	struct mp_id ids[SEARCH_RESULTS_MAX];
	size_t count;
};

static enum mp_rc add_found(struct found *found, const struct mp_item *row)
{
	struct mp_item_reader r;
	struct mp_id id;

	mp_item_read_begin(&r, row, FORMAT);
	mp_item_read_id(&r, "user_id", &id);
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < found->count; i++) {
		if (mp_id_equal(&found->ids[i], &id))
			return MP_OK;
	}
	if (found->count < SEARCH_RESULTS_MAX)
		found->ids[found->count++] = id;
	return MP_OK;
}

static enum mp_rc find_rows(const struct user_db *db, struct mp_arena *arena,
	const struct search_text *wanted, struct found *found)
{
	struct mp_query query = {
		.pk = search_pk(arena, wanted),
		.sk_min = wanted->text,
		.sk_max = mp_arena_printf(arena, "%s" UTF8_LAST, wanted->text),
		.limit = SEARCH_PAGE,
	};
	struct mp_page page = {.more = true};

	if (query.pk == NULL || query.sk_max == NULL)
		return MP_NOMEM;
	/* Several rows may be of one user, so a page may not be enough; few pages always are. */
	for (int i = 0; i < SEARCH_PAGES_MAX && page.more; i++) {
		enum mp_rc rc = mp_store_query(db->store, &query, arena, &page);

		for (size_t row = 0; rc == MP_OK && row < page.count; row++)
			rc = add_found(found, page.items[row]);
		if (rc != MP_OK)
			return rc;
		if (found->count == SEARCH_RESULTS_MAX || page.last_sk == NULL)
			break;
		query.after = page.last_sk;
	}
	return MP_OK;
}

enum mp_rc user_db_get_many(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *ids, size_t ids_count, struct user *out_users, size_t *out_count)
{
	struct mp_item **items = NULL;
	size_t count = 0;

	enum mp_rc rc =
		mp_store_get_by_ids(db->store, ids, ids_count, user_pk, SK_PROFILE, arena, &items);
	for (size_t i = 0; rc == MP_OK && i < ids_count; i++) {
		if (items[i] != NULL)
			rc = read_profile(items[i], &out_users[count++]);
	}
	if (rc == MP_OK)
		*out_count = count;
	return rc;
}

enum mp_rc user_db_search(const struct user_db *db, struct mp_arena *arena,
	const struct search_text *wanted, struct user out_users[SEARCH_RESULTS_MAX],
	size_t *out_count)
{
	struct found found = {.count = 0};

	assert(wanted->prefix_bytes > 0);
	enum mp_rc rc = find_rows(db, arena, wanted, &found);
	if (rc == MP_OK && found.count > 0)
		return user_db_get_many(db, arena, found.ids, found.count, out_users, out_count);
	if (rc == MP_OK)
		*out_count = 0;
	return rc;
}

/* --- telling again --- */

static enum mp_rc read_ids(const struct mp_page *page, struct mp_id *out_ids)
{
	for (size_t i = 0; i < page->count; i++) {
		if (!mp_id_parse(page->items[i]->sk, &out_ids[i]))
			return MP_CORRUPT;
	}
	return MP_OK;
}

enum mp_rc user_db_tell_again(const struct user_db *db, struct mp_arena *arena, const char *cursor,
	int64_t now_ms, struct user **out_users, size_t *out_told, const char **out_cursor)
{
	const struct mp_query query = {.pk = PK_USERS, .after = cursor, .limit = TELL_PAGE};
	struct user *users = mp_arena_array(arena, TELL_PAGE, sizeof(*users));
	struct mp_id ids[TELL_PAGE];
	struct mp_page page;
	struct mp_txn txn;
	size_t count = 0;

	if (users == NULL)
		return MP_NOMEM;
	if (cursor != NULL && !mp_id_parse(cursor, &ids[0]))
		return MP_INVALID;
	enum mp_rc rc = mp_store_query(db->store, &query, arena, &page);
	if (rc == MP_OK)
		rc = read_ids(&page, ids);
	if (rc == MP_OK)
		rc = user_db_get_many(db, arena, ids, page.count, users, &count);
	if (rc != MP_OK)
		return rc;
	mp_txn_begin(&txn, db->store, arena);
	for (size_t i = 0; i < count; i++)
		add_event(db, &txn, "user.registered", &users[i], now_ms);
	rc = mp_txn_commit(&txn, NULL);
	if (rc != MP_OK)
		return rc;
	*out_users = users;
	*out_told = count;
	*out_cursor = page.more ? page.last_sk : NULL;
	return MP_OK;
}
