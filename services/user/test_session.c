#include "testing.h"

#include "session.h"
#include "session_db.h"
#include "user.h"

#define PASSWORD "correct horse"

/* --- the rule --- */

static void named_hash(char out[MP_SHA256_HEX_SIZE], const char *name)
{
	mp_sha256_hex(name, strlen(name), out);
}

static enum session_verdict show(
	struct session *session, const char *shown, const char *next, int64_t now_ms)
{
	char shown_hash[MP_SHA256_HEX_SIZE];
	char next_hash[MP_SHA256_HEX_SIZE];

	named_hash(shown_hash, shown);
	named_hash(next_hash, next);
	return session_step(session, shown_hash, next_hash, now_ms);
}

static struct session session_with(const char *current)
{
	struct session session = {.version = 1};

	named_hash(session.current, current);
	return session;
}

/* Each row shows a token ("a" first) at a time; what comes then is named by the next letter. */
static void tokens_rotate_repeat_and_are_caught(void **state)
{
	static const struct {
		const char *name;
		struct {
			const char *shown;
			int64_t at_ms;
			enum session_verdict expected;
			const char *next;
		} steps[5];
	} rows[] = {
		{"each token once", {{"a", 0, SESSION_ROTATES, "b"}, {"b", 1, SESSION_ROTATES, "c"},
					    {"c", 99999999, SESSION_ROTATES, "d"}}},
		{"the answer was lost", {{"a", 0, SESSION_ROTATES, "b"},
						{"a", SESSION_GRACE_MS, SESSION_REPEATS, "c"},
						{"c", 999999, SESSION_ROTATES, "d"}}},
		{"two tabs, the first answer stays",
			{{"a", 0, SESSION_ROTATES, "b"}, {"a", 10, SESSION_REPEATS, "c"},
				{"b", 999999, SESSION_ROTATES, "d"}}},
		{"after the grace", {{"a", 0, SESSION_ROTATES, "b"},
					    {"a", SESSION_GRACE_MS + 1, SESSION_REUSED, "c"}}},
		{"a clock that was ahead",
			{{"a", 3600000, SESSION_ROTATES, "b"}, {"a", 0, SESSION_REUSED, "c"}}},
		{"a clock a little ahead",
			{{"a", 5000, SESSION_ROTATES, "b"}, {"a", 0, SESSION_REPEATS, "c"}}},
		{"a third time", {{"a", 0, SESSION_ROTATES, "b"}, {"a", 1, SESSION_REPEATS, "c"},
					 {"a", 2, SESSION_REUSED, "d"}}},
		{"once the successor is used",
			{{"a", 0, SESSION_ROTATES, "b"}, {"b", 1, SESSION_ROTATES, "c"},
				{"a", 2, SESSION_REUSED, "d"}}},
		{"both successors",
			{{"a", 0, SESSION_ROTATES, "b"}, {"a", 1, SESSION_REPEATS, "c"},
				{"c", 2, SESSION_ROTATES, "d"}, {"b", 3, SESSION_REUSED, "e"}}},
		{"a repeat of a sibling's use",
			{{"a", 0, SESSION_ROTATES, "b"}, {"a", 1, SESSION_REPEATS, "c"},
				{"b", 2, SESSION_ROTATES, "d"}, {"b", 3, SESSION_REPEATS, "e"},
				{"e", 4, SESSION_ROTATES, "f"}}},
		{"never given", {{"x", 0, SESSION_REUSED, "b"}}},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session session = session_with("a");

		for (size_t s = 0; s < 5 && rows[i].steps[s].shown != NULL; s++) {
			const struct session before = session;
			enum session_verdict got = show(&session, rows[i].steps[s].shown,
				rows[i].steps[s].next, rows[i].steps[s].at_ms);

			wrong += mp_wrong(got == rows[i].steps[s].expected, "%s: step %zu: %d",
				rows[i].name, s, (int)got);
			wrong += mp_wrong(got != SESSION_REUSED ||
						  memcmp(&before, &session, sizeof(before)) == 0,
				"%s: changed although reused", rows[i].name);
		}
	}
	assert_int_equal(wrong, 0);
}

