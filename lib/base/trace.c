#include "base/trace.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/crypto.h"

/* traceparent: version "00", trace id, parent id, flags: "00-<32>-<16>-<2>", lower-case hex. */
#define TRACE_AT 3
#define TRACE_LEN 32
#define PARENT_AT 36
#define PARENT_LEN 16
#define FLAGS_AT 53
#define TRACEPARENT_LEN (MP_TRACEPARENT_SIZE - 1)

static _Thread_local struct {
	char id[TRACE_LEN + 1]; /* "": outside a trace */
	char flags[3];
} current;

static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	}
	return true;
}

static bool is_hex_not_zero(const char *text, size_t len)
{
	return is_hex(text, len) && strspn(text, "0") < len;
}

/* A later version may say more behind the flags; "ff" is none (W3C Trace Context, section 4). */
static bool is_well_formed(const char *text)
{
	size_t len = strnlen(text, TRACEPARENT_LEN + 1);

	if (len < TRACEPARENT_LEN || !is_hex(text, 2) || memcmp(text, "ff", 2) == 0)
		return false;
	if (len > TRACEPARENT_LEN && (memcmp(text, "00", 2) == 0 || text[TRACEPARENT_LEN] != '-'))
		return false;
	return text[TRACE_AT - 1] == '-' && text[PARENT_AT - 1] == '-' &&
	       text[FLAGS_AT - 1] == '-' && is_hex_not_zero(text + TRACE_AT, TRACE_LEN) &&
	       is_hex_not_zero(text + PARENT_AT, PARENT_LEN) && is_hex(text + FLAGS_AT, 2);
}

/* All zeros would mean "none". */
static void put_random_hex(char *out, size_t numbers)
{
	for (size_t i = 0; i < numbers; i++) {
		uint64_t number;
		do {
			number = mp_random_number();
		} while (number == 0);
		mp_hex((const uint8_t *)&number, sizeof(number), out + 16 * i);
	}
}

void mp_trace_begin(const char *traceparent)
{
	if (traceparent != NULL && is_well_formed(traceparent)) {
		memcpy(current.id, traceparent + TRACE_AT, TRACE_LEN);
		current.id[TRACE_LEN] = '\0';
		/* Of the flags version 00 knows "sampled" only: the last bit. */
		bool sampled = strchr("13579bdf", traceparent[FLAGS_AT + 1]) != NULL;
		memcpy(current.flags, sampled ? "01" : "00", sizeof(current.flags));
		return;
	}
	put_random_hex(current.id, 2);
	memcpy(current.flags, "01", sizeof(current.flags));
}

void mp_trace_end(void)
{
	current.id[0] = '\0';
}

void mp_trace_next(char out_traceparent[MP_TRACEPARENT_SIZE])
{
	if (current.id[0] == '\0') {
		out_traceparent[0] = '\0';
		return;
	}
	memcpy(out_traceparent, "00-", TRACE_AT);
	memcpy(out_traceparent + TRACE_AT, current.id, TRACE_LEN);
	out_traceparent[PARENT_AT - 1] = '-';
	put_random_hex(out_traceparent + PARENT_AT, 1);
	out_traceparent[FLAGS_AT - 1] = '-';
	memcpy(out_traceparent + FLAGS_AT, current.flags, sizeof(current.flags));
}

const char *mp_trace_id(void)
{
	return current.id;
}
