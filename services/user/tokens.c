#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/thread.h"
#include "key_db.h"
#include "log/log.h"
#include "user_metrics.h"

#define RELOAD_MS 60000
#define ARENA_BYTES_MAX (256 * 1024)
#define FIRST_KEYS 2
#define CLOCKS_APART_MS                                                                            \
	60000 /* of replicas; what is later than that is of a clock that was ahead */

/*
 * A retired key's last token is over after its life, the skew and the minute in which another
 * replica may still have signed with it.
 */
#define RETIRED_MS ((ACCESS_TOKEN_LIFE_S + MP_JWT_SKEW_S) * 1000 + 2 * RELOAD_MS)

struct tokens {
	struct mp_store *store;
	struct mp_sink sink;
	struct mp_jwt_keys *verifier_keys;
	int64_t rotate_after_ms; /* 0: by command only */

	pthread_rwlock_t keys_lock; /* guards the next three; held while signing */
	int64_t active_since_ms;
	json_t *active; /* private */
	json_t *jwks;	/* public */

	pthread_mutex_t lock; /* guards stopping */
	pthread_cond_t wake;
	bool stopping;
	bool started;
	pthread_t thread;
};

/* --- from stored keys to what is signed with and published --- */

static bool is_published(const struct signing_key *key, int64_t now_ms)
{
	return key->state != KEY_RETIRED || now_ms - key->changed_at_ms < RETIRED_MS;
}

/* The key to sign with: of two active ones (read in the midst of a rotation) the newer. */
static const struct signing_key *find_active(const struct signing_key *keys, size_t count)
{
	const struct signing_key *active = NULL;

	for (size_t i = 0; i < count; i++) {
		if (keys[i].state == KEY_ACTIVE &&
			(active == NULL || keys[i].changed_at_ms > active->changed_at_ms))
			active = &keys[i];
	}
	return active;
}

static enum mp_rc parse_jwk(const struct signing_key *key, json_t **out_jwk)
{
	char reason[160];
	enum mp_rc rc = mp_json_parse(key->jwk, strlen(key->jwk), out_jwk, reason);

	return rc == MP_INVALID ? MP_CORRUPT : rc;
}

static enum mp_rc add_public(json_t *list, const struct signing_key *key)
{
	json_t *jwk = NULL;
	json_t *public = NULL;

	enum mp_rc rc = parse_jwk(key, &jwk);
	if (rc != MP_OK)
		return rc;
	rc = mp_jwk_public(jwk, &public);
	json_decref(jwk);
	if (rc != MP_OK)
		return rc == MP_INVALID ? MP_CORRUPT : rc;
	return json_array_append_new(list, public) == 0 ? MP_OK : MP_NOMEM;
}

static enum mp_rc make_jwks(
	const struct signing_key *keys, size_t count, int64_t now_ms, json_t **out_jwks)
{
	json_t *list = json_array();
	enum mp_rc rc = list == NULL ? MP_NOMEM : MP_OK;

	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (is_published(&keys[i], now_ms))
			rc = add_public(list, &keys[i]);
	}
	if (rc != MP_OK) {
		json_decref(list);
		return rc;
	}
	json_t *jwks = json_pack("{s:o}", "keys", list); /* takes list, also when it fails */
	if (jwks == NULL)
		return MP_NOMEM;
	*out_jwks = jwks;
	return MP_OK;
}

static enum mp_rc take_over(
	struct tokens *tokens, const struct signing_key *keys, size_t count, int64_t now_ms)
{
	const struct signing_key *active = find_active(keys, count);
	json_t *jwk = NULL;
	json_t *jwks = NULL;

	if (active == NULL)
		return MP_CORRUPT;
	enum mp_rc rc = parse_jwk(active, &jwk);
	if (rc == MP_OK)
		rc = make_jwks(keys, count, now_ms, &jwks);
	/* Verifiable before anything is signed with it. */
	if (rc == MP_OK)
		rc = mp_jwt_keys_set(tokens->verifier_keys, jwks);
	if (rc == MP_OK) {
		/* Read under the lock: a rotation by command and the minute's reload may meet. */
		(void)pthread_rwlock_wrlock(&tokens->keys_lock);
		json_t *gone_jwk = tokens->active;
		json_t *gone_jwks = tokens->jwks;
		tokens->active = jwk;
		tokens->jwks = jwks;
		tokens->active_since_ms = active->changed_at_ms;
		(void)pthread_rwlock_unlock(&tokens->keys_lock);
		jwk = gone_jwk;
		jwks = gone_jwks;
	}
	json_decref(jwk);
	json_decref(jwks);
	return rc;
}

