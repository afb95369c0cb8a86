#include "testing.h"

#include "base/testing_alloc.h"
#include "user.h"
#include "user_events.h"

static const struct user_registration ada = {
	.user_name = "Ada.L",
	.password = "correct horse",
	.first_name = "Ada",
	.last_name = "Lovelace",
	.email = "ada@example.com",
};

static enum mp_rc enter(struct fixture *f, const char *user_name, const char *first_name,
	const char *last_name, struct user *out_user)
{
	const struct user_registration registration = {
		.user_name = user_name,
		.password = "correct horse",
		.first_name = first_name,
		.last_name = last_name,
	};

	return user_register(&f->db, &f->passwords, f->arena, &registration, f->now_ms, out_user);
}

/* The user names found, separated by spaces, in the order of names and so comparable. */
static const char *found(struct fixture *f, const char *text)
{
	static char names[512];
	struct user users[SEARCH_RESULTS_MAX];
	size_t count = 0;
	size_t len = 0;

	if (user_search(&f->db, f->arena, text, users, &count) != MP_OK)
		return "failed";
	names[0] = '\0';
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i == 0 ? "" : " ",
			users[i].user_name);
	return names;
}

static void a_registered_user_is_read_back_and_told(void **state)
{
	struct fixture *f = *state;
	struct user user;
	struct user back;

	assert_int_equal(
		user_register(&f->db, &f->passwords, f->arena, &ada, f->now_ms, &user), MP_OK);
	assert_int_equal(user_get(&f->db, f->arena, &user.id, &back), MP_OK);
	assert_string_equal(back.user_name, "Ada.L");
	assert_string_equal(back.first_name, "Ada");
	assert_string_equal(back.last_name, "Lovelace");
	assert_string_equal(back.email, "ada@example.com");
	assert_int_equal(back.created_at_ms, f->now_ms);
	assert_int_equal(back.version, 1);

	json_t *events = fixture_events(f, "user.registered");
	json_t *wanted = json_pack("[{s:s, s:i, s:s, s:s, s:s, s:s}]", "user_id", user.id.text,
		"version", 1, "first_name", "Ada", "last_name", "Lovelace", "user_name", "Ada.L",
		"email", "ada@example.com");
	assert_true(json_equal(events, wanted));
	json_decref(wanted);
	json_decref(events);
}

static void a_name_is_taken_whatever_its_case(void **state)
{
	struct fixture *f = *state;
	struct user user;

	assert_int_equal(enter(f, "Ada.L", "Ada", "Lovelace", &user), MP_OK);
	struct mp_id first = user.id;
	assert_int_equal(enter(f, "aDA.l", "Eve", "Eavesdrop", &user), MP_EXISTS);
	assert_true(mp_id_equal(&user.id, &first)); /* untouched */
	assert_string_equal(found(f, "Eave"), "");  /* nothing of her was written */

	json_t *events = fixture_events(f, "user.registered");
	assert_int_equal(json_array_size(events), 1);
	json_decref(events);
}

/* Past the early question, the claim itself must refuse. */
static void two_at_once_cannot_have_one_name(void **state)
{
	struct fixture *f = *state;
	struct user_index index = {.folded_name = "ada"};
	struct user users[2] = {
		{.user_name = "ada", .version = 1}, {.user_name = "ADA", .version = 1}};
	struct mp_id owner;

	users[0].id = mp_id_new(f->now_ms);
	users[1].id = mp_id_new(f->now_ms);
	assert_int_equal(
		user_db_insert(&f->db, f->arena, &users[0], &index, f->passwords.nobody), MP_OK);
	assert_int_equal(user_db_insert(&f->db, f->arena, &users[1], &index, f->passwords.nobody),
		MP_EXISTS);
	assert_int_equal(user_db_find_name(&f->db, f->arena, "ada", &owner), MP_OK);
	assert_true(mp_id_equal(&owner, &users[0].id));
	assert_int_equal(user_get(&f->db, f->arena, &users[1].id, &users[0]), MP_NOT_FOUND);
}

