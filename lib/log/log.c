#include "log/log.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/trace.h"

/* At most what a pipe takes in one piece (PIPE_BUF), so that lines of processes never mix. */
#define LINE_SIZE 4096
#define CUT_MARK ",\"cut\":true"
#define NUMBER_SIZE 21

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static const char *service_name = "";
static atomic_int level_min = MP_LOG_INFO;

/* A line being made. A piece that does not fit leaves at where it was. */
struct line {
	char *at;
	char *end; /* room for the end of the line stays behind it */
};

void mp_log_init(const char *service, const char *level)
{
	service_name = service;
	for (int i = 0; level != NULL && i < (int)(sizeof(level_names) / sizeof(char *)); i++) {
		if (strcmp(level_names[i], level) == 0)
			atomic_store(&level_min, i);
	}
}

static bool put(struct line *line, const char *bytes, size_t len)
{
	if (len > (size_t)(line->end - line->at))
		return false;
	memcpy(line->at, bytes, len);
	line->at += len;
	return true;
}

static bool put_text(struct line *line, const char *text)
{
	return put(line, text, strlen(text));
}

/* JSON's short escapes (RFC 8259 section 7); other control characters as \u00xx. */
static bool put_escaped(struct line *line, char c)
{
	static const char hex_digits[] = "0123456789abcdef";
	static const char short_from[] = "\"\\\n\r\t\b\f";
	static const char short_to[] = "\"\\nrtbf";
	const char *found = strchr(short_from, c);

	if (found != NULL) {
		const char escaped[2] = {'\\', short_to[found - short_from]};
		return put(line, escaped, sizeof(escaped));
	}
	unsigned char byte = (unsigned char)c;
	const char escaped[6] = {'\\', 'u', '0', '0', hex_digits[byte >> 4], hex_digits[byte & 15]};
	return put(line, escaped, sizeof(escaped));
}

static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* A JSON string; bytes that are not UTF-8 become U+FFFD each. */
static bool put_string(struct line *line, const char *text)
{
	const char *end = text + strlen(text);
	bool fits = put(line, "\"", 1);

	while (fits && text < end) {
		const char *plain = text;
		while (is_plain(*text))
			text++;
		fits = put(line, plain, (size_t)(text - plain));
		if (!fits || text == end)
			break;
		size_t bytes = mp_text_utf8_character(text, (size_t)(end - text));
		if (bytes > 1)
			fits = put(line, text, bytes);
		else if (bytes == 1)
			fits = put_escaped(line, *text);
		else
			fits = put(line, "\xef\xbf\xbd", 3);
		text += bytes == 0 ? 1 : bytes;
	}
	return fits && put(line, "\"", 1);
}

static bool put_number(struct line *line, int64_t number)
{
	char digits[NUMBER_SIZE];
	char *at = digits + sizeof(digits);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		*--at = '-';
	return put(line, at, (size_t)(digits + sizeof(digits) - at));
}

/* ,"name":"text" or ,"name":12: all of it or nothing. */
static bool put_field(struct line *line, struct mp_log_field field)
{
	char *before = line->at;

	if (put(line, ",", 1) && put_string(line, field.name) && put(line, ":", 1) &&
		(field.text != NULL ? put_string(line, field.text)
				    : put_number(line, field.number)))
		return true;
	line->at = before;
	return false;
}

static void write_line(const char *bytes, size_t len)
{
	/* A log that cannot be written has nowhere to say so. */
	while (len > 0) {
		ssize_t written = write(STDERR_FILENO, bytes, len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		bytes += written;
		len -= (size_t)written;
	}
}

static bool put_head(struct line *line, enum mp_log_level level, const char *event)
{
	char time[MP_TIME_TEXT_SIZE];
	const char *trace = mp_trace_id();

	mp_time_format(mp_clock_ms(), time);
	return put_text(line, "{\"time\":\"") && put_text(line, time) &&
	       put_text(line, "\",\"level\":\"") && put_text(line, level_names[level]) &&
	       put_text(line, "\"") && put_field(line, MP_TEXT("service", service_name)) &&
	       put_field(line, MP_TEXT("event", event)) &&
	       (trace[0] == '\0' || put_field(line, MP_TEXT("trace", trace)));
}

void mp_log_fields(
	enum mp_log_level level, const char *event, const struct mp_log_field *fields, size_t count)
{
	char bytes[LINE_SIZE];
	struct line line = {.at = bytes, .end = bytes + sizeof(bytes) - sizeof(CUT_MARK "}\n")};
	int errno_before = errno;

	if ((int)level < atomic_load_explicit(&level_min, memory_order_relaxed))
		return;
	bool fits = put_head(&line, level, event);
	for (size_t i = 0; fits && i < count; i++)
		fits = put_field(&line, fields[i]);

	line.end = bytes + sizeof(bytes);
	if (!fits)
		fits = put_text(&line, CUT_MARK);
	fits = put_text(&line, "}\n");
	assert(fits); /* room for both was kept */
	write_line(bytes, (size_t)(line.at - bytes));
	errno = errno_before;
}

static void sink_report(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	enum mp_log_level level = rc == MP_OK ? MP_LOG_INFO : MP_LOG_WARN;

	if (detail != NULL)
		mp_log(level, event, MP_RC(rc), MP_TEXT("detail", detail));
	else
		mp_log(level, event, MP_RC(rc));
}

struct mp_sink mp_log_sink(void)
{
	return (struct mp_sink){.report = sink_report};
}
