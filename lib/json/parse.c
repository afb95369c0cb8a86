#include <stdbool.h>
#include <stdlib.h>

#include "base/text.h"
#include "json/json.h"

#define REASON_SIZE 160

/*
 * jansson reports a failed allocation as bad syntax, or as nothing at all, so that its allocator
 * remembers it. A server's lack of memory must not be told to clients as their mistake.
 */
static _Thread_local bool allocation_failed;

static void *remembering_malloc(size_t size)
{
	void *memory = malloc(size);

	if (memory == NULL)
		allocation_failed = true;
	return memory;
}

void mp_json_init(void)
{
	json_set_alloc_funcs(remembering_malloc, free);
	json_object_seed(0); /* 0: from the system's randomness */
}

/*
 * Counts open brackets outside strings. Text that is not JSON gives some number: the parser, which
 * would recurse that deep, will refuse it.
 */
static bool is_too_deep(const char *text, size_t len, size_t depth_max)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (in_string) {
			if (c == '\\')
				i++; /* what is escaped ends no string */
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > depth_max)
				return true;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static enum mp_rc refuse(char reterr[REASON_SIZE], const char *reason)
{
	return mp_text_copy(reterr, REASON_SIZE, reason) == MP_OK ? MP_INVALID : MP_BUG;
}

/* jansson's own words would repeat a piece of the text, which may be a password. */
static enum mp_rc refuse_at(char reterr[REASON_SIZE], const char *reason, const json_error_t *where)
{
	enum mp_rc rc = mp_text_format(reterr, REASON_SIZE, "%s (line %d, column %d).", reason,
		where->line, where->column);
	return rc == MP_OK ? MP_INVALID : MP_BUG;
}

static enum mp_rc explain(const json_error_t *error, char reterr[REASON_SIZE])
{
	enum json_error_code code = json_error_code(error);

	if (allocation_failed || code == json_error_out_of_memory)
		return MP_NOMEM;
	if (code == json_error_duplicate_key)
		return refuse_at(reterr, "A key stands twice in one JSON object", error);
	if (code == json_error_numeric_overflow)
		return refuse_at(reterr, "A JSON number is beyond 64 bits", error);
	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		return refuse_at(reterr, "A JSON text holds the character U+0000", error);
	if (code == json_error_end_of_input_expected)
		return refuse_at(reterr, "Something stands behind the JSON text", error);
	if (code == json_error_premature_end_of_input)
		return refuse_at(reterr, "The JSON text ends too early", error);
	return refuse_at(reterr, "The text is not JSON", error);
}

static enum mp_rc refuse_depth(char reterr[REASON_SIZE], size_t depth_max)
{
	enum mp_rc rc = mp_text_format(
		reterr, REASON_SIZE, "The JSON text is nested more than %zu deep.", depth_max);
	return rc == MP_OK ? MP_INVALID : MP_BUG;
}

enum mp_rc mp_json_parse(const char *text, size_t len, json_t **out_json, char reterr[160])
{
	return mp_json_parse_within(text, len, MP_JSON_DEPTH_MAX, out_json, reterr);
}

enum mp_rc mp_json_parse_within(
	const char *text, size_t len, size_t depth_max, json_t **out_json, char reterr[160])
{
	json_error_t error;

	if (len == 0)
		return refuse(reterr, "The JSON text is empty.");
	if (!mp_text_is_utf8(text, len))
		return refuse(reterr, "The JSON text is not UTF-8.");
	if (is_too_deep(text, len, depth_max))
		return refuse_depth(reterr, depth_max);
	allocation_failed = false;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (json == NULL)
		return explain(&error, reterr);
	*out_json = json;
	return MP_OK;
}
