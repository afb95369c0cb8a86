#include "bus/bus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/trace.h"
#include "bus/confirms.h"

#define TICK_MS 200 /* how long an idle consumer takes to see that it shall end */
#define PAUSE_MS_MIN 100
#define PAUSE_MS_MAX 10000
#define DEAD_TIMEOUT_MS 10000
#define BATCH_ARENA_BYTES (16 * 1024 * 1024)

/*
 * Deliveries that the broker waits for, in their order of arrival: their tags only grow. The broker
 * sends at most MP_DELIVERIES_MAX that are not settled (prefetch), so the array is all there is.
 *
 *	FRESH    arrived, not handled yet
 *	HELD     handled with MP_RETRY: handled again, alone, before anything fresh
 *	DONE     to be acknowledged
 *	DEAD     to be published to the dead letters, then DONE (or HELD, when that fails)
 */
enum slot_state {
	FRESH,
	HELD,
	DONE,
	DEAD
};

struct slot {
	enum slot_state state;
	uint64_t tag;
	char *body; /* owned */
	size_t body_len;
	json_t *json; /* owned; NULL until decoded */
	struct mp_event event;
	char routing_key[256];
	char message_id[256];
	char reason[160];
	bool buried; /* confirmed among the dead letters */
};

/* Everything but the stop flag is the thread's own. */
struct mp_consumer {
	struct mp_amqp amqp;
	struct mp_confirms confirms;
	const char *queue; /* topology's */
	mp_deliveries_handler handler;
	void *handler_ctx;
	struct mp_sink sink;
	struct mp_metric *counters[3]; /* by verdict */
	struct mp_metric *age;	       /* of events when they are done: the queue's lag */
	struct mp_arena *arena;
	struct slot slots[MP_DELIVERIES_MAX];
	size_t count;
	struct mp_delivery deliveries[MP_DELIVERIES_MAX]; /* the handler's view of a batch */
	size_t batch[MP_DELIVERIES_MAX];		  /* the slots of these */
	int pause_ms; /* before the next retry; 0: none is held */

	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t stopped;
	bool stop; /* under mutex */
};

static bool stopping(struct mp_consumer *consumer)
{
	pthread_mutex_lock(&consumer->mutex);
	bool stop = consumer->stop;
	pthread_mutex_unlock(&consumer->mutex);
	return stop;
}

/* --- slots --- */

static void clear_slot(struct slot *slot)
{
	free(slot->body);
	json_decref(slot->json);
	memset(slot, 0, sizeof(*slot));
}

/* With its connection gone, the broker gives every one of them again. */
static void forget_all(struct mp_consumer *consumer)
{
	for (size_t i = 0; i < consumer->count; i++)
		clear_slot(&consumer->slots[i]);
	consumer->count = 0;
	consumer->pause_ms = 0;
}

static bool any_held(const struct mp_consumer *consumer)
{
	for (size_t i = 0; i < consumer->count; i++) {
		if (consumer->slots[i].state == HELD)
			return true;
	}
	return false;
}

/* --- receiving --- */

static enum mp_rc on_method(void *ctx, amqp_method_number_t id, const void *decoded)
{
	/* The broker ends the subscription when the queue is deleted or loses its leader. */
	return id == AMQP_BASIC_CANCEL_METHOD ? MP_UNAVAILABLE : MP_OK;
}

static enum mp_rc on_content(void *ctx, struct mp_amqp_content *content)
{
	struct mp_consumer *consumer = ctx;

	if (content->method != AMQP_BASIC_DELIVER_METHOD || consumer->count == MP_DELIVERIES_MAX)
		return MP_CORRUPT;
	if (content->body == NULL) {
		/* Too large to be read here: the broker itself moves it to the dead letters. */
		mp_sink_report(
			&consumer->sink, "delivery_too_large", MP_TOO_LARGE, content->message_id);
		mp_metric_add(consumer->counters[MP_DEAD], 1);
		return mp_amqp_check(&consumer->amqp, "rejecting",
			amqp_basic_reject(
				consumer->amqp.state, MP_AMQP_CONSUMING, content->tag, 0));
	}