static void a_registration_without_an_answer_leaves_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct user user;

	mp_fault_store_arm(f->store, 1, false);
	assert_int_equal(enter(f, "ada", "Ada", "Lovelace", &user), MP_UNAVAILABLE);
	assert_string_equal(found(f, "ada"), "");
	mp_fault_store_arm(f->store, 1, true);
	assert_int_equal(enter(f, "ada", "Ada", "Lovelace", &user), MP_UNKNOWN);
	assert_string_equal(found(f, "ada"), "ada");
	assert_int_equal(enter(f, "ada", "Ada", "Lovelace", &user), MP_EXISTS);
}

/* Allocations fail from the nth on: registered or not, and never a name without its user. */
static void a_registration_without_memory_is_none(void **state)
{
	struct fixture *f = *state;
	enum mp_rc rc = MP_NOMEM;
	long n = 0;

	for (; rc != MP_OK; n++) {
		struct mp_arena *arena = mp_arena_new(16 << 20);
		struct user user;

		assert_non_null(arena);
		mp_alloc_fail_after(n);
		rc = user_register(&f->db, &f->passwords, arena, &ada, f->now_ms, &user);
		mp_alloc_fail_never();
		mp_arena_free(arena);
		assert_true(rc == MP_OK || rc == MP_NOMEM || rc == MP_UNAVAILABLE);
	}
	assert_true(n > 3);
	json_t *events = fixture_events(f, "user.registered");
	assert_int_equal(json_array_size(events), 1);
	json_decref(events);
}

static void a_change_names_what_it_sets(void **state)
{
	const struct user_change last_name = {.last_name = "Byron"};
	const struct user_change no_email = {.sets_email = true};
	const struct user_change email = {.sets_email = true, .email = "a@example.org"};
	struct fixture *f = *state;
	struct user user;
	struct user after;

	assert_int_equal(
		user_register(&f->db, &f->passwords, f->arena, &ada, f->now_ms, &user), MP_OK);
	assert_int_equal(
		user_change(&f->db, f->arena, &user.id, &last_name, f->now_ms, &after), MP_OK);
	assert_string_equal(after.first_name, "Ada");
	assert_string_equal(after.last_name, "Byron");
	assert_string_equal(after.email, "ada@example.com");
	assert_int_equal(after.version, 2);
	assert_int_equal(
		user_change(&f->db, f->arena, &user.id, &no_email, f->now_ms, &after), MP_OK);
	assert_string_equal(after.email, "");
	assert_int_equal(user_change(&f->db, f->arena, &user.id, &email, f->now_ms, &after), MP_OK);
	assert_int_equal(user_get(&f->db, f->arena, &user.id, &user), MP_OK);
	assert_string_equal(user.email, "a@example.org");
	assert_int_equal(user.version, 4);

	json_t *events = fixture_events(f, "user.updated");
	assert_int_equal(json_array_size(events), 3); /* each version has an id of its own */
	json_decref(events);
}

static void a_change_of_nothing_writes_nothing(void **state)
{
	const struct user_change same = {
		.first_name = "Ada", .sets_email = true, .email = "ada@example.com"};
	const struct user_change none = {0};
	struct fixture *f = *state;
	struct user user;
	struct user after;

	assert_int_equal(
		user_register(&f->db, &f->passwords, f->arena, &ada, f->now_ms, &user), MP_OK);
	assert_int_equal(user_change(&f->db, f->arena, &user.id, &same, f->now_ms, &after), MP_OK);
	assert_int_equal(user_change(&f->db, f->arena, &user.id, &none, f->now_ms, &after), MP_OK);
	assert_int_equal(after.version, 1);
	json_t *events = fixture_events(f, "user.updated");
	assert_int_equal(json_array_size(events), 0);
	json_decref(events);

	struct mp_id nobody = mp_id_new(f->now_ms);
	assert_int_equal(
		user_change(&f->db, f->arena, &nobody, &same, f->now_ms, &after), MP_NOT_FOUND);
}

