#ifndef MP_DUE_DUE_H
#define MP_DUE_DUE_H

#include <stdint.h>

#include "base/id.h"
#include "store/store.h"

/*
 * Work that must not be forgotten: a row per piece of work, sorted by the time it is due, written
 * in the transaction that makes it necessary. Workers take rows that are due; the handler does the
 * work and says what becomes of the row. Work may run twice (a crash, several replicas), so
 * handlers are idempotent.
 *
 * While rows cannot be written, each thread does one piece of work in a pause that grows to 15 s.
 *
 * Rows: pk DUE#<kind>#<00..07 by id>, sk "<13 digits of milliseconds>#<id>".
 */
struct mp_due;

struct mp_due_result {
	bool done;	     /* the row is erased */
	int64_t again_at_ms; /* otherwise it is moved to this time */
};

/*
 * One piece of work. attempts counts from 0 the times that this row was moved. Errors of any kind
 * are the handler's to turn into a time to try again.
 */
typedef struct mp_due_result (*mp_due_handler)(void *ctx, struct mp_arena *arena,
	const struct mp_id *id, int64_t attempts, int64_t now_ms);

#define MP_DUE_THREADS_MAX 64

struct mp_due_config {
	struct mp_store *store;
	const char *kind; /* "event", "session": part of the key, at most 31 bytes */
	/*
	 * No row is ever written for a time so far ahead: one that is was written while a clock was
	 * ahead, and is due now, or within a minute. 0: rows may be for any time.
	 */
	int64_t far_ms;
	unsigned threads; /* 1..64; each piece of work by one thread at a time in this process */
	mp_due_handler handler;
	void *ctx;
	struct mp_sink sink;
};

/* Usable at once for adding; workers run from mp_due_start to close. */
enum mp_rc mp_due_open(const struct mp_due_config *config, struct mp_due **out_due) MP_MUST_CHECK;
enum mp_rc mp_due_start(struct mp_due *due) MP_MUST_CHECK;
void mp_due_close(struct mp_due *due);

/*
 * Adds work to its cause's transaction. Ids are of the thing worked on: one row for each thing and
 * kind, so a second add at another time makes the work run twice.
 */
void mp_due_add(struct mp_due *due, struct mp_txn *txn, const struct mp_id *id, int64_t at_ms);

/* Work due now was committed, or may have become possible: look at once. */
void mp_due_wake(struct mp_due *due);

/* For a re-drive: 1 s, 2 s, 4 s ... to an hour, with up to a tenth of jitter: never beyond _MAX. */
#define MP_DUE_BACKOFF_MS_MAX (66 * 60 * 1000)
int64_t mp_due_backoff_ms(int64_t attempts);

#endif
