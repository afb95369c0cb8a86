#ifndef MP_PAYMENT_PAYMENT_EVENTS_H
#define MP_PAYMENT_PAYMENT_EVENTS_H

#include "bus/bus.h"
#include "outbox/outbox.h"

/* The handler of queue moneypal.payment; ctx is the struct payment_app. See bus/bus.h. */
void payment_handle(
	void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count);

/*
 * What an event of ours says, from its outbox row: the row's fields, and null for those that the
 * contract demands and the row leaves out. ctx is not used.
 */
enum mp_rc payment_event_encode(
	const char *type, const struct mp_map *data, json_t **out_data, void *ctx);

#endif