static void what_is_no_token_is_not_read(void **state)
{
	static const char good[] = "0193f5a0-0000-7000-8000-000000000001."
				   "0193f5a0-0000-7000-8000-000000000002."
				   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	char hash[MP_SHA256_HEX_SIZE];
	char changed[sizeof(good) + 1] = "";
	struct mp_id user_id;
	struct mp_id session_id;

	assert_true(refresh_token_parse(good, &user_id, &session_id, hash));
	assert_string_equal(session_id.text, "0193f5a0-0000-7000-8000-000000000002");
	assert_false(refresh_token_parse(NULL, &user_id, &session_id, hash));
	assert_false(refresh_token_parse("", &user_id, &session_id, hash));
	for (size_t i = 0; i < 2 * 37; i++) {
		memcpy(changed, good, sizeof(good));
		changed[i] = 'x';
		assert_false(refresh_token_parse(changed, &user_id, &session_id, hash));
	}
	memcpy(changed, good, sizeof(good));
	changed[sizeof(good) - 1] = 'A';
	assert_false(refresh_token_parse(changed, &user_id, &session_id, hash));
	changed[sizeof(good) - 2] = '\0';
	assert_false(refresh_token_parse(changed, &user_id, &session_id, hash));
}

/* --- over a store --- */

static int setup(void **state)
{
	const struct user_registration ada = {
		.user_name = "Ada",
		.password = PASSWORD,
		.first_name = "Ada",
		.last_name = "Lovelace",
	};
	struct user user;

	if (fixture_setup(state) != 0)
		return -1;
	struct fixture *f = *state;
	assert_int_equal(
		user_register(&f->db, &f->passwords, f->arena, &ada, f->now_ms, &user), MP_OK);
	return 0;
}

static enum mp_rc log_on(struct fixture *f, const char *user_name, const char *password,
	struct session_grant *out_grant)
{
	return session_log_on(
		&f->db, &f->passwords, f->arena, user_name, password, f->now_ms, out_grant);
}

static enum mp_rc refresh(struct fixture *f, const char *token, struct session_grant *out_grant)
{
	return session_refresh(&f->db, f->arena, token, f->now_ms, out_grant);
}

static void only_the_right_pair_logs_on(void **state)
{
	static const struct {
		const char *user_name;
		const char *password;
		enum mp_rc rc;
	} rows[] = {
		{"Ada", PASSWORD, MP_OK},
		{"ADA", PASSWORD, MP_OK},
		{"Ada", "correct horsf", MP_UNAUTHENTICATED},
		{"Ada", "", MP_UNAUTHENTICATED},
		{"Bob", PASSWORD, MP_UNAUTHENTICATED},
		{"", PASSWORD, MP_UNAUTHENTICATED},
		{"Ada ", PASSWORD, MP_UNAUTHENTICATED},
		{"Ada#", PASSWORD, MP_UNAUTHENTICATED},
		{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", PASSWORD,
			MP_UNAUTHENTICATED},
	};
	struct fixture *f = *state;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session_grant grant = {0};
		enum mp_rc rc = log_on(f, rows[i].user_name, rows[i].password, &grant);

		wrong += mp_wrong(rc == rows[i].rc, "%s, %s: %s", rows[i].user_name,
			rows[i].password, mp_rc_name(rc));
		wrong += mp_wrong((grant.refresh_token[0] != '\0') == (rc == MP_OK), "%s: grant",
			rows[i].user_name);
	}
	assert_int_equal(wrong, 0);
}

static void a_refresh_token_is_stored_as_a_hash_only(void **state)
{
	struct fixture *f = *state;
	struct session_grant grant;
	struct session session;
	char hash[MP_SHA256_HEX_SIZE];

	assert_int_equal(log_on(f, "ada", PASSWORD, &grant), MP_OK);
	assert_int_equal(strlen(grant.refresh_token), REFRESH_TOKEN_SIZE - 1);
	assert_int_equal(
		session_db_get(f->store, f->arena, &grant.user.id, &grant.session_id, &session),
		MP_OK);
	mp_sha256_hex(grant.refresh_token, strlen(grant.refresh_token), hash);
	assert_string_equal(session.current, hash);
	assert_int_equal(session.expires_at_s, f->now_ms / 1000 + SESSION_LIFE_S);
}

