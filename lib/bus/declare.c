#include "bus/connection.h"

#include "base/text.h"
#include "bus/topology.h"

/*
 * Every argument here is part of the queue: the broker refuses another declaration of the same name
 * with other arguments (406), so changing one means moving to a queue of another name.
 */
#define QUEUE_BYTES_MAX (1024L * 1024 * 1024) /* then publishes are refused: outboxes keep them */
#define QUEUE_DEAD_BYTES_MAX (256L * 1024 * 1024) /* then the dead stay in the live queue */
#define DEAD_DELIVERY_LIMIT 1000000 /* looking at dead letters must not delete them, ever */

amqp_table_entry_t mp_amqp_text_entry(const char *key, const char *text)
{
	return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
		.value = {.kind = AMQP_FIELD_KIND_UTF8,
			.value = {.bytes = amqp_cstring_bytes(text)}}};
}

static amqp_table_entry_t number_entry(const char *key, int64_t number)
{
	return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
		.value = {.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = number}}};
}

static enum mp_rc declare_exchange(struct mp_amqp *amqp, const char *name, const char *type)
{
	(void)amqp_exchange_declare(amqp->state, MP_AMQP_CONSUMING, amqp_cstring_bytes(name),
		amqp_cstring_bytes(type), 0, 1, 0, 0, amqp_empty_table);
	return mp_amqp_check_rpc(amqp, name, amqp_get_rpc_reply(amqp->state));
}

static enum mp_rc declare_queue(
	struct mp_amqp *amqp, const char *name, amqp_table_entry_t *entries, int count)
{
	amqp_table_t arguments = {.num_entries = count, .entries = entries};

	(void)amqp_queue_declare(
		amqp->state, MP_AMQP_CONSUMING, amqp_cstring_bytes(name), 0, 1, 0, 0, arguments);
	return mp_amqp_check_rpc(amqp, name, amqp_get_rpc_reply(amqp->state));
}

static enum mp_rc bind_queue(
	struct mp_amqp *amqp, const char *queue, const char *exchange, const char *routing_key)
{
	(void)amqp_queue_bind(amqp->state, MP_AMQP_CONSUMING, amqp_cstring_bytes(queue),
		amqp_cstring_bytes(exchange), amqp_cstring_bytes(routing_key), amqp_empty_table);
	return mp_amqp_check_rpc(amqp, queue, amqp_get_rpc_reply(amqp->state));
}

static enum mp_rc declare_live(struct mp_amqp *amqp, const char *queue)
{
	amqp_table_entry_t arguments[] = {
		mp_amqp_text_entry("x-queue-type", "quorum"),
		mp_amqp_text_entry("x-dead-letter-exchange", MP_EXCHANGE_DEAD),
		mp_amqp_text_entry("x-dead-letter-routing-key", queue),
		/* at-least-once wants reject-publish: a full queue refuses, it drops nothing */
		mp_amqp_text_entry("x-dead-letter-strategy", "at-least-once"),
		mp_amqp_text_entry("x-overflow", "reject-publish"),
		number_entry("x-max-length-bytes", QUEUE_BYTES_MAX),
		number_entry("x-delivery-limit", MP_DELIVERY_LIMIT),
	};

	return declare_queue(
		amqp, queue, arguments, (int)(sizeof(arguments) / sizeof(arguments[0])));
}

static enum mp_rc declare_dead(struct mp_amqp *amqp, const char *queue)
{
	amqp_table_entry_t arguments[] = {
		mp_amqp_text_entry("x-queue-type", "quorum"),
		mp_amqp_text_entry("x-overflow", "reject-publish"),
		number_entry("x-max-length-bytes", QUEUE_DEAD_BYTES_MAX),
		number_entry("x-delivery-limit", DEAD_DELIVERY_LIMIT),
	};
	char name[128];

	enum mp_rc rc = mp_text_format(name, sizeof(name), "%s.dead", queue);
	if (rc == MP_OK)
		rc = declare_queue(
			amqp, name, arguments, (int)(sizeof(arguments) / sizeof(arguments[0])));
	if (rc == MP_OK)
		rc = bind_queue(amqp, name, MP_EXCHANGE_DEAD, queue);
	return rc;
}

enum mp_rc mp_topology_declare(struct mp_amqp *amqp)
{
	enum mp_rc rc = declare_exchange(amqp, MP_EXCHANGE, "topic");

	if (rc == MP_OK)
		rc = declare_exchange(amqp, MP_EXCHANGE_DEAD, "direct");
	/* The dead letters' queue first: nothing may die before it has a place. */
	for (size_t i = 0; rc == MP_OK && i < mp_queues_count; i++) {
		rc = declare_dead(amqp, mp_queues[i]);
		if (rc == MP_OK)
			rc = declare_live(amqp, mp_queues[i]);
	}
	for (size_t i = 0; rc == MP_OK && i < mp_bindings_count; i++)
		rc = bind_queue(amqp, mp_bindings[i].queue, MP_EXCHANGE, mp_bindings[i].type);
	if (rc == MP_OK)
		amqp_maybe_release_buffers(amqp->state);
	return rc;
}
