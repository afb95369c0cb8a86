#include "form.h"

#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/text.h"

#define BASIC_BYTES_MAX 512

static enum mp_rc decode(
	struct mp_arena *arena, const char *text, size_t len, const char **out_text)
{
	char *decoded = mp_arena_alloc(arena, len + 1);
	size_t used = 0;

	if (decoded == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];

		if (byte == '+') {
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

static enum mp_rc add_field(struct mp_arena *arena, const char *text, size_t len, struct form *form)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals == NULL ? len : (size_t)(equals - text);
	size_t value_at = equals == NULL ? len : name_len + 1;
	const char *name = NULL;
	const char *value = NULL;

	if (form->count == FORM_FIELDS_MAX)
		return MP_INVALID;
	enum mp_rc rc = decode(arena, text, name_len, &name);
	if (rc == MP_OK)
		rc = decode(arena, text + value_at, len - value_at, &value);
	if (rc != MP_OK)
		return rc;
	if (form_value(form, name) != NULL)
		return MP_INVALID;
	form->fields[form->count].name = name;
	form->fields[form->count].value = value;
	form->count++;
	return MP_OK;
}

enum mp_rc form_parse(struct mp_arena *arena, const char *body, size_t len, struct form *out_form)
{
	struct form form = {.count = 0};

	while (len > 0) {
		const char *end = memchr(body, '&', len);
		size_t field_len = end == NULL ? len : (size_t)(end - body);
		size_t step = end == NULL ? len : field_len + 1;

		if (field_len > 0) {
			enum mp_rc rc = add_field(arena, body, field_len, &form);
			if (rc != MP_OK)
				return rc;
		}
		body += step;
		len -= step;
	}
	*out_form = form;
	return MP_OK;
}

const char *form_value(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->count; i++) {
		if (strcmp(form->fields[i].name, name) == 0)
			return form->fields[i].value;
	}
	return NULL;
}

/* The usual base64 alphabet with padding, by way of the library's URL-safe one. */
static enum mp_rc decode_base64(
	struct mp_arena *arena, const char *text, char out[BASIC_BYTES_MAX + 1], size_t *out_len)
{
	char *safe = mp_arena_strdup(arena, text);
	size_t len;

	if (safe == NULL)
		return MP_NOMEM;
	len = strlen(safe);
	if (len % 4 != 0 || strpbrk(safe, "-_") != NULL)
		return MP_INVALID;
	for (int padding = 0; padding < 2 && len > 0 && safe[len - 1] == '='; padding++)
		len--;
	for (size_t i = 0; i < len; i++) {
		if (safe[i] == '+')
			safe[i] = '-';
		else if (safe[i] == '/')
			safe[i] = '_';
	}
	return mp_base64url_decode(safe, len, (uint8_t *)out, BASIC_BYTES_MAX, out_len) == MP_OK
		       ? MP_OK
		       : MP_INVALID;
}

enum mp_rc basic_parse(
	struct mp_arena *arena, const char *header, const char **out_id, const char **out_secret)
{
	static const char scheme[] = "Basic ";
	char text[BASIC_BYTES_MAX + 1] = "";
	const char *id = NULL;
	const char *secret = NULL;
	size_t len = 0;

	if (header == NULL || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return MP_NOT_FOUND;
	header += sizeof(scheme) - 1;
	header += strspn(header, " ");
	enum mp_rc rc = decode_base64(arena, header, text, &len);
	if (rc != MP_OK)
		return rc;
	const char *colon = memchr(text, ':', len);
	if (colon == NULL)
		return MP_INVALID;
	size_t id_len = (size_t)(colon - text);
	rc = decode(arena, text, id_len, &id);
	if (rc == MP_OK)
		rc = decode(arena, colon + 1, len - id_len - 1, &secret);
	if (rc != MP_OK)
		return rc;
	*out_id = id;
	*out_secret = secret;
	return MP_OK;
}