static void refreshing_rotates_and_keeps_the_session(void **state)
{
	struct fixture *f = *state;
	struct session_grant first;
	struct session_grant grant;

	assert_int_equal(log_on(f, "ada", PASSWORD, &first), MP_OK);
	grant = first;
	for (int i = 0; i < 5; i++) {
		struct session_grant next;

		assert_int_equal(refresh(f, grant.refresh_token, &next), MP_OK);
		assert_string_not_equal(next.refresh_token, grant.refresh_token);
		assert_true(mp_id_equal(&next.session_id, &first.session_id));
		assert_string_equal(next.user.user_name, "Ada");
		grant = next;
	}
}

static void reuse_ends_the_whole_family_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct session_grant other;
	struct session_grant a;
	struct session_grant b;
	struct session_grant c;

	assert_int_equal(log_on(f, "ada", PASSWORD, &other), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &a), MP_OK);
	assert_int_equal(refresh(f, a.refresh_token, &b), MP_OK);
	f->now_ms += SESSION_GRACE_MS + 1;
	assert_int_equal(refresh(f, a.refresh_token, &c), MP_UNAUTHENTICATED);
	assert_int_equal(refresh(f, b.refresh_token, &c), MP_UNAUTHENTICATED);
	assert_int_equal(refresh(f, other.refresh_token, &c), MP_OK);
}

static void a_lost_answer_is_repeated_in_the_grace(void **state)
{
	struct fixture *f = *state;
	struct session_grant a;
	struct session_grant b;
	struct session_grant c;

	assert_int_equal(log_on(f, "ada", PASSWORD, &a), MP_OK);
	mp_fault_store_arm(f->store, 1, true);
	assert_int_equal(refresh(f, a.refresh_token, &b), MP_UNKNOWN);
	f->now_ms += SESSION_GRACE_MS;
	assert_int_equal(refresh(f, a.refresh_token, &b), MP_OK);
	assert_int_equal(refresh(f, b.refresh_token, &c), MP_OK);
}

static void signing_out_ends_it_and_may_be_repeated(void **state)
{
	struct fixture *f = *state;
	struct session_grant a;
	struct session_grant b;

	assert_int_equal(log_on(f, "ada", PASSWORD, &a), MP_OK);
	assert_int_equal(session_end(&f->db, f->arena, a.refresh_token, f->now_ms), MP_OK);
	assert_int_equal(refresh(f, a.refresh_token, &b), MP_UNAUTHENTICATED);
	assert_int_equal(session_end(&f->db, f->arena, a.refresh_token, f->now_ms), MP_OK);
	assert_int_equal(session_end(&f->db, f->arena, "nonsense", f->now_ms), MP_OK);
	assert_int_equal(session_end(&f->db, f->arena, NULL, f->now_ms), MP_OK);
}

static void an_expired_session_is_over(void **state)
{
	struct fixture *f = *state;
	struct session_grant a;
	struct session_grant b;

	f->now_ms -= (int64_t)SESSION_LIFE_S * 1000 + 5000;
	assert_int_equal(log_on(f, "ada", PASSWORD, &a), MP_OK);
	assert_int_equal(refresh(f, a.refresh_token, &b), MP_UNAUTHENTICATED);
}

static void the_oldest_session_gives_way(void **state)
{
	struct fixture *f = *state;
	struct session_grant grants[SESSIONS_MAX + 2];
	struct session sessions[SESSIONS_MAX + 1];
	struct session_grant next;
	size_t count = 0;

	for (int i = 0; i < SESSIONS_MAX + 2; i++, f->now_ms++)
		assert_int_equal(log_on(f, "ada", PASSWORD, &grants[i]), MP_OK);
	assert_int_equal(
		session_db_list(f->store, f->arena, &grants[0].user.id, sessions, &count), MP_OK);
	assert_int_equal(count, SESSIONS_MAX);
	assert_int_equal(refresh(f, grants[0].refresh_token, &next), MP_UNAUTHENTICATED);
	assert_int_equal(refresh(f, grants[1].refresh_token, &next), MP_UNAUTHENTICATED);
	assert_int_equal(refresh(f, grants[2].refresh_token, &next), MP_OK);
	assert_int_equal(refresh(f, grants[SESSIONS_MAX + 1].refresh_token, &next), MP_OK);
}

