#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum mp_rc mp_text_copy(char *out, size_t out_size, const char *text)
{
	assert(out != NULL && out_size > 0);
	if (text == NULL)
		text = "";

	size_t len = strlen(text);
	if (len >= out_size) {
		out[0] = '\0';
		return MP_TOO_LARGE;
	}
	memmove(out, text, len + 1);
	return MP_OK;
}

enum mp_rc mp_text_format(char *out, size_t out_size, const char *format, ...)
{
	va_list args;

	assert(out != NULL && out_size > 0);
	va_start(args, format);
	int len = vsnprintf(out, out_size, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= out_size) {
		out[0] = '\0';
		return MP_TOO_LARGE;
	}
	return MP_OK;
}

enum mp_rc mp_text_to_int(const char *text, int64_t *out_number)
{
	if (text == NULL)
		return MP_INVALID;

	bool negative = *text == '-';
	const char *digit = negative ? text + 1 : text;
	int64_t number = 0;

	if (*digit == '\0')
		return MP_INVALID;
	for (; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9')
			return MP_INVALID;
		/* Built up on its own side of zero, so that the smallest number can be read. */
		int64_t value = negative ? '0' - *digit : *digit - '0';
		if (__builtin_mul_overflow(number, (int64_t)10, &number) ||
			__builtin_add_overflow(number, value, &number))
			return MP_INVALID;
	}
	*out_number = number;
	return MP_OK;
}

/* How many bytes the character at text has; 0 when it is not one (RFC 3629 section 4's table). */
static size_t utf8_character(const unsigned char *text, size_t len)
{
	unsigned char first = text[0];
	unsigned char second_min = 0x80;
	unsigned char second_max = 0xbf;
	size_t bytes;

	if (first < 0x80)
		return first == 0 ? 0 : 1;
	if (first >= 0xc2 && first <= 0xdf) {
		bytes = 2;
	} else if (first >= 0xe0 && first <= 0xef) {
		bytes = 3;
		if (first == 0xe0)
			second_min = 0xa0; /* shorter forms exist */
		else if (first == 0xed)
			second_max = 0x9f; /* surrogates */
	} else if (first >= 0xf0 && first <= 0xf4) {
		bytes = 4;
		if (first == 0xf0)
			second_min = 0x90;
		else if (first == 0xf4)
			second_max = 0x8f; /* over U+10FFFF */
	} else {
		return 0;
	}
	if (len < bytes || text[1] < second_min || text[1] > second_max)
		return 0;
	for (size_t i = 2; i < bytes; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return bytes;
}

#define WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

/* True when the next bytes, eight at most, are ASCII from least on: most of the text there is. */
static bool plain_word(const char *text, size_t len, unsigned char least)
{
	uint64_t word = WORD_OF(0x7f);

	if (len >= sizeof(word))
		memcpy(&word, text, sizeof(word)); /* one load */
	else
		memcpy(&word, text, len);
	/* No byte has its high bit, and none is less: it would borrow from its neighbours. */
	return ((word | (word - WORD_OF(least))) & WORD_OF(0x80)) == 0;
}

bool mp_text_is_ascii(const char *bytes, size_t len, unsigned char least)
{
	assert(least <= 0x7f);
	for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
		if (!plain_word(bytes + at, len - at, least))
			return false;
	}
	return true;
}

size_t mp_text_utf8_character(const char *bytes, size_t len)
{
	return len == 0 ? 0 : utf8_character((const unsigned char *)bytes, len);
}

bool mp_text_is_utf8(const char *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		if (plain_word(bytes + at, len - at, 1)) {
			at += sizeof(uint64_t);
			continue;
		}
		size_t step = mp_text_utf8_character(bytes + at, len - at);
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

bool mp_text_has_control(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at < 0x20 || *at == 0x7f)
			return true;
	}
	return false;
}

bool mp_text_has_word(const char *words, const char *word, size_t len)
{
	for (const char *at = words; *at != '\0';) {
		size_t at_len = strcspn(at, " ");
		if (at_len == len && len > 0 && memcmp(at, word, len) == 0)
			return true;
		at += at_len + strspn(at + at_len, " ");
	}
	return false;
}
