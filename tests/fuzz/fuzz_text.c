#include "fuzz.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/text.h"
#include "base/trace.h"

/* The small texts that stand in every request and event: numbers, times, ids, traces, base64url. */

#define YEAR_10000_MS 253402300800000

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

static void check_number(const char *text)
{
	char again[24];
	int64_t number;

	if (mp_text_to_int(text, &number) != MP_OK)
		return;
	FUZZ_CHECK(mp_text_format(again, sizeof(again), "%lld", (long long)number) == MP_OK);
	FUZZ_CHECK(strlen(again) <= strlen(text));
}

static void check_time(const char *text)
{
	char written[MP_TIME_TEXT_SIZE];
	int64_t time_ms;
	int64_t again;

	if (mp_time_parse(text, &time_ms) != MP_OK || time_ms < 0 || time_ms >= YEAR_10000_MS)
		return;
	mp_time_format(time_ms, written);
	FUZZ_CHECK(mp_time_parse(written, &again) == MP_OK && again == time_ms);
	FUZZ_CHECK(mp_time_month(time_ms) >= 197001 && mp_time_month(time_ms) <= 999912);
}

static void check_id(const char *text)
{
	struct mp_id id;

	if (!mp_id_parse(text, &id))
		return;
	FUZZ_CHECK(strcmp(id.text, text) == 0 && !mp_id_is_none(&id));
	struct mp_id derived = mp_id_derive(&id, "fuzz", 1);
	FUZZ_CHECK(mp_id_time_ms(&derived) == mp_id_time_ms(&id));
	FUZZ_CHECK(mp_id_parse(derived.text, &id));
}

static void check_base64url(const char *text, size_t len)
{
	uint8_t bytes[600];
	char again[804];
	size_t bytes_len;

	if (mp_base64url_decode(text, len, bytes, sizeof(bytes), &bytes_len) != MP_OK)
		return;
	mp_base64url(bytes, bytes_len, again, sizeof(again));
	FUZZ_CHECK(strlen(again) == len && memcmp(again, text, len) == 0);
}

/* As a whole and character by character are the same. */
static void check_utf8(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && text[at] != '\0') {
		size_t bytes = mp_text_utf8_character(text + at, len - at);
		if (bytes == 0)
			break;
		at += bytes;
	}
	FUZZ_CHECK((at == len) == mp_text_is_utf8(text, len));
}

static void check_trace(const char *text)
{
	char next[MP_TRACEPARENT_SIZE];

	mp_trace_begin(text);
	FUZZ_CHECK(strlen(mp_trace_id()) == 32);
	mp_trace_next(next);
	FUZZ_CHECK(strlen(next) == MP_TRACEPARENT_SIZE - 1);
	mp_trace_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input;

	fuzz_split(data, size, &input);
	check_number(input.line);
	check_time(input.line);
	check_id(input.line);
	check_base64url(input.line, strlen(input.line));
	check_trace(input.line);
	check_utf8((const char *)data, size);
	return 0;
}
