#ifndef MP_STORE_VERSIONS_H
#define MP_STORE_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Versions of the items that were replaced lately: those that are replaced again and again, such as
 * a ledger's accounts, need no read for it. True for a store that one process alone writes to, as
 * long as it hears of every write. A table of fixed size, in which a newer key takes the place of
 * an older one. Threads: one at a time.
 */
struct mp_versions;

struct mp_versions *mp_versions_new(void); /* NULL without memory */
void mp_versions_free(struct mp_versions *versions);

/* Forgets all. */
void mp_versions_clear(struct mp_versions *versions);

/* The item is at this version. A key that is too long is not remembered. */
void mp_versions_set(
	struct mp_versions *versions, const char *key, size_t key_len, int64_t version);

/* The item was written in another way. */
void mp_versions_forget(struct mp_versions *versions, const char *key, size_t key_len);

/* False: not known. */
bool mp_versions_get(
	const struct mp_versions *versions, const char *key, size_t key_len, int64_t *out_version);

#endif
