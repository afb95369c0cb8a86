#ifndef MP_STORE_DYNAMO_H
#define MP_STORE_DYNAMO_H

#include <pthread.h>

#include "base/buf.h"
#include "http_client/http_client.h"
#include "json/json.h"
#include "metrics/metrics.h"
#include "store/dynamo_credentials.h"
#include "store/engine.h"

/*
 * The DynamoDB engine, for its own files:
 *	dynamo.c              open, ready, close
 *	dynamo_sign.c         signatures
 *	dynamo_credentials.c  the keys to sign with, and their renewal
 *	dynamo_call.c         one request: attempts, retries, what an answer proves
 *	dynamo_trouble.c      what is wrong, in one sentence
 *	dynamo_json.c         items as DynamoDB's JSON
 *	dynamo_read.c         get, query, scan
 *	dynamo_commit.c       transactions, single writes, erase
 *	dynamo_table.c        the table: described once, verified, made, printed
 */
#define DYNAMO_TROUBLE_SIZE 160
#define DYNAMO_KEY_PARTITION "pk"
#define DYNAMO_KEY_SORT "sk"
#define DYNAMO_VERSION "version"
#define DYNAMO_FORMAT "format"
#define DYNAMO_EXPIRES "expires_at" /* the table's TTL attribute */

struct mp_dynamo {
	struct mp_http_client *http;
	struct mp_credentials *credentials;
	char *endpoint; /* the base url, for sentences */
	char *host;	/* of the endpoint, as the Host header says it */
	char *region;
	char *table;
	int64_t deadline_ms; /* of one call of the engine, with all its attempts */
	struct mp_sink sink;

	pthread_mutex_t lock;		   /* guards trouble and what follows */
	char trouble[DYNAMO_TROUBLE_SIZE]; /* "" while calls succeed */
	int64_t reported_ms;		   /* monotonic: when a trouble was last reported */

	struct mp_metric *calls;
	struct mp_metric *retries;
	struct mp_metric *conflicts;
	struct mp_metric *throttles;
	struct mp_metric *unknowns;
	struct mp_metric *write_units;
	struct mp_metric *read_units;
};

/* The Host header that libcurl sends to an endpoint: without its scheme's own port. To free. */
char *mp_dynamo_host(const char *endpoint);

/* --- dynamo_call.c --- */

/* What a repetition of the request could do. */
enum dynamo_kind {
	DYNAMO_READ,  /* nothing */
	DYNAMO_AGAIN, /* the same as once (erase, put) */
	DYNAMO_TOKEN, /* nothing: its ClientRequestToken makes the second answer the first */
	DYNAMO_ONCE,  /* be refused by the effect of the first */
};

/* One call of the engine: its scratch memory, its deadline, and what its requests left open. */
struct dynamo_call {
	struct mp_dynamo *db;
	struct mp_arena *scratch; /* answers and what is made of them; owned */
	struct mp_buf body;	  /* of the request in the making */
	int64_t deadline_mono_ms;
	unsigned attempt;
	bool ambiguous; /* a write was sent and nothing has told since what became of it */
	json_t *answer; /* owned; of the last request */
	char error[64]; /* the last refusal's name, such as "ValidationException" */
};

/* MP_NOMEM. dynamo_call_done takes half-begun calls. */
enum mp_rc mp_dynamo_call_begin(struct dynamo_call *call, struct mp_dynamo *db) MP_MUST_CHECK;
void mp_dynamo_call_done(struct dynamo_call *call);

/*
 * Sends call->body until it is answered or the deadline is there; call->answer is the JSON.
 * MP_OK; MP_CONFLICT: a condition of it refused, proven (call->answer has the reasons);
 * MP_INVALID: ValidationException; MP_NOT_FOUND: no such table; MP_CORRUPT: an answer to a read
 * that is none; MP_UNAVAILABLE: not written; MP_UNKNOWN: perhaps written; MP_NOMEM, MP_BUG.
 * What people must know is kept for mp_dynamo_ready.
 */
enum mp_rc mp_dynamo_send(
	struct dynamo_call *call, const char *operation, enum dynamo_kind kind) MP_MUST_CHECK;

/* Waits before a repetition, more each time. False: the deadline would pass. */
bool mp_dynamo_wait(struct dynamo_call *call, long base_ms, long max_ms);

/* The end of a call that got no further: MP_UNKNOWN or MP_UNAVAILABLE. */
enum mp_rc mp_dynamo_gave_up(struct dynamo_call *call) MP_MUST_CHECK;

/* --- dynamo_trouble.c --- */

/* Remembers what is wrong, and reports it once in a while. */
void mp_dynamo_trouble(struct mp_dynamo *db, enum mp_rc rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void mp_dynamo_untroubled(struct mp_dynamo *db);
void mp_dynamo_trouble_text(struct mp_dynamo *db, char *out, size_t out_size);

/*
 * A refusal of the request as such, by its name. date: the server's, "" when it told none.
 * Returns the result that it stands for.
 */
enum mp_rc mp_dynamo_refusal(
	struct mp_dynamo *db, const char *operation, const char *error, const char *date);

/* Seconds that the server's clock is before ours; 0 when its date cannot be read. */
int64_t mp_dynamo_clock_ahead_s(const char *date, int64_t now_s);

/* --- dynamo_json.c --- */

/* A JSON text with its quotes. */
void mp_dynamo_add_text(struct mp_buf *buf, const char *text);
/* "pk":{"S":...},"sk":{"S":...} in braces. */
void mp_dynamo_add_key(struct mp_buf *buf, const char *pk, const char *sk);

/* The bytes that DynamoDB counts for an item, at most. */
#define DYNAMO_ITEM_BYTES_MAX 409600
size_t mp_dynamo_item_bytes(const struct mp_item *item);

/* The item's attributes in braces. Failures stay in the buffer. */
void mp_dynamo_add_item(struct mp_buf *buf, const struct mp_item *item, int64_t version);

/* MP_CORRUPT: not an item of ours. MP_NOMEM. */
enum mp_rc mp_dynamo_read_item(
	const json_t *json, struct mp_arena *arena, struct mp_item **out_item) MP_MUST_CHECK;

/* The text of an attribute of type S, or NULL. Borrowed. */
const char *mp_dynamo_text_of(const json_t *attributes, const char *name);

/* --- dynamo_table.c --- */

/*
 * MP_OK when the table is there as it must be; made first when told so. Otherwise one sentence
 * (size 256).
 */
enum mp_rc mp_dynamo_table_verify(
	struct mp_dynamo *db, bool create, char reterr[256]) MP_MUST_CHECK;

/* --- the engine's operations --- */

enum mp_rc mp_dynamo_batch_get(void *engine, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items) MP_MUST_CHECK;
enum mp_rc mp_dynamo_query(void *engine, const struct mp_query *query, struct mp_arena *arena,
	struct mp_page *out_page) MP_MUST_CHECK;
enum mp_rc mp_dynamo_scan(void *engine, uint32_t segment, uint32_t segments, const char *cursor,
	size_t limit, struct mp_arena *arena, struct mp_page *out_page,
	const char **out_cursor) MP_MUST_CHECK;
enum mp_rc mp_dynamo_commit(
	void *engine, const struct mp_txn *txn, size_t *reterr_op) MP_MUST_CHECK;
enum mp_rc mp_dynamo_erase(void *engine, const struct mp_key *keys, size_t count) MP_MUST_CHECK;

#endif
