#ifndef MP_SANDBOX_FORM_H
#define MP_SANDBOX_FORM_H

#include "base/arena.h"
#include "sandbox_types.h"
#include "stripe_error.h"

/*
 * Form-encoded requests with names like line_items[0][price_data][unit_amount], read field by
 * field. The first wrong field is told, as the provider does; a field that nobody read is unknown
 * and refused at the end. Texts live in the arena. Pure.
 */
#define FORM_FIELDS_MAX 1024

struct form_field {
	const char *name;
	const char *value;
	bool seen;
};

struct form {
	struct mp_arena *arena;
	struct form_field *fields;
	size_t count;
	struct stripe_error *error;
	enum mp_rc rc; /* the first failure: MP_INVALID (told in error) or MP_NOMEM */
};

/* An empty form; error is filled in by whatever fails first. */
void form_begin(struct form *form, struct mp_arena *arena, struct stripe_error *error);

/*
 * Adds the fields of an application/x-www-form-urlencoded text. Refused: broken escapes, what is
 * not UTF-8, control characters but line breaks and tabs, a name twice, too many fields.
 */
void form_decode(struct form *form, const char *text, size_t len);

/* One field, decoded already; the texts are borrowed. */
void form_add(struct form *form, const char *name, const char *value);

/* NULL: absent, or refused: empty, or longer than chars_max characters. */
const char *form_text(struct form *form, const char *name, size_t chars_max);
const char *form_text_required(struct form *form, const char *name, size_t chars_max);

/* An absolute http or https address of printable ASCII. */
const char *form_url(struct form *form, const char *name, bool required);

/* True when the field is there and a whole number within min..max. */
bool form_int(struct form *form, const char *name, int64_t min, int64_t max, int64_t *out_number);

/* A feature that this sandbox does not have: only "false" is taken. */
void form_off(struct form *form, const char *name);

/* name[key]=value, at most METADATA_MAX: keys of 40 characters, values of 500, none empty. */
void form_metadata(struct form *form, const char *name, struct metadata *out);

/* How many elements an array has whose fields begin with name[0], name[1] ... */
size_t form_array_count(const struct form *form, const char *name);

/* A name made of its parts, "line_items[%zu][quantity]"; "" when there is no memory, and told. */
const char *form_name(struct form *form, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A rule that only the caller knows was broken. code may be NULL. */
void form_refuse(struct form *form, const char *code, const char *name, const char *message);

/* MP_OK, or the first failure; a field that was not read is one. */
enum mp_rc form_end(struct form *form) MP_MUST_CHECK;

#endif
