#include "testing.h"

#include "key_db.h"
#include "tokens.h"

static const struct mp_sink no_sink = {0};

#define HOUR_MS 3600000
#define ROTATE_AFTER_MS (24 * HOUR_MS)

static struct tokens *open_tokens(struct fixture *f)
{
	struct tokens *tokens = NULL;

	assert_int_equal(
		tokens_open(f->store, &no_sink, ROTATE_AFTER_MS, f->now_ms, &tokens), MP_OK);
	return tokens;
}

static size_t published(struct tokens *tokens)
{
	json_t *jwks = NULL;

	assert_int_equal(tokens_jwks(tokens, &jwks), MP_OK);
	size_t count = json_array_size(json_object_get(jwks, "keys"));
	for (size_t i = 0; i < count; i++)
		assert_null(json_object_get(json_array_get(json_object_get(jwks, "keys"), i), "d"));
	json_decref(jwks);
	return count;
}

static enum mp_rc verify(
	struct tokens *tokens, enum mp_auth want, const char *token, struct mp_principal *out)
{
	struct mp_verifier verifier = tokens_verifier(tokens);

	return verifier.verify(verifier.ctx, want, token, strlen(token), out);
}

static void sign(struct fixture *f, struct tokens *tokens, char out_token[MP_JWT_TEXT_MAX])
{
	const struct mp_id user_id = mp_id_new(f->now_ms);
	const struct mp_id session_id = mp_id_new(f->now_ms);

	assert_int_equal(
		tokens_sign_user(tokens, &user_id, &session_id, f->now_ms, out_token), MP_OK);
}

static void keys_are_made_once_and_kept(void **state)
{
	struct fixture *f = *state;
	struct signing_key keys[SIGNING_KEYS_MAX];
	struct mp_principal principal;
	char token[MP_JWT_TEXT_MAX];
	size_t count = 0;

	struct tokens *tokens = open_tokens(f);
	sign(f, tokens, token);
	assert_int_equal(published(tokens), 2);
	tokens_close(tokens);

	tokens = open_tokens(f); /* a restart, or another replica */
	assert_int_equal(published(tokens), 2);
	assert_int_equal(verify(tokens, MP_AUTH_USER, token, &principal), MP_OK);
	tokens_close(tokens);

	assert_int_equal(key_db_list(f->store, f->arena, keys, &count), MP_OK);
	assert_int_equal(count, 2);
	assert_int_equal(
		key_db_insert_first(f->store, f->arena, keys, count), MP_EXISTS); /* a late twin */
}

static void users_and_services_get_tokens_of_their_kind(void **state)
{
	struct fixture *f = *state;
	struct tokens *tokens = open_tokens(f);
	const struct mp_id user_id = mp_id_new(f->now_ms);
	const struct mp_id session_id = mp_id_new(f->now_ms);
	struct mp_principal principal;
	char token[MP_JWT_TEXT_MAX];

	assert_int_equal(tokens_sign_user(tokens, &user_id, &session_id, f->now_ms, token), MP_OK);
	assert_int_equal(verify(tokens, MP_AUTH_USER, token, &principal), MP_OK);
	assert_string_equal(principal.subject, user_id.text);
	assert_string_equal(principal.session, session_id.text);
	assert_int_equal(verify(tokens, MP_AUTH_SERVICE, token, &principal), MP_UNAUTHENTICATED);

	assert_int_equal(
		tokens_sign_service(tokens, "billing", "wallet:transfer", f->now_ms, token), MP_OK);
	assert_int_equal(verify(tokens, MP_AUTH_SERVICE, token, &principal), MP_OK);
	assert_string_equal(principal.subject, "billing");
	assert_string_equal(principal.scopes, "wallet:transfer");
	assert_int_equal(verify(tokens, MP_AUTH_USER, token, &principal), MP_UNAUTHENTICATED);

	f->now_ms -= (ACCESS_TOKEN_LIFE_S + MP_JWT_SKEW_S + 1) * 1000;
	sign(f, tokens, token);
	assert_int_equal(verify(tokens, MP_AUTH_USER, token, &principal), MP_UNAUTHENTICATED);
	tokens_close(tokens);
}

