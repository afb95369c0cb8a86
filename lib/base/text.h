#ifndef MP_BASE_TEXT_H
#define MP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/* Copies text when it fits with its NUL; MP_TOO_LARGE otherwise (out becomes ""). NULL reads "". */
enum mp_rc mp_text_copy(char *out, size_t out_size, const char *text) MP_MUST_CHECK;

/* Formats when it fits; MP_TOO_LARGE otherwise (out becomes ""). */
enum mp_rc mp_text_format(char *out, size_t out_size, const char *format, ...)
	__attribute__((format(printf, 3, 4))) MP_MUST_CHECK;

/* A whole decimal number with optional minus, nothing else around it. MP_INVALID otherwise. */
enum mp_rc mp_text_to_int(const char *text, int64_t *out_number) MP_MUST_CHECK;

/* True when len bytes are valid UTF-8 (RFC 3629) without NUL. */
bool mp_text_is_utf8(const char *bytes, size_t len);

/* True when each byte is from least, at most 0x7f, to 0x7f. */
bool mp_text_is_ascii(const char *bytes, size_t len, unsigned char least);

/* Bytes of the valid character that begins here, 1 to 4; 0 when none does. */
size_t mp_text_utf8_character(const char *bytes, size_t len);

/* True when words, separated by spaces, has one of exactly these len bytes: an OAuth scope. */
bool mp_text_has_word(const char *words, const char *word, size_t len);

/* True when the text holds a control character (below U+0020, or U+007F): refused in names. */
bool mp_text_has_control(const char *text);

#endif
