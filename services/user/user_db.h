#ifndef MP_USER_USER_DB_H
#define MP_USER_USER_DB_H

#include "outbox/outbox.h"
#include "store/store.h"
#include "user_types.h"

/*
 * Stored users, their unique names, passwords and search rows. All that a change needs is one
 * transaction, its event's row included. Errors of the store (store.h) pass through. Threads: any.
 */
struct user_db {
	struct mp_store *store;
	struct mp_outbox *outbox;
};

/* MP_EXISTS: the user name is taken. Writes user.registered. */
enum mp_rc user_db_insert(const struct user_db *db, struct mp_arena *arena, const struct user *user,
	const struct user_index *index, const char password[PASSWORD_HASH_SIZE]) MP_MUST_CHECK;

/*
 * Tells a page of all users again by user.registered, each as it stands now. cursor: NULL at first,
 * then *out_cursor until it comes back NULL; MP_INVALID for one that is not ours. Who was told of
 * is in out_users, in the arena.
 */
enum mp_rc user_db_tell_again(const struct user_db *db, struct mp_arena *arena, const char *cursor,
	int64_t now_ms, struct user **out_users, size_t *out_told,
	const char **out_cursor) MP_MUST_CHECK;

/*
 * Writes after over before; index is each one's. after->version is before's + 1. MP_STALE: before
 * is no longer what is stored. Writes user.updated.
 */
enum mp_rc user_db_replace(const struct user_db *db, struct mp_arena *arena,
	const struct user *before, const struct user_index *index_before, const struct user *after,
	const struct user_index *index_after, int64_t now_ms) MP_MUST_CHECK;

/* MP_NOT_FOUND. */
enum mp_rc user_db_get(const struct user_db *db, struct mp_arena *arena, const struct mp_id *id,
	struct user *out) MP_MUST_CHECK;
enum mp_rc user_db_find_name(const struct user_db *db, struct mp_arena *arena,
	const char *folded_name, struct mp_id *out_id) MP_MUST_CHECK;
enum mp_rc user_db_get_password(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, struct user_password *out) MP_MUST_CHECK;

/* MP_STALE: not at password->version any more. */
enum mp_rc user_db_replace_password(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct user_password *password,
	int64_t now_ms) MP_MUST_CHECK;

/* Parts of a transaction of session_db.c; each gives its operation's index. */
size_t user_db_check_password(struct mp_txn *txn, const struct mp_id *user_id, int64_t version);
size_t user_db_add_password(struct mp_txn *txn, const struct mp_id *user_id,
	const struct user_password *password, int64_t now_ms);

/* Those of the ids that are users', in their order; ids_count is not 0, and no id stands twice. */
enum mp_rc user_db_get_many(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *ids, size_t ids_count, struct user *out_users,
	size_t *out_count) MP_MUST_CHECK;

/* Users that one of their texts begins with wanted, by that text. wanted->prefix_bytes is not 0. */
enum mp_rc user_db_search(const struct user_db *db, struct mp_arena *arena,
	const struct search_text *wanted, struct user out_users[SEARCH_RESULTS_MAX],
	size_t *out_count) MP_MUST_CHECK;

#endif
