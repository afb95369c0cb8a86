#ifndef MP_CONFIG_CONFIG_H
#define MP_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"

/* A service's settings are one table, read from the environment, all checked before use. */

enum mp_setting_type {
	MP_SETTING_TEXT,   /* const char * */
	MP_SETTING_SECRET, /* const char *, from NAME or the file NAME_FILE; never shown */
	MP_SETTING_INT,	   /* int64_t within min..max */
	MP_SETTING_BOOL,   /* bool: true or false */
	MP_SETTING_CHOICE, /* const char *: one of choices, separated by '|' */
};

struct mp_setting {
	const char *name;
	enum mp_setting_type type;
	const char *fallback; /* NULL: required */
	size_t offset;	      /* of the field in the service's config struct */
	int64_t min;
	int64_t max;
	const char *choices;
	const char *help; /* one line, also the README's */
};

/*
 * Fills target's fields from the environment. On failure every wrong setting stands in
 * reterr_problems, a sentence a line, and nothing is left allocated.
 * Memory: texts are owned by target until mp_config_done.
 * Errors: MP_INVALID, MP_NOMEM.
 */
enum mp_rc mp_config_load(const struct mp_setting *settings, size_t count, void *target,
	struct mp_buf *reterr_problems) MP_MUST_CHECK;

void mp_config_done(const struct mp_setting *settings, size_t count, void *target);

/* For people, those that are required or the others: name, default, help; no secret's value. */
void mp_config_print_help(
	const struct mp_setting *settings, size_t count, bool required, struct mp_buf *out);

#endif
