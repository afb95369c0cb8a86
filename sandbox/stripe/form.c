#include "form.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/form.h"
#include "base/text.h"

#define NAME_BYTES_MAX 256
#define FIELDS_FIRST 32
#define URL_CHARS_MAX 5000
#define METADATA_NAME_CHARS_MAX 40
#define METADATA_VALUE_CHARS_MAX 500

void form_begin(struct form *form, struct mp_arena *arena, struct stripe_error *error)
{
	*form = (struct form){.arena = arena, .error = error};
}

/* --- decoding --- */

static void fail(struct form *form, enum mp_rc rc)
{
	if (form->rc == MP_OK)
		form->rc = rc;
}

void form_refuse(struct form *form, const char *code, const char *name, const char *message)
{
	if (form->rc == MP_OK)
		form->rc = stripe_refuse(form->error, code, name, "%s", message);
}

static bool is_allowed(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return false;
	}
	return true;
}

static struct form_field *find(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->count; i++) {
		if (strcmp(form->fields[i].name, name) == 0)
			return &form->fields[i];
	}
	return NULL;
}

/* Makes room for one more; fields lie in the arena, which forgets the smaller array at its end. */
static bool reserve(struct form *form)
{
	size_t count = form->count;
	bool is_full = count == 0 || (count >= FIELDS_FIRST && (count & (count - 1)) == 0);

	if (!is_full)
		return true;
	size_t capacity = count < FIELDS_FIRST ? FIELDS_FIRST : 2 * count;
	struct form_field *fields = mp_arena_array(form->arena, capacity, sizeof(*fields));
	if (fields == NULL)
		return false;
	if (count > 0)
		memcpy(fields, form->fields, count * sizeof(*fields));
	form->fields = fields;
	return true;
}

void form_add(struct form *form, const char *name, const char *value)
{
	if (form->rc != MP_OK)
		return;
	if (form->count == FORM_FIELDS_MAX) {
		form_refuse(form, NULL, NULL, "The request has too many parameters.");
	} else if (strlen(name) == 0 || strlen(name) > NAME_BYTES_MAX) {
		form_refuse(form, NULL, NULL, "A parameter has no name, or one that is too long.");
	} else if (find(form, name) != NULL) {
		form_refuse(form, NULL, name, "A parameter is there twice.");
	} else if (!reserve(form)) {
		fail(form, MP_NOMEM);
	} else {
		form->fields[form->count++] = (struct form_field){.name = name, .value = value};
	}
}

void form_decode(struct form *form, const char *text, size_t len)
{
	struct mp_form_field field;
	enum mp_rc rc = MP_OK;

	while (rc == MP_OK && form->rc == MP_OK) {
		rc = mp_form_next(form->arena, &text, &len, &field);
		if (rc == MP_INVALID ||
			(rc == MP_OK && !(is_allowed(field.name) && is_allowed(field.value))))
			form_refuse(
				form, NULL, NULL, "A parameter is not rightly form-encoded UTF-8.");
		else if (rc == MP_NOMEM)
			fail(form, rc);
		else if (rc == MP_OK)
			form_add(form, field.name, field.value);
	}
}

/* --- reading --- */

