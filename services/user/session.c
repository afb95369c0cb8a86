#include "session.h"

#include <string.h>

#include "base/text.h"
#include "log/log.h"
#include "names.h"
#include "session_db.h"
#include "user_metrics.h"

#define TRIES_MAX 5 /* of a change that others overtake */
#define ID_LEN 36
#define SECRET_OFFSET (2 * (ID_LEN + 1))

/* --- refresh tokens --- */

static enum mp_rc refresh_token_new(const struct mp_id *user_id, const struct mp_id *session_id,
	char out_token[REFRESH_TOKEN_SIZE], char out_hash[MP_SHA256_HEX_SIZE])
{
	uint8_t secret[REFRESH_SECRET_BYTES];
	char text[4 * (REFRESH_SECRET_BYTES + 2) / 3 + 1];

	mp_random_bytes(secret, sizeof(secret));
	mp_base64url(secret, sizeof(secret), text, sizeof(text));
	enum mp_rc rc = mp_text_format(
		out_token, REFRESH_TOKEN_SIZE, "%s.%s.%s", user_id->text, session_id->text, text);
	mp_sha256_hex(out_token, strlen(out_token), out_hash);
	return rc == MP_OK ? MP_OK : MP_BUG;
}

static bool parse_id(const char *text, struct mp_id *out_id)
{
	char id[ID_LEN + 1] = "";

	memcpy(id, text, ID_LEN);
	return text[ID_LEN] == '.' && mp_id_parse(id, out_id);
}

bool refresh_token_parse(const char *token, struct mp_id *out_user_id, struct mp_id *out_session_id,
	char out_hash[MP_SHA256_HEX_SIZE])
{
	if (token == NULL || strlen(token) != REFRESH_TOKEN_SIZE - 1)
		return false;
	if (!parse_id(token, out_user_id) || !parse_id(token + ID_LEN + 1, out_session_id))
		return false;
	mp_sha256_hex(token, REFRESH_TOKEN_SIZE - 1, out_hash);
	return true;
}

/* --- the rule --- */

static bool is_hash(const char *stored, const char *shown)
{
	return stored[0] != '\0' &&
	       strcmp(stored, shown) == 0; /* hashes: their time tells nothing */
}

static void set_hash(char out[MP_SHA256_HEX_SIZE], const char *hash)
{
	memcpy(out, hash, MP_SHA256_HEX_SIZE);
}

enum session_verdict session_step(struct session *session,
	const char shown_hash[MP_SHA256_HEX_SIZE], const char next_hash[MP_SHA256_HEX_SIZE],
	int64_t now_ms)
{
	if (is_hash(session->current, shown_hash) || is_hash(session->sibling, shown_hash)) {
		set_hash(session->previous, shown_hash);
		set_hash(session->current, next_hash);
		session->sibling[0] = '\0'; /* of two tokens from one, one may be used */
		session->rotated_at_ms = now_ms;
		session->expires_at_s = now_ms / 1000 + SESSION_LIFE_S;
		return SESSION_ROTATES;
	}
	/*
	 * The answer with the next token was lost, or two tabs asked at once. Neither token that
	 * came from this one was used: using one makes it previous. And it has not come twice.
	 */
	int64_t age_ms = now_ms - session->rotated_at_ms; /* below zero: a clock was ahead */
	if (is_hash(session->previous, shown_hash) && session->sibling[0] == '\0' &&
		age_ms >= -SESSION_GRACE_MS && age_ms <= SESSION_GRACE_MS) {
		set_hash(session->sibling, next_hash);
		return SESSION_REPEATS;
	}
	return SESSION_REUSED;
}

/* --- log on --- */

/*
 * The user's id and stored password. An unknown name reads as many items and gives nobody's
 * password, with MP_NOT_FOUND to be remembered until the hash was computed.
 */
static enum mp_rc find_password(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const char *user_name, struct mp_id *out_id,
	struct user_password *out_password)
{
	char folded[USER_NAME_MAX + 1] = "";
	struct mp_id id = {.text = "00000000-0000-0000-0000-000000000000"};