/* --- the first keys --- */

static enum mp_rc generate(
	enum signing_key_state state, int64_t now_ms, struct signing_key *out_key)
{
	struct signing_key key = {.state = state, .created_at_ms = now_ms, .changed_at_ms = now_ms};
	json_t *jwk = NULL;

	enum mp_rc rc = mp_jwk_generate(&jwk);
	if (rc != MP_OK)
		return rc;
	size_t len = json_dumpb(jwk, key.jwk, sizeof(key.jwk) - 1, JSON_COMPACT);
	rc = mp_text_copy(key.kid, sizeof(key.kid), json_string_value(json_object_get(jwk, "kid")));
	json_decref(jwk);
	if (rc != MP_OK || len == 0 || len >= sizeof(key.jwk))
		return len == 0 ? MP_NOMEM : MP_BUG;
	*out_key = key;
	return MP_OK;
}

/*
 * One that signs, and one that every verifier will know long before it does. MP_OK also when
 * another replica was quicker.
 */
static enum mp_rc make_first(struct mp_store *store, struct mp_arena *arena, int64_t now_ms)
{
	struct signing_key keys[FIRST_KEYS];

	enum mp_rc rc = generate(KEY_ACTIVE, now_ms, &keys[0]);
	if (rc == MP_OK)
		rc = generate(KEY_NEXT, now_ms, &keys[1]);
	if (rc == MP_OK)
		rc = key_db_insert_first(store, arena, keys, FIRST_KEYS);
	return rc == MP_EXISTS ? MP_OK : rc;
}

/* --- reading --- */

static enum mp_rc load(struct tokens *tokens, bool may_make, int64_t now_ms)
{
	struct mp_arena *arena = mp_arena_new(ARENA_BYTES_MAX);
	struct signing_key *keys = NULL;
	size_t count = 0;
	enum mp_rc rc = MP_NOMEM;

	if (arena != NULL)
		keys = mp_arena_array(arena, SIGNING_KEYS_MAX, sizeof(*keys));
	if (keys == NULL)
		goto out;
	rc = key_db_list(tokens->store, arena, keys, &count);
	if (rc == MP_OK && count == 0 && may_make) {
		rc = make_first(tokens->store, arena, now_ms);
		if (rc == MP_OK)
			rc = key_db_list(tokens->store, arena, keys, &count);
	}
	if (rc == MP_OK)
		rc = take_over(tokens, keys, count, now_ms);
out:
	mp_arena_free(arena);
	return rc;
}

enum mp_rc tokens_reload(struct tokens *tokens, int64_t now_ms)
{
	return load(tokens, false, now_ms);
}

/* --- rotating --- */

/* What a rotation makes of the keys. */
struct rotation {
	struct signing_key changed[SIGNING_KEYS_MAX];
	struct signing_key gone[SIGNING_KEYS_MAX];
	struct signing_key fresh;
	struct key_change change;
};

static const struct signing_key *find_next(const struct signing_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (keys[i].state == KEY_NEXT)
			return &keys[i];
	}
	return NULL;
}

/* MP_CONFLICT: too early. */
static enum mp_rc plan_rotation(const struct signing_key *keys, size_t count, int64_t now_ms,
	struct rotation *rotation, int64_t *reterr_wait_s)
{
	const struct signing_key *next = find_next(keys, count);
	struct key_change *change = &rotation->change;

