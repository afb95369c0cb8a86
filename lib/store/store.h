#ifndef MP_STORE_STORE_H
#define MP_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "store/item.h"

/*
 * One table of items, and conditional transactions over it: the one way services keep data. Engines
 * (RocksDB; DynamoDB) stand behind struct mp_store_engine; the contract is tests/store_contract,
 * the same suite on each.
 *
 * Results, the same on every engine:
 *	MP_EXISTS, MP_STALE  refused by a condition, nothing written; the operation is named
 *	MP_UNAVAILABLE       nothing written (a full disk, throttling to the deadline)
 *	MP_UNKNOWN           perhaps written: repeat with the same ids, the conditions will tell
 *	MP_INVALID           an item twice in one transaction, bad keys, too many operations
 *	MP_TOO_LARGE         an item over MP_ITEM_BYTES_MAX, a transaction over MP_TXN_BYTES_MAX;
 *	                     nothing written
 *	MP_NOMEM             nothing written
 *	MP_CORRUPT           stored bytes are not an item
 * Threads: a store may be used by any number of threads; a transaction by one.
 * All reads are strongly consistent. Items and pages live in the caller's arena.
 */
struct mp_store;

struct mp_key {
	const char *pk;
	const char *sk;
};

/* One item, or MP_NOT_FOUND (absent or expired). */
enum mp_rc mp_store_get(struct mp_store *store, const char *pk, const char *sk,
	struct mp_arena *arena, struct mp_item **out_item) MP_MUST_CHECK;

/* out_items[i] is the item of keys[i], or NULL when absent. At most MP_BATCH_GET_MAX keys. */
#define MP_BATCH_GET_MAX 1000
enum mp_rc mp_store_batch_get(struct mp_store *store, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items) MP_MUST_CHECK;

/*
 * Items of one partition in order of sk (bytewise), from sk_min to sk_max inclusive (NULL: open),
 * or backwards. after: the sk that the page before ended with, exclusive; NULL for the first page.
 * A page holds at most limit items (1..MP_QUERY_LIMIT_MAX); it may hold fewer and still have more:
 * more tells. Only RocksDB promises that another page after more is not empty.
 */
#define MP_QUERY_LIMIT_MAX 1000
struct mp_query {
	const char *pk;
	const char *sk_min;
	const char *sk_max;
	const char *after;
	bool descending;
	size_t limit;
};

struct mp_page {
	struct mp_item **items;
	size_t count;
	const char *
		last_sk; /* where the next page goes on, as its after; NULL when nothing was read */
	bool more;
};

enum mp_rc mp_store_query(struct mp_store *store, const struct mp_query *query,
	struct mp_arena *arena, struct mp_page *out_page) MP_MUST_CHECK;

/*
 * Every item of the table, in an order of the engine's own, one page a call: for audit, export and
 * tools only. segment of segments runs side by side. limit as in a query. cursor: NULL first, then
 * *out_cursor (base64url text) until it comes back NULL; MP_INVALID for one that is not ours.
 * out_page->last_sk is not used. Expired items are left out.
 */
enum mp_rc mp_store_scan(struct mp_store *store, uint32_t segment, uint32_t segments,
	const char *cursor, size_t limit, struct mp_arena *arena, struct mp_page *out_page,
	const char **out_cursor) MP_MUST_CHECK;

/* --- transactions: all operations, or none --- */

enum mp_op_kind {
	MP_OP_INSERT,  /* refused MP_EXISTS unless absent or expired; the item gets version 1 */
	MP_OP_REPLACE, /* refused MP_STALE unless at this version; the item gets version + 1 */
	MP_OP_REMOVE,  /* refused MP_STALE unless at this version */
	MP_OP_CHECK,   /* refused MP_STALE unless at this version; version 0: absent or expired */
	MP_OP_PUT,     /* never refused, the item gets version 1: only for rows whose content
	                  follows from their key (outbox, due), so writing one again is harmless */
	MP_OP_RESTORE, /* refused MP_EXISTS unless absent or expired; the item keeps the version
	                  that it was read with: for moving house only (move.h) */
};

