#include "email_mime.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define QP_LINE_MAX 76
#define PLAIN_MAX 66
/* 52 characters of base64: with "Subject: ", "=?UTF-8?B?" and "?=" a line of at most 76 */
#define WORD_BYTES_MAX 39

void email_mime_quoted_printable(struct mp_buf *out, const char *text)
{
	size_t column = 0;

	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		int at_line_end = p[1] == '\n' || p[1] == '\0';

		if (c == '\n') {
			mp_buf_adds(out, "\r\n");
			column = 0;
			continue;
		}
		if (column + 3 >
			QP_LINE_MAX - 1) { /* room for "=2E" and the soft line break's '=' */
			mp_buf_adds(out, "=\r\n");
			column = 0;
		}
		int plain = (c >= 33 && c <= 126 && c != '=' && !(c == '.' && column == 0)) ||
			    ((c == ' ' || c == '\t') && !at_line_end);
		if (plain)
			mp_buf_add(out, p, 1);
		else
			mp_buf_addf(out, "=%02X", c);
		column += plain ? 1 : 3;
	}
}

/* What may stand in a header as it is, beside its name, on a line of at most 78 columns. */
static int is_plain(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < 32 || *p > 126)
			return 0;
	}
	return strlen(text) <= PLAIN_MAX && strstr(text, "=?") == NULL;
}

/* The bytes of text that fit into one encoded word without cutting a UTF-8 character. */
static size_t word_length(const char *text)
{
	size_t len = strnlen(text, WORD_BYTES_MAX + 1);

	if (len <= WORD_BYTES_MAX)
		return len;
	len = WORD_BYTES_MAX;
	while (len > 1 && ((unsigned char)text[len] & 0xC0) == 0x80)
		len--;
	return len;
}

static void encoded_words(struct mp_buf *out, const char *text)
{
	const char *separator = "";

	while (*text != '\0') {
		char word[sodium_base64_ENCODED_LEN(
			WORD_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)];
		size_t len = word_length(text);

		sodium_bin2base64(word, sizeof(word), (const unsigned char *)text, len,
			sodium_base64_VARIANT_ORIGINAL);
		mp_buf_addf(out, "%s=?UTF-8?B?%s?=", separator, word);
		separator = "\r\n ";
		text += len;
	}
}

void email_mime_header_text(struct mp_buf *out, const char *text)
{
	if (is_plain(text))
		mp_buf_adds(out, text);
	else
		encoded_words(out, text);
}

static void display_name(struct mp_buf *out, const char *name)
{
	if (!is_plain(name)) {
		encoded_words(out, name);
		return;
	}
	mp_buf_adds(out, "\"");
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			mp_buf_adds(out, "\\");
		mp_buf_add(out, p, 1);
	}
	mp_buf_adds(out, "\"");
}

void email_mime_mailbox(struct mp_buf *out, const char *name, const char *address)
{
	if (name[0] != '\0') {
		display_name(out, name);
		/* An address may be as long as a line by itself. */
		mp_buf_adds(out, strlen(name) + strlen(address) <= PLAIN_MAX ? " " : "\r\n ");
	}
	mp_buf_addf(out, "<%s>", address);
}

void email_mime_html(struct mp_buf *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		switch (*p) {
		case '&':
			mp_buf_adds(out, "&amp;");
			break;
		case '<':
			mp_buf_adds(out, "&lt;");
			break;
		case '>':
			mp_buf_adds(out, "&gt;");
			break;
		case '"':
			mp_buf_adds(out, "&quot;");
			break;
		case '\'':
			mp_buf_adds(out, "&#39;");
			break;
		default:
			mp_buf_add(out, p, 1);
		}
	}
}

void email_mime_date(struct mp_buf *out, long long time_ms)
{
	/* Names of our own: strftime's follow the locale, and RFC 5322 wants English. */
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm t;

	gmtime_r(&seconds, &t);
	mp_buf_addf(out, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[t.tm_wday], t.tm_mday,
		months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}