	struct slot *slot = &consumer->slots[consumer->count];
	memset(slot, 0, sizeof(*slot));
	slot->state = FRESH;
	slot->tag = content->tag;
	slot->body = content->body;
	slot->body_len = content->body_size;
	content->body = NULL; /* taken */
	memcpy(slot->routing_key, content->routing_key, sizeof(slot->routing_key));
	memcpy(slot->message_id, content->message_id, sizeof(slot->message_id));
	consumer->count++;
	return MP_OK;
}

static enum mp_rc set_up(void *ctx)
{
	struct mp_consumer *consumer = ctx;
	struct mp_amqp *amqp = &consumer->amqp;
	const struct mp_amqp_channel channel = {
		.method = on_method, .content = on_content, .ctx = consumer};

	enum mp_rc rc = mp_amqp_channel_open(amqp, MP_AMQP_CONSUMING, &channel);
	if (rc == MP_OK)
		rc = mp_topology_declare(amqp);
	if (rc == MP_OK)
		rc = mp_confirms_begin(&consumer->confirms, amqp);
	if (rc != MP_OK)
		return rc;
	(void)amqp_basic_qos(amqp->state, MP_AMQP_CONSUMING, 0, MP_DELIVERIES_MAX, 0);
	rc = mp_amqp_check_rpc(amqp, "setting the prefetch", amqp_get_rpc_reply(amqp->state));
	if (rc != MP_OK)
		return rc;
	(void)amqp_basic_consume(amqp->state, MP_AMQP_CONSUMING,
		amqp_cstring_bytes(consumer->queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	return mp_amqp_check_rpc(amqp, "subscribing", amqp_get_rpc_reply(amqp->state));
}

/* Waits for a first delivery, then takes what has arrived already. */
static enum mp_rc receive(struct mp_consumer *consumer)
{
	enum mp_rc rc = MP_OK;

	while (rc == MP_OK && consumer->count < MP_DELIVERIES_MAX)
		rc = mp_amqp_pump(&consumer->amqp, consumer->count == 0 ? TICK_MS : 0);
	return rc == MP_PENDING ? MP_OK : rc;
}

/* Heartbeats go on; what arrives meanwhile waits as FRESH, at most the prefetch. */
static enum mp_rc pause_before_retry(struct mp_consumer *consumer)
{
	int64_t until_ms = mp_clock_mono_ms() + consumer->pause_ms;
	int64_t left_ms = consumer->pause_ms;

	while (left_ms > 0 && !stopping(consumer)) {
		enum mp_rc rc =
			mp_amqp_pump(&consumer->amqp, left_ms < TICK_MS ? (int)left_ms : TICK_MS);
		if (rc != MP_OK && rc != MP_PENDING)
			return rc;
		left_ms = until_ms - mp_clock_mono_ms();
	}
	return MP_OK;
}

/* --- handling --- */

static bool decode_slot(struct slot *slot)
{
	if (slot->json != NULL)
		return true;
	enum mp_rc rc = mp_event_decode(
		slot->body, slot->body_len, &slot->json, &slot->event, slot->reason);
	if (rc == MP_OK)
		return true;
	slot->state = rc == MP_INVALID ? DEAD : HELD; /* no memory: again later */
	return false;
}

/* The batch: what is held, when there is any; else all that is fresh. */
static size_t gather(struct mp_consumer *consumer)
{
	enum slot_state wanted = any_held(consumer) ? HELD : FRESH;
	size_t count = 0;

	for (size_t i = 0; i < consumer->count; i++) {
		struct slot *slot = &consumer->slots[i];
		if (slot->state != wanted || !decode_slot(slot))
			continue;
		consumer->deliveries[count] =
			(struct mp_delivery){.event = slot->event, .verdict = MP_RETRY};
		consumer->batch[count++] = i;
	}
	return count;
}

/* A line for each event that was handled, of its own trace. */
static void tell_handled(struct mp_consumer *consumer, const struct mp_event *event)
{
	char detail[160];

	if (mp_text_format(detail, sizeof(detail), "%.48s %.96s", event->type, event->subject) !=
		MP_OK)
		return;
	mp_trace_begin(event->traceparent);
	mp_sink_report(&consumer->sink, "event_handled", MP_OK, detail);
}

static void apply_verdicts(struct mp_consumer *consumer, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct mp_delivery *delivery = &consumer->deliveries[i];
		struct slot *slot = &consumer->slots[consumer->batch[i]];

		switch (delivery->verdict) {
		case MP_ACK:
			slot->state = DONE;
			tell_handled(consumer, &slot->event);
			mp_metric_observe_us(
				consumer->age, (mp_clock_ms() - slot->event.time_ms) * 1000);
			break;
		case MP_RETRY:
			slot->state = HELD;
			break;
		case MP_DEAD:
			slot->state = DEAD;
			memcpy(slot->reason, delivery->reason, sizeof(slot->reason));
			slot->reason[sizeof(slot->reason) - 1] = '\0';
			break;
		}
		if (delivery->verdict != MP_DEAD) /* counted by its burial */
			mp_metric_add(consumer->counters[delivery->verdict], 1);
	}
}

static void handle(struct mp_consumer *consumer)
{
	size_t count = gather(consumer);

	if (count == 0)
		return;
	mp_arena_reset(consumer->arena);
	mp_trace_begin(consumer->deliveries[0].event.traceparent);
	consumer->handler(consumer->handler_ctx, consumer->arena, consumer->deliveries, count);
	apply_verdicts(consumer, count);
	mp_trace_end();
}

/* --- the dead --- */

/*
 * A reject cannot say why, so the delivery is published to the dead letters with its reason and
 * acknowledged once that is confirmed: in between it is in both, never in neither.
 */
static enum mp_rc send_dead(
	struct mp_consumer *consumer, struct slot *slot, const char *time, int64_t deadline_ms)
{
	amqp_table_entry_t entries[] = {
		mp_amqp_text_entry(MP_DEAD_REASON, slot->reason),
		mp_amqp_text_entry(MP_DEAD_QUEUE, consumer->queue),
		mp_amqp_text_entry(MP_DEAD_TIME, time),
		mp_amqp_text_entry(MP_DEAD_ROUTING_KEY, slot->routing_key),
	};
	const amqp_table_t headers = {
		.num_entries = (int)(sizeof(entries) / sizeof(entries[0])), .entries = entries};
	const struct mp_confirms_message message = {
		.exchange = MP_EXCHANGE_DEAD,
		.routing_key = consumer->queue,
		.message_id = slot->message_id,
		.content_type = MP_EVENT_CONTENT_TYPE,
		.headers = &headers,
		.body = slot->body,
		.body_len = slot->body_len,
	};

