#ifndef MP_BASE_TESTING_ALLOC_H
#define MP_BASE_TESTING_ALLOC_H

/*
 * For tests only: lets the nth allocation of our own code fail, and all after it. The test is
 * linked with alloc_wraps (lib/meson.build); libraries under ours are not touched.
 *
 *	for (long n = 0; ; n++) {
 *		mp_alloc_fail_after(n);
 *		rc = call_under_test();
 *		mp_alloc_fail_never();
 *		if (rc != MP_NOMEM) break;
 *		... nothing has leaked, outputs are untouched ...
 *	}
 */

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static long mp_alloc_left = -1; /* below zero: no end */

static inline void mp_alloc_fail_after(long count)
{
	mp_alloc_left = count;
}

static inline void mp_alloc_fail_never(void)
{
	mp_alloc_left = -1;
}

static inline bool mp_alloc_fails(void)
{
	if (mp_alloc_left > 0)
		mp_alloc_left--;
	else if (mp_alloc_left == 0)
		return true;
	return false;
}

void *__wrap_malloc(size_t size)
{
	return mp_alloc_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return mp_alloc_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return mp_alloc_fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return mp_alloc_fails() ? NULL : __real_strdup(text);
}

#endif
