#include "bus/topology.h"

#include <string.h>

const char *const mp_queues[] = {MP_QUEUE_BILLING, MP_QUEUE_PAYMENT, MP_QUEUE_EMAIL};
const size_t mp_queues_count = sizeof(mp_queues) / sizeof(mp_queues[0]);

const struct mp_binding mp_bindings[] = {
	{MP_QUEUE_EMAIL, "user.registered"},
	{MP_QUEUE_EMAIL, "user.updated"},
	{MP_QUEUE_PAYMENT, "session.ended"},
	{MP_QUEUE_BILLING, "payment.requested"},
	{MP_QUEUE_BILLING, "payment.captured"},
	{MP_QUEUE_BILLING, "payment.canceled"},
	{MP_QUEUE_EMAIL, "payment.canceled"},
	{MP_QUEUE_BILLING, "payment.expired"},
	{MP_QUEUE_EMAIL, "payment.expired"},
	{MP_QUEUE_BILLING, "payment.failed"},
	{MP_QUEUE_EMAIL, "payment.failed"},
	{MP_QUEUE_PAYMENT, "funding.settled"},
	{MP_QUEUE_PAYMENT, "bill.settled"},
	{MP_QUEUE_EMAIL, "bill.settled"},
	{MP_QUEUE_PAYMENT, "bill.unfunded"},
	{MP_QUEUE_EMAIL, "bill.unfunded"},
	{MP_QUEUE_PAYMENT, "bill.voided"},
	{MP_QUEUE_EMAIL, "wallet.credited"},
};
const size_t mp_bindings_count = sizeof(mp_bindings) / sizeof(mp_bindings[0]);

bool mp_topology_routes(const char *type)
{
	for (size_t i = 0; i < mp_bindings_count; i++) {
		if (strcmp(mp_bindings[i].type, type) == 0)
			return true;
	}
	return false;
}
