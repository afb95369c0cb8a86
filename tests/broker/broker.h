#ifndef MP_TESTS_BROKER_H
#define MP_TESTS_BROKER_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

#include "bus/bus.h"

/*
 * What the tests with a real broker share: orders to tests/broker/run, a look into queues by a
 * connection of the tests' own, events to send, and a handler that writes down what it was given.
 * Every failure of these helpers fails the test.
 */

/*
 * "kill", "start", "pause", "resume", "limit 10" (of MP_QUEUE_EMAIL), "limit 10 QUEUE", "unlimit":
 * returns when it is done.
 */
void broker_do(const char *order);
const char *broker_url(void);

/* --- a look into queues --- */

long queue_length(const char *queue);

struct letter {
	char body[4096];
	size_t body_len;
	char message_id[64];
	char reason[256]; /* MP_DEAD_REASON, or "x-death: " and the broker's own */
	char queue[64];
	char time[64];
	char routing_key[64];
};

/* Takes one message out of a queue; fails the test when there is none within five seconds. */
void queue_take(const char *queue, struct letter *out_letter);

/* Publishes so many bytes of nothing in particular, without asking for a confirm. */
void queue_put(const char *exchange, const char *routing_key, size_t body_len);

/* --- events --- */

struct batch {
	size_t count;
	struct mp_id *ids;
	struct mp_message *messages;
};

/* count events of one type, encoded, with ids of their own. */
struct batch *batch_new(const char *type, size_t count);
void batch_free(struct batch *batch);
size_t batch_confirmed(const struct batch *batch);

/* --- reports and deliveries, written down --- */

struct notes {
	pthread_mutex_t mutex;
	char text[8192]; /* "event detail\n" each */
	size_t len;
};

struct mp_sink notes_sink(struct notes *notes);
unsigned notes_count(struct notes *notes, const char *event);

/* Waits until it was reported so often; fails the test after 20 s. */
void notes_wait(struct notes *notes, const char *event, unsigned count);

/* How a test's handler decides; call counts the times that this id was seen, from 1. */
typedef enum mp_verdict (*decide_fn)(const struct mp_delivery *delivery, unsigned call);

#define SEEN_MAX 20000

struct seen {
	struct mp_id id;
	unsigned calls;
	unsigned acks;
};

struct record {
	pthread_mutex_t mutex;
	decide_fn decide;    /* NULL: ack */
	long handler_ms;     /* how long it takes over a batch */
	struct seen *seen;   /* open hash by id, SEEN_MAX * 2 places */
	unsigned ids;	     /* different ones */
	unsigned acked;	     /* different ones */
	unsigned deliveries; /* all */
	unsigned batches;
	size_t batch_max;
	bool out_of_order;    /* within a batch, by id */
	char last_sizes[256]; /* of batches, "3 1 1 " */
	char trace[64];	      /* of the last batch */
	char subject_last[64];
};

struct record *record_new(decide_fn decide);
void record_free(struct record *record);
void record_handle(
	void *record, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count);
unsigned record_calls(struct record *record, const struct mp_id *id);

unsigned record_acked(struct record *record);

/* Waits until so many different ids were acked; false after timeout_ms. */
bool record_wait_acked(struct record *record, unsigned ids, int timeout_ms);

/* Waits until a first batch was handled; fails the test after 20 s. */
void record_wait_begun(struct record *record);

/* --- consumers of billing's queue --- */

struct mp_consumer *consumer_open(struct record *record, const struct mp_sink *sink);
void consumer_close(struct mp_consumer *consumer);

/*
 * Sets a test up: ends the consumers that one that failed has left, and empties the live queues and
 * their dead ones; declares them when absent.
 */
int purge(void **state);

void sleep_ms(long duration_ms);

/* The tests, by file. */
extern const struct CMUnitTest publish_tests[];
extern const size_t publish_tests_count;
extern const struct CMUnitTest consume_tests[];
extern const size_t consume_tests_count;
extern const struct CMUnitTest dead_tests[];
extern const size_t dead_tests_count;
extern const struct CMUnitTest outage_tests[];
extern const size_t outage_tests_count;
extern const struct CMUnitTest tls_tests[];
extern const size_t tls_tests_count;

#endif
