#ifndef MP_BASE_ARENA_H
#define MP_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Bounded memory with one lifetime: a request's, a delivery's, a batch's. Nothing is freed alone.
 * Threads: one at a time.
 */
struct mp_arena;

/* An arena that hands out at most bytes_max. NULL without memory. */
struct mp_arena *mp_arena_new(size_t bytes_max);

/* Frees all at once. Takes NULL. */
void mp_arena_free(struct mp_arena *arena);

/* Forgets what was handed out and keeps one block for reuse. */
void mp_arena_reset(struct mp_arena *arena);

/*
 * All return zeroed (alloc) or NUL-terminated (text) memory aligned for any type, or NULL when the
 * bound or the machine's memory is reached. Length arguments are bytes. A NULL text gives NULL.
 */
void *mp_arena_alloc(struct mp_arena *arena, size_t bytes);
void *mp_arena_array(struct mp_arena *arena, size_t count, size_t bytes_each);
char *mp_arena_strdup(struct mp_arena *arena, const char *text);
char *mp_arena_strndup(struct mp_arena *arena, const char *text, size_t len);
char *mp_arena_printf(struct mp_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
