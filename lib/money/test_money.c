#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/testing.h"
#include "money/money.h"

static const struct mp_currency USD = {"USD", 2, 2, 50};
static const struct mp_currency JPY = {"JPY", 0, 0, 50};
static const struct mp_currency UGX = {"UGX", 0, 2, 2000};
static const struct mp_currency BHD = {"BHD", 3, 2, 200};
static const struct mp_currency CLF = {"CLF", 4, 0, 0};

static const char *const NOT_DECIMAL = MP_MONEY_NOT_DECIMAL;

static void parse_reads_exact_amounts_and_says_what_is_wrong(void **state)
{
	const struct {
		const char *text;
		const struct mp_currency *currency;
		int64_t minor;
		const char *reason; /* NULL: read */
	} rows[] = {
		{"12.50", &USD, 1250, NULL},
		{"12.5", &USD, 1250, NULL},
		{"12", &USD, 1200, NULL},
		{"0", &USD, 0, NULL},
		{"0.00", &USD, 0, NULL},
		{"0.05", &USD, 5, NULL},
		{"92233720368547758.07", &USD, INT64_MAX, NULL},
		{"9223372036854775807", &JPY, INT64_MAX, NULL},
		{"1.2345", &CLF, 12345, NULL},
		{"1.234", &BHD, 1234, NULL},
		{"92233720368547758.08", &USD, 0, "is too large"},
		{"9223372036854775808", &JPY, 0, "is too large"},
		{"92233720368547759", &USD, 0, "is too large"},
		{"99999999999999999999999999999999999999", &JPY, 0, "is too large"},
		{"1.234", &USD, 0, "has more than 2 decimals"},
		{"1.000", &USD, 0, "has more than 2 decimals"},
		{"1.0", &JPY, 0, "has decimals, and this currency has none"},
		{"1.23456", &CLF, 0, "has more than 4 decimals"},
		{"1.2345", &BHD, 0, "has more than 3 decimals"},
		{"", &USD, 0, NOT_DECIMAL},
		{".", &USD, 0, NOT_DECIMAL},
		{".5", &USD, 0, NOT_DECIMAL},
		{"5.", &USD, 0, NOT_DECIMAL},
		{"00", &USD, 0, NOT_DECIMAL},
		{"01.50", &USD, 0, NOT_DECIMAL},
		{"-1.50", &USD, 0, NOT_DECIMAL},
		{"+1.50", &USD, 0, NOT_DECIMAL},
		{"1,50", &USD, 0, NOT_DECIMAL},
		{"1 000", &USD, 0, NOT_DECIMAL},
		{" 1", &USD, 0, NOT_DECIMAL},
		{"1\n", &USD, 0, NOT_DECIMAL},
		{"1e3", &USD, 0, NOT_DECIMAL},
		{"1.5.0", &USD, 0, NOT_DECIMAL},
		{"0x10", &USD, 0, NOT_DECIMAL},
		{"NaN", &USD, 0, NOT_DECIMAL},
		{"inf", &USD, 0, NOT_DECIMAL},
		{"\xef\xbc\x91", &USD, 0, NOT_DECIMAL}, /* a full-width 1 */
		{NULL, &USD, 0, NOT_DECIMAL},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mp_money money = {.minor = 4711, .currency = "ZZZ"};
		const char *reason = NULL;
		enum mp_rc rc = mp_money_parse(rows[i].text, rows[i].currency, &money, &reason);
		if (rows[i].reason == NULL)
			wrong += mp_wrong(
				rc == MP_OK && reason == NULL && money.minor == rows[i].minor &&
					strcmp(money.currency, rows[i].currency->code) == 0,
				"row %zu: %s, %" PRId64, i, mp_rc_name(rc), money.minor);
		else
			wrong += mp_wrong(rc == MP_INVALID && money.minor == 4711 &&
						  strcmp(money.currency, "ZZZ") == 0 &&
						  reason != NULL &&
						  strcmp(reason, rows[i].reason) == 0,
				"row %zu: %s, %s", i, mp_rc_name(rc), reason ? reason : "-");
	}
	assert_int_equal(wrong, 0);
}

static void every_allowed_currency_is_told(void **state)
{
	char text[MP_CURRENCIES_TEXT_SIZE];
	char want[MP_CURRENCIES_TEXT_SIZE];
	struct mp_currencies many = {.count = MP_CURRENCIES_MAX};
	struct mp_currencies two = {.items = {USD, JPY}, .count = 2};

	mp_currencies_tell(&two, text);
	assert_string_equal(text, "must be one of: USD, JPY");
	int len = snprintf(want, sizeof(want), "must be one of: ");
	for (size_t i = 0; i < MP_CURRENCIES_MAX; i++) {
		many.items[i] = USD;
		len += snprintf(want + len, sizeof(want) - (size_t)len, "%sUSD", i > 0 ? ", " : "");
	}
	mp_currencies_tell(&many, text);
	assert_string_equal(text, want);
}