	if (next == NULL)
		return MP_CORRUPT;
	const int64_t wait_ms = next->changed_at_ms + KEY_NEXT_MS - now_ms;
	/* Longer than it ever is: it was made while a clock was ahead. */
	if (wait_ms > 0 && wait_ms <= KEY_NEXT_MS + CLOCKS_APART_MS) {
		*reterr_wait_s = (wait_ms + 999) / 1000;
		return MP_CONFLICT;
	}
	for (size_t i = 0; i < count; i++) {
		if (!is_published(&keys[i], now_ms)) {
			rotation->gone[change->gone_count++] = keys[i];
		} else if (keys[i].state == KEY_ACTIVE || &keys[i] == next) {
			struct signing_key *key = &rotation->changed[change->changed_count++];

			*key = keys[i];
			key->state = &keys[i] == next ? KEY_ACTIVE : KEY_RETIRED;
			key->changed_at_ms = now_ms;
		}
	}
	if (count - change->gone_count >= SIGNING_KEYS_MAX)
		return MP_BUG; /* rotations are too far apart for that many */
	change->now_ms = now_ms;
	change->changed = rotation->changed;
	change->gone = rotation->gone;
	change->fresh = &rotation->fresh;
	return generate(KEY_NEXT, now_ms, &rotation->fresh);
}

static enum mp_rc rotate(
	struct tokens *tokens, struct mp_arena *arena, int64_t now_ms, int64_t *reterr_wait_s)
{
	struct rotation *rotation = mp_arena_alloc(arena, sizeof(*rotation));
	struct signing_key *keys = mp_arena_array(arena, SIGNING_KEYS_MAX, sizeof(*keys));
	size_t count = 0;

	if (rotation == NULL || keys == NULL)
		return MP_NOMEM;
	rotation->change = (struct key_change){.gone_count = 0};
	enum mp_rc rc = key_db_version(tokens->store, arena, &rotation->change.version);
	if (rc == MP_OK)
		rc = key_db_list(tokens->store, arena, keys, &count);
	if (rc == MP_OK)
		rc = plan_rotation(keys, count, now_ms, rotation, reterr_wait_s);
	if (rc == MP_OK)
		rc = key_db_change(tokens->store, arena, &rotation->change);
	return rc;
}

enum mp_rc tokens_rotate(struct tokens *tokens, int64_t now_ms, int64_t *reterr_wait_s)
{
	struct mp_arena *arena = mp_arena_new(ARENA_BYTES_MAX);
	enum mp_rc rc = arena == NULL ? MP_NOMEM : rotate(tokens, arena, now_ms, reterr_wait_s);

	mp_arena_free(arena);
	if (rc != MP_OK)
		return rc;
	mp_metric_add(user_metrics.keys_rotated, 1);
	mp_log(MP_LOG_INFO, "signing_keys_rotated", MP_RC(MP_OK));
	rc = tokens_reload(tokens, now_ms);
	if (rc != MP_OK) /* it is done: the next minute's reload takes it over */
		mp_sink_report(&tokens->sink, "signing_keys_reload", rc, "the keys of before stay");
	return MP_OK;
}

enum mp_rc tokens_rotate_if_due(struct tokens *tokens, int64_t now_ms)
{
	int64_t wait_s = 0;

	(void)pthread_rwlock_rdlock(&tokens->keys_lock);
	const int64_t since_ms = tokens->active_since_ms;
	(void)pthread_rwlock_unlock(&tokens->keys_lock);
	const bool is_ahead = since_ms > now_ms + CLOCKS_APART_MS;
	if (tokens->rotate_after_ms == 0 ||
		(!is_ahead && now_ms - since_ms < tokens->rotate_after_ms))
		return MP_OK;
	enum mp_rc rc = tokens_rotate(tokens, now_ms, &wait_s);
	/* Too early, or another replica's: the next minute sees. */
	return rc == MP_CONFLICT || rc == MP_STALE ? MP_OK : rc;
}

