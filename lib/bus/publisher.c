#include "bus/bus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "bus/confirms.h"

#define SHORT_BYTES_MAX 255 /* of AMQP's short strings */

struct mp_publisher {
	struct mp_amqp amqp;
	struct mp_confirms confirms;
};

enum mp_rc mp_publisher_open(
	const char *amqp_url, const struct mp_sink *sink, struct mp_publisher **out_publisher)
{
	struct mp_publisher *publisher = calloc(1, sizeof(*publisher));

	if (publisher == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_amqp_init(&publisher->amqp, amqp_url, "publisher", sink);
	if (rc != MP_OK) {
		free(publisher);
		return rc;
	}
	*out_publisher = publisher;
	return MP_OK;
}

void mp_publisher_close(struct mp_publisher *publisher)
{
	if (publisher == NULL)
		return;
	mp_amqp_done(&publisher->amqp);
	free(publisher);
}

/* --- connecting --- */

static enum mp_rc ignore_method(void *ctx, amqp_method_number_t id, const void *decoded)
{
	return MP_OK;
}

static enum mp_rc refuse_content(void *ctx, struct mp_amqp_content *content)
{
	return MP_CORRUPT; /* nothing was asked for on this channel */
}

static enum mp_rc set_up(void *ctx)
{
	const struct mp_amqp_channel channel = {.method = ignore_method, .content = refuse_content};
	struct mp_publisher *publisher = ctx;

	enum mp_rc rc = mp_amqp_channel_open(&publisher->amqp, MP_AMQP_CONSUMING, &channel);
	if (rc == MP_OK)
		rc = mp_topology_declare(&publisher->amqp);
	if (rc == MP_OK)
		rc = mp_confirms_begin(&publisher->confirms, &publisher->amqp);
	return rc;
}

static enum mp_rc connect_if_needed(struct mp_publisher *publisher)
{
	if (publisher->amqp.up)
		return MP_OK;
	return mp_amqp_connect(&publisher->amqp, set_up, publisher);
}

void mp_publisher_idle(struct mp_publisher *publisher, int timeout_ms)
{
	int64_t until_ms = mp_clock_mono_ms() + timeout_ms;
	int64_t left_ms = timeout_ms;

	do {
		if (connect_if_needed(publisher) == MP_OK) {
			/* A loss is told by the pump itself, and mended in the next round. */
			enum mp_rc rc = mp_amqp_pump(&publisher->amqp, (int)left_ms);
			if (rc == MP_PENDING)
				return;
		} else {
			int wait_ms = mp_amqp_wait_ms(&publisher->amqp);
			mp_sleep_ms(wait_ms < left_ms ? wait_ms : left_ms);
		}
		left_ms = until_ms - mp_clock_mono_ms();
	} while (left_ms > 0);
}

/* --- publishing --- */

/* What no frame can hold is never sent: such a message alone stays unconfirmed. */
static bool fits_frame(const struct mp_message *message)
{
	return strlen(message->routing_key) <= SHORT_BYTES_MAX &&
	       strlen(message->message_id) <= SHORT_BYTES_MAX &&
	       message->body_len <= MP_EVENT_BYTES_MAX;
}

static enum mp_rc send_all(struct mp_publisher *publisher, struct mp_message *messages,
	size_t count, int64_t deadline_ms)
{
	for (size_t i = 0; i < count; i++) {
		const struct mp_confirms_message message = {
			.exchange = MP_EXCHANGE,
			.routing_key = messages[i].routing_key,
			.message_id = messages[i].message_id,
			.content_type = MP_EVENT_CONTENT_TYPE,
			.body = messages[i].body,
			.body_len = messages[i].body_len,
		};

		if (!fits_frame(&messages[i]))
			continue;
		enum mp_rc rc = mp_confirms_send(
			&publisher->confirms, &message, &messages[i].confirmed, deadline_ms);
		if (rc != MP_OK)
			return rc;
	}
	return mp_confirms_wait(&publisher->confirms, deadline_ms);
}

/* Messages that the broker would not have, though it is there: once a call, with their numbers. */
static void tell_refused(struct mp_publisher *publisher)
{
	struct mp_confirms *confirms = &publisher->confirms;
	char detail[128];

	if (confirms->returned == 0 && confirms->refused == 0)
		return;
	if (mp_text_format(detail, sizeof(detail),
		    "%zu without a queue for their type, %zu refused (a full queue?)",
		    confirms->returned, confirms->refused) == MP_OK)
		mp_sink_report(
			&publisher->amqp.sink, "broker_refused_events", MP_UNAVAILABLE, detail);
	confirms->returned = 0;
	confirms->refused = 0;
}

enum mp_rc mp_publisher_publish(
	struct mp_publisher *publisher, struct mp_message *messages, size_t count, int timeout_ms)
{
	for (size_t i = 0; i < count; i++)
		messages[i].confirmed = false;
	if (count == 0)
		return MP_OK;
	enum mp_rc rc = connect_if_needed(publisher);
	if (rc == MP_OK)
		rc = send_all(publisher, messages, count, mp_clock_mono_ms() + timeout_ms);
	tell_refused(publisher);
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (!messages[i].confirmed)
			rc = MP_CONFLICT;
	}
	return rc;
}