static void an_overtaken_change_is_made_on_what_came_first(void **state)
{
	const struct user_change change = {.first_name = "Augusta"};
	struct fixture *f = *state;
	struct user_index before_index = {.folded_name = "ada.l"};
	struct user_index after_index = {.folded_name = "ada.l"};
	struct user before;
	struct user stale;

	assert_int_equal(
		user_register(&f->db, &f->passwords, f->arena, &ada, f->now_ms, &before), MP_OK);
	stale = before;
	assert_int_equal(
		user_change(&f->db, f->arena, &before.id, &change, f->now_ms, &before), MP_OK);
	struct user after = stale;
	after.version = 2;
	assert_int_equal(user_db_replace(&f->db, f->arena, &stale, &before_index, &after,
				 &after_index, f->now_ms),
		MP_STALE);
	assert_int_equal(user_get(&f->db, f->arena, &stale.id, &after), MP_OK);
	assert_string_equal(after.first_name, "Augusta");
}

static void people_are_found_by_the_beginning_of_a_name(void **state)
{
	struct fixture *f = *state;
	struct user user;

	assert_int_equal(enter(f, "ada.l", "Ada", "Lovelace", &user), MP_OK);
	assert_int_equal(enter(f, "Adamant", "Adam", "Smith", &user), MP_OK);
	assert_int_equal(enter(f, "emile", "\xc3\x89mile", "Zola", &user), MP_OK);
	assert_int_equal(enter(f, "li_li", "Li", "Li", &user), MP_OK);
	static const struct {
		const char *text;
		const char *names;
	} rows[] = {
		{"ada", "ada.l Adamant"},
		{"ADA", "ada.l Adamant"},
		{"ada.", "ada.l"},
		{"ada l", "ada.l"},
		{"Adam", "Adamant"},
		{"love", "ada.l"},
		{"lovelace!", ""},
		{"\xc3\xa9mi", "emile"},
		{"zola", "emile"},
		{"li l", "li_li"},
		{"xyz", ""},
		{"%%%", ""},
		{"ad", "failed"},
		{"", "failed"},
		{"   a   ", "failed"},
	};
	int wrong = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wrong += mp_wrong(strcmp(found(f, rows[i].text), rows[i].names) == 0, "%s: %s",
			rows[i].text, found(f, rows[i].text));
	assert_int_equal(wrong, 0);
}

static void a_new_name_is_found_and_the_old_one_is_not(void **state)
{
	const struct user_change change = {.first_name = "Augusta", .last_name = "King"};
	const struct user_change back = {.first_name = "Ada", .last_name = "Lovelace"};
	struct fixture *f = *state;
	struct user user;

	assert_int_equal(enter(f, "countess", "Ada", "Lovelace", &user), MP_OK);
	assert_int_equal(user_change(&f->db, f->arena, &user.id, &change, f->now_ms, &user), MP_OK);
	assert_string_equal(found(f, "lovelace"), "");
	assert_string_equal(found(f, "ada love"), "");
	assert_string_equal(found(f, "augusta k"), "countess");
	assert_string_equal(found(f, "king"), "countess");
	assert_string_equal(found(f, "count"), "countess");
	assert_int_equal(user_change(&f->db, f->arena, &user.id, &back, f->now_ms, &user), MP_OK);
	assert_string_equal(found(f, "lovelace"), "countess");
	assert_string_equal(found(f, "king"), "");
}

