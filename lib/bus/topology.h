#ifndef MP_BUS_TOPOLOGY_H
#define MP_BUS_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The whole topology as data: declared by every process on every connection, so that whoever comes
 * first makes it and nobody publishes into nothing.
 */
#define MP_EXCHANGE "moneypal.events"	 /* topic, durable */
#define MP_EXCHANGE_DEAD "moneypal.dead" /* direct, durable; routing key: the queue's name */
#define MP_QUEUE_BILLING "moneypal.billing"
#define MP_QUEUE_PAYMENT "moneypal.payment"
#define MP_QUEUE_EMAIL "moneypal.email"

/*
 * Times that a consumer's process or connection may end with one message in hand; then it is a dead
 * letter. High, because the other messages in hand count along: a service that is restarted over
 * and over while a peer is down must not lose them.
 */
#define MP_DELIVERY_LIMIT 100

/* Headers of a dead letter that a consumer gave up; the broker's own have x-death instead. */
#define MP_DEAD_REASON "moneypal-reason"
#define MP_DEAD_QUEUE "moneypal-queue"
#define MP_DEAD_TIME "moneypal-time" /* RFC 3339 */
#define MP_DEAD_ROUTING_KEY "moneypal-routing-key"

struct mp_binding {
	const char *queue; /* quorum; its dead letters go to "<queue>.dead" */
	const char *type;  /* of events: the routing key */
};

extern const char *const mp_queues[];
extern const size_t mp_queues_count;
extern const struct mp_binding mp_bindings[];
extern const size_t mp_bindings_count;

/* True when at least one queue takes events of this type. Pure. */
bool mp_topology_routes(const char *type);

#endif
