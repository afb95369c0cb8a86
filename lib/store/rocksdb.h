#ifndef MP_STORE_ROCKSDB_H
#define MP_STORE_ROCKSDB_H

#include <pthread.h>
#include <rocksdb/c.h>

#include "store/engine.h"
#include "store/memo.h"
#include "store/pending.h"

/*
 * The RocksDB engine, for its own files:
 *	rocksdb.c         options, open, close, the mark of the table's format
 *	rocksdb_log.c     damage in logs that RocksDB would not notice
 *	rocksdb_health.c  a full disk, a failed write, and going on after them
 *	rocksdb_read.c    get, query, scan
 *	rocksdb_commit.c  group commit: requests, their queue, who leads
 *	rocksdb_group.c   group commit: a group's conditions and its write
 *	rocksdb_ends.c    where partitions end, for items that are appended
 *	rocksdb_expire.c  leaving out what expired long ago
 *	rocksdb_copy.c    holding writes, and a copy of what is there
 *	rocksdb_beside.c  reading beside the process that uses the folder
 */
struct rocksdb_request;

/* Transactions that are checked one after the other, and written as one batch. */
struct rocksdb_group {
	struct rocksdb_request *first;
	size_t keys_count; /* of all its writes */
	size_t keys_bytes;
	rocksdb_writebatch_t *batch;
	struct mp_pending pending; /* what the batch changes */
	bool durable;
	uint64_t opened; /* the engine's when it was checked */
};

struct mp_rocksdb {
	/* Shared by whoever uses db; a reopening after a failed write takes it alone. */
	pthread_rwlock_t open_lock;
	rocksdb_t *db; /* NULL: a reopening failed */
	rocksdb_options_t *options;
	rocksdb_compactionfilter_t *expiry;
	rocksdb_readoptions_t *read;
	rocksdb_writeoptions_t *write_durable;
	rocksdb_writeoptions_t *write_soon; /* durable with the next durable write */
	char *directory;
	char *beside; /* read-only: a folder for RocksDB's own notes; NULL otherwise */
	struct mp_sink sink;

	/* Committing threads queue here; the first of them leads a group. */
	pthread_mutex_t queue_lock;
	struct rocksdb_request *queue_head;
	struct rocksdb_request *queue_tail;
	bool led;			     /* somebody checks a group, or is about to */
	const struct rocksdb_group *writing; /* NULL: none */
	char trouble[160];		     /* why writes are refused; "" when they are not */

	/* While one group is on its way to the disk, the next one is checked: by turns. */
	struct rocksdb_group groups[2];
	unsigned groups_taken;
	/*
	 * For who checks, as what is checked so far leaves it. True since one process alone writes
	 * to the folder, and each of its writes passes here.
	 */
	struct mp_memo *versions; /* of items that were replaced lately, by their keys */
	struct mp_memo *ends;	  /* rocksdb_ends.c */
	uint64_t remembered_opened;

	/* Held by a leader while it writes, and by whoever makes writes wait. */
	pthread_mutex_t write_lock;
	pthread_cond_t write_cond;
	_Atomic int64_t held_until_ms; /* monotonic; 0: writes do not wait */

	/*
	 * Changes where db may not show what was written last: what was checked before must be
	 * checked again. Written with both locks held.
	 */
	uint64_t opened;

	/* For the holder of write_lock. */
	int64_t space_checked_ms; /* monotonic; 0: look at the next write */
	bool write_failed;	  /* what db holds in memory may not be what its log says */
	int64_t reopen_at_ms;	  /* monotonic */
};

/* --- rocksdb.c --- */

/* The options that every store is opened with; bench/bare.c measures with the same. */
rocksdb_options_t *mp_rocksdb_options_new(void);

/* Makes the folder and its parents, for the owner only. False: errno says why. */
bool mp_rocksdb_make_folder(const char *path);

/* Opens what is closed. The caller holds open_lock alone, or is the only user. */
enum mp_rc mp_rocksdb_open_db(
	struct mp_rocksdb *engine, char *reterr, size_t reterr_size) MP_MUST_CHECK;

/* What an error text of RocksDB's reads means; frees it. */
enum mp_rc mp_rocksdb_read_failed(char *error);

/* --- rocksdb_health.c: called with write_lock held --- */

/* MP_OK, or MP_UNAVAILABLE: engine->trouble says why. Goes on by itself when it can. */
enum mp_rc mp_rocksdb_may_write(struct mp_rocksdb *engine) MP_MUST_CHECK;

/* Nothing that was taken for written can be relied on: groups checked so far are checked again. */
void mp_rocksdb_check_again(struct mp_rocksdb *engine);

/* A write failed: nothing more is written before the folder has been opened anew. Frees error. */
void mp_rocksdb_write_failed(struct mp_rocksdb *engine, char *error);

/* --- rocksdb_expire.c --- */

/* For options; it must outlive the database. */
rocksdb_compactionfilter_t *mp_rocksdb_expiry_new(void);

/* --- rocksdb_copy.c --- */

/* Takes write_lock, for a leader: once no other writes, and no hold is in the way. */
void mp_rocksdb_lock_writes(struct mp_rocksdb *engine);

enum mp_rc mp_rocksdb_hold(void *engine, int64_t for_ms) MP_MUST_CHECK;
enum mp_rc mp_rocksdb_copy(void *engine, const char *folder, char reterr[256]) MP_MUST_CHECK;
void mp_rocksdb_go_on(void *engine);

/* --- rocksdb_beside.c --- */

/* Makes the folder for the notes. MP_UNAVAILABLE and a sentence. */
enum mp_rc mp_rocksdb_beside_init(struct mp_rocksdb *engine, char reterr[256]) MP_MUST_CHECK;

/* As rocksdb_open, for reading what another process has open. */
rocksdb_t *mp_rocksdb_open_beside(struct mp_rocksdb *engine, char **error);
void mp_rocksdb_beside_done(struct mp_rocksdb *engine); /* removes the notes, when closed */

/* --- the engine's operations --- */

enum mp_rc mp_rocksdb_batch_get(void *engine, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items) MP_MUST_CHECK;
enum mp_rc mp_rocksdb_query(void *engine, const struct mp_query *query, struct mp_arena *arena,
	struct mp_page *out_page) MP_MUST_CHECK;
enum mp_rc mp_rocksdb_scan(void *engine, uint32_t segment, uint32_t segments, const char *cursor,
	size_t limit, struct mp_arena *arena, struct mp_page *out_page,
	const char **out_cursor) MP_MUST_CHECK;
enum mp_rc mp_rocksdb_commit(
	void *engine, const struct mp_txn *txn, size_t *reterr_op) MP_MUST_CHECK;
enum mp_rc mp_rocksdb_erase(void *engine, const struct mp_key *keys, size_t count) MP_MUST_CHECK;
enum mp_rc mp_rocksdb_ready(void *engine, char reterr[160]) MP_MUST_CHECK;

#endif
