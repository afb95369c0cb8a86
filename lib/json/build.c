#include "base/clock.h"
#include "json/json.h"

/* Names are the program's own, so they are not looked at again. json_object_set_new takes NULL. */

int mp_json_set_text(json_t *object, const char *name, const char *text_or_null)
{
	json_t *value = text_or_null == NULL ? json_null() : json_string(text_or_null);
	return json_object_set_new_nocheck(object, name, value);
}

int mp_json_set_id(json_t *object, const char *name, const struct mp_id *id)
{
	json_t *value = mp_id_is_none(id) ? json_null() : json_string_nocheck(id->text);
	return json_object_set_new_nocheck(object, name, value);
}

int mp_json_set_int(json_t *object, const char *name, int64_t number)
{
	return json_object_set_new_nocheck(object, name, json_integer(number));
}

int mp_json_set_bool(json_t *object, const char *name, bool value)
{
	return json_object_set_new_nocheck(object, name, json_boolean(value));
}

int mp_json_set_time(json_t *object, const char *name, int64_t time_ms)
{
	char text[MP_TIME_TEXT_SIZE];

	mp_time_format(time_ms, text);
	return json_object_set_new_nocheck(object, name, json_string_nocheck(text));
}

int mp_json_set_minor(
	json_t *object, const char *name, int64_t minor, const struct mp_currency *currency)
{
	char text[MP_AMOUNT_TEXT_SIZE];

	mp_money_format(minor, currency, text);
	return json_object_set_new_nocheck(object, name, json_string_nocheck(text));
}
