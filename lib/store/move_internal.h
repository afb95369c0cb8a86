#ifndef MP_STORE_MOVE_INTERNAL_H
#define MP_STORE_MOVE_INTERNAL_H

#include "store/move_file.h"

/* What exporting and importing share. For lib/store's own files. */

/* The row that says how far an import is. */
#define MOVE_PK "MOVE"
#define MOVE_SK "IMPORT"

#define MOVE_ARENA_BYTES (256u << 20) /* a page of 1,000 items, or of their JSON */

/* Whether a call that failed is worth another; waits before it. began_ms: 0 at first. */
bool move_try_again(const struct mp_move *move, enum mp_rc rc, int64_t *began_ms);

/* One page of the store, as mp_store_scan, with patience. */
enum mp_rc move_scan(const struct mp_move *move, const char *cursor, struct mp_arena *arena,
	struct mp_page *out_page, const char **out_cursor) MP_MUST_CHECK;

/*
 * Reads the file from its beginning to its end. *out_all: its items; *out_lasting: those that do
 * not end before until_s. MP_CORRUPT: it is not whole.
 */
enum mp_rc move_sum_file(const struct mp_move *move, FILE *file, const char *path, int64_t until_s,
	struct mp_items_sum *out_all, struct mp_items_sum *out_lasting,
	char reterr[256]) MP_MUST_CHECK;

/* Whether file and store hold the same, our own row left out; out_moved gets sum and passing. */
enum mp_rc move_compare(const struct mp_move *move, FILE *file, const char *path, bool *out_equal,
	struct mp_moved *out_moved, char reterr[256]) MP_MUST_CHECK;

/* A sentence for a failure of the store that has none yet. */
enum mp_rc move_failed(enum mp_rc rc, const char *what, char reterr[256]) MP_MUST_CHECK;

#endif