static void format_writes_all_of_the_currencys_digits(void **state)
{
	const struct {
		int64_t minor;
		const struct mp_currency *currency;
		const char *text;
	} rows[] = {
		{1250, &USD, "12.50"},
		{-5, &USD, "-0.05"},
		{0, &USD, "0.00"},
		{700, &JPY, "700"},
		{-700, &JPY, "-700"},
		{0, &JPY, "0"},
		{1, &CLF, "0.0001"},
		{INT64_MAX, &USD, "92233720368547758.07"},
		{INT64_MIN, &USD, "-92233720368547758.08"},
		{INT64_MIN, &JPY, "-9223372036854775808"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[MP_AMOUNT_TEXT_SIZE];
		mp_money_format(rows[i].minor, rows[i].currency, text);
		wrong += mp_wrong(strcmp(text, rows[i].text) == 0, "row %zu: %s", i, text);
	}
	assert_int_equal(wrong, 0);
}

static void what_is_written_reads_back(void **state)
{
	const struct mp_currency *const currencies[] = {&USD, &JPY, &BHD, &CLF};
	int wrong = 0;

	for (size_t c = 0; c < sizeof(currencies) / sizeof(currencies[0]); c++) {
		/* Steps that are multiples of nothing, up to the largest. */
		for (int64_t minor = 0; minor < INT64_MAX / 3 * 2; minor = minor * 2 + 37) {
			char text[MP_AMOUNT_TEXT_SIZE];
			struct mp_money back = {0};
			const char *reason = "";
			mp_money_format(minor, currencies[c], text);
			wrong += mp_wrong(
				mp_money_parse(text, currencies[c], &back, &reason) == MP_OK &&
					back.minor == minor,
				"%s %s: %s", text, currencies[c]->code, reason);
			if (minor > INT64_MAX / 2 - 37)
				break;
		}
	}
	assert_int_equal(wrong, 0);
}

static void arithmetic_refuses_to_overflow(void **state)
{
	int64_t out = 4711;

	assert_int_equal(mp_minor_add(1, 2, &out), MP_OK);
	assert_int_equal(out, 3);
	assert_int_equal(mp_minor_sub(1, 2, &out), MP_OK);
	assert_int_equal(out, -1);
	assert_int_equal(mp_minor_add(INT64_MAX, 0, &out), MP_OK);
	assert_int_equal(mp_minor_sub(-1, INT64_MAX, &out), MP_OK);
	assert_int_equal(out, INT64_MIN);
	assert_int_equal(mp_minor_add(INT64_MAX, 1, &out), MP_INVALID);
	assert_int_equal(mp_minor_add(INT64_MIN, -1, &out), MP_INVALID);
	assert_int_equal(mp_minor_sub(INT64_MIN, 1, &out), MP_INVALID);
	assert_int_equal(mp_minor_sub(0, INT64_MIN, &out), MP_INVALID);
	assert_int_equal(out, INT64_MIN);
}

static void the_providers_amounts_are_exact_or_refused(void **state)
{
	int64_t out = 4711;

	assert_int_equal(mp_money_to_provider(1250, &USD, &out), MP_OK);
	assert_int_equal(out, 1250);
	assert_int_equal(mp_money_to_provider(700, &UGX, &out), MP_OK);
	assert_int_equal(out, 70000);
	assert_int_equal(mp_money_from_provider(70000, &UGX, &out), MP_OK);
	assert_int_equal(out, 700);
	assert_int_equal(mp_money_to_provider(1230, &BHD, &out), MP_OK);
	assert_int_equal(out, 123);
	assert_int_equal(mp_money_from_provider(123, &BHD, &out), MP_OK);
	assert_int_equal(out, 1230);

	assert_int_equal(mp_money_to_provider(1234, &BHD, &out), MP_INVALID);
	assert_int_equal(mp_money_from_provider(70050, &UGX, &out), MP_INVALID);
	assert_int_equal(mp_money_to_provider(INT64_MAX / 10, &UGX, &out), MP_INVALID);
	assert_int_equal(mp_money_from_provider(INT64_MAX / 10 + 1, &CLF, &out), MP_INVALID);
	assert_int_equal(out, 1230);
}

static void chargeable_is_the_least_that_the_provider_takes(void **state)
{
	const struct {
		const struct mp_currency *currency;
		int64_t minor;
		int64_t chargeable; /* -1: refused */
	} rows[] = {
		{&USD, 13000, 13000}, {&USD, 50, 50}, {&USD, 49, 50}, {&USD, 1, 50}, {&USD, 0, 50},
		{&USD, -7, 50}, {&USD, INT64_MAX, INT64_MAX}, {&BHD, 1231, 1240},
		{&BHD, 1240, 1240}, {&BHD, 3, 200}, {&CLF, 1, 10000}, {&CLF, 0, 0},
		{&BHD, INT64_MAX, -1},			   /* rounded up it would overflow */
		{&UGX, 2001, 2001}, {&UGX, INT64_MAX, -1}, /* the provider's integer would */
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t out = -1;
		enum mp_rc rc = mp_money_chargeable(rows[i].minor, rows[i].currency, &out);
		wrong += mp_wrong(out == rows[i].chargeable &&
					  rc == (rows[i].chargeable < 0 ? MP_INVALID : MP_OK),
			"row %zu: %s, %" PRId64, i, mp_rc_name(rc), out);
	}
	assert_int_equal(wrong, 0);
}

static void currencies_are_read_from_the_setting(void **state)
{
	struct mp_currencies currencies;
	char reterr[160] = "untouched";

	assert_int_equal(
		mp_currencies_parse("USD:2:2:0.50,JPY:0:0:50,UGX:0:2:2000", &currencies, reterr),
		MP_OK);
	assert_string_equal(reterr, "untouched");
	assert_int_equal(currencies.count, 3);
	const struct mp_currency *found = mp_currencies_find(&currencies, "UGX");
	assert_non_null(found);
	assert_int_equal(found->exponent, 0);
	assert_int_equal(found->provider_exponent, 2);
	assert_int_equal(found->provider_minimum_minor, 2000);

	/* The first is the default. */
	assert_string_equal(mp_currencies_find(&currencies, NULL)->code, "USD");
	assert_string_equal(mp_currencies_find(&currencies, "")->code, "USD");
	assert_int_equal(mp_currencies_find(&currencies, "USD")->provider_minimum_minor, 50);
	assert_null(mp_currencies_find(&currencies, "EUR"));
	assert_null(mp_currencies_find(&currencies, "usd"));
	assert_null(mp_currencies_find(&currencies, "USDX"));
}

static void wrong_currency_settings_are_refused_by_name(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{NULL, "CODE:EXPONENT"},
		{"", "CODE:EXPONENT"},
		{"USD", "CODE:EXPONENT"},
		{"USD:2:2", "CODE:EXPONENT"},
		{"USD:2:2:0.50:1", "CODE:EXPONENT"},
		{"USD:2:2:0.50,", "CODE:EXPONENT"},
		{"USD:2:2:0.50 ,JPY:0:0:50", "minimum"},
		{"USD:2:2:0000000000000000000000000000000000000000000000000000", "CODE:EXPONENT"},
		{"usd:2:2:0.50", "\"usd\""},
		{"US:2:2:0.50", "capital letters"},
		{"USDX:2:2:0.50", "capital letters"},
		{" USD:2:2:0.50", "capital letters"},
		{"USD:5:2:0.50", "0 to 4"},
		{"USD:-1:2:0.50", "0 to 4"},
		{"USD:02:2:0.50", "0 to 4"},
		{"USD:2:3:0.50", "0 to 2"},
		{"USD:2::0.50", "0 to 2"},
		{"USD:2:2:-0.50", "minimum"},
		{"USD:2:2:0.505", "minimum"},
		{"USD:2:2:", "minimum"},
		{"USD:2:2:0.50,EUR:2:2:0.50,USD:2:2:0.50", "\"USD\": stands there twice"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mp_currencies currencies = {.count = 17};
		char reterr[160] = "";
		enum mp_rc rc = mp_currencies_parse(rows[i].text, &currencies, reterr);
		wrong += mp_wrong(rc == MP_INVALID && currencies.count == 17 &&
					  strstr(reterr, rows[i].says) != NULL,
			"row %zu: %s, \"%s\"", i, mp_rc_name(rc), reterr);
	}
	assert_int_equal(wrong, 0);
}

static void a_deployment_has_at_most_32_currencies(void **state)
{
	char text[MP_CURRENCIES_MAX * 10 + 10];
	struct mp_currencies currencies;
	char reterr[160] = "";

	for (size_t i = 0; i <= MP_CURRENCIES_MAX; i++) {
		memcpy(text + i * 10, "AAA:2:2:1,", 10);
		text[i * 10 + 1] = (char)('A' + i / 26);
		text[i * 10 + 2] = (char)('A' + i % 26);
	}
	text[MP_CURRENCIES_MAX * 10 - 1] = '\0';
	assert_int_equal(mp_currencies_parse(text, &currencies, reterr), MP_OK);
	assert_int_equal(currencies.count, MP_CURRENCIES_MAX);
	text[MP_CURRENCIES_MAX * 10 - 1] = ',';
	text[MP_CURRENCIES_MAX * 10 + 9] = '\0';
	assert_int_equal(mp_currencies_parse(text, &currencies, reterr), MP_INVALID);
	assert_non_null(strstr(reterr, "at most 32"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_reads_exact_amounts_and_says_what_is_wrong),
		cmocka_unit_test(every_allowed_currency_is_told),
		cmocka_unit_test(format_writes_all_of_the_currencys_digits),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(arithmetic_refuses_to_overflow),
		cmocka_unit_test(the_providers_amounts_are_exact_or_refused),
		cmocka_unit_test(chargeable_is_the_least_that_the_provider_takes),
		cmocka_unit_test(currencies_are_read_from_the_setting),
		cmocka_unit_test(wrong_currency_settings_are_refused_by_name),
		cmocka_unit_test(a_deployment_has_at_most_32_currencies),
	};
	return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