static bool wait_a_minute(struct tokens *tokens)
{
	const int64_t due_ms = mp_clock_mono_ms() + RELOAD_MS;

	(void)pthread_mutex_lock(&tokens->lock);
	for (int64_t left_ms = RELOAD_MS; !tokens->stopping && left_ms > 0;
		left_ms = due_ms - mp_clock_mono_ms())
		mp_cond_wait_ms(&tokens->wake, &tokens->lock, (long)left_ms);
	bool go_on = !tokens->stopping;
	(void)pthread_mutex_unlock(&tokens->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct tokens *tokens = arg;
	bool failing = false;

	while (wait_a_minute(tokens)) {
		enum mp_rc rc = tokens_reload(tokens, mp_clock_ms());

		if (rc == MP_OK)
			rc = tokens_rotate_if_due(tokens, mp_clock_ms());

		if ((rc != MP_OK) != failing)
			mp_sink_report(&tokens->sink, "signing_keys_reload", rc,
				rc == MP_OK ? "works again" : "the keys of before stay");
		failing = rc != MP_OK;
	}
	return NULL;
}

enum mp_rc tokens_open(struct mp_store *store, const struct mp_sink *sink, int64_t rotate_after_ms,
	int64_t now_ms, struct tokens **out_tokens)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));

	if (tokens == NULL)
		return MP_NOMEM;
	tokens->store = store;
	tokens->sink = *sink;
	tokens->rotate_after_ms = rotate_after_ms;
	(void)pthread_rwlock_init(&tokens->keys_lock, NULL); /* these cannot fail on Linux */
	(void)pthread_mutex_init(&tokens->lock, NULL);
	mp_cond_init(&tokens->wake);

	enum mp_rc rc = mp_jwt_keys_new(&tokens->verifier_keys);
	if (rc == MP_OK)
		rc = load(tokens, true, now_ms);
	if (rc != MP_OK) {
		tokens_close(tokens);
		return rc;
	}
	*out_tokens = tokens;
	return MP_OK;
}

enum mp_rc tokens_start(struct tokens *tokens)
{
	enum mp_rc rc = mp_thread_start(&tokens->thread, "signing-keys", run, tokens);

	tokens->started = rc == MP_OK;
	return rc;
}

void tokens_close(struct tokens *tokens)
{
	if (tokens == NULL)
		return;
	if (tokens->started) {
		(void)pthread_mutex_lock(&tokens->lock);
		tokens->stopping = true;
		(void)pthread_cond_signal(&tokens->wake);
		(void)pthread_mutex_unlock(&tokens->lock);
		(void)pthread_join(tokens->thread, NULL);
	}
	json_decref(tokens->active);
	json_decref(tokens->jwks);
	mp_jwt_keys_free(tokens->verifier_keys);
	(void)pthread_cond_destroy(&tokens->wake);
	(void)pthread_mutex_destroy(&tokens->lock);
	(void)pthread_rwlock_destroy(&tokens->keys_lock);
	free(tokens);
}

/* --- using --- */

static enum mp_rc sign(
	struct tokens *tokens, const struct mp_jwt_claims *claims, char out_token[MP_JWT_TEXT_MAX])
{
	(void)pthread_rwlock_rdlock(&tokens->keys_lock);
	enum mp_rc rc = mp_jwt_sign(tokens->active, claims, out_token);
	(void)pthread_rwlock_unlock(&tokens->keys_lock);
	return rc == MP_INVALID ? MP_BUG : rc; /* key and claims are our own */
}

enum mp_rc tokens_sign_user(struct tokens *tokens, const struct mp_id *user_id,
	const struct mp_id *session_id, int64_t now_ms, char out_token[MP_JWT_TEXT_MAX])
{
	const struct mp_jwt_claims claims = {
		.typ = MP_JWT_TYP_USER,
		.aud = MP_JWT_AUD_USER,
		.subject = user_id->text,
		.session = session_id->text,
		.issued_at_s = now_ms / 1000,
		.expires_at_s = now_ms / 1000 + ACCESS_TOKEN_LIFE_S,
	};

	return sign(tokens, &claims, out_token);
}

enum mp_rc tokens_sign_service(struct tokens *tokens, const char *client_id, const char *scopes,
	int64_t now_ms, char out_token[MP_JWT_TEXT_MAX])
{
	const struct mp_jwt_claims claims = {
		.typ = MP_JWT_TYP_SERVICE,
		.aud = MP_JWT_AUD_SERVICE,
		.subject = client_id,
		.scopes = scopes,
		.issued_at_s = now_ms / 1000,
		.expires_at_s = now_ms / 1000 + ACCESS_TOKEN_LIFE_S,
	};

	return sign(tokens, &claims, out_token);
}

enum mp_rc tokens_jwks(struct tokens *tokens, json_t **out_jwks)
{
	(void)pthread_rwlock_rdlock(&tokens->keys_lock);
	json_t *jwks = json_deep_copy(tokens->jwks);
	(void)pthread_rwlock_unlock(&tokens->keys_lock);

	if (jwks == NULL)
		return MP_NOMEM;
	*out_jwks = jwks;
	return MP_OK;
}

struct mp_verifier tokens_verifier(struct tokens *tokens)
{
	return mp_jwt_keys_verifier(tokens->verifier_keys);
}
