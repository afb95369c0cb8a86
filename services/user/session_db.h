#ifndef MP_USER_SESSION_DB_H
#define MP_USER_SESSION_DB_H

#include "store/store.h"
#include "user_db.h"
#include "user_types.h"

/*
 * Stored sessions. Each that is removed is told by session.ended in the same transaction. Errors of
 * the store (store.h) pass through. Threads: any.
 */

/* The sessions of a user that have not expired, oldest first, SESSIONS_MAX + 1 at most. */
enum mp_rc session_db_list(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, struct session out_sessions[SESSIONS_MAX + 1],
	size_t *out_count) MP_MUST_CHECK;

/* MP_NOT_FOUND: never was, has ended or expired. */
enum mp_rc session_db_get(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *id, struct session *out) MP_MUST_CHECK;

/*
 * Adds fresh and removes gone (each at its version) at once. MP_STALE: one of them has changed;
 * MP_CONFLICT: the password is not at password_version any more.
 */
enum mp_rc session_db_insert(const struct user_db *db, struct mp_arena *arena,
	const struct session *fresh, int64_t password_version, const struct session *gone,
	size_t gone_count) MP_MUST_CHECK;

/*
 * The user's new password over the one at password->version, and gone removed (each at its
 * version), at once. MP_STALE, MP_CONFLICT: as above.
 */
enum mp_rc session_db_change_password(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct user_password *password, int64_t now_ms,
	const struct session *gone, size_t gone_count) MP_MUST_CHECK;

/* At session->version. MP_STALE. */
enum mp_rc session_db_replace(struct mp_store *store, struct mp_arena *arena,
	const struct session *session) MP_MUST_CHECK;

/* All of them at their versions, or none. MP_STALE. */
enum mp_rc session_db_remove(const struct user_db *db, struct mp_arena *arena,
	const struct session *sessions, size_t count, int64_t now_ms) MP_MUST_CHECK;

#endif
