#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "json/json.h"

#define SEEN_MAX (sizeof(((struct mp_json_reader *)NULL)->seen) / sizeof(const char *))
#define UNKNOWN_TOLD_MAX 16 /* a body of nothing but unknown fields gets a short answer too */
#define PATH_SIZE 192
#define NAME_LEN_MAX 64 /* of an unknown field's name, which is the sender's */
#define MESSAGE_SIZE 192

/* "legs[2]" and "amount" make "legs[2].amount". */
static void tell(struct mp_json_reader *r, const char *name, const char *message)
{
	char path[PATH_SIZE];
	const char *dot = r->path[0] == '\0' || name[0] == '\0' ? "" : ".";

	r->failed = true;
	if (r->errors == NULL || r->errors->add == NULL)
		return;
	if (mp_text_format(path, sizeof(path), "%s%s%s", r->path, dot, name) != MP_OK)
		r->errors->add(r->errors->ctx, name, message);
	else
		r->errors->add(r->errors->ctx, path, message);
}

static void tell_format(struct mp_json_reader *r, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void tell_format(struct mp_json_reader *r, const char *name, const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* Only a long list of choices is cut, and names no less what is wrong. */
	tell(r, name, len < 0 ? "is not valid" : message);
}

void mp_json_read_begin(struct mp_json_reader *r, const json_t *object, const char *path,
	const struct mp_field_errors *errors)
{
	*r = (struct mp_json_reader){.object = object, .path = path, .errors = errors};
	if (!json_is_object(object)) {
		r->object = NULL;
		tell(r, "", "must be a JSON object");
	}
}

void mp_json_read_optional(struct mp_json_reader *r)
{
	r->optional_next = true;
}

void mp_json_read_ignore_unknown(struct mp_json_reader *r)
{
	r->ignore_unknown = true;
}

static void mark_seen(struct mp_json_reader *r, const char *name)
{
	assert(r->seen_count < SEEN_MAX); /* our own code reads so many fields at most */
	r->seen[r->seen_count++] = name;
}

/* The field's value, or NULL when there is nothing to read; that it is missing is told. */
static const json_t *take(struct mp_json_reader *r, const char *name)
{
	bool optional = r->optional_next;

	r->optional_next = false;
	if (r->object == NULL)
		return NULL;
	mark_seen(r, name);
	const json_t *value = json_object_get(r->object, name);
	if (value == NULL && !optional)
		tell(r, name, "is required");
	return value;
}

static void check_text(struct mp_json_reader *r, const char *name, size_t min, size_t max,
	const json_t *value, const char **out_text)
{
	if (!json_is_string(value)) {
		tell(r, name, "must be a string");
		return;
	}
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	if (len == 0 && min > 0)
		tell(r, name, "must not be empty");
	else if ((len < min || len > max) && min == max)
		tell_format(r, name, "must be exactly %zu characters long", max);
	else if (len < min)
		tell_format(r, name, "must be at least %zu characters long", min);
	else if (len > max)
		tell_format(r, name, "must be at most %zu bytes of UTF-8", max);
	else if (mp_text_has_control(text))
		tell(r, name, "must not hold control characters");
	else
		*out_text = text;
}

void mp_json_read_text(
	struct mp_json_reader *r, const char *name, size_t min, size_t max, const char **out_text)
{
	const json_t *value = take(r, name);

	if (value != NULL)
		check_text(r, name, min, max, value, out_text);
}

void mp_json_read_text_or_null(
	struct mp_json_reader *r, const char *name, size_t min, size_t max, const char **out_text)
{
	const json_t *value = take(r, name);

	if (json_is_null(value))
		*out_text = NULL;
	else if (value != NULL)
		check_text(r, name, min, max, value, out_text);
}

static void check_id(
	struct mp_json_reader *r, const char *name, const json_t *value, struct mp_id *out_id)
{
	if (!json_is_string(value))
		tell(r, name, "must be a string");
	else if (!mp_id_parse(json_string_value(value), out_id))
		tell(r, name, "must be a UUID in lower case");
}

void mp_json_read_id(struct mp_json_reader *r, const char *name, struct mp_id *out_id)
{
	const json_t *value = take(r, name);

	if (value != NULL)
		check_id(r, name, value, out_id);
}

void mp_json_read_id_or_null(struct mp_json_reader *r, const char *name, struct mp_id *out_id)
{
	const json_t *value = take(r, name);

	if (json_is_null(value))
		*out_id = (struct mp_id){0};
	else if (value != NULL)
		check_id(r, name, value, out_id);
}

void mp_json_read_int(
	struct mp_json_reader *r, const char *name, int64_t min, int64_t max, int64_t *out_number)
{
	const json_t *value = take(r, name);

	if (value == NULL)
		return;
	if (!json_is_integer(value)) {
		tell(r, name, "must be a whole number");
		return;
	}
	int64_t number = json_integer_value(value);
	if (number < min || number > max)
		tell_format(r, name, "must be from %" PRId64 " to %" PRId64, min, max);
	else
		*out_number = number;
}

void mp_json_read_bool(struct mp_json_reader *r, const char *name, bool *out_value)
{
	const json_t *value = take(r, name);

	if (json_is_boolean(value))
		*out_value = json_is_true(value);
	else if (value != NULL)
		tell(r, name, "must be true or false");
}

void mp_json_read_time(struct mp_json_reader *r, const char *name, int64_t *out_time_ms)
{
	const json_t *value = take(r, name);

	if (value != NULL && mp_time_parse(json_string_value(value), out_time_ms) != MP_OK)
		tell(r, name, MP_TIME_WANTED);
}

/* The index of text among choices, or -1. */
static int choice_index(const char *choices, const char *text)
{
	size_t text_len = strlen(text);
	int index = 0;

	for (const char *at = choices;; index++) {
		size_t len = strcspn(at, "|");
		if (len == text_len && memcmp(at, text, len) == 0)
			return index;
		if (at[len] == '\0')
			return -1;
		at += len + 1;
	}
}

static void tell_choices(struct mp_json_reader *r, const char *name, const char *choices)
{
	char list[MESSAGE_SIZE / 2];
	size_t len = 0;

	for (const char *at = choices; *at != '\0' && len + 3 < sizeof(list); at++) {
		list[len++] = *at == '|' ? ',' : *at;
		if (*at == '|')
			list[len++] = ' ';
	}
	list[len] = '\0';
	tell_format(r, name, "must be one of: %s", list);
}

void mp_json_read_choice(
	struct mp_json_reader *r, const char *name, const char *choices, int *out_index)
{
	const json_t *value = take(r, name);

	if (value == NULL)
		return;
	if (!json_is_string(value)) {
		tell(r, name, "must be a string");
		return;
	}
	int index = choice_index(choices, json_string_value(value));
	if (index < 0)
		tell_choices(r, name, choices);
	else
		*out_index = index;
}

/* NULL when the field names none of the deployment's currencies, which is told then. */
static const struct mp_currency *take_currency(
	struct mp_json_reader *r, const char *name, const struct mp_currencies *currencies)
{
	char allowed[MP_CURRENCIES_TEXT_SIZE];
	const json_t *value = NULL;

	if (name != NULL) {
		mp_json_read_optional(r);
		value = take(r, name);
	}
	if (value == NULL)
		return mp_currencies_find(currencies, NULL);
	if (!json_is_string(value)) {
		tell(r, name, "must be a string");
		return NULL;
	}
	/* "" finds the default, but who writes it means something else. */
	const struct mp_currency *found = NULL;
	if (json_string_length(value) > 0)
		found = mp_currencies_find(currencies, json_string_value(value));
	if (found == NULL) {
		mp_currencies_tell(currencies, allowed);
		tell(r, name, allowed);
	}
	return found;
}

static void tell_not_decimal(
	struct mp_json_reader *r, const char *name, const struct mp_currency *currency)
{
	char example[MP_AMOUNT_TEXT_SIZE];
	int64_t twelve_and_a_half = 125;

	if (currency->exponent == 0) {
		tell(r, name, "must be a decimal string without decimals, such as \"12\"");
		return;
	}
	for (int i = 1; i < currency->exponent; i++)
		twelve_and_a_half *= 10;
	mp_money_format(twelve_and_a_half, currency, example);
	tell_format(r, name, "must be a decimal string with at most %d decimal%s, such as \"%s\"",
		currency->exponent, currency->exponent == 1 ? "" : "s", example);
}

static void check_money(struct mp_json_reader *r, const char *name, const json_t *value,
	const struct mp_currency *currency, struct mp_money *out)
{
	struct mp_money money;
	const char *reason;

	if (!json_is_string(value)) {
		tell_not_decimal(r, name, currency);
		return;
	}
	const char *text = json_string_value(value);
	if (mp_money_parse(text, currency, &money, &reason) != MP_OK) {
		/* What has digits to begin with is close enough for the exact reason. */
		if (strcmp(reason, MP_MONEY_NOT_DECIMAL) == 0)
			tell_not_decimal(r, name, currency);
		else
			tell(r, name, reason);
		return;
	}
	if (money.minor == 0)
		tell(r, name, "must be more than zero");
	else
		*out = money;
}

void mp_json_read_money(struct mp_json_reader *r, const char *amount_name,
	const char *currency_name, const struct mp_currencies *currencies, struct mp_money *out)
{
	const json_t *value = take(r, amount_name);
	const struct mp_currency *currency = take_currency(r, currency_name, currencies);

	if (value == NULL)
		return;
	if (currency != NULL)
		check_money(r, amount_name, value, currency, out);
	else if (!json_is_string(value))
		tell(r, amount_name, "must be a string"); /* all else depends on the currency */
}

void mp_json_read_array(struct mp_json_reader *r, const char *name, size_t min, size_t max,
	const json_t **out_array)
{
	const json_t *value = take(r, name);

	if (value == NULL)
		return;
	if (!json_is_array(value))
		tell(r, name, "must be an array");
	else if (json_array_size(value) < min || json_array_size(value) > max)
		tell_format(r, name, "must hold %zu to %zu items", min, max);
	else
		*out_array = value;
}

void mp_json_read_object(struct mp_json_reader *r, const char *name, const json_t **out_object)
{
	const json_t *value = take(r, name);

	if (json_is_object(value))
		*out_object = value;
	else if (value != NULL)
		tell(r, name, "must be a JSON object");
}

void mp_json_read_refuse(struct mp_json_reader *r, const char *name, const char *message)
{
	tell(r, name, message);
}

static bool is_seen(const struct mp_json_reader *r, const char *name)
{
	for (size_t i = 0; i < r->seen_count; i++) {
		if (strcmp(r->seen[i], name) == 0)
			return true;
	}
	return false;
}

/* Names what the sender wrote, the start of it when that is long. */
static void tell_unknown(struct mp_json_reader *r, const char *name)
{
	char shown[NAME_LEN_MAX + sizeof("...")];
	size_t len = 0;
	size_t name_len = strlen(name);

	if (name_len <= NAME_LEN_MAX) {
		tell(r, name, "is not a known field");
		return;
	}
	for (;;) {
		size_t step = mp_text_utf8_character(name + len, name_len - len);
		if (step == 0 || len + step > NAME_LEN_MAX)
			break;
		len += step;
	}
	memcpy(shown, name, len);
	memcpy(shown + len, "...", sizeof("..."));
	tell(r, shown, "is not a known field");
}

enum mp_rc mp_json_read_end(struct mp_json_reader *r)
{
	size_t told = 0;

	assert(!r->optional_next); /* said of a field that was never read */
	if (r->object != NULL && !r->ignore_unknown) {
		/* jansson's iterators want to be able to change what they only look at here. */
		json_t *object = (json_t *)(uintptr_t)r->object;
		for (void *at = json_object_iter(object); at != NULL && told < UNKNOWN_TOLD_MAX;
			at = json_object_iter_next(object, at)) {
			const char *name = json_object_iter_key(at);
			if (is_seen(r, name))
				continue;
			tell_unknown(r, name);
			told++;
		}
	}
	return r->failed ? MP_INVALID : MP_OK;
}
