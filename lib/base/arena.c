#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Blocks double from small, so that a short request costs one small block, up to BLOCK_BYTES_USUAL;
 * what does not fit in such a block gets one of its own size.
 */
#define BLOCK_BYTES_FIRST 4096u
#define BLOCK_BYTES_USUAL 65536u
#define ALIGNMENT alignof(max_align_t)

/* Under AddressSanitizer each piece has a poisoned gap behind it, so that overruns are seen. */
#if defined(__SANITIZE_ADDRESS__)
#define MP_ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MP_ARENA_POISON 1
#endif
#endif

#ifdef MP_ARENA_POISON
#include <sanitizer/asan_interface.h>
#define GAP_BYTES ALIGNMENT
#define POISON(address, bytes) ASAN_POISON_MEMORY_REGION((address), (bytes))
#define UNPOISON(address, bytes) ASAN_UNPOISON_MEMORY_REGION((address), (bytes))
#else
#define GAP_BYTES 0u
#define POISON(address, bytes) ((void)(address), (void)(bytes))
#define UNPOISON(address, bytes) ((void)(address), (void)(bytes))
#endif

struct block {
	struct block *next; /* made before this one */
	size_t size;	    /* bytes of data */
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

struct mp_arena {
	struct block *newest;
	size_t size_next; /* of the next block, when nothing larger is asked for */
	size_t bytes_max;
	size_t bytes_used; /* handed out since new or reset, rounded up to ALIGNMENT */
};

struct mp_arena *mp_arena_new(size_t bytes_max)
{
	struct mp_arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->size_next = BLOCK_BYTES_FIRST;
	arena->bytes_max = bytes_max < SIZE_MAX / 4 ? bytes_max : SIZE_MAX / 4;
	return arena;
}

static void block_free(struct block *block)
{
	UNPOISON(block->data, block->size);
	free(block);
}

void mp_arena_free(struct mp_arena *arena)
{
	if (arena == NULL)
		return;
	for (struct block *block = arena->newest; block != NULL;) {
		struct block *next = block->next;
		block_free(block);
		block = next;
	}
	free(arena);
}

void mp_arena_reset(struct mp_arena *arena)
{
	struct block *kept = NULL;

	for (struct block *block = arena->newest; block != NULL;) {
		struct block *next = block->next;
		/* The first that is met is the newest, and so the largest but for huge ones. */
		if (kept == NULL && block->size <= BLOCK_BYTES_USUAL) {
			kept = block;
			kept->next = NULL;
			kept->used = 0;
			POISON(kept->data, kept->size);
		} else {
			block_free(block);
		}
		block = next;
	}
	arena->newest = kept;
	arena->bytes_used = 0;
}

static struct block *block_add(struct mp_arena *arena, size_t bytes)
{
	size_t usual = arena->size_next;
	size_t size = bytes > usual ? bytes : usual;

	struct block *block = malloc(sizeof(*block) + size);
	if (block == NULL)
		return NULL;
	block->size = size;
	block->used = 0;
	POISON(block->data, block->size);

	if (size > usual && arena->newest != NULL) {
		/* Full as it is: it stands behind the newest, which still has room. */
		block->next = arena->newest->next;
		arena->newest->next = block;
		return block;
	}
	block->next = arena->newest;
	arena->newest = block;
	if (usual < BLOCK_BYTES_USUAL)
		arena->size_next = usual * 2;
	return block;
}

void *mp_arena_alloc(struct mp_arena *arena, size_t bytes)
{
	assert(arena != NULL);
	if (bytes > arena->bytes_max)
		return NULL; /* nor does the rounding below overflow: bytes_max is far from that */

	size_t rounded = (bytes == 0 ? 1 : bytes) + ALIGNMENT - 1;
	rounded -= rounded % ALIGNMENT;
	if (rounded > arena->bytes_max - arena->bytes_used)
		return NULL;

	struct block *block = arena->newest;
	if (block == NULL || block->size - block->used < rounded + GAP_BYTES)
		block = block_add(arena, rounded + GAP_BYTES);
	if (block == NULL)
		return NULL;

	void *piece = block->data + block->used;
	UNPOISON(piece, bytes);
	memset(piece, 0, bytes);
	block->used += rounded + GAP_BYTES;
	arena->bytes_used += rounded;
	return piece;
}

void *mp_arena_array(struct mp_arena *arena, size_t count, size_t bytes_each)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, bytes_each, &bytes))
		return NULL;
	return mp_arena_alloc(arena, bytes);
}

char *mp_arena_strdup(struct mp_arena *arena, const char *text)
{
	return text == NULL ? NULL : mp_arena_strndup(arena, text, strlen(text));
}

char *mp_arena_strndup(struct mp_arena *arena, const char *text, size_t len)
{
	if (text == NULL || len == SIZE_MAX)
		return NULL;
	size_t text_len = strnlen(text, len);
	char *copy = mp_arena_alloc(arena, text_len + 1);
	if (copy != NULL)
		memcpy(copy, text, text_len);
	return copy;
}

char *mp_arena_printf(struct mp_arena *arena, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return NULL;

	char *text = mp_arena_alloc(arena, (size_t)len + 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	int written = vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return written == len ? text : NULL;
}
