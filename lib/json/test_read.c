#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/testing.h"
#include "base/text.h"
#include "json/json.h"

#define ID_TEXT "01a205e4-0400-7abc-8def-0123456789ab"

/* What the reader told: "field message" a line. */
static struct mp_buf told;

static void add_told(void *ctx, const char *field, const char *message)
{
	(void)mp_buf_addf(ctx, "%s %s\n", field, message);
}

static const struct mp_field_errors errors = {.add = add_told, .ctx = &told};

static struct mp_currencies currencies;

static json_t *json_of(const char *text)
{
	json_t *json = NULL;
	char reterr[160] = "";

	if (mp_json_parse(text, strlen(text), &json, reterr) != MP_OK)
		print_error("%s %s\n", text, reterr);
	assert_non_null(json);
	return json;
}

/* Every kind of field, as one body has them. */
struct order {
	const char *name;
	const char *note;
	struct mp_id payer;
	struct mp_id payee;
	int64_t count;
	bool urgent;
	int64_t due_ms;
	int source;
	struct mp_money money;
	const json_t *legs;
	const json_t *extra;
};

static enum mp_rc read_order(const char *text, struct order *order)
{
	struct mp_json_reader r;
	json_t *json = json_of(text);

	mp_buf_clear(&told);
	mp_json_read_begin(&r, json, "", &errors);
	mp_json_read_text(&r, "name", 3, 8, &order->name);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "note", 0, 10, &order->note);
	mp_json_read_id(&r, "payer", &order->payer);
	mp_json_read_id_or_null(&r, "payee", &order->payee);
	mp_json_read_int(&r, "count", 1, 100, &order->count);
	mp_json_read_bool(&r, "urgent", &order->urgent);
	mp_json_read_time(&r, "due", &order->due_ms);
	mp_json_read_choice(&r, "source", "wallet|card", &order->source);
	mp_json_read_money(&r, "amount", "currency", &currencies, &order->money);
	mp_json_read_array(&r, "legs", 1, 3, &order->legs);
	mp_json_read_optional(&r);
	mp_json_read_object(&r, "extra", &order->extra);
	enum mp_rc rc = mp_json_read_end(&r);
	json_decref(json);
	return rc;
}

#define REST                                                                                       \
	"\"payer\":\"" ID_TEXT "\",\"payee\":null,\"count\":7,\"urgent\":true,"                    \
	"\"due\":\"2026-01-31T12:34:56Z\",\"source\":\"card\",\"legs\":[1]"

static void right_fields_are_read(void **state)
{
	struct order order = {.note = "untouched", .payee = {"x"}};

	assert_int_equal(
		read_order("{\"name\":\"anna\",\"amount\":\"12.5\"," REST "}", &order), MP_OK);
	assert_string_equal(mp_buf_text(&told), "");
	assert_string_equal(order.note, "untouched"); /* optional and absent */
	assert_string_equal(order.payer.text, ID_TEXT);
	assert_true(mp_id_is_none(&order.payee));
	assert_int_equal(order.count, 7);
	assert_true(order.urgent);
	assert_int_equal(order.due_ms, 1769862896000);
	assert_int_equal(order.source, 1);
	assert_int_equal(order.money.minor, 1250);
	assert_string_equal(order.money.currency, "USD");

	assert_int_equal(read_order("{\"name\":\"anna\",\"note\":null,\"amount\":\"700\","
				    "\"currency\":\"JPY\",\"extra\":{\"a\":1}," REST "}",
				 &order),
		MP_OK);
	assert_null(order.note);
	assert_int_equal(order.money.minor, 700);
	assert_string_equal(order.money.currency, "JPY");
	assert_non_null(order.extra);
}

static void every_wrong_field_is_told_at_once(void **state)
{
	struct order order = {.count = 4711, .source = 4711, .money.minor = 4711};

	assert_int_equal(read_order("{\"name\":1,\"note\":2,\"payer\":\"x\",\"payee\":3,"
				    "\"count\":\"7\",\"urgent\":1,\"due\":\"soon\","
				    "\"source\":\"bank\",\"amount\":12.5,\"legs\":{},\"extra\":[],"
				    "\"colour\":\"red\"}",
				 &order),
		MP_INVALID);
	assert_string_equal(mp_buf_text(&told),
		"name must be a string\n"
		"note must be a string\n"
		"payer must be a UUID in lower case\n"
		"payee must be a string\n"
		"count must be a whole number\n"
		"urgent must be true or false\n"
		"due must be an RFC 3339 time, such as \"2026-01-31T12:00:00Z\"\n"
		"source must be one of: wallet, card\n"
		"amount must be a decimal string with at most 2 decimals, such as \"12.50\"\n"
		"legs must be an array\n"
		"extra must be a JSON object\n"
		"colour is not a known field\n");
	assert_null(order.name);
	assert_int_equal(order.count, 4711);
	assert_int_equal(order.source, 4711);
	assert_int_equal(order.money.minor, 4711);
	assert_null(order.legs);
}

