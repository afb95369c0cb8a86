#ifndef MP_USER_USER_EVENTS_H
#define MP_USER_USER_EVENTS_H

#include "outbox/outbox.h"

/* An mp_event_encoder: the data of our events as contracts/events has it. */
enum mp_rc user_event_encode(
	const char *type, const struct mp_map *data, json_t **out_data, void *ctx) MP_MUST_CHECK;

#endif