	if (user_name_fault(user_name) == NULL) /* else nobody's, and too long to be folded */
		names_fold(user_name, folded, sizeof(folded));
	enum mp_rc rc_name = user_db_find_name(db, arena, folded, &id);
	if (rc_name != MP_OK && rc_name != MP_NOT_FOUND)
		return rc_name;
	enum mp_rc rc = user_db_get_password(db, arena, &id, out_password);
	if (rc == MP_OK)
		*out_id = id;
	else if (rc == MP_NOT_FOUND)
		memcpy(out_password->hash, passwords->nobody, sizeof(out_password->hash));
	/* A name without a password is not a user's: registration writes both or none. */
	return rc_name == MP_OK && rc == MP_NOT_FOUND ? MP_CORRUPT : rc;
}

/*
 * With the settings of today; *stored is what is stored then. Best effort: at the next log-on it is
 * tried again.
 */
static void renew_hash(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const struct mp_id *user_id, struct user_password *stored,
	const char *password, int64_t now_ms)
{
	struct user_password fresh = {.version = stored->version};

	if (!password_is_outdated(passwords, stored->hash))
		return;
	enum mp_rc rc = password_hash(passwords, password, fresh.hash);
	if (rc == MP_OK)
		rc = user_db_replace_password(db, arena, user_id, &fresh, now_ms);
	if (rc == MP_OK)
		stored->version++;
	mp_log(rc == MP_OK ? MP_LOG_INFO : MP_LOG_WARN, "password_hash_renewed", MP_RC(rc),
		MP_TEXT("user_id", user_id->text));
}

static enum mp_rc check_password(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const char *user_name, const char *password, int64_t now_ms,
	struct mp_id *out_id, int64_t *out_password_version)
{
	struct user_password stored;

	enum mp_rc rc = find_password(db, passwords, arena, user_name, out_id, &stored);
	const bool known = rc == MP_OK;
	if (!known && rc != MP_NOT_FOUND)
		return rc;
	rc = password_verify(stored.hash, password);
	if (rc == MP_OK && !known)
		rc = MP_UNAUTHENTICATED; /* whoever guesses nobody's password is still nobody */
	if (rc == MP_OK)
		renew_hash(db, passwords, arena, out_id, &stored, password, now_ms);
	if (rc == MP_OK)
		*out_password_version = stored.version;
	return rc;
}

/* One try to add a session. MP_STALE: another log-on or refresh of this user came first. */
static enum mp_rc open_once(const struct user_db *db, struct mp_arena *arena,
	const struct session *fresh, int64_t password_version)
{
	struct session sessions[SESSIONS_MAX + 1];
	size_t count = 0;

	enum mp_rc rc = session_db_list(db->store, arena, &fresh->user_id, sessions, &count);
	if (rc != MP_OK)
		return rc;
	size_t over = count >= SESSIONS_MAX ? count - SESSIONS_MAX + 1 : 0;
	return session_db_insert(db, arena, fresh, password_version, sessions, over);
}

/* MP_CONFLICT: the password is another one meanwhile. */
static enum mp_rc open_session(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, int64_t password_version, int64_t now_ms,
	struct session_grant *grant)
{
	struct session fresh = {
		.id = mp_id_new(now_ms),
		.user_id = *user_id,
		.created_at_ms = now_ms,
		.rotated_at_ms = now_ms,
		.expires_at_s = now_ms / 1000 + SESSION_LIFE_S,
	};

	enum mp_rc rc = refresh_token_new(user_id, &fresh.id, grant->refresh_token, fresh.current);
	if (rc != MP_OK)
		return rc;
	rc = MP_STALE;
	for (int i = 0; i < TRIES_MAX && rc == MP_STALE; i++)
		rc = open_once(db, arena, &fresh, password_version);
	grant->session_id = fresh.id;
	return rc == MP_STALE ? MP_BUSY : rc;
}

static enum mp_rc log_on_once(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const char *user_name, const char *password, int64_t now_ms,
	struct session_grant *grant)
{
	struct mp_id user_id;
	int64_t version = 0;

	enum mp_rc rc = check_password(
		db, passwords, arena, user_name, password, now_ms, &user_id, &version);
	if (rc == MP_OK)
		rc = user_db_get(db, arena, &user_id, &grant->user);
	if (rc == MP_OK)
		rc = open_session(db, arena, &user_id, version, now_ms, grant);
	return rc;
}

