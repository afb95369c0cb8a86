#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/testing.h"
#include "base/testing_alloc.h"
#include "base/trace.h"
#include "log/log.h"

static char written[1 << 20];
static int stderr_before;
static FILE *file;

/* From here to capture_end standard error goes to a file. */
static void capture_begin(void)
{
	file = tmpfile();
	assert_non_null(file);
	stderr_before = dup(STDERR_FILENO);
	assert_true(stderr_before >= 0);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
}

static const char *capture_end(void)
{
	assert_true(dup2(stderr_before, STDERR_FILENO) >= 0);
	assert_int_equal(close(stderr_before), 0);
	assert_int_equal(fseek(file, 0, SEEK_SET), 0);
	size_t len = fread(written, 1, sizeof(written) - 1, file);
	written[len] = '\0';
	assert_int_equal(fclose(file), 0);
	return written;
}

/* The one line that was written, parsed; its length is checked. */
static json_t *one_line(const char *text)
{
	json_error_t error;
	const char *end = strchr(text, '\n');

	assert_non_null(end);
	assert_string_equal(end, "\n");
	assert_true(strlen(text) <= 4096);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		print_error("%s: %s", error.text, text);
	assert_non_null(json);
	return json;
}

static const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));
	return text != NULL ? text : "(none)";
}