static void every_missing_field_is_told_at_once(void **state)
{
	struct order order = {0};

	assert_int_equal(read_order("{}", &order), MP_INVALID);
	assert_string_equal(mp_buf_text(&told),
		"name is required\npayer is required\npayee is required\n"
		"count is required\nurgent is required\ndue is required\n"
		"source is required\namount is required\nlegs is required\n");
}

static void null_is_refused_unless_the_field_takes_it(void **state)
{
	struct order order = {0};

	assert_int_equal(read_order("{\"name\":null,\"payer\":null,\"payee\":null,\"count\":null,"
				    "\"urgent\":null,\"due\":null,\"source\":null,\"amount\":null,"
				    "\"currency\":null,\"legs\":null,\"extra\":null}",
				 &order),
		MP_INVALID);
	assert_string_equal(mp_buf_text(&told),
		"name must be a string\n"
		"payer must be a string\n"
		"count must be a whole number\n"
		"urgent must be true or false\n"
		"due must be an RFC 3339 time, such as \"2026-01-31T12:00:00Z\"\n"
		"source must be a string\n"
		"currency must be a string\n"
		"amount must be a string\n"
		"legs must be an array\n"
		"extra must be a JSON object\n");
}

static void what_is_no_object_is_told_once(void **state)
{
	struct order order = {0};

	assert_int_equal(read_order("[1]", &order), MP_INVALID);
	assert_string_equal(mp_buf_text(&told), " must be a JSON object\n");
	assert_int_equal(read_order("\"text\"", &order), MP_INVALID);
}