	slot->buried = false;
	return mp_confirms_send(&consumer->confirms, &message, &slot->buried, deadline_ms);
}

static enum mp_rc bury_dead(struct mp_consumer *consumer)
{
	int64_t deadline_ms = mp_clock_mono_ms() + DEAD_TIMEOUT_MS;
	size_t count = consumer->count; /* fresh ones may arrive meanwhile, behind these */
	char time[MP_TIME_TEXT_SIZE];
	enum mp_rc rc = MP_OK;
	size_t dead = 0;

	mp_time_format(mp_clock_ms(), time);
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (consumer->slots[i].state != DEAD)
			continue;
		dead++;
		rc = send_dead(consumer, &consumer->slots[i], time, deadline_ms);
	}
	if (rc == MP_OK && dead > 0)
		rc = mp_confirms_wait(&consumer->confirms, deadline_ms);
	if (rc != MP_OK)
		return rc;

	for (size_t i = 0; i < count; i++) {
		struct slot *slot = &consumer->slots[i];
		if (slot->state != DEAD)
			continue;
		slot->state = slot->buried ? DONE : HELD;
		mp_metric_add(consumer->counters[slot->buried ? MP_DEAD : MP_RETRY], 1);
		mp_trace_begin(slot->event.traceparent);
		mp_sink_report(&consumer->sink,
			slot->buried ? "delivery_dead" : "dead_letters_refused",
			slot->buried ? MP_INVALID : MP_UNAVAILABLE, slot->reason);
	}
	mp_trace_end();
	return MP_OK;
}