static void a_line_is_one_json_object_with_its_fields_in_order(void **state)
{
	int64_t time_ms = 0;
	int64_t before = mp_clock_ms();

	mp_trace_begin("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	capture_begin();
	mp_log(MP_LOG_INFO, "listening", MP_TEXT("address", "127.0.0.1"), MP_INT("port", -8080),
		MP_RC(MP_STALE));
	const char *text = capture_end();
	mp_trace_end();

	json_t *json = one_line(text);
	assert_int_equal(mp_time_parse(text_of(json, "time"), &time_ms), MP_OK);
	assert_true(time_ms >= before && time_ms <= mp_clock_ms());
	json_decref(json);
	assert_non_null(
		strstr(text, "Z\",\"level\":\"info\",\"service\":\"test\",\"event\":\"listening\","
			     "\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
			     "\"address\":\"127.0.0.1\",\"port\":-8080,\"rc\":\"stale\"}\n"));
}

static void without_fields_and_trace_a_line_is_whole(void **state)
{
	capture_begin();
	mp_log(MP_LOG_ERROR, "stopped");
	json_t *json = one_line(capture_end());
	assert_string_equal(text_of(json, "level"), "error");
	assert_null(json_object_get(json, "trace"));
	assert_int_equal(json_object_size(json), 4);
	json_decref(json);
}

static void every_byte_is_escaped_so_that_it_reads_back(void **state)
{
	int wrong = 0;

	for (int c = 1; c < 128; c++) {
		const char value[] = {'<', (char)c, '>', '\0'};
		capture_begin();
		mp_log(MP_LOG_INFO, "byte", MP_TEXT("value", value));
		json_t *json = one_line(capture_end());
		wrong += mp_wrong(strcmp(text_of(json, "value"), value) == 0, "byte %#x", c);
		json_decref(json);
	}
	assert_int_equal(wrong, 0);
}

static void text_that_is_not_utf8_is_replaced(void **state)
{
	static const struct {
		const char *value;
		const char *expected;
	} rows[] = {
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xf0\x9f\x92\xb6", "\xf0\x9f\x92\xb6"},
		{"a\xff\x62", "a\xef\xbf\xbd\x62"},
		{"\xc3", "\xef\xbf\xbd"},
		{"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		capture_begin();
		mp_log(MP_LOG_INFO, "bytes", MP_TEXT("value", rows[i].value));
		json_t *json = one_line(capture_end());
		wrong += mp_wrong(
			strcmp(text_of(json, "value"), rows[i].expected) == 0, "row %zu", i);
		json_decref(json);
	}
	assert_int_equal(wrong, 0);
}

/* Whatever the length, a line is valid, at most 4 KiB, and says when it was cut. */
static void a_long_line_is_cut_at_a_field(void **state)
{
	static char value[5000];
	int wrong = 0;

	for (size_t len = 3800; len < 4200; len++) {
		memset(value, '"', len / 2); /* escaped: two bytes each */
		value[len / 2] = '\0';
		capture_begin();
		mp_log(MP_LOG_INFO, "long", MP_INT("first", 1), MP_TEXT("value", value),
			MP_INT("last", 2));
		json_t *json = one_line(capture_end());
		bool whole = json_object_get(json, "last") != NULL;
		bool cut = json_is_true(json_object_get(json, "cut"));
		wrong += mp_wrong(whole != cut, "%zu: neither or both", len);
		wrong += mp_wrong(json_object_get(json, "first") != NULL, "%zu: first lost", len);
		wrong += mp_wrong(!whole || json_string_length(json_object_get(json, "value")) ==
						    strlen(value),
			"%zu: value shortened", len);
		wrong += mp_wrong(len != 3800 || whole, "%zu: cut though it fits", len);
		wrong += mp_wrong(len != 4199 || cut, "%zu: not cut", len);
		json_decref(json);
	}
	assert_int_equal(wrong, 0);
}

static void an_event_too_long_for_a_line_still_makes_one(void **state)
{
	static char event[6000];

	memset(event, 'e', sizeof(event) - 1);
	capture_begin();
	mp_log(MP_LOG_INFO, event, MP_INT("number", 1));
	json_t *json = one_line(capture_end());
	assert_true(json_is_true(json_object_get(json, "cut")));
	json_decref(json);
}

static void levels_below_the_chosen_one_are_silent(void **state)
{
	mp_log_init("test", "warn");
	capture_begin();
	mp_log(MP_LOG_DEBUG, "a");
	mp_log(MP_LOG_INFO, "b");
	mp_log(MP_LOG_WARN, "c");
	json_t *json = one_line(capture_end());
	assert_string_equal(text_of(json, "event"), "c");
	json_decref(json);

	mp_log_init("test", "debug");
	capture_begin();
	mp_log(MP_LOG_DEBUG, "a");
	json_decref(one_line(capture_end()));
	mp_log_init("test", "info");
}

static void a_sink_logs_failures_as_warnings(void **state)
{
	struct mp_sink sink = mp_log_sink();

	capture_begin();
	mp_sink_report(&sink, "relay_waits", MP_UNAVAILABLE, "broker: refused");
	json_t *json = one_line(capture_end());
	assert_string_equal(text_of(json, "level"), "warn");
	assert_string_equal(text_of(json, "event"), "relay_waits");
	assert_string_equal(text_of(json, "rc"), "unavailable");
	assert_string_equal(text_of(json, "detail"), "broker: refused");
	json_decref(json);

	capture_begin();
	mp_sink_report(&sink, "relay_runs", MP_OK, NULL);
	json = one_line(capture_end());
	assert_string_equal(text_of(json, "level"), "info");
	assert_null(json_object_get(json, "detail"));
	json_decref(json);
}

static void logging_allocates_nothing(void **state)
{
	capture_begin();
	mp_alloc_fail_after(0);
	mp_log(MP_LOG_INFO, "quiet", MP_TEXT("name", "value"));
	mp_alloc_fail_never();
	json_decref(one_line(capture_end()));
}

#define THREADS 4
#define LINES_PER_THREAD 500

static void *log_lines(void *arg)
{
	for (int i = 0; i < LINES_PER_THREAD; i++)
		mp_log(MP_LOG_INFO, "line", MP_TEXT("thread", arg), MP_INT("number", i));
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	static char names[THREADS][64];
	pthread_t threads[THREADS];
	int count = 0;

	capture_begin();
	for (size_t t = 0; t < THREADS; t++) {
		memset(names[t], 'a' + (int)t, sizeof(names[t]) - 1);
		assert_int_equal(pthread_create(&threads[t], NULL, log_lines, names[t]), 0);
	}
	for (size_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	(void)capture_end();

	for (char *line = written, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		json_t *json = json_loads(line, 0, NULL);
		assert_non_null(json);
		assert_int_equal(strlen(text_of(json, "thread")), 63);
		json_decref(json);
		count++;
	}
	assert_int_equal(count, THREADS * LINES_PER_THREAD);
}

static int init(void **state)
{
	mp_log_init("test", "info");
	return mp_crypto_init() == MP_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_one_json_object_with_its_fields_in_order),
		cmocka_unit_test(without_fields_and_trace_a_line_is_whole),
		cmocka_unit_test(every_byte_is_escaped_so_that_it_reads_back),
		cmocka_unit_test(text_that_is_not_utf8_is_replaced),
		cmocka_unit_test(a_long_line_is_cut_at_a_field),
		cmocka_unit_test(an_event_too_long_for_a_line_still_makes_one),
		cmocka_unit_test(levels_below_the_chosen_one_are_silent),
		cmocka_unit_test(a_sink_logs_failures_as_warnings),
		cmocka_unit_test(logging_allocates_nothing),
		cmocka_unit_test(lines_of_threads_do_not_mix),
	};
	return cmocka_run_group_tests_name("log", tests, init, NULL);
}