enum mp_rc session_log_on(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const char *user_name, const char *password, int64_t now_ms,
	struct session_grant *out_grant)
{
	struct session_grant grant = {0};
	enum mp_rc rc = MP_CONFLICT;

	/* A password that was changed, or hashed anew, in between is checked once more. */
	for (int i = 0; i < 2 && rc == MP_CONFLICT; i++)
		rc = log_on_once(db, passwords, arena, user_name, password, now_ms, &grant);
	if (rc == MP_UNAUTHENTICATED)
		mp_metric_add(user_metrics.log_ons_refused, 1);
	if (rc != MP_OK)
		return rc == MP_CONFLICT ? MP_BUSY : rc;
	mp_metric_add(user_metrics.log_ons_granted, 1);
	*out_grant = grant;
	return MP_OK;
}

/* --- refresh and sign out --- */

static enum mp_rc end_reused(const struct user_db *db, struct mp_arena *arena,
	const struct session *session, int64_t now_ms)
{
	enum mp_rc rc = session_db_remove(db, arena, session, 1, now_ms);

	if (rc != MP_OK)
		return rc;
	mp_metric_add(user_metrics.tokens_reused, 1);
	mp_log(MP_LOG_WARN, "refresh_token_reused", MP_TEXT("user_id", session->user_id.text),
		MP_TEXT("session_id", session->id.text));
	return MP_UNAUTHENTICATED;
}

/* One try. MP_STALE: overtaken, perhaps by a twin of this very request. */
static enum mp_rc refresh_once(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *session_id, const char *shown_hash,
	int64_t now_ms, char out_token[REFRESH_TOKEN_SIZE])
{
	char next_hash[MP_SHA256_HEX_SIZE];
	struct session session;

	enum mp_rc rc = session_db_get(db->store, arena, user_id, session_id, &session);
	if (rc != MP_OK)
		return rc == MP_NOT_FOUND ? MP_UNAUTHENTICATED : rc;
	rc = refresh_token_new(user_id, session_id, out_token, next_hash);
	if (rc != MP_OK)
		return rc;
	if (session_step(&session, shown_hash, next_hash, now_ms) == SESSION_REUSED)
		return end_reused(db, arena, &session, now_ms);
	return session_db_replace(db->store, arena, &session);
}

enum mp_rc session_refresh(const struct user_db *db, struct mp_arena *arena,
	const char *refresh_token, int64_t now_ms, struct session_grant *out_grant)
{
	struct session_grant grant = {0};
	char shown_hash[MP_SHA256_HEX_SIZE];
	struct mp_id user_id;

	if (!refresh_token_parse(refresh_token, &user_id, &grant.session_id, shown_hash))
		return MP_UNAUTHENTICATED;
	/* The profile first: once the token is rotated, nothing should fail any more. */
	enum mp_rc rc = user_db_get(db, arena, &user_id, &grant.user);
	if (rc != MP_OK)
		return rc == MP_NOT_FOUND ? MP_UNAUTHENTICATED : rc;
	rc = MP_STALE;
	for (int i = 0; i < TRIES_MAX && rc == MP_STALE; i++)
		rc = refresh_once(db, arena, &user_id, &grant.session_id, shown_hash, now_ms,
			grant.refresh_token);
	if (rc != MP_OK)
		return rc == MP_STALE ? MP_BUSY : rc;
	*out_grant = grant;
	return MP_OK;
}

enum mp_rc session_end(
	const struct user_db *db, struct mp_arena *arena, const char *refresh_token, int64_t now_ms)
{
	char shown_hash[MP_SHA256_HEX_SIZE];
	struct mp_id user_id;
	struct mp_id session_id;
	enum mp_rc rc = MP_STALE;

	if (!refresh_token_parse(refresh_token, &user_id, &session_id, shown_hash))
		return MP_OK;
	/* Any token of the session ends it; an old one would do so anywhere. */
	for (int i = 0; i < TRIES_MAX && rc == MP_STALE; i++) {
		struct session session;

		rc = session_db_get(db->store, arena, &user_id, &session_id, &session);
		if (rc == MP_OK)
			rc = session_db_remove(db, arena, &session, 1, now_ms);
	}
	if (rc == MP_NOT_FOUND)
		return MP_OK;
	return rc == MP_STALE ? MP_BUSY : rc;
}

