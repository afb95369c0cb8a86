#ifndef MP_USER_FORM_H
#define MP_USER_FORM_H

#include <stddef.h>

#include "base/arena.h"
#include "base/form.h"
#include "base/rc.h"

/* Reading what RFC 6749 has clients send, on base/form.h. All texts live in the arena. Pure. */

#define FORM_FIELDS_MAX 8

struct form {
	struct mp_form_field fields[FORM_FIELDS_MAX];
	size_t count;
};

/*
 * application/x-www-form-urlencoded. MP_INVALID: not well-formed, not UTF-8, a NUL, a field twice,
 * or more than FORM_FIELDS_MAX. MP_NOMEM.
 */
enum mp_rc form_parse(
	struct mp_arena *arena, const char *body, size_t len, struct form *out_form) MP_MUST_CHECK;

/* NULL: absent. */
const char *form_value(const struct form *form, const char *name);

/*
 * "Basic <base64>" (RFC 7617), its two parts form-encoded within (RFC 6749 section 2.3.1).
 * MP_NOT_FOUND: header is NULL or of another scheme; MP_INVALID; MP_NOMEM.
 */
enum mp_rc basic_parse(struct mp_arena *arena, const char *header, const char **out_id,
	const char **out_secret) MP_MUST_CHECK;

#endif