/* --- settling --- */

static enum mp_rc acknowledge(struct mp_consumer *consumer, uint64_t tag, bool multiple)
{
	return mp_amqp_check(&consumer->amqp, "acknowledging",
		amqp_basic_ack(consumer->amqp.state, MP_AMQP_CONSUMING, tag, multiple));
}

/*
 * Acknowledges what is done: the unbroken run of the oldest with one call, as nothing older is
 * left, and what lies behind a gap one by one.
 */
static enum mp_rc settle(struct mp_consumer *consumer)
{
	enum mp_rc rc = MP_OK;
	size_t run = 0;
	size_t kept = 0;

	while (run < consumer->count && consumer->slots[run].state == DONE)
		run++;
	if (run > 0)
		rc = acknowledge(consumer, consumer->slots[run - 1].tag, true);
	for (size_t i = run; rc == MP_OK && i < consumer->count; i++) {
		if (consumer->slots[i].state == DONE)
			rc = acknowledge(consumer, consumer->slots[i].tag, false);
	}
	if (rc != MP_OK)
		return rc;

	for (size_t i = 0; i < consumer->count; i++) {
		if (consumer->slots[i].state == DONE) {
			clear_slot(&consumer->slots[i]);
			continue;
		}
		if (kept != i)
			consumer->slots[kept] = consumer->slots[i];
		kept++;
	}
	consumer->count = kept;
	return MP_OK;
}

static void choose_pause(struct mp_consumer *consumer)
{
	if (!any_held(consumer))
		consumer->pause_ms = 0;
	else if (consumer->pause_ms == 0)
		consumer->pause_ms = PAUSE_MS_MIN;
	else if (consumer->pause_ms * 2 <= PAUSE_MS_MAX)
		consumer->pause_ms *= 2;
	else
		consumer->pause_ms = PAUSE_MS_MAX;
}

/* --- the thread --- */

/* One round on a connection that is up. */
static enum mp_rc consume(struct mp_consumer *consumer)
{
	enum mp_rc rc = consumer->pause_ms > 0 ? pause_before_retry(consumer) : receive(consumer);

	if (rc != MP_OK || consumer->count == 0 || stopping(consumer))
		return rc;
	handle(consumer);
	rc = bury_dead(consumer);
	if (rc == MP_OK)
		rc = settle(consumer);
	if (rc == MP_OK)
		choose_pause(consumer);
	return rc;
}

static void wait_for_next_try(struct mp_consumer *consumer)
{
	int64_t until_ms = mp_clock_mono_ms() + mp_amqp_wait_ms(&consumer->amqp);

	pthread_mutex_lock(&consumer->mutex);
	for (int64_t left_ms = until_ms - mp_clock_mono_ms(); left_ms > 0 && !consumer->stop;
		left_ms = until_ms - mp_clock_mono_ms())
		mp_cond_wait_ms(&consumer->stopped, &consumer->mutex, left_ms);
	pthread_mutex_unlock(&consumer->mutex);
}

