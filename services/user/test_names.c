#include "base/testing.h"

#include <string.h>

#include "names.h"

#define X10 "xxxxxxxxxx"
#define X64 X10 X10 X10 X10 X10 X10 "xxxx"

struct row {
	const char *text;
	bool fine;
};

static int check(const char *(*fault_of)(const char *), const struct row *rows, size_t count)
{
	int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		const char *fault = fault_of(rows[i].text);

		wrong += mp_wrong((fault == NULL) == rows[i].fine, "\"%s\": %s", rows[i].text,
			fault == NULL ? "taken" : fault);
	}
	return wrong;
}
#define CHECK(fault_of, rows) check((fault_of), (rows), sizeof(rows) / sizeof((rows)[0]))

static void user_names_are_plain(void **state)
{
	static const struct row rows[] = {
		{"ada", true},
		{"Ada_Lovelace-1.5", true},
		{"...", true},
		{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true},
		{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", false},
		{"ad", false},
		{"", false},
		{"ada lovelace", false},
		{"ada@home", false},
		{"ada#1", false},
		{"ad\xc3\xa4", false},
		{"ada\n", false},
	};

	assert_int_equal(CHECK(user_name_fault, rows), 0);
}

static void person_names_are_anyones_but_seen(void **state)
{
	static const struct row rows[] = {
		{"A", true}, {"Ada", true}, {"Jean-Luc d'Arc", true}, {"\xe6\x9d\x8e", true},
		{"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", true}, /* a joiner within */
		{"\xf0\x9f\x98\x80", true}, {X64, true}, {X64 "x", false}, {"", false},
		{" ", false}, {" Ada", false}, {"Ada ", false},
		{"Ada\xc2\xa0", false}, /* no-break space */
		{"Ada\xe2\x80\xae"
		 "evaL",
			false}, /* right-to-left override */
		{"A\xe2\x80\x8b"
		 "da",
			false}, /* zero-width space */
		{"\xef\xbb\xbf"
		 "Ada",
			false}, /* byte order mark */
		{"A\xc2\x85"
		 "da",
			false}, /* a C1 control */
		{"A\xc2\xad"
		 "da",
			false},		      /* soft hyphen */
		{"\xe3\x85\xa4", false},      /* Hangul filler */
		{"A\xf3\xa0\x81\x81", false}, /* a tag character */
	};

	assert_int_equal(CHECK(person_name_fault, rows), 0);
}

static void email_addresses_are_sane(void **state)
{
	static const struct row rows[] = {
		{"ada@example.com", true},
		{"a@b.c", true},
		{"ada.lovelace+bills@mail.example.co.uk", true},
		{"o'brien@example.com", true},
		{X64 "@example.com", true},
		{X64 "x@example.com", false},
		{"ada@" X64 ".com", false},
		{"ada", false},
		{"@example.com", false},
		{"ada@", false},
		{"ada@localhost", false},
		{"ada@example..com", false},
		{"ada@.example.com", false},
		{"ada@example.com.", false},
		{"ada@-example.com", false},
		{"ada@example-.com", false},
		{"ada@example.com-", false},
		{".ada@example.com", false},
		{"ada.@example.com", false},
		{"a..b@example.com", false},
		{"ada lovelace@example.com", false},
		{"ada@b@example.com", false},
		{"\"ada\"@example.com", false},
		{"<ada@example.com>", false},
		{"ada@example.com,bob@example.com", false},
		{"ada@example.com\r\nBcc: bob@example.com", false},
		{"ad\xc3\xa4@example.com", false},
		{"ada@[127.0.0.1]", false},
	};

	assert_int_equal(CHECK(email_fault, rows), 0);
}

static void passwords_are_long_enough_in_characters(void **state)
{
	static const struct row rows[] = {
		{"12345678", true},
		{"1234567", false},
		{"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", false},
		{"        ", true},
	};

	assert_int_equal(CHECK(password_fault, rows), 0);
}

static void folding_ignores_case_and_spaces(void **state)
{
	static const struct {
		const char *text;
		const char *folded;
	} rows[] = {
		{"", ""}, {"ADA", "ada"}, {"  Ada   Lovelace ", "ada lovelace"},
		{"Ada\xc2\xa0\xe3\x80\x80Lovelace", "ada lovelace"},
		{"\xc3\x89MILE", "\xc3\xa9mile"}, /* É, é */
		{"\xce\xa3\xce\x9f\xce\xa6\xce\x99\xce\x91",
			"\xcf\x83\xce\xbf\xcf\x86\xce\xb9\xce\xb1"},
		{"\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0", "\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xb0"},
		{"\xe6\x9d\x8e", "\xe6\x9d\x8e"},
		{"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"}, /* Deseret has capitals, too */
	};
	char folded[64];
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		names_fold(rows[i].text, folded, sizeof(folded));
		wrong += mp_wrong(strcmp(folded, rows[i].folded) == 0, "\"%s\": \"%s\"",
			rows[i].text, folded);
	}
	assert_int_equal(wrong, 0);
}

