#ifndef MP_BILLING_EVENTS_H
#define MP_BILLING_EVENTS_H

#include "billing.h"
#include "bus/bus.h"

/* The handler of queue moneypal.billing; ctx is the struct billing_app. See bus/bus.h. */
void billing_handle(
	void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count);

#endif
