#include "base/testing.h"

#include <stdio.h>
#include <string.h>

#include "form.h"
#include "order.h"

#define NOW_S 1800000000

static struct mp_arena *arena;
static struct stripe_error error;

static int setup(void **state)
{
	arena = mp_arena_new(4 * 1024 * 1024);
	return arena == NULL;
}

static int teardown(void **state)
{
	mp_arena_free(arena);
	return 0;
}

static struct form form_of(const char *text)
{
	struct form form;

	mp_arena_reset(arena);
	error = (struct stripe_error){.status = 0};
	form_begin(&form, arena, &error);
	form_decode(&form, text, strlen(text));
	return form;
}

static void forms_are_decoded_strictly(void **state)
{
	static const struct {
		const char *text;
		enum mp_rc rc;
		const char *a; /* the field a, NULL: absent */
	} rows[] = {
		{"", MP_OK, NULL},
		{"a=1", MP_OK, "1"},
		{"&&a=1&", MP_OK, "1"},
		{"b=2&a=x+y%20z%2B", MP_OK, "x y z+"},
		{"a=1=2", MP_OK, "1=2"},
		{"%61=%c3%a9", MP_OK, "\xc3\xa9"},
		{"a=1%0A2", MP_OK, "1\n2"},
		{"a[b]=1", MP_OK, NULL},
		{"a=1&a=2", MP_INVALID, NULL},
		{"=1", MP_INVALID, NULL},
		{"a=%", MP_INVALID, NULL},
		{"a=%4", MP_INVALID, NULL},
		{"a=%zz", MP_INVALID, NULL},
		{"a=%ff", MP_INVALID, NULL},
		{"a=%00", MP_INVALID, NULL},
		{"a=%1b", MP_INVALID, NULL},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct form form = form_of(rows[i].text);
		const char *a = form_text(&form, "a", 100);
		bool same =
			a == NULL || rows[i].a == NULL ? a == rows[i].a : strcmp(a, rows[i].a) == 0;
		wrong += mp_wrong(form.rc == rows[i].rc && same, "%s: %s, %s", rows[i].text,
			mp_rc_name(form.rc), a == NULL ? "(none)" : a);
	}
	assert_int_equal(wrong, 0);
}

static void too_many_fields_are_refused(void **state)
{
	static char text[FORM_FIELDS_MAX * 8 + 16];
	size_t len = 0;

	for (int i = 0; i <= FORM_FIELDS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "f%d=&", i);
	struct form form = form_of(text);
	assert_int_equal(form.rc, MP_INVALID);
	assert_int_equal(form.count, FORM_FIELDS_MAX);
}

static void a_field_that_nobody_read_is_unknown(void **state)
{
	struct form form = form_of("a=1&b[c]=2");

	assert_string_equal(form_text(&form, "a", 9), "1");
	assert_int_equal(form_end(&form), MP_INVALID);
	assert_string_equal(error.code, "parameter_unknown");
	assert_string_equal(error.param, "b[c]");
}

static void metadata_and_arrays_are_read_by_their_brackets(void **state)
{
	struct form form = form_of("m[a]=1&m[b]=&m[c][d]=3&x[0][y]=1&x[1]=2&x[3]=4&m=5");
	struct metadata metadata;

	form_metadata(&form, "m", &metadata);
	assert_int_equal(metadata.count, 1);
	assert_string_equal(metadata.pairs[0].name, "a");
	assert_string_equal(metadata.pairs[0].value, "1");
	assert_int_equal(form_array_count(&form, "x"), 2);
	assert_int_equal(form_array_count(&form, "z"), 0);
	assert_int_equal(form_end(&form), MP_INVALID);
	assert_string_equal(error.param, "m[c][d]");
}

static void long_texts_are_cut_at_whole_characters_in_messages(void **state)
{
	char text[256] = "a=0123456789012345678";

	for (int i = 0; i < 30; i++)
		memcpy(text + strlen(text), "%c3%a9", 7);
	struct form form = form_of(text);
	assert_null(form_text(&form, "a", 40));
	assert_non_null(strstr(error.message, "0123456789012345678?..."));
}

#define ITEM "line_items[0][quantity]=2&line_items[0][price_data][product_data][name]=Tap&"
#define USD ITEM "line_items[0][price_data][currency]=USD&"
#define REST "&mode=payment&success_url=https://a.b/c"

static void orders_are_summed_up(void **state)
{
	struct form form = form_of(USD "line_items[0][price_data][unit_amount]=13000" REST
				       "&expires_at=1800001800&metadata[k]=v");
	struct session session;

	assert_int_equal(order_read(&form, NOW_S, &session), MP_OK);
	assert_int_equal(session.amount_total, 26000);
	assert_string_equal(session.currency, "usd");
	assert_int_equal(session.expires_at_s, NOW_S + 1800);
	assert_int_equal(session.metadata.count, 1);
	assert_string_equal(session.items[0].name, "Tap");
	assert_null(session.cancel_url);
}

static void orders_have_their_bounds(void **state)
{
	static const struct {
		const char *text;
		enum mp_rc rc;
	} rows[] = {
		{USD "line_items[0][price_data][unit_amount]=25" REST, MP_OK},
		{USD "line_items[0][price_data][unit_amount]=24" REST, MP_INVALID},
		{USD "line_items[0][price_data][unit_amount]=49999999" REST, MP_OK},
		{USD "line_items[0][price_data][unit_amount]=50000000" REST, MP_INVALID},
		{USD "line_items[0][price_data][unit_amount]=99999999999999999999" REST,
			MP_INVALID},
		{USD "line_items[0][price_data][unit_amount]=25&expires_at=1800001799" REST,
			MP_INVALID},
		{USD "line_items[0][price_data][unit_amount]=25&expires_at=1800086400" REST, MP_OK},
		{USD "line_items[0][price_data][unit_amount]=25&expires_at=1800086401" REST,
			MP_INVALID},
		{ITEM "line_items[0][price_data][unit_amount]=25" REST, MP_INVALID},
		{USD REST, MP_INVALID},
		{"mode=payment&success_url=https://a.b/c", MP_INVALID},
		{USD "line_items[0][price_data][unit_amount]=25&mode=payment", MP_INVALID},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct form form = form_of(rows[i].text);
		struct session session = {.version = 7};
		enum mp_rc rc = order_read(&form, NOW_S, &session);

		wrong += mp_wrong(rc == rows[i].rc && (rc == MP_OK || session.version == 7),
			"%s: %s, %s", rows[i].text, mp_rc_name(rc), error.message);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_decoded_strictly),
		cmocka_unit_test(too_many_fields_are_refused),
		cmocka_unit_test(a_field_that_nobody_read_is_unknown),
		cmocka_unit_test(metadata_and_arrays_are_read_by_their_brackets),
		cmocka_unit_test(long_texts_are_cut_at_whole_characters_in_messages),
		cmocka_unit_test(orders_are_summed_up),
		cmocka_unit_test(orders_have_their_bounds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
