#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/testing.h"

static void times_are_written_as_rfc_3339_in_utc(void **state)
{
	static const struct {
		int64_t time_ms;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{1769862896789, "2026-01-31T12:34:56.789Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{4107542399999, "2100-02-28T23:59:59.999Z"},
		{4107542400000, "2100-03-01T00:00:00.000Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{-62167219200000, "0000-01-01T00:00:00.000Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
		{INT64_MIN, "0000-01-01T00:00:00.000Z"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[MP_TIME_TEXT_SIZE];
		mp_time_format(rows[i].time_ms, text);
		wrong +=
			mp_wrong(strcmp(text, rows[i].text) == 0, "%s, not %s", text, rows[i].text);
	}
	assert_int_equal(wrong, 0);
}

static void every_day_agrees_with_the_system_and_reads_back(void **state)
{
	int wrong = 0;

	/* 1600 to 2400, at a time of day that moves. */
	for (int64_t day = -135140; day < 157054 && wrong < 5; day++) {
		int64_t time_ms = day * 86400000 + (day & 0xffff) * 997;
		time_t seconds = (time_t)((time_ms - (time_ms % 1000 + 1000) % 1000) / 1000);
		struct tm tm;
		char text[MP_TIME_TEXT_SIZE];
		char expected[64];
		int64_t back = 0;

		assert_non_null(gmtime_r(&seconds, &tm));
		assert_int_not_equal(strftime(expected, sizeof(expected), "%FT%T", &tm), 0);
		mp_time_format(time_ms, text);
		wrong += mp_wrong(memcmp(text, expected, 19) == 0, "%s, not %s", text, expected);
		wrong += mp_wrong(mp_time_parse(text, &back) == MP_OK && back == time_ms,
			"%s read back as %" PRId64, text, back);
		wrong += mp_wrong(
			mp_time_month(time_ms) == (tm.tm_year + 1900) * 100 + tm.tm_mon + 1,
			"%s is in month %d", text, mp_time_month(time_ms));
	}
	assert_int_equal(wrong, 0);
}

static void parse_takes_rfc_3339_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		int64_t time_ms; /* -1: refused */
	} rows[] = {
		{"2026-01-31T12:34:56.789Z", 1769862896789},
		{"2026-01-31T12:34:56Z", 1769862896000},
		{"2026-01-31t12:34:56z", 1769862896000},
		{"2026-01-31T12:34:56.7Z", 1769862896700},
		{"2026-01-31T12:34:56.789999999Z", 1769862896789},
		{"2026-01-31T14:34:56+02:00", 1769862896000},
		{"2026-01-31T07:04:56-05:30", 1769862896000},
		{"2026-01-31T12:34:56-00:00", 1769862896000},
		{"2016-12-31T23:59:60Z", 1483228800000},
		{"2017-01-01T00:59:60+01:00", 1483228800000},
		{"2016-12-31T22:59:60Z", -1},
		{"2026-01-31", -1},
		{"2026-01-31T12:34Z", -1},
		{"2026-01-31T12:34:56", -1},
		{"2026-01-31T12:34:56.Z", -1},
		{"2026-01-31 12:34:56Z", -1},
		{"2026-1-31T12:34:56Z", -1},
		{"2026-01-31T24:00:00Z", -1},
		{"2026-01-31T12:60:00Z", -1},
		{"2026-01-31T12:34:61Z", -1},
		{"2026-01-31T12:34:56+24:00", -1},
		{"2026-01-31T12:34:56+02:60", -1},
		{"2026-01-31T12:34:56+0200", -1},
		{"2026-00-31T12:34:56Z", -1},
		{"2026-13-31T12:34:56Z", -1},
		{"2026-02-29T12:34:56Z", -1},
		{"2026-04-31T12:34:56Z", -1},
		{"2026-04-00T12:34:56Z", -1},
		{"1900-02-29T12:34:56Z", -1},
		{"2000-02-29T00:00:00Z", 951782400000},
		{"0000-01-01T00:00:00+00:01", -1},
		{"9999-12-31T23:59:59-00:01", -1},
		{"2026-01-31T12:34:56Zx", -1},
		{" 2026-01-31T12:34:56Z", -1},
		{"", -1},
		{NULL, -1},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t time_ms = -1;
		enum mp_rc rc = mp_time_parse(rows[i].text, &time_ms);
		wrong += mp_wrong(time_ms == rows[i].time_ms &&
					  rc == (rows[i].time_ms == -1 ? MP_INVALID : MP_OK),
			"\"%s\": %s, %" PRId64, rows[i].text ? rows[i].text : "NULL",
			mp_rc_name(rc), time_ms);
	}
	assert_int_equal(wrong, 0);
}

static void clocks_go_forward(void **state)
{
	int64_t wall = mp_clock_ms();
	int64_t mono_us = mp_clock_mono_us();
	int64_t mono_ms = mp_clock_mono_ms();

	assert_true(wall > 1767225600000); /* 2026 */
	assert_true(mp_clock_mono_us() >= mono_us);
	assert_true(mono_ms >= mono_us / 1000);
	assert_true(mono_ms - mono_us / 1000 < 60000);
	mp_sleep_ms(20);
	assert_true(mp_clock_mono_us() - mono_us >= 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_as_rfc_3339_in_utc),
		cmocka_unit_test(every_day_agrees_with_the_system_and_reads_back),
		cmocka_unit_test(parse_takes_rfc_3339_and_nothing_else),
		cmocka_unit_test(clocks_go_forward),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