static void a_hash_with_old_settings_is_renewed_at_log_on(void **state)
{
	struct fixture *f = *state;
	struct session_grant grant;
	struct user_password before;
	struct user_password after;

	assert_int_equal(log_on(f, "ada", PASSWORD, &grant), MP_OK);
	assert_int_equal(user_db_get_password(&f->db, f->arena, &grant.user.id, &before), MP_OK);
	assert_int_equal(password_policy_init(&f->passwords, 1, 2), MP_OK);
	assert_int_equal(log_on(f, "ada", "correct horsf", &grant), MP_UNAUTHENTICATED);
	assert_int_equal(user_db_get_password(&f->db, f->arena, &grant.user.id, &after), MP_OK);
	assert_string_equal(after.hash, before.hash);
	assert_int_equal(log_on(f, "ada", PASSWORD, &grant), MP_OK);
	assert_int_equal(user_db_get_password(&f->db, f->arena, &grant.user.id, &after), MP_OK);
	assert_string_not_equal(after.hash, before.hash);
	assert_false(password_is_outdated(&f->passwords, after.hash));
	assert_int_equal(log_on(f, "ada", PASSWORD, &grant), MP_OK);
}

static enum mp_rc change_password(
	struct fixture *f, const struct session_grant *kept, const char *current, const char *fresh)
{
	return session_change_password(&f->db, &f->passwords, f->arena, &kept->user.id,
		&kept->session_id, current, fresh, f->now_ms);
}

static void a_change_of_password_ends_the_other_sessions(void **state)
{
	struct fixture *f = *state;
	struct session_grant kept;
	struct session_grant other;
	struct session_grant next;

	assert_int_equal(log_on(f, "ada", PASSWORD, &kept), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &other), MP_OK);
	assert_int_equal(change_password(f, &kept, "correct horsf", "x"), MP_UNAUTHENTICATED);
	assert_int_equal(refresh(f, other.refresh_token, &other), MP_OK);

	assert_int_equal(change_password(f, &kept, PASSWORD, "battery staple"), MP_OK);
	assert_int_equal(refresh(f, other.refresh_token, &next), MP_UNAUTHENTICATED);
	assert_int_equal(refresh(f, kept.refresh_token, &next), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &next), MP_UNAUTHENTICATED);
	assert_int_equal(log_on(f, "ada", "battery staple", &next), MP_OK);
	assert_int_equal(change_password(f, &kept, PASSWORD, "x"), MP_UNAUTHENTICATED);
}

/* Before its one transaction nothing is changed, and after it everything. */
static void a_change_of_password_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct session_grant kept;
	struct session_grant other;
	struct session_grant next;

	assert_int_equal(log_on(f, "ada", PASSWORD, &kept), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &other), MP_OK);
	mp_fault_store_arm(f->store, 1, false);
	assert_int_not_equal(change_password(f, &kept, PASSWORD, "battery staple"), MP_OK);
	assert_int_equal(refresh(f, other.refresh_token, &other), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &next), MP_OK);

	mp_fault_store_arm(f->store, 1, true);
	assert_int_equal(change_password(f, &kept, PASSWORD, "battery staple"), MP_UNKNOWN);
	assert_int_equal(refresh(f, other.refresh_token, &other), MP_UNAUTHENTICATED);
	assert_int_equal(log_on(f, "ada", "battery staple", &next), MP_OK);
}

/* A log-on that has checked the old password, and opens its session once there is a new one. */
static void no_session_is_opened_with_the_old_password(void **state)
{
	struct fixture *f = *state;
	struct session_grant grant;
	struct user_password before;
	struct session late = {.expires_at_s = f->now_ms / 1000 + 60, .current = "x"};

	assert_int_equal(log_on(f, "ada", PASSWORD, &grant), MP_OK);
	assert_int_equal(user_db_get_password(&f->db, f->arena, &grant.user.id, &before), MP_OK);
	assert_int_equal(change_password(f, &grant, PASSWORD, "battery staple"), MP_OK);
	late.id = mp_id_new(f->now_ms);
	late.user_id = grant.user.id;
	assert_int_equal(
		session_db_insert(&f->db, f->arena, &late, before.version, NULL, 0), MP_CONFLICT);
	assert_int_equal(
		session_db_insert(&f->db, f->arena, &late, before.version + 1, NULL, 0), MP_OK);
}

