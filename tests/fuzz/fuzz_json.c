#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"

/* JSON texts: the parser's bounds, and every kind of field that is read from an object. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

static void add_error(void *ctx, const char *field, const char *message)
{
	size_t *count = ctx;

	FUZZ_CHECK(field != NULL && message != NULL && message[0] != '\0');
	(*count)++;
}

static void read_fields(const json_t *json)
{
	size_t errors_count = 0;
	const struct mp_field_errors errors = {.add = add_error, .ctx = &errors_count};
	struct mp_money money = {.minor = -1};
	const char *text = NULL;
	const json_t *tree = NULL;
	struct mp_json_reader r;
	int64_t number = -1;
	bool truth = false;
	int choice = -1;
	struct mp_id id;

	mp_json_read_begin(&r, json, "", &errors);
	mp_json_read_text(&r, "text", 1, 8, &text);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "note", 0, 8, &text);
	mp_json_read_id(&r, "id", &id);
	mp_json_read_id_or_null(&r, "other", &id);
	mp_json_read_int(&r, "int", 0, 9, &number);
	FUZZ_CHECK(number >= -1 && number <= 9);
	mp_json_read_bool(&r, "bool", &truth);
	mp_json_read_time(&r, "time", &number);
	mp_json_read_choice(&r, "choice", "wallet|card", &choice);
	FUZZ_CHECK(choice >= -1 && choice <= 1);
	mp_json_read_money(&r, "amount", "currency", fuzz_currencies, &money);
	FUZZ_CHECK(money.minor == -1 || money.minor > 0);
	mp_json_read_array(&r, "array", 1, 4, &tree);
	mp_json_read_object(&r, "object", &tree);
	enum mp_rc rc = mp_json_read_end(&r);
	FUZZ_CHECK((rc == MP_OK) == (errors_count == 0));
}

static size_t depth_of(const json_t *json)
{
	size_t deepest = 0;
	const char *name;
	json_t *value;
	size_t i;

	if (!json_is_array(json) && !json_is_object(json))
		return 0;
	json_array_foreach(json, i, value)
	{
		size_t depth = depth_of(value);
		deepest = depth > deepest ? depth : deepest;
	}
	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		size_t depth = depth_of(value);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[160] = "";
	json_t *again = NULL;
	json_t *json = NULL;

	enum mp_rc rc = mp_json_parse((const char *)data, size, &json, reason);
	FUZZ_CHECK(rc == MP_OK || (rc == MP_INVALID && reason[0] != '\0' && json == NULL));
	if (rc != MP_OK)
		return 0;
	FUZZ_CHECK(depth_of(json) <= MP_JSON_DEPTH_MAX);
	if (json_is_object(json))
		read_fields(json);
	/* What was read can be written, and is the same then. */
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	FUZZ_CHECK(text != NULL);
	FUZZ_CHECK(mp_json_parse(text, strlen(text), &again, reason) == MP_OK);
	FUZZ_CHECK(json_equal(json, again));
	json_decref(again);
	json_decref(json);
	free(text);
	return 0;
}
