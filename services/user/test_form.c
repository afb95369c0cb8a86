#include "base/testing.h"

#include <stdio.h>
#include <string.h>

#include "form.h"

static struct mp_arena *arena;

static int open_arena(void **state)
{
	arena = mp_arena_new(64 * 1024);
	return arena == NULL;
}

static int close_arena(void **state)
{
	mp_arena_free(arena);
	return 0;
}

/* "name=value|name=value", or NULL when the body is refused. */
static const char *parsed(const char *body)
{
	static char text[256];
	struct form form;
	size_t len = 0;

	if (form_parse(arena, body, strlen(body), &form) != MP_OK)
		return NULL;
	text[0] = '\0';
	for (size_t i = 0; i < form.count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%s",
			i == 0 ? "" : "|", form.fields[i].name, form.fields[i].value);
	return text;
}

static void forms_are_decoded_strictly(void **state)
{
	static const struct {
		const char *body;
		const char *expected; /* NULL: refused */
	} rows[] = {
		{"", ""},
		{"a=1", "a=1"},
		{"a=1&b=2", "a=1|b=2"},
		{"a=1&&b=2&", "a=1|b=2"},
		{"a", "a="},
		{"a=", "a="},
		{"a=b=c", "a=b=c"},
		{"scope=x+y%20z", "scope=x y z"},
		{"a=%C3%A9%2b", "a=\xc3\xa9+"},
		{"a=1&a=2", NULL},
		{"a=%", NULL},
		{"a=%4", NULL},
		{"a=%zz", NULL},
		{"a=%00", NULL},
		{"a=%ff", NULL},
		{"a&b&c&d&e&f&g&h", "a=|b=|c=|d=|e=|f=|g=|h="},
		{"a&b&c&d&e&f&g&h&i", NULL},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = parsed(rows[i].body);
		bool right = (got == NULL) == (rows[i].expected == NULL) &&
			     (got == NULL || strcmp(got, rows[i].expected) == 0);

		wrong += mp_wrong(right, "%s: %s", rows[i].body, got == NULL ? "refused" : got);
	}
	assert_int_equal(wrong, 0);
}

static void basic_credentials_are_decoded_strictly(void **state)
{
	static const struct {
		const char *header;
		enum mp_rc rc;
		const char *id;
		const char *secret;
	} rows[] = {
		{"Basic YmlsbGluZzpzZWNyZXQ=", MP_OK, "billing", "secret"},
		{"basic YmlsbGluZzpzZWNyZXQ=", MP_OK, "billing", "secret"},
		{"Basic YTpiOmM=", MP_OK, "a", "b:c"}, {"Basic OmI=", MP_OK, "", "b"},
		{"Basic Og==", MP_OK, "", ""},
		{"Basic YSUzQWI6JTJG", MP_OK, "a:b", "/"},   /* form-encoded within */
		{"Basic Pz8/Oj4+Pg==", MP_OK, "???", ">>>"}, /* with a slash and a plus */
		{NULL, MP_NOT_FOUND, NULL, NULL}, {"Bearer abc", MP_NOT_FOUND, NULL, NULL},
		{"Basic", MP_NOT_FOUND, NULL, NULL}, {"Basic ", MP_INVALID, NULL, NULL},
		{"Basic YmlsbGluZw==", MP_INVALID, NULL, NULL}, /* no colon */
		{"Basic YmlsbGluZzpzZWNyZXQ", MP_INVALID, NULL, NULL},
		{"Basic YmlsbGluZzpzZWNyZXQ==", MP_INVALID, NULL, NULL},
		{"Basic YTpi====", MP_INVALID, NULL, NULL}, {"Basic Y-_i", MP_INVALID, NULL, NULL},
		{"Basic \xc3\xa9:b=", MP_INVALID, NULL, NULL},
		{"Basic YTr/", MP_INVALID, NULL, NULL},	    /* not UTF-8 */
		{"Basic YTolMDA=", MP_INVALID, NULL, NULL}, /* a NUL, encoded */
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *id = NULL;
		const char *secret = NULL;
		enum mp_rc rc = basic_parse(arena, rows[i].header, &id, &secret);
		bool right = rc == rows[i].rc;

		if (rc == MP_OK && right)
			right = strcmp(id, rows[i].id) == 0 && strcmp(secret, rows[i].secret) == 0;
		wrong += mp_wrong(right, "%s: %s", rows[i].header == NULL ? "" : rows[i].header,
			mp_rc_name(rc));
	}
	assert_int_equal(wrong, 0);
}

static void endless_credentials_are_refused(void **state)
{
	char header[4096] = "Basic ";
	const char *id = NULL;
	const char *secret = NULL;

	memset(header + 6, 'A', sizeof(header) - 7);
	header[6 + 4000] = '\0';
	assert_int_equal(basic_parse(arena, header, &id, &secret), MP_INVALID);
	assert_null(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			forms_are_decoded_strictly, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(
			basic_credentials_are_decoded_strictly, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(
			endless_credentials_are_refused, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