struct late {
	struct fixture *f;
	struct session session;
	int64_t password_version;
};

static void open_session(void *ctx)
{
	struct late *late = ctx;

	assert_int_equal(session_db_insert(&late->f->db, late->f->arena, &late->session,
				 late->password_version, NULL, 0),
		MP_OK);
}

/* The same just before the change is written: no list of sessions had it. */
static void a_session_of_the_old_password_ends_though_it_was_just_opened(void **state)
{
	struct fixture *f = *state;
	struct late late = {.f = f, .session = {.expires_at_s = f->now_ms / 1000 + 60}};
	struct session_grant grant;
	struct user_password before;
	struct session found;

	assert_int_equal(log_on(f, "ada", PASSWORD, &grant), MP_OK);
	assert_int_equal(user_db_get_password(&f->db, f->arena, &grant.user.id, &before), MP_OK);
	late.password_version = before.version;
	late.session.id = mp_id_new(f->now_ms);
	late.session.user_id = grant.user.id;
	named_hash(late.session.current, "late");
	mp_fault_store_before_commit(f->store, open_session, &late);
	assert_int_equal(change_password(f, &grant, PASSWORD, "battery staple"), MP_OK);
	assert_int_equal(
		session_db_get(f->store, f->arena, &grant.user.id, &late.session.id, &found),
		MP_NOT_FOUND);
	assert_int_equal(
		session_db_get(f->store, f->arena, &grant.user.id, &grant.session_id, &found),
		MP_OK);
}

static void hash_it_anew(void *ctx)
{
	struct late *late = ctx;
	struct user_password password;
	struct mp_txn txn;

	assert_int_equal(user_db_get_password(
				 &late->f->db, late->f->arena, &late->session.user_id, &password),
		MP_OK);
	mp_txn_begin(&txn, late->f->store, late->f->arena);
	(void)user_db_add_password(&txn, &late->session.user_id, &password, late->f->now_ms);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static void a_password_that_is_only_hashed_anew_meanwhile_is_changed(void **state)
{
	struct fixture *f = *state;
	struct late late = {.f = f};
	struct session_grant grant;
	struct session_grant next;

	assert_int_equal(log_on(f, "ada", PASSWORD, &grant), MP_OK);
	late.session.user_id = grant.user.id;
	mp_fault_store_before_commit(f->store, hash_it_anew, &late);
	assert_int_equal(change_password(f, &grant, PASSWORD, "battery staple"), MP_OK);
	assert_int_equal(log_on(f, "ada", "battery staple", &next), MP_OK);
}

static enum mp_rc sign_out_everywhere(struct fixture *f, const struct session_grant *from)
{
	return session_end_all(&f->db, f->arena, &from->user.id, &from->session_id, f->now_ms);
}

static enum mp_rc check(struct fixture *f, const struct session_grant *grant)
{
	return session_check(&f->db, f->arena, &grant->user.id, &grant->session_id);
}

static void signing_out_everywhere_ends_every_session(void **state)
{
	struct fixture *f = *state;
	struct session_grant grants[3];
	struct session_grant next;
	const int count = sizeof(grants) / sizeof(grants[0]);

	for (int i = 0; i < count; i++)
		assert_int_equal(log_on(f, "ada", PASSWORD, &grants[i]), MP_OK);
	mp_fault_store_arm(f->store, 2, false);
	assert_int_equal(sign_out_everywhere(f, &grants[0]), MP_UNAVAILABLE);
	assert_int_equal(refresh(f, grants[1].refresh_token, &next), MP_UNAUTHENTICATED);
	assert_int_equal(check(f, &grants[0]), MP_OK); /* who asked may ask again */
	assert_int_equal(sign_out_everywhere(f, &grants[0]), MP_OK);
	assert_int_equal(check(f, &grants[0]), MP_UNAUTHENTICATED);
	for (int i = 0; i < count; i++)
		assert_int_equal(refresh(f, grants[i].refresh_token, &next), MP_UNAUTHENTICATED);
	assert_int_equal(sign_out_everywhere(f, &grants[0]), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &next), MP_OK);
}

