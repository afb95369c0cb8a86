#ifndef MP_EMAIL_EVENTS_H
#define MP_EMAIL_EVENTS_H

#include "bus/bus.h"

/* The handler of queue moneypal.email; ctx is the struct email_app. See bus/bus.h. */
void email_handle(void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count);

#endif
