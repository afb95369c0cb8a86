#ifndef MP_BASE_FORM_H
#define MP_BASE_FORM_H

#include <stddef.h>

#include "base/arena.h"
#include "base/rc.h"

/*
 * application/x-www-form-urlencoded, decoded strictly: broken escapes, what is not UTF-8, and a NUL
 * are refused. Which names there may be, and how often, is the caller's to judge. Texts live in the
 * arena. Pure.
 */
struct mp_form_field {
	const char *name;
	const char *value; /* "" when there is no '=' */
};

/*
 * Takes the first field off the text, passing over empty ones ("a=1&&b=2").
 * inout_text, inout_len  the part of the body that is still to be read; moved on also when refused.
 * Errors: MP_NOT_FOUND: no field is left. MP_INVALID: this one is not well-formed. MP_NOMEM.
 */
enum mp_rc mp_form_next(struct mp_arena *arena, const char **inout_text, size_t *inout_len,
	struct mp_form_field *out_field) MP_MUST_CHECK;

/* One name or value alone: '+' and %XX. MP_INVALID, MP_NOMEM. */
enum mp_rc mp_form_decode(
	struct mp_arena *arena, const char *text, size_t len, const char **out_text) MP_MUST_CHECK;

/* A part of an address (RFC 3986): %XX only, as strictly. MP_INVALID, MP_NOMEM. */
enum mp_rc mp_percent_decode(
	struct mp_arena *arena, const char *text, size_t len, const char **out_text) MP_MUST_CHECK;

#endif