struct mp_op {
	enum mp_op_kind kind;
	const char *pk;
	const char *sk;
	int64_t version;	    /* REPLACE, REMOVE, CHECK, RESTORE */
	const struct mp_item *item; /* INSERT, REPLACE, PUT, RESTORE */
	size_t item_bytes;	    /* at most, as a record (codec.h); set by mp_txn_commit */
	bool appends;		    /* INSERT: by mp_txn_append */
};

/* Called in the committing thread; call may be NULL. */
struct mp_hook {
	void (*call)(void *ctx);
	void *ctx;
};

/*
 * A builder in an arena. Items are borrowed until commit. Every call takes NULL items and keeps the
 * first failure for commit, so that a transaction reads as a list of what it does. Calls return the
 * operation's index, to be told apart in a refusal.
 */
struct mp_txn {
	struct mp_store *store;
	struct mp_arena *arena;
	struct mp_op *ops;
	size_t count;
	size_t capacity;
	enum mp_rc rc;
	struct mp_hook queued;	  /* called within the commit, see mp_txn_commit */
	struct mp_hook committed; /* called after a successful commit: wakes the outbox's relay */
};

#define MP_OP_NONE SIZE_MAX
#define MP_TXN_BYTES_MAX 4194304 /* keys and items, as DynamoDB has it */

void mp_txn_begin(struct mp_txn *txn, struct mp_store *store, struct mp_arena *arena);
size_t mp_txn_insert(struct mp_txn *txn, const struct mp_item *item);
size_t mp_txn_append(struct mp_txn *txn, const struct mp_item *item);
size_t mp_txn_replace(struct mp_txn *txn, const struct mp_item *item, int64_t version);
size_t mp_txn_remove(struct mp_txn *txn, const char *pk, const char *sk, int64_t version);
size_t mp_txn_put(struct mp_txn *txn, const struct mp_item *item);
size_t mp_txn_check(struct mp_txn *txn, const char *pk, const char *sk, int64_t version);
size_t mp_txn_restore(struct mp_txn *txn, const struct mp_item *item);

/*
 * mp_txn_append is mp_txn_insert into a partition that grows at its end, as a journal does: behind
 * an item that it adds nothing is there yet. An engine may take the caller's word for that: it
 * looks for the first one, needs no read for those behind, and could overwrite what should not be
 * there.
 */

/*
 * Writes all or nothing; durable when it returns MP_OK. reterr_op (may be NULL) names the first
 * refusing operation on MP_EXISTS and MP_STALE, and is MP_OP_NONE on every other error. An empty
 * transaction is MP_OK. Versions are 1 or more, and 0 in a check only; MP_INVALID otherwise.
 *
 * Transactions of a store that is not shared are decided one after the other, in the order in which
 * they are queued: each sees what those before it write, also while that is on its way to the disk,
 * and none is answered before what it saw is durable. queued is called, at most once, when the
 * transaction has its place, and never on a shared store.
 */
enum mp_rc mp_txn_commit(struct mp_txn *txn, size_t *reterr_op) MP_MUST_CHECK;

/* How many operations one transaction may have on this engine: 100 on DynamoDB, 4096 on RocksDB. */
size_t mp_store_txn_ops_max(const struct mp_store *store);

/* Whether other processes may use the same table at once: several replicas of a service. */
bool mp_store_is_shared(const struct mp_store *store);

/*
 * Removes items whatever their version, present or not: for rows that have done their work (outbox,
 * due, expired). Not atomic over the keys; repeat after a failure.
 */
enum mp_rc mp_store_erase(
	struct mp_store *store, const struct mp_key *keys, size_t count) MP_MUST_CHECK;

/* MP_OK when reads and writes can be served now (for /readyz); otherwise one sentence. */
enum mp_rc mp_store_ready(struct mp_store *store, char reterr[160]) MP_MUST_CHECK;

