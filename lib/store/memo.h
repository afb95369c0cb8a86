#ifndef MP_STORE_MEMO_H
#define MP_STORE_MEMO_H

#include <stddef.h>

/*
 * What a store remembers of keys, to be spared reads. A table of fixed size, in which a newer key
 * takes the place of an older one: what was set is known until it is forgotten, or was displaced.
 * Threads: one at a time.
 */
struct mp_memo;

#define MP_MEMO_BYTES_MAX 88 /* of a key and its value together */

struct mp_memo *mp_memo_new(void); /* NULL without memory */
void mp_memo_free(struct mp_memo *memo);

/* Forgets all. */
void mp_memo_clear(struct mp_memo *memo);

/* The key has this value, and no other any more. Both are copied; what is too long is forgotten. */
void mp_memo_set(
	struct mp_memo *memo, const char *key, size_t key_len, const void *value, size_t value_len);

void mp_memo_forget(struct mp_memo *memo, const char *key, size_t key_len);

/* The value, unaligned and borrowed until the next set; NULL: not known. */
const void *mp_memo_get(
	const struct mp_memo *memo, const char *key, size_t key_len, size_t *out_value_len);

#endif
