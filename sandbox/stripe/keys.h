#ifndef MP_SANDBOX_KEYS_H
#define MP_SANDBOX_KEYS_H

#include <stdbool.h>

/*
 * Idempotency-Keys of requests that run now: a twin is refused, not made to wait. A use lies on the
 * stack of the thread that runs the request. Threads: any.
 */
struct keys;

struct key_use {
	const char *key;
	struct key_use *next;
};

/* NULL without memory. */
struct keys *keys_new(void);
void keys_free(struct keys *keys);

/* False: another request uses it. use is borrowed until keys_leave. */
bool keys_enter(struct keys *keys, const char *key, struct key_use *use);
void keys_leave(struct keys *keys, struct key_use *use);

#endif
