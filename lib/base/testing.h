#ifndef MP_BASE_TESTING_H
#define MP_BASE_TESTING_H

/* For tests only: what cmocka needs to be included before it, and a helper for tables. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * A table test tells every wrong row and asserts once, at its end:
 *
 *	wrong += mp_wrong(len == row->len, "%s: %zu bytes", row->text, len);
 *	...
 *	assert_int_equal(wrong, 0);
 */
__attribute__((format(printf, 2, 3))) static inline int mp_wrong(bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return 0;
	va_start(args, format);
	vprint_error(format, args);
	va_end(args);
	print_error("\n");
	return 1;
}

#endif
