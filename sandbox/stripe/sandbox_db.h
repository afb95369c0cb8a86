#ifndef MP_SANDBOX_SANDBOX_DB_H
#define MP_SANDBOX_SANDBOX_DB_H

#include "sandbox_types.h"
#include "store/store.h"

/*
 * Records in the store: each kind is one partition sorted by id, so by time. Reads give
 * MP_NOT_FOUND or a store error; writes are added to the caller's transaction, inserted when the
 * record's version is 0 and replaced otherwise.
 */
enum mp_rc db_session_get(struct mp_store *store, const struct mp_id *id, struct mp_arena *arena,
	struct session *out) MP_MUST_CHECK;
enum mp_rc db_intent_get(struct mp_store *store, const struct mp_id *id, struct mp_arena *arena,
	struct intent *out) MP_MUST_CHECK;
enum mp_rc db_event_get(struct mp_store *store, const struct mp_id *id, struct mp_arena *arena,
	struct event *out) MP_MUST_CHECK;

void db_session_put(struct mp_txn *txn, const struct session *session);
void db_intent_put(struct mp_txn *txn, const struct intent *intent);
void db_event_put(struct mp_txn *txn, const struct event *event);

/* --- lists, newest first --- */

enum db_kind {
	DB_SESSIONS,
	DB_INTENTS,
	DB_EVENTS,
};

#define DB_PAGE_MAX 100

struct db_list {
	enum db_kind kind;
	const char *event_type; /* of DB_EVENTS; NULL: all */
	struct mp_id after;	/* goes on behind (older than) this one; none: from the newest */
	struct mp_id before;	/* or: the page just before (newer than) this one */
	int64_t created_min_s;	/* inclusive; 0: open */
	int64_t created_end_s;	/* exclusive; 0: open */
	size_t limit;		/* 1..DB_PAGE_MAX */
};

/* records is an array of the kind's struct. */
struct db_page {
	union {
		struct session *sessions;
		struct intent *intents;
		struct event *events;
	} records;
	size_t count;
	bool more;
};

enum mp_rc db_list(struct mp_store *store, const struct db_list *list, struct mp_arena *arena,
	struct db_page *out) MP_MUST_CHECK;

/* --- answers under an Idempotency-Key --- */

struct answer {
	const char *key;    /* the header */
	const char *digest; /* of method, path and body */
	const char *body;
	const char *request_id;
	int64_t status; /* 0: 200 */
};

/* MP_NOT_FOUND: the key is new. */
enum mp_rc db_answer_get(struct mp_store *store, const char *key, struct mp_arena *arena,
	struct answer *out) MP_MUST_CHECK;

/* Nothing without a key. */
void db_answer_put(struct mp_txn *txn, const struct answer *answer, int64_t now_ms);

#endif
