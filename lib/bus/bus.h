#ifndef MP_BUS_BUS_H
#define MP_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/rc.h"
#include "bus/topology.h"
#include "json/json.h"

/*
 * Events over RabbitMQ (AMQP 0-9-1): CloudEvents 1.0 as JSON on one topic exchange, the event's
 * type as routing key. The topology (bus/topology.c) is declared on every new connection, before
 * use. Reconnecting with backoff is done here and told to the sink.
 */

#define MP_EVENT_CONTENT_TYPE "application/cloudevents+json; charset=utf-8"
#define MP_EVENT_BYTES_MAX (1024 * 1024) /* encoded; a bigger delivery is a dead letter unread */

/* One event as JSON on its way out or in. */
struct mp_event {
	struct mp_id id;
	const char *type;    /* "payment.captured": one of topology's */
	const char *source;  /* "/moneypal/payment" */
	const char *subject; /* the resource's id */
	int64_t time_ms;
	char traceparent[56]; /* "" when none */
	json_t *data;	      /* the payload, an object */
};

/*
 * Adds the CloudEvent to out, as bytes to publish; data is borrowed. Errors: MP_INVALID (a field is
 * absent or empty, or no queue takes the type), MP_TOO_LARGE (over out's maximum), MP_NOMEM.
 */
enum mp_rc mp_event_encode(const struct mp_event *event, struct mp_buf *out) MP_MUST_CHECK;

/*
 * The CloudEvent in body. out_event's texts and data belong to *out_json, which the caller
 * json_decrefs. MP_INVALID with a sentence: not one of ours. MP_NOMEM.
 */
enum mp_rc mp_event_decode(const char *body, size_t body_len, json_t **out_json,
	struct mp_event *out_event, char reterr[160]) MP_MUST_CHECK;

/* --- publishing: one connection and one thread (the outbox's relay) --- */

struct mp_publisher;

struct mp_message {
	const char *routing_key;
	const char *message_id;
	const char *body;
	size_t body_len;
	bool confirmed; /* set by publish: on disk at the broker, in at least one queue */
};

enum mp_rc mp_publisher_open(const char *amqp_url, const struct mp_sink *sink,
	struct mp_publisher **out_publisher) MP_MUST_CHECK;

/*
 * Publishes mandatory and persistent, and waits for every confirm, at most timeout_ms. Each message
 * tells its own; one that is not confirmed is the caller's to publish again later. Connects by
 * itself when not connected (then it may take the time of connecting longer).
 *
 *	MP_OK           all are confirmed
 *	MP_CONFLICT     the broker is there, but some were returned as unroutable or refused (a full
 *	                queue); the others are confirmed
 *	MP_UNAVAILABLE  not connected, lost, or not confirmed in time: some may be confirmed, some
 *	                may be in queues without our knowing
 */
enum mp_rc mp_publisher_publish(struct mp_publisher *publisher, struct mp_message *messages,
	size_t count, int timeout_ms) MP_MUST_CHECK;

/* Keeps heartbeats going while there is nothing to publish; waits at most timeout_ms. */
void mp_publisher_idle(struct mp_publisher *publisher, int timeout_ms);
void mp_publisher_close(struct mp_publisher *publisher);

/* --- consuming: one connection and one thread per queue --- */

enum mp_verdict {
	MP_ACK,	  /* done, or done before */
	MP_RETRY, /* transient trouble: kept unacknowledged, given again later (with backoff) */
	MP_DEAD,  /* will never work: to the dead letters, with the reason */
};

struct mp_delivery {
	struct mp_event event;
	enum mp_verdict verdict; /* set by the handler; MP_RETRY when it was not */
	char reason[160];	 /* for MP_DEAD */
};

/*
 * Handles 1..MP_DELIVERIES_MAX deliveries in their order of arrival, each with a verdict. The first
 * delivery's trace is the thread's. arena is the batch's. After a batch with MP_RETRY, those come
 * again first, alone, after a pause (0.1 s doubling to 10 s); nothing new is read before they are
 * done; heartbeats go on.
 */
#define MP_DELIVERIES_MAX 100
typedef void (*mp_deliveries_handler)(
	void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count);

struct mp_consumer;
enum mp_rc mp_consumer_open(const char *amqp_url, const char *queue, mp_deliveries_handler handler,
	void *ctx, const struct mp_sink *sink, struct mp_consumer **out_consumer) MP_MUST_CHECK;

/* Ends after the batch in hand. Takes NULL. */
void mp_consumer_close(struct mp_consumer *consumer);

#endif