/* --- everywhere --- */

/* The sessions of a user but kept (NULL: all). */
static enum mp_rc list_others(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *kept,
	struct session out_others[SESSIONS_MAX + 1], size_t *out_count, bool *out_more)
{
	struct session sessions[SESSIONS_MAX + 1];
	size_t count = 0;
	size_t others = 0;

	enum mp_rc rc = session_db_list(db->store, arena, user_id, sessions, &count);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (kept == NULL || !mp_id_equal(&sessions[i].id, kept))
			out_others[others++] = sessions[i];
	}
	*out_count = others;
	*out_more = count > SESSIONS_MAX; /* log-ons at once may have left a few more */
	return MP_OK;
}

/* Ends every session but kept, as many rounds as it takes within TRIES_MAX. */
static enum mp_rc end_others(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *kept, int64_t now_ms)
{
	struct session others[SESSIONS_MAX + 1];
	bool more = true;
	enum mp_rc rc = MP_OK;

	for (int i = 0; i < TRIES_MAX && (rc == MP_STALE || (rc == MP_OK && more)); i++) {
		size_t count = 0;

		rc = list_others(db, arena, user_id, kept, others, &count, &more);
		if (rc == MP_OK)
			rc = session_db_remove(db, arena, others, count, now_ms);
	}
	if (rc == MP_STALE || (rc == MP_OK && more))
		return MP_UNKNOWN; /* some have ended */
	return rc;
}

enum mp_rc session_end_all(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *last, int64_t now_ms)
{
	enum mp_rc rc = end_others(db, arena, user_id, last, now_ms);

	return rc == MP_OK ? end_others(db, arena, user_id, NULL, now_ms) : rc;
}

enum mp_rc session_check(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *session_id)
{
	struct session session;

	enum mp_rc rc = session_db_get(db->store, arena, user_id, session_id, &session);
	return rc == MP_NOT_FOUND ? MP_UNAUTHENTICATED : rc;
}

/* Verifies current, and makes the new password's hash. */
static enum mp_rc hash_anew(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const struct mp_id *user_id, const char *current, const char *fresh,
	struct user_password *out_password)
{
	enum mp_rc rc = user_db_get_password(db, arena, user_id, out_password);

	if (rc == MP_OK)
		rc = password_verify(out_password->hash, current);
	if (rc == MP_OK)
		rc = password_hash(passwords, fresh, out_password->hash);
	return rc;
}

/* The password and the other sessions' end in one transaction. */
static enum mp_rc write_and_end(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *kept, const struct user_password *password,
	int64_t now_ms)
{
	struct session others[SESSIONS_MAX + 1];
	enum mp_rc rc = MP_STALE;
	size_t count = 0;
	bool more; /* those are ended afterwards */

	for (int i = 0; i < TRIES_MAX && rc == MP_STALE; i++) {
		rc = list_others(db, arena, user_id, kept, others, &count, &more);
		if (rc == MP_OK)
			rc = session_db_change_password(
				db, arena, user_id, password, now_ms, others, count);
	}
	return rc == MP_STALE ? MP_BUSY : rc;
}

enum mp_rc session_change_password(const struct user_db *db,
	const struct password_policy *passwords, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *kept, const char *current,
	const char *fresh, int64_t now_ms)
{
	struct user_password password;
	enum mp_rc rc = hash_anew(db, passwords, arena, user_id, current, fresh, &password);

	if (rc != MP_OK)
		return rc;
	rc = write_and_end(db, arena, user_id, kept, &password, now_ms);
	if (rc == MP_CONFLICT) { /* perhaps a log-on has only hashed it by today's settings */
		rc = hash_anew(db, passwords, arena, user_id, current, fresh, &password);
		if (rc == MP_OK)
			rc = write_and_end(db, arena, user_id, kept, &password, now_ms);
		if (rc == MP_UNAUTHENTICATED)
			rc = MP_CONFLICT;
	}
	if (rc != MP_OK)
		return rc;
	/* One opened between the list and the change is in no list yet; from now on none is. */
	rc = end_others(db, arena, user_id, kept, now_ms);
	return rc == MP_OK ? MP_OK : MP_UNKNOWN;
}