static size_t characters_of(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static const char *take(struct form *form, const char *name)
{
	struct form_field *field = find(form, name);

	if (field == NULL)
		return NULL;
	field->seen = true;
	return field->value;
}

const char *form_text(struct form *form, const char *name, size_t chars_max)
{
	const char *value = take(form, name);

	if (value == NULL || form->rc != MP_OK)
		return NULL;
	if (value[0] == '\0') {
		form->rc = stripe_refuse(form->error, "parameter_invalid_empty", name,
			"You passed an empty string for '%s'. We assume empty values are an "
			"attempt to unset a parameter; however '%s' cannot be unset. You should "
			"remove '%s' from your request or supply a non-empty value.",
			name, name, name);
		return NULL;
	}
	if (characters_of(value) > chars_max) {
		form->rc = stripe_refuse(form->error, NULL, name,
			"Invalid string: %.20s...; must be at most %zu characters", value,
			chars_max);
		return NULL;
	}
	return value;
}

const char *form_text_required(struct form *form, const char *name, size_t chars_max)
{
	if (find(form, name) == NULL && form->rc == MP_OK)
		form->rc = stripe_refuse(form->error, "parameter_missing", name,
			"Missing required param: %s.", name);
	return form_text(form, name, chars_max);
}

static bool is_url(const char *text)
{
	size_t scheme_len = strncmp(text, "https://", 8) == 0  ? 8
			    : strncmp(text, "http://", 7) == 0 ? 7
							       : 0;

	if (scheme_len == 0 || text[scheme_len] == '\0' || text[scheme_len] == '/')
		return false;
	for (; *text != '\0'; text++) {
		if (*text <= 0x20 || *text >= 0x7f || *text == '"' || *text == '<' || *text == '>')
			return false;
	}
	return true;
}

const char *form_url(struct form *form, const char *name, bool required)
{
	const char *url = required ? form_text_required(form, name, URL_CHARS_MAX)
				   : form_text(form, name, URL_CHARS_MAX);

	if (url == NULL || is_url(url))
		return url;
	form_refuse(form, "url_invalid", name,
		"Not a valid URL: it needs an explicit scheme (such as https) and a host.");
	return NULL;
}

bool form_int(struct form *form, const char *name, int64_t min, int64_t max, int64_t *out_number)
{
	const char *value = take(form, name);
	int64_t number;

	if (value == NULL || form->rc != MP_OK)
		return false;
	if (mp_text_to_int(value, &number) != MP_OK)
		form->rc = stripe_refuse(form->error, "parameter_invalid_integer", name,
			"Invalid integer: %.40s", value);
	else if (number < min)
		form->rc = stripe_refuse(form->error, "parameter_invalid_integer", name,
			"This value must be greater than or equal to %lld.", (long long)min);
	else if (number > max)
		form->rc = stripe_refuse(form->error, "parameter_invalid_integer", name,
			"This value must be less than or equal to %lld.", (long long)max);
	else
		*out_number = number;
	return form->rc == MP_OK;
}

void form_off(struct form *form, const char *name)
{
	const char *value = take(form, name);

	if (value == NULL || form->rc != MP_OK || strcmp(value, "false") == 0)
		return;
	if (strcmp(value, "true") == 0)
		form_refuse(form, NULL, name, "This sandbox does not have this feature.");
	else
		form->rc = stripe_refuse(form->error, NULL, name, "Invalid boolean: %.40s", value);
}

/* --- maps and arrays --- */

/* "metadata[order]" with prefix "metadata": the text within the brackets, or NULL. */
static const char *key_within(struct form *form, const char *name, const char *prefix)
{
	size_t prefix_len = strlen(prefix);
	size_t len = strlen(name);

	if (len < prefix_len + 3 || strncmp(name, prefix, prefix_len) != 0 ||
		name[prefix_len] != '[' || name[len - 1] != ']')
		return NULL;
	const char *key =
		mp_arena_strndup(form->arena, name + prefix_len + 1, len - prefix_len - 2);
	if (key == NULL)
		fail(form, MP_NOMEM);
	else if (strpbrk(key, "[]") != NULL)
		return NULL;
	return key;
}

static void add_pair(
	struct form *form, struct metadata *out, const char *key, const struct form_field *field)
{
	if (characters_of(key) > METADATA_NAME_CHARS_MAX)
		form_refuse(form, NULL, field->name, "Metadata keys can have up to 40 characters.");
	else if (characters_of(field->value) > METADATA_VALUE_CHARS_MAX)
		form_refuse(
			form, NULL, field->name, "Metadata values can have up to 500 characters.");
	else if (out->count == METADATA_MAX)
		form_refuse(form, NULL, field->name, "Metadata can have up to 50 keys.");
	else if (field->value[0] != '\0')
		out->pairs[out->count++] = (struct pair){key, field->value};
}

void form_metadata(struct form *form, const char *name, struct metadata *out)
{
	struct metadata metadata = {
		.pairs = mp_arena_array(form->arena, METADATA_MAX, sizeof(struct pair))};

	if (metadata.pairs == NULL)
		fail(form, MP_NOMEM);
	for (size_t i = 0; i < form->count && form->rc == MP_OK; i++) {
		struct form_field *field = &form->fields[i];
		const char *key = key_within(form, field->name, name);

		if (key == NULL)
			continue;
		field->seen = true;
		add_pair(form, &metadata, key, field);
	}
	if (form->rc == MP_OK)
		*out = metadata;
}

size_t form_array_count(const struct form *form, const char *name)
{
	char prefix[NAME_BYTES_MAX + 32];
	size_t count = 0;
	bool found = true;

	while (found && count < FORM_FIELDS_MAX) {
		found = false;
		if (mp_text_format(prefix, sizeof(prefix), "%s[%zu]", name, count) != MP_OK)
			return count;
		for (size_t i = 0; i < form->count && !found; i++)
			found = strncmp(form->fields[i].name, prefix, strlen(prefix)) == 0;
		count += found;
	}
	return count;
}

const char *form_name(struct form *form, const char *format, ...)
{
	char name[NAME_BYTES_MAX];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	const char *copy =
		len > 0 && (size_t)len < sizeof(name) ? mp_arena_strdup(form->arena, name) : NULL;
	if (copy == NULL) {
		fail(form, MP_NOMEM);
		return "";
	}
	return copy;
}

enum mp_rc form_end(struct form *form)
{
	for (size_t i = 0; i < form->count && form->rc == MP_OK; i++) {
		const struct form_field *field = &form->fields[i];

		if (!field->seen)
			form->rc = stripe_refuse(form->error, "parameter_unknown", field->name,
				"Received unknown parameter: %s", field->name);
	}
	return form->rc;
}