/* How many rows of session.ended tell of it. */
static int told_ended(struct fixture *f, const struct mp_id *session_id)
{
	int count = 0;

	for (int i = 0; i < MP_OUTBOX_PARTITIONS; i++) {
		struct mp_query query = {
			.pk = mp_arena_printf(f->arena, "OUTBOX#%02d", i), .limit = 100};
		struct mp_page page;

		assert_int_equal(mp_store_query(f->store, &query, f->arena, &page), MP_OK);
		for (size_t j = 0; j < page.count; j++) {
			const struct mp_map *row = &page.items[j]->attrs;
			if (strcmp(mp_map_get(row, "type")->as.text, "session.ended") != 0)
				continue;
			const struct mp_map *data = mp_map_get(row, "data")->as.map;
			count += strcmp(mp_map_get(data, "session_id")->as.text,
					 session_id->text) == 0;
		}
	}
	return count;
}

static void each_end_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct session_grant out, reused, changed, kept, next;
	struct mp_id *user = &kept.user.id;

	assert_int_equal(log_on(f, "ada", PASSWORD, &out), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &reused), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &changed), MP_OK);
	assert_int_equal(log_on(f, "ada", PASSWORD, &kept), MP_OK);
	assert_int_equal(session_end(&f->db, f->arena, out.refresh_token, f->now_ms), MP_OK);
	assert_int_equal(session_end(&f->db, f->arena, out.refresh_token, f->now_ms), MP_OK);
	assert_int_equal(refresh(f, reused.refresh_token, &next), MP_OK);
	assert_int_equal(refresh(f, next.refresh_token, &next), MP_OK);
	assert_int_equal(refresh(f, reused.refresh_token, &next), MP_UNAUTHENTICATED);
	assert_int_equal(told_ended(f, &changed.session_id), 0);
	assert_int_equal(session_change_password(&f->db, &f->passwords, f->arena, user,
				 &kept.session_id, PASSWORD, "another horse", f->now_ms),
		MP_OK);
	assert_int_equal(told_ended(f, &out.session_id), 1);
	assert_int_equal(told_ended(f, &reused.session_id), 1);
	assert_int_equal(told_ended(f, &changed.session_id), 1);
	assert_int_equal(told_ended(f, &kept.session_id), 0);
	assert_int_equal(session_check(&f->db, f->arena, user, &kept.session_id), MP_OK);
	assert_int_equal(
		session_check(&f->db, f->arena, user, &out.session_id), MP_UNAUTHENTICATED);
	assert_int_equal(
		session_end_all(&f->db, f->arena, user, &kept.session_id, f->now_ms), MP_OK);
	assert_int_equal(told_ended(f, &kept.session_id), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_rotate_repeat_and_are_caught),
		cmocka_unit_test(what_is_no_token_is_not_read),
		TEST(only_the_right_pair_logs_on),
		TEST(a_refresh_token_is_stored_as_a_hash_only),
		TEST(refreshing_rotates_and_keeps_the_session),
		TEST(reuse_ends_the_whole_family_and_no_other),
		TEST(a_lost_answer_is_repeated_in_the_grace),
		TEST(signing_out_ends_it_and_may_be_repeated),
		TEST(an_expired_session_is_over),
		TEST(the_oldest_session_gives_way),
		TEST(a_change_of_password_ends_the_other_sessions),
		TEST(a_change_of_password_is_all_or_nothing),
		TEST(no_session_is_opened_with_the_old_password),
		TEST(a_session_of_the_old_password_ends_though_it_was_just_opened),
		TEST(a_password_that_is_only_hashed_anew_meanwhile_is_changed),
		TEST(signing_out_everywhere_ends_every_session),
		TEST(each_end_is_told_once),
		TEST(a_hash_with_old_settings_is_renewed_at_log_on),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