static void *run(void *arg)
{
	struct mp_consumer *consumer = arg;

	while (!stopping(consumer)) {
		enum mp_rc rc = MP_OK;
		if (!consumer->amqp.up)
			rc = mp_amqp_connect(&consumer->amqp, set_up, consumer);
		if (rc == MP_OK)
			rc = consume(consumer);
		if (rc != MP_OK) {
			forget_all(consumer);
			wait_for_next_try(consumer);
		}
	}
	return NULL;
}

/* --- opening and closing --- */

/* Labels live as long as the process, so they are made here and not at run time. */
#define LABELS(queue)                                                                              \
	{"queue=\"" queue "\",verdict=\"ack\"", "queue=\"" queue "\",verdict=\"retry\"",           \
		"queue=\"" queue "\",verdict=\"dead\""}
static const struct {
	const char *queue;
	const char *labels[3];
	const char *age_labels;
} counted[] = {
	{MP_QUEUE_BILLING, LABELS(MP_QUEUE_BILLING), "queue=\"" MP_QUEUE_BILLING "\""},
	{MP_QUEUE_PAYMENT, LABELS(MP_QUEUE_PAYMENT), "queue=\"" MP_QUEUE_PAYMENT "\""},
	{MP_QUEUE_EMAIL, LABELS(MP_QUEUE_EMAIL), "queue=\"" MP_QUEUE_EMAIL "\""},
};

/* MP_INVALID: not a queue of the topology. */
static enum mp_rc choose_queue(struct mp_consumer *consumer, const char *queue)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		if (strcmp(counted[i].queue, queue) != 0)
			continue;
		consumer->queue = counted[i].queue;
		for (size_t v = 0; v < 3; v++)
			consumer->counters[v] =
				mp_counter("moneypal_bus_deliveries_total", counted[i].labels[v],
					"Deliveries handled, by what became of them.");
		consumer->age = mp_histogram("moneypal_bus_event_age_seconds",
			counted[i].age_labels, "Time from an event to its handling's end.");
		return MP_OK;
	}
	return MP_INVALID;
}

static void free_consumer(struct mp_consumer *consumer)
{
	forget_all(consumer);
	mp_amqp_done(&consumer->amqp);
	mp_arena_free(consumer->arena);
	pthread_cond_destroy(&consumer->stopped);
	pthread_mutex_destroy(&consumer->mutex);
	free(consumer);
}

enum mp_rc mp_consumer_open(const char *amqp_url, const char *queue, mp_deliveries_handler handler,
	void *ctx, const struct mp_sink *sink, struct mp_consumer **out_consumer)
{
	struct mp_consumer *consumer = calloc(1, sizeof(*consumer));

	if (consumer == NULL)
		return MP_NOMEM;
	assert(handler != NULL);
	pthread_mutex_init(&consumer->mutex, NULL);
	mp_cond_init(&consumer->stopped);
	consumer->handler = handler;
	consumer->handler_ctx = ctx;
	if (sink != NULL)
		consumer->sink = *sink;

	enum mp_rc rc = choose_queue(consumer, queue);
	if (rc == MP_OK)
		rc = mp_amqp_init(&consumer->amqp, amqp_url, "consumer", sink);
	if (rc == MP_OK) {
		consumer->arena = mp_arena_new(BATCH_ARENA_BYTES);
		rc = consumer->arena != NULL ? MP_OK : MP_NOMEM;
	}
	if (rc == MP_OK)
		rc = mp_thread_start(&consumer->thread, "consumer", run, consumer);
	if (rc != MP_OK) {
		free_consumer(consumer);
		return rc;
	}
	*out_consumer = consumer;
	return MP_OK;
}

void mp_consumer_close(struct mp_consumer *consumer)
{
	if (consumer == NULL)
		return;
	pthread_mutex_lock(&consumer->mutex);
	consumer->stop = true;
	pthread_cond_signal(&consumer->stopped);
	pthread_mutex_unlock(&consumer->mutex);
	(void)pthread_join(consumer->thread, NULL);
	free_consumer(consumer);
}
