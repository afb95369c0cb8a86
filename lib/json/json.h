#ifndef MP_JSON_JSON_H
#define MP_JSON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/rc.h"
#include "money/money.h"

/* JSON is jansson's; here are its bounds, and a reader that names every wrong field. */

#define MP_JSON_DEPTH_MAX 32

/* Seeds jansson's hash and gives it our allocator; once, before threads start. */
void mp_json_init(void);

/*
 * Parses one JSON text: UTF-8, at most MP_JSON_DEPTH_MAX deep (scanned before parsing), no
 * duplicate keys, nothing after it. Errors: MP_INVALID with a sentence in reterr (size 160),
 * MP_NOMEM. The caller owns *out_json (json_decref).
 */
enum mp_rc mp_json_parse(
	const char *text, size_t len, json_t **out_json, char reterr[160]) MP_MUST_CHECK;

/* The same with another bound on depth, for formats that nest more. */
enum mp_rc mp_json_parse_within(const char *text, size_t len, size_t depth_max, json_t **out_json,
	char reterr[160]) MP_MUST_CHECK;

/* Where wrong fields are told. field is a path ("legs[2].amount"); both borrowed for the call. */
struct mp_field_errors {
	void (*add)(void *ctx, const char *field, const char *message);
	void *ctx;
};

/*
 * Reads an object's fields one by one; each wrong one is told to errors and remembered, so that all
 * are told at once. Outputs of wrong or absent optional fields are untouched.
 *
 *	struct mp_json_reader r;
 *	mp_json_read_begin(&r, json, "", errors);
 *	mp_json_read_text(&r, "user_name", 3, 32, &user_name);
 *	mp_json_read_optional(&r); mp_json_read_text(&r, "email", 3, 254, &email);
 *	rc = mp_json_read_end(&r);       MP_INVALID when any field was wrong, absent or unknown
 */
struct mp_json_reader {
	const json_t *object; /* borrowed; texts read from it live as long */
	const char *path;     /* prefix of field names, "" at the top */
	const struct mp_field_errors *errors;
	const char *seen[32];
	size_t seen_count;
	bool optional_next;
	bool failed;
	bool ignore_unknown;
};

void mp_json_read_begin(struct mp_json_reader *r, const json_t *object, const char *path,
	const struct mp_field_errors *errors);

/* The next field may be absent. */
void mp_json_read_optional(struct mp_json_reader *r);

/* Fields that are not read are no error: for what other systems send. */
void mp_json_read_ignore_unknown(struct mp_json_reader *r);

/*
 * Text of min..max bytes without control characters. null is refused except by _or_null, which
 * reads null as NULL. Memory: the tree's.
 */
void mp_json_read_text(
	struct mp_json_reader *r, const char *name, size_t min, size_t max, const char **out_text);
void mp_json_read_text_or_null(
	struct mp_json_reader *r, const char *name, size_t min, size_t max, const char **out_text);
void mp_json_read_id(struct mp_json_reader *r, const char *name, struct mp_id *out_id);
void mp_json_read_id_or_null(struct mp_json_reader *r, const char *name, struct mp_id *out_id);
void mp_json_read_int(
	struct mp_json_reader *r, const char *name, int64_t min, int64_t max, int64_t *out_number);
void mp_json_read_bool(struct mp_json_reader *r, const char *name, bool *out_value);
void mp_json_read_time(struct mp_json_reader *r, const char *name, int64_t *out_time_ms);

/* One of choices ("wallet|card"); out is the index. */
void mp_json_read_choice(
	struct mp_json_reader *r, const char *name, const char *choices, int *out_index);

/*
 * A decimal string over zero in the currency of field currency_name (absent: the default).
 * Tells apart: not a string, not a decimal, too precise, zero, out of range, unknown currency.
 */
void mp_json_read_money(struct mp_json_reader *r, const char *amount_name,
	const char *currency_name, const struct mp_currencies *currencies, struct mp_money *out);

/* Arrays and objects for the caller to walk. */
void mp_json_read_array(struct mp_json_reader *r, const char *name, size_t min, size_t max,
	const json_t **out_array);
void mp_json_read_object(struct mp_json_reader *r, const char *name, const json_t **out_object);

/* A rule that only the caller knows was broken by this field. */
void mp_json_read_refuse(struct mp_json_reader *r, const char *name, const char *message);

enum mp_rc mp_json_read_end(struct mp_json_reader *r) MP_MUST_CHECK;

/* Builders: on failure they return non-zero like jansson's, and the tree stays valid. */
int mp_json_set_text(json_t *object, const char *name, const char *text_or_null);
int mp_json_set_id(json_t *object, const char *name, const struct mp_id *id); /* none: null */
int mp_json_set_int(json_t *object, const char *name, int64_t number);
int mp_json_set_bool(json_t *object, const char *name, bool value);
int mp_json_set_time(json_t *object, const char *name, int64_t time_ms);
int mp_json_set_minor(
	json_t *object, const char *name, int64_t minor, const struct mp_currency *currency);

#endif