/*
 * For a backup of several stores at one moment, on RocksDB: hold makes writes wait (reads go on),
 * until go_on or for at most for_ms; copy writes the store as it was when the hold began into a
 * folder that is not there yet, and which a store can be opened on. What writes were answered
 * before the hold is in it.
 * hold: MP_BUSY: it is held already. copy: MP_CONFLICT: the hold has ended; MP_EXISTS: the folder
 * is there; MP_UNAVAILABLE. Both: MP_INVALID on an engine that does without (DynamoDB has backups
 * of its own). reterr (size 256): one sentence.
 */
enum mp_rc mp_store_hold(struct mp_store *store, int64_t for_ms) MP_MUST_CHECK;
enum mp_rc mp_store_copy(
	struct mp_store *store, const char *folder, char reterr[256]) MP_MUST_CHECK;
void mp_store_go_on(struct mp_store *store);

/* Closes whatever engine opened it, once no call runs any more. Takes NULL. */
void mp_store_close(struct mp_store *store);

/* --- engines --- */

struct mp_store_engine {
	const char *name;
	size_t txn_ops_max;
	bool shared; /* among processes */
	enum mp_rc (*batch_get)(void *engine, const struct mp_key *keys, size_t count,
		struct mp_arena *arena, struct mp_item **out_items);
	enum mp_rc (*query)(void *engine, const struct mp_query *query, struct mp_arena *arena,
		struct mp_page *out_page);
	enum mp_rc (*scan)(void *engine, uint32_t segment, uint32_t segments, const char *cursor,
		size_t limit, struct mp_arena *arena, struct mp_page *out_page,
		const char **out_cursor);
	/* operations are valid (checked by mp_txn_commit: keys, sizes, count, no item twice) */
	enum mp_rc (*commit)(void *engine, const struct mp_txn *txn, size_t *reterr_op);
	enum mp_rc (*erase)(void *engine, const struct mp_key *keys, size_t count);
	enum mp_rc (*ready)(void *engine, char reterr[160]);
	enum mp_rc (*hold)(void *engine, int64_t for_ms); /* these three: NULL without */
	enum mp_rc (*copy)(void *engine, const char *folder, char reterr[256]);
	void (*go_on)(void *engine);
	void (*close)(void *engine);
};

/* Wraps an opened engine. NULL without memory (the engine stays the caller's). */
struct mp_store *mp_store_new(const struct mp_store_engine *engine, void *engine_data);

/* Where DynamoDB is and who we are there. NULL reads as "". */
struct mp_store_aws {
	const char *region;
	const char *endpoint;	   /* "": AWS's own of the region */
	const char *access_key_id; /* "": the container's endpoint is asked for keys */
	const char *secret_access_key;
	const char *session_token;	  /* "": none */
	const char *container_uri;	  /* hands out keys */
	const char *container_token_file; /* its content goes there; read again each time */
};

/* What a service gives to open the engine that its settings name. */
struct mp_store_config {
	const char *engine;	 /* "rocksdb", "dynamodb" */
	const char *directory;	 /* rocksdb: the service's own folder, made when absent */
	const char *table;	 /* dynamodb: the service's table */
	struct mp_store_aws aws; /* dynamodb */
	bool create_table;	 /* dynamodb, for development: made when absent */
	int64_t deadline_ms;	 /* dynamodb: of a call, with all its attempts; 0: 6,000 */
	bool existing;		 /* rocksdb: a folder without data is refused, not made */
	bool read_only;		 /* beside the process that uses it; writes are MP_UNAVAILABLE */
};

/*
 * Errors: MP_INVALID (unknown engine, folder used by another process, no credentials, a table that
 * is absent or another's), MP_CORRUPT, MP_UNAVAILABLE; reterr (size 256) says it in one sentence.
 */
enum mp_rc mp_store_open(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256]) MP_MUST_CHECK;

/*
 * Adds what DynamoDB's CreateTable takes for a table of this name, and its time to live, as JSON:
 * for the code that makes a deployment's tables. Failures stay in the buffer.
 */
void mp_store_print_table(const char *table, struct mp_buf *out);

#endif