/* What a rotation will write: the active one retires, the next one signs. */
static void set_state(
	struct fixture *f, const struct signing_key *key, const char *name, int64_t changed_at_ms)
{
	struct mp_item *item = NULL;
	struct mp_txn txn;
	char sk[80];

	assert_int_equal(mp_text_format(sk, sizeof(sk), "KEY#%s", key->kid), MP_OK);
	assert_int_equal(mp_store_get(f->store, "KEYS", sk, f->arena, &item), MP_OK);
	mp_map_set_text(mp_item_attrs(item), "state", name);
	mp_map_set_int(mp_item_attrs(item), "changed_at", changed_at_ms);
	mp_txn_begin(&txn, f->store, f->arena);
	(void)mp_txn_replace(&txn, item, item->version);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static void other_replicas_rotations_are_followed(void **state)
{
	struct fixture *f = *state;
	struct tokens *tokens = open_tokens(f);
	struct signing_key keys[SIGNING_KEYS_MAX];
	struct mp_principal principal;
	char old[MP_JWT_TEXT_MAX];
	char fresh[MP_JWT_TEXT_MAX];
	size_t count = 0;

	sign(f, tokens, old);
	assert_int_equal(key_db_list(f->store, f->arena, keys, &count), MP_OK);
	assert_int_equal(count, 2);
	const int active = keys[0].state == KEY_ACTIVE ? 0 : 1;
	set_state(f, &keys[1 - active], "active", f->now_ms + 1);
	set_state(f, &keys[active], "retired", f->now_ms + 1);
	assert_int_equal(tokens_reload(tokens, f->now_ms + 2), MP_OK);
	sign(f, tokens, fresh);
	assert_int_equal(verify(tokens, MP_AUTH_USER, old, &principal), MP_OK);
	assert_int_equal(verify(tokens, MP_AUTH_USER, fresh, &principal), MP_OK);
	assert_int_equal(published(tokens), 2);

	/* Its last token is over: nobody need know the retired one any more. */
	assert_int_equal(tokens_reload(tokens, f->now_ms + 3600000), MP_OK);
	assert_int_equal(published(tokens), 1);
	assert_int_equal(verify(tokens, MP_AUTH_USER, old, &principal), MP_UNAUTHENTICATED);
	assert_int_equal(verify(tokens, MP_AUTH_USER, fresh, &principal), MP_OK);

	/* Without an active key nothing is taken over. */
	set_state(f, &keys[1 - active], "retired", f->now_ms);
	assert_int_equal(tokens_reload(tokens, f->now_ms), MP_CORRUPT);
	assert_int_equal(published(tokens), 1);
	tokens_close(tokens);
}

static void active_kid(struct fixture *f, char out_kid[KEY_ID_MAX + 1], size_t *out_count)
{
	struct signing_key keys[SIGNING_KEYS_MAX];
	int active = 0;

	assert_int_equal(key_db_list(f->store, f->arena, keys, out_count), MP_OK);
	for (size_t i = 0; i < *out_count; i++) {
		if (keys[i].state == KEY_ACTIVE) {
			active++;
			memcpy(out_kid, keys[i].kid, sizeof(keys[i].kid));
		}
	}
	assert_int_equal(active, 1);
}

static void a_rotation_refuses_no_valid_token(void **state)
{
	struct fixture *f = *state;
	f->now_ms -= KEY_NEXT_MS; /* verifying goes by the clock */
	struct tokens *tokens = open_tokens(f);
	struct tokens *replica = open_tokens(f);
	struct mp_principal principal;
	char old[MP_JWT_TEXT_MAX];
	char fresh[MP_JWT_TEXT_MAX];
	char before[KEY_ID_MAX + 1];
	char after[KEY_ID_MAX + 1];
	int64_t wait_s = 0;
	size_t count = 0;

	active_kid(f, before, &count);
	assert_int_equal(tokens_rotate(tokens, f->now_ms + 1000, &wait_s), MP_CONFLICT);
	assert_int_equal(wait_s, KEY_NEXT_MS / 1000 - 1);

	f->now_ms += KEY_NEXT_MS;
	assert_int_equal(tokens_rotate(tokens, f->now_ms, &wait_s), MP_OK);
	active_kid(f, after, &count);
	assert_string_not_equal(before, after);
	assert_int_equal(published(tokens), 3);
	sign(f, tokens, fresh);
	assert_int_equal(verify(replica, MP_AUTH_USER, fresh, &principal), MP_OK);
	sign(f, replica, old); /* it does not know yet */
	assert_int_equal(tokens_reload(replica, f->now_ms + 60000), MP_OK);
	assert_int_equal(verify(tokens, MP_AUTH_USER, old, &principal), MP_OK);
	assert_int_equal(verify(replica, MP_AUTH_USER, old, &principal), MP_OK);

	/* A command at once again, and one when the first key is of no use any more. */
	assert_int_equal(tokens_rotate(replica, f->now_ms, &wait_s), MP_CONFLICT);
	f->now_ms += HOUR_MS;
	assert_int_equal(tokens_rotate(replica, f->now_ms, &wait_s), MP_OK);
	active_kid(f, before, &count);
	assert_int_equal(count, 3);
	tokens_close(tokens);
	tokens_close(replica);
}

static void keys_rotate_by_the_schedule(void **state)
{
	struct fixture *f = *state;
	struct tokens *tokens = open_tokens(f);
	struct tokens *replica = open_tokens(f);
	char first[KEY_ID_MAX + 1];
	char kid[KEY_ID_MAX + 1];
	size_t count = 0;

	active_kid(f, first, &count);
	assert_int_equal(tokens_rotate_if_due(tokens, f->now_ms + ROTATE_AFTER_MS - 1), MP_OK);
	active_kid(f, kid, &count);
	assert_string_equal(first, kid);

	/* Two replicas at the same moment: one rotation. */
	assert_int_equal(tokens_rotate_if_due(tokens, f->now_ms + ROTATE_AFTER_MS), MP_OK);
	assert_int_equal(tokens_rotate_if_due(replica, f->now_ms + ROTATE_AFTER_MS), MP_OK);
	active_kid(f, kid, &count);
	assert_string_not_equal(first, kid);
	assert_int_equal(count, 3);
	assert_int_equal(tokens_rotate_if_due(tokens, f->now_ms + 2 * ROTATE_AFTER_MS - 1), MP_OK);
	active_kid(f, first, &count);
	assert_string_equal(first, kid);
	tokens_close(tokens);
	tokens_close(replica);
}

static void keys_of_a_clock_that_was_ahead_rotate(void **state)
{
	struct fixture *f = *state;
	const int64_t year_ms = (int64_t)365 * 24 * HOUR_MS;
	char first[KEY_ID_MAX + 1];
	char kid[KEY_ID_MAX + 1];
	int64_t wait_s = 0;
	size_t count = 0;

	f->now_ms += year_ms;
	struct tokens *tokens = open_tokens(f);
	f->now_ms -= year_ms;
	active_kid(f, first, &count);
	assert_int_equal(tokens_rotate_if_due(tokens, f->now_ms), MP_OK);
	active_kid(f, kid, &count);
	assert_string_not_equal(first, kid);
	assert_int_equal(tokens_rotate_if_due(tokens, f->now_ms + KEY_NEXT_MS), MP_OK);
	active_kid(f, first, &count);
	assert_string_equal(first, kid); /* by today's clock again */
	assert_int_equal(tokens_rotate(tokens, f->now_ms + KEY_NEXT_MS, &wait_s), MP_OK);
	tokens_close(tokens);
}

static void the_reloading_thread_ends_when_told(void **state)
{
	struct fixture *f = *state;
	struct tokens *tokens = open_tokens(f);

	assert_int_equal(tokens_start(tokens), MP_OK);
	tokens_close(tokens);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_are_made_once_and_kept),
		TEST(users_and_services_get_tokens_of_their_kind),
		TEST(other_replicas_rotations_are_followed),
		TEST(a_rotation_refuses_no_valid_token),
		TEST(keys_rotate_by_the_schedule),
		TEST(keys_of_a_clock_that_was_ahead_rotate),
		TEST(the_reloading_thread_ends_when_told),
	};

	mp_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
