#ifndef MP_USER_SESSION_H
#define MP_USER_SESSION_H

#include "password.h"
#include "user_db.h"
#include "user_types.h"

/*
 * Sessions: log on by user name and password, refresh tokens that rotate, sign out, here and
 * everywhere; change of password, which signs out everywhere else. Errors of the
 * store (store.h) pass through. Threads: any.
 */

/* A session as its owner leaves with it. */
struct session_grant {
	struct user user;
	struct mp_id session_id;
	char refresh_token[REFRESH_TOKEN_SIZE]; /* secret: told once */
};

/*
 * Hashes: in the lane only. MP_UNAUTHENTICATED: no such user, or another password; which of the two
 * shows neither in the result nor in its time. Hashes made with older settings are renewed.
 */
enum mp_rc session_log_on(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const char *user_name, const char *password, int64_t now_ms,
	struct session_grant *out_grant) MP_MUST_CHECK;

/*
 * Takes a refresh token and gives the next. MP_UNAUTHENTICATED: not a token, or of a session that
 * has ended, or ends now because this token was used before (SESSION_GRACE_MS in user_types.h).
 */
enum mp_rc session_refresh(const struct user_db *db, struct mp_arena *arena,
	const char *refresh_token, int64_t now_ms, struct session_grant *out_grant) MP_MUST_CHECK;

/* Signs out. MP_OK also when there is nothing to end (any more). */
enum mp_rc session_end(const struct user_db *db, struct mp_arena *arena, const char *refresh_token,
	int64_t now_ms) MP_MUST_CHECK;

/*
 * Signs out everywhere; the session last ends after the others, so that after a failure halfway its
 * access token may try again. MP_UNKNOWN: sessions changed again and again meanwhile, and some
 * may be left.
 */
enum mp_rc session_end_all(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *last, int64_t now_ms) MP_MUST_CHECK;

/*
 * For access tokens, which outlive their session by minutes: asked where something changes.
 * MP_UNAUTHENTICATED: it has ended.
 */
enum mp_rc session_check(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *session_id) MP_MUST_CHECK;

/*
 * A new password; every session but kept ends: those that are there in the same transaction, one
 * that a log-on with the old password opens at that moment right after it. Hashes: in the lane
 * only. MP_UNAUTHENTICATED: current is not the password; MP_NOT_FOUND: no such user; MP_CONFLICT:
 * the password was changed meanwhile; MP_BUSY; MP_UNKNOWN: perhaps changed, or it is, and other
 * sessions may be left.
 */
enum mp_rc session_change_password(const struct user_db *db,
	const struct password_policy *passwords, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *kept, const char *current,
	const char *fresh, int64_t now_ms) MP_MUST_CHECK;

/* --- the rule, pure --- */

enum session_verdict {
	SESSION_ROTATES, /* a good token: the next one becomes current */
	SESSION_REPEATS, /* the one just rotated, once more in its grace: the next is a sibling */
	SESSION_REUSED,	 /* any other: the session must end */
};

/*
 * What showing the token with shown_hash means. session becomes what is to be stored, with the next
 * token's next_hash, except for SESSION_REUSED: then it is unchanged.
 */
enum session_verdict session_step(struct session *session,
	const char shown_hash[MP_SHA256_HEX_SIZE], const char next_hash[MP_SHA256_HEX_SIZE],
	int64_t now_ms);

/* The token's session and hash. False for anything that is not one of our tokens. */
bool refresh_token_parse(const char *token, struct mp_id *out_user_id, struct mp_id *out_session_id,
	char out_hash[MP_SHA256_HEX_SIZE]);

#endif
