#include "stripe_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* What was cut may have lost a part of its last character, and JSON wants whole ones. */
static void mend_utf8(char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t bytes = mp_text_utf8_character(text, left);
		if (bytes == 0) {
			*text = '?';
			bytes = 1;
		}
		text += bytes;
		left -= bytes;
	}
}

enum mp_rc stripe_refuse(
	struct stripe_error *error, const char *code, const char *param, const char *format, ...)
{
	va_list args;

	error->status = 400;
	error->type = "invalid_request_error";
	error->code = code;
	error->param = param;
	va_start(args, format);
	int len = vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	if (len < 0)
		error->message[0] = '\0';
	mend_utf8(error->message);
	return MP_INVALID;
}

enum mp_rc stripe_no_such(
	struct stripe_error *error, const char *what, const char *param, const char *id)
{
	(void)stripe_refuse(error, "resource_missing", param, "No such %s: '%.100s'", what, id);
	error->status = 404;
	return MP_NOT_FOUND;
}
