#include "bus/confirms.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

static struct mp_confirms_slot *slot_of(struct mp_confirms *confirms, uint64_t tag)
{
	return &confirms->ring[tag % MP_CONFIRMS_WINDOW];
}

static void settle(struct mp_confirms *confirms, uint64_t tag, bool accepted)
{
	struct mp_confirms_slot *slot = slot_of(confirms, tag);

	if (slot->settled)
		return;
	slot->settled = true;
	if (accepted && !slot->returned)
		*slot->confirmed = true;
	else if (!slot->returned)
		confirms->refused++;
}

/* An ack or nack of one tag, or of all up to it; tag 0 with multiple means all. */
static enum mp_rc take_answer(
	struct mp_confirms *confirms, uint64_t tag, bool multiple, bool accepted)
{
	uint64_t last = tag == 0 && multiple ? confirms->next - 1 : tag;

	if (last == 0 || last >= confirms->next)
		return MP_CORRUPT; /* never published */
	if (last < confirms->oldest)
		return MP_OK; /* settled before */
	for (uint64_t t = multiple ? confirms->oldest : last; t <= last; t++)
		settle(confirms, t, accepted);
	while (confirms->oldest < confirms->next && slot_of(confirms, confirms->oldest)->settled)
		confirms->oldest++;
	return MP_OK;
}

static enum mp_rc on_method(void *ctx, amqp_method_number_t id, const void *decoded)
{
	struct mp_confirms *confirms = ctx;

	if (id == AMQP_BASIC_ACK_METHOD) {
		const amqp_basic_ack_t *ack = decoded;
		return take_answer(confirms, ack->delivery_tag, ack->multiple, true);
	}
	if (id == AMQP_BASIC_NACK_METHOD) {
		const amqp_basic_nack_t *nack = decoded;
		return take_answer(confirms, nack->delivery_tag, nack->multiple, false);
	}
	return MP_OK;
}

/*
 * Returned as unroutable, before its ack. A return does not carry the tag: all under way with the
 * same id count as returned, which at worst publishes one of them again.
 */
static enum mp_rc on_content(void *ctx, struct mp_amqp_content *content)
{
	struct mp_confirms *confirms = ctx;

	for (uint64_t tag = confirms->oldest; tag < confirms->next; tag++) {
		struct mp_confirms_slot *slot = slot_of(confirms, tag);
		if (slot->settled || slot->returned ||
			strcmp(slot->message_id, content->message_id) != 0)
			continue;
		slot->returned = true;
		confirms->returned++;
	}
	return MP_OK;
}

enum mp_rc mp_confirms_begin(struct mp_confirms *confirms, struct mp_amqp *amqp)
{
	const struct mp_amqp_channel channel = {
		.method = on_method, .content = on_content, .ctx = confirms};

	memset(confirms, 0, sizeof(*confirms));
	confirms->amqp = amqp;
	confirms->oldest = 1;
	confirms->next = 1;
	enum mp_rc rc = mp_amqp_channel_open(amqp, MP_AMQP_PUBLISHING, &channel);
	if (rc != MP_OK)
		return rc;
	(void)amqp_confirm_select(amqp->state, MP_AMQP_PUBLISHING);
	return mp_amqp_check_rpc(amqp, "asking for confirms", amqp_get_rpc_reply(amqp->state));
}

/* Reads until at most under_way messages are not settled. */
static enum mp_rc wait_until(struct mp_confirms *confirms, uint64_t under_way, int64_t deadline_ms)
{
	while (confirms->next - confirms->oldest > under_way) {
		int64_t left_ms = deadline_ms - mp_clock_mono_ms();

		/* Past the deadline what has already come in is still read. */
		enum mp_rc rc = mp_amqp_pump(confirms->amqp, left_ms > 0 ? (int)left_ms : 0);
		if (rc == MP_PENDING && left_ms <= 0)
			return mp_amqp_lose(confirms->amqp, "publishing", "not confirmed in time");
		if (rc != MP_OK && rc != MP_PENDING)
			return rc;
	}
	return MP_OK;
}

enum mp_rc mp_confirms_send(struct mp_confirms *confirms, const struct mp_confirms_message *message,
	bool *confirmed, int64_t deadline_ms)
{
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
			  AMQP_BASIC_MESSAGE_ID_FLAG,
		.content_type = amqp_cstring_bytes(message->content_type),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
		.message_id = amqp_cstring_bytes(message->message_id),
	};
	amqp_bytes_t body = {.len = message->body_len, .bytes = (void *)(uintptr_t)message->body};

	assert(!*confirmed);
	if (message->headers != NULL) {
		properties._flags |= AMQP_BASIC_HEADERS_FLAG;
		properties.headers = *message->headers;
	}
	enum mp_rc rc = wait_until(confirms, MP_CONFIRMS_WINDOW - 1, deadline_ms);
	if (rc != MP_OK)
		return rc;
	*slot_of(confirms, confirms->next) = (struct mp_confirms_slot){
		.confirmed = confirmed, .message_id = message->message_id};
	confirms->next++;
	return mp_amqp_check(confirms->amqp, "publishing",
		amqp_basic_publish(confirms->amqp->state, MP_AMQP_PUBLISHING,
			amqp_cstring_bytes(message->exchange),
			amqp_cstring_bytes(message->routing_key), 1, 0, &properties, body));
}

enum mp_rc mp_confirms_wait(struct mp_confirms *confirms, int64_t deadline_ms)
{
	return wait_until(confirms, 0, deadline_ms);
}
