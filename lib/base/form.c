#include "base/form.h"

#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

static enum mp_rc decode(struct mp_arena *arena, const char *text, size_t len, bool plus_is_space,
	const char **out_text)
{
	char *decoded = mp_arena_alloc(arena, len + 1);
	size_t used = 0;

	if (decoded == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];

		if (byte == '+' && plus_is_space) {
			byte = ' ';
		} else if (byte == '%') {
			char digits[3] = "";

			if (len - i < 3)
				return MP_INVALID;
			memcpy(digits, text + i + 1, 2);
			if (!mp_unhex(digits, 1, &byte))
				return MP_INVALID;
			i += 2;
		}
		decoded[used++] = (char)byte;
	}
	if (!mp_text_is_utf8(decoded, used)) /* nor with a NUL */
		return MP_INVALID;
	*out_text = decoded;
	return MP_OK;
}

enum mp_rc mp_form_decode(
	struct mp_arena *arena, const char *text, size_t len, const char **out_text)
{
	return decode(arena, text, len, true, out_text);
}

enum mp_rc mp_percent_decode(
	struct mp_arena *arena, const char *text, size_t len, const char **out_text)
{
	return decode(arena, text, len, false, out_text);
}

static enum mp_rc decode_field(
	struct mp_arena *arena, const char *text, size_t len, struct mp_form_field *out_field)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals == NULL ? len : (size_t)(equals - text);
	size_t value_at = equals == NULL ? len : name_len + 1;
	struct mp_form_field field = {.name = NULL};

	enum mp_rc rc = mp_form_decode(arena, text, name_len, &field.name);
	if (rc == MP_OK)
		rc = mp_form_decode(arena, text + value_at, len - value_at, &field.value);
	if (rc == MP_OK)
		*out_field = field;
	return rc;
}

enum mp_rc mp_form_next(struct mp_arena *arena, const char **inout_text, size_t *inout_len,
	struct mp_form_field *out_field)
{
	while (*inout_len > 0) {
		const char *field = *inout_text;
		const char *end = memchr(field, '&', *inout_len);
		size_t field_len = end == NULL ? *inout_len : (size_t)(end - field);
		size_t step = end == NULL ? field_len : field_len + 1;

		*inout_text += step;
		*inout_len -= step;
		if (field_len > 0)
			return decode_field(arena, field, field_len, out_field);
	}
	return MP_NOT_FOUND;
}
