#include "form.h"

#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/text.h"

#define BASIC_BYTES_MAX 512

static enum mp_rc add_field(struct form *form, const struct mp_form_field *field)
{
	if (form->count == FORM_FIELDS_MAX || form_value(form, field->name) != NULL)
		return MP_INVALID;
	form->fields[form->count++] = *field;
	return MP_OK;
}

enum mp_rc form_parse(struct mp_arena *arena, const char *body, size_t len, struct form *out_form)
{
	struct form form = {.count = 0};
	struct mp_form_field field;
	enum mp_rc rc;

	while ((rc = mp_form_next(arena, &body, &len, &field)) == MP_OK) {
		rc = add_field(&form, &field);
		if (rc != MP_OK)
			return rc;
	}
	if (rc != MP_NOT_FOUND)
		return rc;
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
	rc = mp_form_decode(arena, text, id_len, &id);
	if (rc == MP_OK)
		rc = mp_form_decode(arena, colon + 1, len - id_len - 1, &secret);
	if (rc != MP_OK)
		return rc;
	*out_id = id;
	*out_secret = secret;
	return MP_OK;
}
