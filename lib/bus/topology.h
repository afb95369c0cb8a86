#ifndef MP_BUS_TOPOLOGY_H
#define MP_BUS_TOPOLOGY_H

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
#define MP_DELIVERY_LIMIT 20 /* crashes of a consumer over one message, then it is a dead letter */

struct mp_binding {
	const char *queue; /* quorum; its dead letters go to "<queue>.dead" */
	const char *type;  /* of events: the routing key */
};

extern const char *const mp_queues[];
extern const size_t mp_queues_count;
extern const struct mp_binding mp_bindings[];
extern const size_t mp_bindings_count;

#endif
