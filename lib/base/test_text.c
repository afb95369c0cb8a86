#include <string.h>

#include "base/testing.h"
#include "base/text.h"

static void copy_takes_what_fits_with_its_end(void **state)
{
	char out[5] = "....";

	assert_int_equal(mp_text_copy(out, sizeof(out), "four"), MP_OK);
	assert_string_equal(out, "four");
	assert_int_equal(mp_text_copy(out, sizeof(out), "fives"), MP_TOO_LARGE);
	assert_string_equal(out, "");
	assert_int_equal(mp_text_copy(out, sizeof(out), NULL), MP_OK);
	assert_string_equal(out, "");
}

static void format_refuses_what_does_not_fit(void **state)
{
	char out[5];

	assert_int_equal(mp_text_format(out, sizeof(out), "%d", 1234), MP_OK);
	assert_string_equal(out, "1234");
	assert_int_equal(mp_text_format(out, sizeof(out), "%d", 12345), MP_TOO_LARGE);
	assert_string_equal(out, "");
}

static void to_int_reads_whole_decimal_numbers_only(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
		bool ok;
	} rows[] = {
		{"0", 0, true},
		{"-0", 0, true},
		{"12", 12, true},
		{"-12", -12, true},
		{"007", 7, true},
		{"9223372036854775807", INT64_MAX, true},
		{"-9223372036854775808", INT64_MIN, true},
		{"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false},
		{"99999999999999999999999", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"--1", 0, false},
		{"+1", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1.0", 0, false},
		{"1e3", 0, false},
		{"0x10", 0, false},
		{NULL, 0, false},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t number = 4711;
		enum mp_rc rc = mp_text_to_int(rows[i].text, &number);
		wrong += mp_wrong(rc == (rows[i].ok ? MP_OK : MP_INVALID) &&
					  number == (rows[i].ok ? rows[i].number : 4711),
			"\"%s\": %s, %lld", rows[i].text ? rows[i].text : "NULL", mp_rc_name(rc),
			(long long)number);
	}
	assert_int_equal(wrong, 0);
}

/* Each length, and in each place the bytes at the edges of what is allowed. */
static void ascii_is_from_least_to_127(void **state)
{
	static const unsigned char leasts[] = {0, 1, ' ', 0x7f};
	char text[40];
	int wrong = 0;

	for (size_t i = 0; i < sizeof(leasts); i++) {
		unsigned char least = leasts[i];
		memset(text, least, sizeof(text));
		for (size_t len = 0; len <= sizeof(text); len++)
			wrong += mp_wrong(mp_text_is_ascii(text, len, least), "%zu bytes", len);
		for (size_t at = 0; at < sizeof(text); at++) {
			text[at] = 0x7f;
			wrong += mp_wrong(mp_text_is_ascii(text, at + 1, least), "0x7f");
			text[at] = (char)0x80;
			wrong += mp_wrong(!mp_text_is_ascii(text, at + 1, least), "0x80");
			text[at] = (char)(least - 1);
			wrong += mp_wrong(!mp_text_is_ascii(text, at + 1, least), "less");
			wrong += mp_wrong(mp_text_is_ascii(text, at, least), "before");
			text[at] = (char)least;
		}
	}
	assert_int_equal(wrong, 0);
}

static void utf8_is_what_rfc_3629_allows(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		const char *what;
	} rows[] = {
		{"", true, "nothing"},
		{"plain", true, "ASCII"},
		{"\xc3\xa4", true, "two bytes"},
		{"\xe2\x82\xac", true, "three bytes"},
		{"\xf0\x9f\x92\xb6", true, "four bytes"},
		{"\xc2\x80", true, "U+0080, the first of two bytes"},
		{"\xe0\xa0\x80", true, "U+0800, the first of three"},
		{"\xed\x9f\xbf", true, "U+D7FF, before the surrogates"},
		{"\xee\x80\x80", true, "U+E000, behind them"},
		{"\xf0\x90\x80\x80", true, "U+10000, the first of four"},
		{"\xf4\x8f\xbf\xbf", true, "U+10FFFF, the last"},
		{"\x80", false, "a continuation alone"},
		{"\xc0\x80", false, "overlong NUL"},
		{"\xc1\xbf", false, "overlong, two bytes"},
		{"\xe0\x9f\xbf", false, "overlong, three bytes"},
		{"\xf0\x8f\xbf\xbf", false, "overlong, four bytes"},
		{"\xed\xa0\x80", false, "a surrogate"},
		{"\xf4\x90\x80\x80", false, "over U+10FFFF"},
		{"\xf5\x80\x80\x80", false, "far over"},
		{"\xff", false, "no byte of UTF-8"},
		{"a\xc3", false, "cut after one of two"},
		{"\xe2\x82", false, "cut after two of three"},
		{"\xf0\x9f\x92", false, "cut after three of four"},
		{"\xc3"
		 "A",
			false, "no continuation"},
		{"\xe2\x82"
		 "A",
			false, "second continuation missing"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wrong += mp_wrong(mp_text_is_utf8(rows[i].text, strlen(rows[i].text)) == rows[i].ok,
			"%s", rows[i].what);
	assert_int_equal(wrong, 0);
	assert_false(mp_text_is_utf8("a\0b", 3));
	/* Long plain text takes a faster way: each place in it is looked at all the same. */
	for (size_t at = 0; at < 40; at++) {
		char text[40];
		memset(text, 'x', sizeof(text));
		assert_true(mp_text_is_utf8(text, sizeof(text)));
		text[at] = '\0';
		assert_false(mp_text_is_utf8(text, sizeof(text)));
		text[at] = (char)0xff;
		assert_false(mp_text_is_utf8(text, sizeof(text)));
	}
}

static void a_character_knows_its_length(void **state)
{
	assert_int_equal(mp_text_utf8_character("ab", 2), 1);
	assert_int_equal(mp_text_utf8_character("\xe2\x82\xac", 3), 3);
	assert_int_equal(mp_text_utf8_character("\xe2\x82\xac", 2), 0);
	assert_int_equal(mp_text_utf8_character("\xff", 1), 0);
	assert_int_equal(mp_text_utf8_character("", 0), 0);
}

static void control_characters_are_found(void **state)
{
	int wrong = 0;

	for (int c = 1; c < 256; c++) {
		char text[] = {'a', (char)c, 'b', '\0'};
		wrong += mp_wrong(mp_text_has_control(text) == (c < 0x20 || c == 0x7f), "%#x", c);
	}
	assert_int_equal(wrong, 0);
	assert_false(mp_text_has_control(""));
}

static void words_are_found_whole(void **state)
{
	static const char words[] = " a:b  a:bc d ";

	assert_true(mp_text_has_word(words, "a:b", 3));
	assert_true(mp_text_has_word(words, "a:bcd", 4));
	assert_true(mp_text_has_word(words, "d", 1));
	assert_false(mp_text_has_word(words, "a:", 2));
	assert_false(mp_text_has_word(words, "b", 1));
	assert_false(mp_text_has_word(words, "d ", 2));
	assert_false(mp_text_has_word(words, "", 0));
	assert_false(mp_text_has_word("", "a", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_takes_what_fits_with_its_end),
		cmocka_unit_test(format_refuses_what_does_not_fit),
		cmocka_unit_test(to_int_reads_whole_decimal_numbers_only),
		cmocka_unit_test(ascii_is_from_least_to_127),
		cmocka_unit_test(utf8_is_what_rfc_3629_allows),
		cmocka_unit_test(a_character_knows_its_length),
		cmocka_unit_test(control_characters_are_found),
		cmocka_unit_test(words_are_found_whole),
	};
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