static void at_most_ten_are_found(void **state)
{
	struct fixture *f = *state;
	struct user users[SEARCH_RESULTS_MAX];
	struct user user;
	char name[16];
	size_t count = 0;

	for (int i = 0; i < 15; i++) {
		assert_int_equal(mp_text_format(name, sizeof(name), "same%02d", i), MP_OK);
		assert_int_equal(enter(f, name, "Same", "Samesame", &user), MP_OK);
	}
	assert_int_equal(user_search(&f->db, f->arena, "same", users, &count), MP_OK);
	assert_int_equal(count, SEARCH_RESULTS_MAX);
	assert_int_equal(user_search(&f->db, f->arena, "same0", users, &count), MP_OK);
	assert_int_equal(count, 10);
	assert_int_equal(user_search(&f->db, f->arena, "same1", users, &count), MP_OK);
	assert_int_equal(count, 5);
}

#define MANY 200 /* several pages */

static void enter_many(struct fixture *f)
{
	for (int i = 0; i < MANY; i++) {
		struct user_index index = {.texts_count = 0};
		struct user user = {.id = mp_id_new(f->now_ms), .version = 1};

		(void)snprintf(index.folded_name, sizeof(index.folded_name), "u%d", i);
		(void)snprintf(user.user_name, sizeof(user.user_name), "u%d", i);
		assert_int_equal(
			user_db_insert(&f->db, f->arena, &user, &index, f->passwords.nobody),
			MP_OK);
	}
}

static void all_users_are_told_again_page_by_page(void **state)
{
	struct fixture *f = *state;
	bool told[MANY] = {false};
	const char *cursor = NULL;
	size_t total = 0;

	enter_many(f);
	do {
		struct user *users = NULL;
		size_t count = 0;

		assert_int_equal(user_db_tell_again(&f->db, f->arena, cursor, f->now_ms, &users,
					 &count, &cursor),
			MP_OK);
		for (size_t i = 0; i < count; i++) {
			int64_t n = -1;
			assert_int_equal(mp_text_to_int(users[i].user_name + 1, &n), MP_OK);
			assert_in_range(n, 0, MANY - 1);
			assert_false(told[n]);
			told[n] = true;
		}
		total += count;
	} while (cursor != NULL);
	assert_int_equal(total, MANY);
	json_t *events = fixture_events(f, "user.registered");
	assert_int_equal(json_array_size(events), MANY); /* under the same ids */
	json_decref(events);
}

static void a_cursor_of_something_else_is_refused(void **state)
{
	struct fixture *f = *state;
	struct user *users = NULL;
	const char *cursor = NULL;
	size_t count = 0;

	assert_int_equal(
		user_db_tell_again(&f->db, f->arena, "PROFILE", f->now_ms, &users, &count, &cursor),
		MP_INVALID);
}

static void an_event_without_address_says_null(void **state)
{
	struct fixture *f = *state;
	struct mp_item *item = mp_item_new(f->arena, "X", "X", 1);
	json_t *json = NULL;

	assert_non_null(item);
	mp_map_set_text(mp_item_attrs(item), "user_name", "ada");
	assert_int_equal(
		user_event_encode("user.registered", mp_item_attrs(item), &json, NULL), MP_OK);
	assert_true(json_is_null(json_object_get(json, "email")));
	assert_string_equal(json_string_value(json_object_get(json, "user_name")), "ada");
	json_decref(json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_registered_user_is_read_back_and_told),
		TEST(a_name_is_taken_whatever_its_case),
		TEST(two_at_once_cannot_have_one_name),
		TEST(a_registration_without_an_answer_leaves_all_or_nothing),
		TEST(a_registration_without_memory_is_none),
		TEST(a_change_names_what_it_sets),
		TEST(a_change_of_nothing_writes_nothing),
		TEST(an_overtaken_change_is_made_on_what_came_first),
		TEST(people_are_found_by_the_beginning_of_a_name),
		TEST(a_new_name_is_found_and_the_old_one_is_not),
		TEST(at_most_ten_are_found),
		TEST(all_users_are_told_again_page_by_page),
		TEST(a_cursor_of_something_else_is_refused),
		TEST(an_event_without_address_says_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
