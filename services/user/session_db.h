#ifndef MP_USER_SESSION_DB_H
#define MP_USER_SESSION_DB_H

#include "store/store.h"
#include "user_types.h"

/* Stored sessions. Errors of the store (store.h) pass through. Threads: any. */

/* The sessions of a user that have not expired, oldest first, SESSIONS_MAX + 1 at most. */
enum mp_rc session_db_list(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, struct session out_sessions[SESSIONS_MAX + 1],
	size_t *out_count) MP_MUST_CHECK;

/* MP_NOT_FOUND: never was, has ended or expired. */
enum mp_rc session_db_get(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *id, struct session *out) MP_MUST_CHECK;

/* Adds fresh and removes gone (each at its version) at once. MP_STALE: one of them has changed. */
enum mp_rc session_db_insert(struct mp_store *store, struct mp_arena *arena,
	const struct session *fresh, const struct session *gone, size_t gone_count) MP_MUST_CHECK;

/* At session->version. MP_STALE. */
enum mp_rc session_db_replace(struct mp_store *store, struct mp_arena *arena,
	const struct session *session) MP_MUST_CHECK;
enum mp_rc session_db_remove(struct mp_store *store, struct mp_arena *arena,
	const struct session *session) MP_MUST_CHECK;

#endif
