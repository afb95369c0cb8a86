#include <stdlib.h>
#include <string.h>

#include "base/testing.h"
#include "base/testing_alloc.h"
#include "json/json.h"

static enum mp_rc parse(const char *text, json_t **out_json, char reterr[160])
{
	return mp_json_parse(text, strlen(text), out_json, reterr);
}

static void one_json_text_is_taken(void **state)
{
	static const char *const taken[] = {
		"{}",
		" { \"a\" : [ 1 , -2.5 , true , null , \"x\\u00e4\\\"\\\\\" ] } \n",
		"[]",
		"\"text\"",
		"12",
		"null",
		"{\"n\":9223372036854775807,\"m\":-9223372036854775808}",
		"{\"a\":{\"k\":1},\"b\":{\"k\":1}}",
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		json_t *json = NULL;
		char reterr[160] = "";
		enum mp_rc rc = parse(taken[i], &json, reterr);
		wrong += mp_wrong(rc == MP_OK && json != NULL, "%s: %s", taken[i], reterr);
		json_decref(json);
	}
	assert_int_equal(wrong, 0);
}

static void all_else_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{"", "is empty"},
		{"  ", "ends too early"},
		{"{", "ends too early"},
		{"{\"a\":1", "ends too early"},
		{"[1,", "ends too early"},
		{"{} {}", "behind the JSON text (line 1, column 4)"},
		{"{}x", "behind the JSON text"},
		{"{a:1}", "is not JSON (line 1, column 2)"},
		{"{\n\"a\":tru}", "is not JSON (line 2, column 7)"},
		{"{'a':1}", "is not JSON"},
		{"{\"a\":1,}", "is not JSON"},
		{"[01]", "is not JSON"},
		{"[+1]", "is not JSON"},
		{"[.5]", "is not JSON"},
		{"[NaN]", "is not JSON"},
		{"[1] // why", "behind"},
		{"\xef\xbb\xbf{}", "is not JSON"}, /* a byte order mark */
		{"[\"\t\"]", "is not JSON"},
		{"[\"\\x\"]", "is not JSON"},
		{"[\"\\ud800\"]", "is not JSON"},
		{"[\"\\u0000\"]", "U+0000"},
		{"{\"\\u0000\":1}", "U+0000"},
		{"{\"a\":1,\"a\":1}", "twice"},
		{"{\"x\":{\"a\":1,\"b\":2,\"\\u0061\":1}}", "twice"},
		{"[9223372036854775808]", "beyond 64 bits"},
		{"[-9223372036854775809]", "beyond 64 bits"},
		{"[1e999]", "beyond 64 bits"},
		{"[\"\xff\"]", "is not UTF-8"},
		{"[\"\xc0\xaf\"]", "is not UTF-8"},
		{"[\"\xed\xa0\x80\"]", "is not UTF-8"},
	};
	static json_t place;
	json_t *const untouched = &place;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *json = untouched;
		char reterr[160] = "";
		enum mp_rc rc = parse(rows[i].text, &json, reterr);
		size_t len = strlen(reterr);
		wrong += mp_wrong(rc == MP_INVALID && json == untouched &&
					  strstr(reterr, rows[i].says) != NULL && len > 0 &&
					  reterr[len - 1] == '.',
			"row %zu: %s, \"%s\"", i, mp_rc_name(rc), reterr);
	}
	assert_int_equal(wrong, 0);
}

static void a_nul_byte_does_not_end_the_text(void **state)
{
	json_t *json = NULL;
	char reterr[160] = "";

	assert_int_equal(mp_json_parse("{}\0{", 4, &json, reterr), MP_INVALID);
	assert_string_equal(reterr, "The JSON text is not UTF-8.");
	assert_int_equal(mp_json_parse("{}xyz", 2, &json, reterr), MP_OK); /* len is what counts */
	json_decref(json);
}

static void no_piece_of_the_text_is_repeated(void **state)
{
	json_t *json = NULL;
	char reterr[160] = "";

	assert_int_equal(parse("{\"password\":hunter2}", &json, reterr), MP_INVALID);
	assert_null(strstr(reterr, "hunter2"));
	assert_int_equal(parse("{\"hunter2\":1,\"hunter2\":2}", &json, reterr), MP_INVALID);
	assert_null(strstr(reterr, "hunter2"));
}

static enum mp_rc parse_nested(char open, char close, size_t depth, char reterr[160])
{
	char text[256];
	json_t *json = NULL;
	size_t len = 0;

	for (size_t i = 0; i < depth; i++) {
		text[len++] = open;
		if (open == '{' && i + 1 < depth) {
			memcpy(text + len, "\"\":", 3);
			len += 3;
		}
	}
	for (size_t i = 0; i < depth; i++)
		text[len++] = close;
	enum mp_rc rc = mp_json_parse(text, len, &json, reterr);
	json_decref(json);
	return rc;
}

static void depth_is_bounded_and_brackets_in_strings_do_not_count(void **state)
{
	char reterr[160] = "";
	json_t *json = NULL;

	assert_int_equal(parse_nested('[', ']', 32, reterr), MP_OK);
	assert_int_equal(parse_nested('{', '}', 32, reterr), MP_OK);
	assert_int_equal(parse_nested('[', ']', 33, reterr), MP_INVALID);
	assert_string_equal(reterr, "The JSON text is nested more than 32 deep.");
	assert_int_equal(parse_nested('{', '}', 33, reterr), MP_INVALID);
	assert_string_equal(reterr, "The JSON text is nested more than 32 deep.");

	/* Escaped quotes end no string, an escaped backslash before a quote does. */
	assert_int_equal(
		parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", &json, reterr), MP_OK);
	json_decref(json);
	assert_int_equal(
		parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", &json, reterr),
		MP_OK);
	json_decref(json);
	assert_int_equal(
		parse("[\"\\\\\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", &json, reterr),
		MP_INVALID);
	assert_string_equal(reterr, "The JSON text is nested more than 32 deep.");

	/* Closed ones do not count either. */
	assert_int_equal(parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
			       "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]",
				 &json, reterr),
		MP_OK);
	json_decref(json);
}

static void no_memory_at_any_point_is_a_result(void **state)
{
	enum mp_rc rc;
	long allowed = 0;
	json_t *json = NULL;
	char reterr[160] = "";
	int wrong = 0;

	do {
		mp_alloc_fail_after(allowed);
		rc = parse("{\"a\":[1,\"text\"],\"b\":{\"c\":2.5}}", &json, reterr);
		mp_alloc_fail_never();
		wrong += mp_wrong(rc == MP_OK || rc == MP_NOMEM, "allocation %ld: %s, %s", allowed,
			mp_rc_name(rc), reterr);
	} while (rc != MP_OK && allowed++ < 100);
	json_decref(json);
	assert_int_equal(wrong, 0);
	assert_int_equal(rc, MP_OK);
	assert_true(allowed > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_json_text_is_taken),
		cmocka_unit_test(all_else_is_refused_with_a_sentence),
		cmocka_unit_test(a_nul_byte_does_not_end_the_text),
		cmocka_unit_test(no_piece_of_the_text_is_repeated),
		cmocka_unit_test(depth_is_bounded_and_brackets_in_strings_do_not_count),
		cmocka_unit_test(no_memory_at_any_point_is_a_result),
	};
	mp_json_init();
	return cmocka_run_group_tests_name("json_parse", tests, NULL, NULL);
}