static void folding_cuts_at_a_character(void **state)
{
	char folded[6];

	names_fold("abc\xc3\x89\xc3\x89", folded, sizeof(folded));
	assert_string_equal(folded, "abc\xc3\xa9");
	names_fold("abcd\xc3\x89", folded, sizeof(folded));
	assert_string_equal(folded, "abcd");
	names_fold("abcd \xc3\x89", folded, sizeof(folded));
	assert_string_equal(folded, "abcd"); /* nor with a space at the end */
}

static struct user person(const char *user_name, const char *first_name, const char *last_name)
{
	struct user user = {0};

	memcpy(user.user_name, user_name, strlen(user_name));
	memcpy(user.first_name, first_name, strlen(first_name));
	memcpy(user.last_name, last_name, strlen(last_name));
	return user;
}

static void people_are_indexed_by_each_name_once(void **state)
{
	struct user ada = person("Ada.L", "Ada", "Lovelace");
	struct user li = person("Lee", "Li", "Lee");
	struct user long_one = person("abc", X64, X64);
	struct user_index index;

	names_index(&ada, &index);
	assert_string_equal(index.folded_name, "ada.l");
	assert_int_equal(index.texts_count, 3);
	assert_string_equal(index.texts[0].text, "ada.l");
	assert_string_equal(index.texts[1].text, "ada lovelace");
	assert_string_equal(index.texts[2].text, "lovelace");
	assert_int_equal(index.texts[2].prefix_bytes, 3);

	names_index(&li, &index); /* "lee" is both her user name and her last name */
	assert_int_equal(index.texts_count, 2);
	assert_string_equal(index.texts[1].text, "li lee");

	names_index(&long_one, &index);
	assert_int_equal(index.texts_count, 3);
	assert_true(strlen(index.texts[1].text) <= SEARCH_TEXT_BYTES_MAX);
}

static void a_prefix_is_three_characters_not_bytes(void **state)
{
	struct search_text text;

	names_search_text(" \xc3\x89mI", &text);
	assert_string_equal(text.text, "\xc3\xa9mi");
	assert_int_equal(text.prefix_bytes, 4);
	names_search_text("\xc3\x89\xc3\x89", &text);
	assert_int_equal(text.prefix_bytes, 0);
	names_search_text("  a  b ", &text);
	assert_int_equal(text.prefix_bytes, 3);
	names_search_text("", &text);
	assert_int_equal(text.prefix_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_names_are_plain),
		cmocka_unit_test(person_names_are_anyones_but_seen),
		cmocka_unit_test(email_addresses_are_sane),
		cmocka_unit_test(passwords_are_long_enough_in_characters),
		cmocka_unit_test(folding_ignores_case_and_spaces),
		cmocka_unit_test(folding_cuts_at_a_character),
		cmocka_unit_test(people_are_indexed_by_each_name_once),
		cmocka_unit_test(a_prefix_is_three_characters_not_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