/* One text field of 3 to 8 bytes. */
static void texts_are_bounded_in_bytes_and_without_control_characters(void **state)
{
	static const struct {
		const char *value; /* as JSON */
		const char *says;  /* "": read */
	} rows[] = {
		{"\"abc\"", ""},
		{"\"abcdefgh\"", ""},
		{"\"\xc3\xa4\xc3\xa4\xc3\xa4\"", ""},
		{"\"\"", "name must not be empty\n"},
		{"\"ab\"", "name must be at least 3 characters long\n"},
		{"\"abcdefghi\"", "name must be at most 8 bytes of UTF-8\n"},
		{"\"a\\nb\"", "name must not hold control characters\n"},
		{"\"ab\\u007f\"", "name must not hold control characters\n"},
		{"[\"abc\"]", "name must be a string\n"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mp_json_reader r;
		char body[64];
		const char *name = NULL;
		assert_true(snprintf(body, sizeof(body), "{\"name\":%s}", rows[i].value) > 0);
		json_t *json = json_of(body);
		mp_buf_clear(&told);
		mp_json_read_begin(&r, json, "", &errors);
		mp_json_read_text(&r, "name", 3, 8, &name);
		bool ok = rows[i].says[0] == '\0';
		enum mp_rc rc = mp_json_read_end(&r);
		wrong += mp_wrong(rc == (ok ? MP_OK : MP_INVALID) && (name != NULL) == ok &&
					  strcmp(mp_buf_text(&told), rows[i].says) == 0,
			"row %zu: %s", i, mp_buf_text(&told));
		json_decref(json);
	}
	assert_int_equal(wrong, 0);
}

static void amounts_say_exactly_what_is_wrong_with_them(void **state)
{
	static const struct {
		const char *fields;
		const char *says;
	} rows[] = {
		{"\"amount\":\"0.01\"", ""},
		{"\"amount\":\"5\",\"currency\":\"JPY\"", ""},
		{"\"amount\":\"0\"", "amount must be more than zero\n"},
		{"\"amount\":\"0.00\"", "amount must be more than zero\n"},
		{"\"amount\":\"12.505\"", "amount has more than 2 decimals\n"},
		{"\"amount\":\"99999999999999999999\"", "amount is too large\n"},
		{"\"amount\":\"-5\"",
			"amount must be a decimal string with at most 2 decimals, such as "
			"\"12.50\"\n"},
		{"\"amount\":\"\"",
			"amount must be a decimal string with at most 2 decimals, such as "
			"\"12.50\"\n"},
		{"\"amount\":5", "amount must be a decimal string with at most 2 decimals, such as "
				 "\"12.50\"\n"},
		{"\"amount\":5,\"currency\":\"JPY\"",
			"amount must be a decimal string without decimals, such as \"12\"\n"},
		{"\"amount\":\"x\",\"currency\":\"BHD\"",
			"amount must be a decimal string with at most 3 decimals, such as "
			"\"12.500\"\n"},
		{"\"amount\":\"5.5\",\"currency\":\"JPY\"",
			"amount has decimals, and this currency has none\n"},
		{"\"amount\":\"5\",\"currency\":\"EUR\"",
			"currency must be one of: USD, JPY, BHD\n"},
		{"\"amount\":\"5\",\"currency\":\"\"", "currency must be one of: USD, JPY, BHD\n"},
		{"\"amount\":5,\"currency\":1",
			"currency must be a string\namount must be a string\n"},
		{"\"currency\":\"EUR\"", "amount is required\n"
					 "currency must be one of: USD, JPY, BHD\n"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mp_json_reader r;
		char body[128];
		struct mp_money money = {.minor = 4711};
		assert_true(snprintf(body, sizeof(body), "{%s}", rows[i].fields) > 0);
		json_t *json = json_of(body);
		mp_buf_clear(&told);
		mp_json_read_begin(&r, json, "", &errors);
		mp_json_read_money(&r, "amount", "currency", &currencies, &money);
		bool ok = rows[i].says[0] == '\0';
		enum mp_rc rc = mp_json_read_end(&r);
		wrong += mp_wrong(rc == (ok ? MP_OK : MP_INVALID) && (money.minor != 4711) == ok &&
					  strcmp(mp_buf_text(&told), rows[i].says) == 0,
			"row %zu: %s", i, mp_buf_text(&told));
		json_decref(json);
	}
	assert_int_equal(wrong, 0);
}

static void an_optional_amount_may_be_absent(void **state)
{
	struct mp_json_reader r;
	struct mp_money money = {.minor = 4711};
	json_t *json = json_of("{}");

	mp_json_read_begin(&r, json, "", &errors);
	mp_json_read_optional(&r);
	mp_json_read_money(&r, "amount", NULL, &currencies, &money);
	assert_int_equal(mp_json_read_end(&r), MP_OK);
	assert_int_equal(money.minor, 4711);
	json_decref(json);
}

static void sizes_and_ranges_are_told(void **state)
{
	struct mp_json_reader r;
	const json_t *legs = NULL;
	int64_t count = 0;
	const char *code = NULL;
	json_t *json = json_of("{\"legs\":[1,2,3],\"none\":[],\"count\":0,\"real\":1.0,"
			       "\"code\":\"ABCD\"}");

	mp_json_read_begin(&r, json, "", &errors);
	mp_json_read_array(&r, "legs", 1, 2, &legs);
	mp_json_read_array(&r, "none", 1, 2, &legs);
	mp_json_read_int(&r, "count", 1, 100, &count);
	mp_json_read_int(&r, "real", 1, 100, &count);
	mp_json_read_text(&r, "code", 3, 3, &code);
	assert_int_equal(mp_json_read_end(&r), MP_INVALID);
	assert_string_equal(mp_buf_text(&told), "legs must hold 1 to 2 items\n"
						"none must hold 1 to 2 items\n"
						"count must be from 1 to 100\n"
						"real must be a whole number\n"
						"code must be exactly 3 characters long\n");
	json_decref(json);
}

static void paths_lead_to_inner_fields(void **state)
{
	struct mp_json_reader r;
	int64_t amount = 0;
	json_t *json = json_of("{\"amount\":\"x\",\"more\":1}");

	mp_json_read_begin(&r, json, "legs[2]", &errors);
	mp_json_read_int(&r, "amount", 1, 2, &amount);
	mp_json_read_refuse(&r, "to", "is the same as from");
	assert_int_equal(mp_json_read_end(&r), MP_INVALID);
	assert_string_equal(mp_buf_text(&told), "legs[2].amount must be a whole number\n"
						"legs[2].to is the same as from\n"
						"legs[2].more is not a known field\n");

	mp_buf_clear(&told);
	mp_json_read_begin(&r, NULL, "legs[3]", &errors);
	assert_int_equal(mp_json_read_end(&r), MP_INVALID);
	assert_string_equal(mp_buf_text(&told), "legs[3] must be a JSON object\n");
	json_decref(json);
}

static void unknown_fields_may_be_ignored(void **state)
{
	struct mp_json_reader r;
	bool on = false;
	json_t *json = json_of("{\"on\":true,\"object\":\"event\",\"livemode\":false}");

	mp_json_read_begin(&r, json, "", &errors);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_bool(&r, "on", &on);
	assert_int_equal(mp_json_read_end(&r), MP_OK);
	assert_true(on);
	json_decref(json);
}

static int lines_told(void)
{
	int count = 0;

	for (const char *at = mp_buf_text(&told); (at = strchr(at, '\n')) != NULL; at++)
		count++;
	return count;
}

static void unknown_fields_get_a_short_answer(void **state)
{
	struct mp_json_reader r;
	json_t *json = json_object();
	char name[203];

	/* Long names, a character across each place where one might be cut. */
	for (size_t i = 0; i < 100; i++) {
		for (size_t at = 0; at < 200; at += 2)
			memcpy(name + at, "\xc3\xa4", 2);
		name[i] = '\0';
		if (!mp_text_is_utf8(name, i))
			continue;
		memcpy(name + i,
			"<---------------------------------------------------------------->", 67);
		assert_int_equal(json_object_set_new(json, name, json_true()), 0);
	}
	mp_json_read_begin(&r, json, "", &errors);
	assert_int_equal(mp_json_read_end(&r), MP_INVALID);
	assert_int_equal(lines_told(), 16);
	assert_true(told.len < 16 * 100);
	assert_true(mp_text_is_utf8(told.data, told.len));
	assert_non_null(strstr(mp_buf_text(&told), "... is not a known field\n"));
	json_decref(json);
}

static void without_a_place_for_errors_the_result_is_the_same(void **state)
{
	struct mp_json_reader r;
	struct mp_field_errors nowhere = {0};
	bool on = false;
	json_t *json = json_of("{\"on\":1}");

	mp_json_read_begin(&r, json, "", NULL);
	mp_json_read_bool(&r, "on", &on);
	assert_int_equal(mp_json_read_end(&r), MP_INVALID);
	mp_json_read_begin(&r, json, "", &nowhere);
	mp_json_read_bool(&r, "on", &on);
	assert_int_equal(mp_json_read_end(&r), MP_INVALID);
	json_decref(json);
}

static void builders_write_what_the_reader_reads(void **state)
{
	struct mp_id none = {0};
	struct mp_id id;
	json_t *json = json_object();
	int failed = 0;

	assert_true(mp_id_parse(ID_TEXT, &id));
	failed |= mp_json_set_text(json, "text", "gr\xc3\xbc\xc3\x9f");
	failed |= mp_json_set_text(json, "no_text", NULL);
	failed |= mp_json_set_id(json, "id", &id);
	failed |= mp_json_set_id(json, "no_id", &none);
	failed |= mp_json_set_int(json, "int", INT64_MIN);
	failed |= mp_json_set_bool(json, "yes", true);
	failed |= mp_json_set_bool(json, "no", false);
	failed |= mp_json_set_time(json, "time", 1769862896789);
	failed |= mp_json_set_minor(json, "amount", -5, mp_currencies_find(&currencies, "USD"));
	assert_int_equal(failed, 0);

	char *text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text,
		"{\"text\":\"gr\xc3\xbc\xc3\x9f\",\"no_text\":null,\"id\":\"" ID_TEXT "\","
		"\"no_id\":null,\"int\":-9223372036854775808,\"yes\":true,\"no\":false,"
		"\"time\":\"2026-01-31T12:34:56.789Z\",\"amount\":\"-0.05\"}");
	free(text);

	/* What cannot be text changes nothing. */
	assert_int_not_equal(mp_json_set_text(json, "broken", "\xff"), 0);
	assert_null(json_object_get(json, "broken"));
	assert_int_not_equal(mp_json_set_int(NULL, "int", 1), 0);
	json_decref(json);
}

static int init(void **state)
{
	char reterr[160];

	mp_json_init();
	mp_buf_init(&told, 65536);
	return mp_currencies_parse("USD:2:2:0.50,JPY:0:0:50,BHD:3:2:0.200", &currencies, reterr) ==
			       MP_OK
		       ? 0
		       : -1;
}

static int clear(void **state)
{
	mp_buf_clear(&told);
	return 0;
}

static int done(void **state)
{
	mp_buf_done(&told);
	return 0;
}

#define test(name) cmocka_unit_test_setup(name, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(right_fields_are_read),
		test(every_wrong_field_is_told_at_once),
		test(every_missing_field_is_told_at_once),
		test(null_is_refused_unless_the_field_takes_it),
		test(what_is_no_object_is_told_once),
		test(texts_are_bounded_in_bytes_and_without_control_characters),
		test(amounts_say_exactly_what_is_wrong_with_them),
		test(an_optional_amount_may_be_absent),
		test(sizes_and_ranges_are_told),
		test(paths_lead_to_inner_fields),
		test(unknown_fields_may_be_ignored),
		test(unknown_fields_get_a_short_answer),
		test(without_a_place_for_errors_the_result_is_the_same),
		test(builders_write_what_the_reader_reads),
	};
	return cmocka_run_group_tests_name("json_read", tests, init, done);
}
