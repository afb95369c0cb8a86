#include "base/testing.h"

#include <stdio.h>
#include <string.h>

#include "base/form.h"

#define TEXT_BYTES_MAX 256

/* "name=value|name=value" of the fields up to the end or the first refusal. */
static enum mp_rc read_all(
	struct mp_arena *arena, const char *body, size_t len, char out_text[TEXT_BYTES_MAX])
{
	struct mp_form_field field;
	size_t used = 0;
	enum mp_rc rc;

	out_text[0] = '\0';
	while ((rc = mp_form_next(arena, &body, &len, &field)) == MP_OK) {
		int n = snprintf(out_text + used, TEXT_BYTES_MAX - used, "%s%s=%s",
			used == 0 ? "" : "|", field.name, field.value);
		assert_true(n > 0 && (size_t)n < TEXT_BYTES_MAX - used);
		used += (size_t)n;
	}
	return rc;
}

static void fields_are_decoded_strictly(void **state)
{
	static const struct {
		const char *body;
		enum mp_rc rc; /* MP_NOT_FOUND: read to its end */
		const char *fields;
	} rows[] = {
		{"", MP_NOT_FOUND, ""},
		{"&&", MP_NOT_FOUND, ""},
		{"a=1&b=2", MP_NOT_FOUND, "a=1|b=2"},
		{"&a=1&&b=2&", MP_NOT_FOUND, "a=1|b=2"},
		{"a", MP_NOT_FOUND, "a="},
		{"a=", MP_NOT_FOUND, "a="},
		{"=", MP_NOT_FOUND, "="},
		{"=1", MP_NOT_FOUND, "=1"},
		{"a=b=c", MP_NOT_FOUND, "a=b=c"},
		{"a=1&a=2", MP_NOT_FOUND, "a=1|a=2"},
		{"a+b=x+y%20z%2B", MP_NOT_FOUND, "a b=x y z+"},
		{"a%3Db=%26", MP_NOT_FOUND, "a=b=&"},
		{"%61=%C3%a9", MP_NOT_FOUND, "a=\xc3\xa9"},
		{"a=\xc3\xa9", MP_NOT_FOUND, "a=\xc3\xa9"},
		{"a=%", MP_INVALID, ""},
		{"a=%4", MP_INVALID, ""},
		{"a=1&b=%4", MP_INVALID, "a=1"},
		{"a=%&b=41", MP_INVALID, ""}, /* not over the field's end */
		{"%4=1", MP_INVALID, ""},
		{"a=%zz", MP_INVALID, ""},
		{"a=%+1", MP_INVALID, ""},
		{"a=%00", MP_INVALID, ""},
		{"a=%ff", MP_INVALID, ""},
		{"a=\xff", MP_INVALID, ""},
		{"a=%C3&b=%A9", MP_INVALID, ""},
	};
	struct mp_arena *arena = mp_arena_new(64 * 1024);
	char text[TEXT_BYTES_MAX];
	int wrong = 0;

	assert_non_null(arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum mp_rc rc = read_all(arena, rows[i].body, strlen(rows[i].body), text);

		wrong += mp_wrong(rc == rows[i].rc && strcmp(text, rows[i].fields) == 0,
			"%s: %s, \"%s\"", rows[i].body, mp_rc_name(rc), text);
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(read_all(arena, "a=1\0", 4, text), MP_INVALID); /* a NUL as it is */
	assert_int_equal(read_all(arena, "a=12345", 3, text), MP_NOT_FOUND);
	assert_string_equal(text, "a=1"); /* not a byte more than len says */
	mp_arena_free(arena);
}

static void a_field_that_the_arena_has_no_room_for_is_no_field(void **state)
{
	static char body[8192];
	struct mp_arena *arena = mp_arena_new(4096);
	struct mp_form_field field = {.name = NULL};
	const char *text = body;
	size_t len = sizeof(body);

	assert_non_null(arena);
	memset(body, 'a', sizeof(body));
	assert_int_equal(mp_form_next(arena, &text, &len, &field), MP_NOMEM);
	assert_null(field.name);
	mp_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_decoded_strictly),
		cmocka_unit_test(a_field_that_the_arena_has_no_room_for_is_no_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
