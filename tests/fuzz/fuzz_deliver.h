#ifndef MP_FUZZ_DELIVER_H
#define MP_FUZZ_DELIVER_H

#include "fuzz.h"

#include "bus/bus.h"

/*
 * The input as an event's type (its first line) and data (the rest) to a consumer's handler. Every
 * delivery gets a verdict, and who calls it dead says why.
 */
static inline void fuzz_deliver(
	const uint8_t *data, size_t size, mp_deliveries_handler handler, void *app)
{
	struct mp_delivery delivery = {
		.event = {.id = {"0193f5a0-0000-7000-8000-0000000000e1"},
			.source = "/fuzz",
			.subject = "0193f5a0-0000-7000-8000-0000000000aa",
			.time_ms = 1763890000000},
		.verdict = MP_RETRY,
	};
	struct fuzz_input input;
	char reason[160] = "";
	json_t *json = NULL;

	fuzz_split(data, size, &input);
	if (mp_json_parse(input.rest, input.rest_len, &json, reason) != MP_OK)
		return;
	delivery.event.type = input.line;
	delivery.event.data = json;
	if (json_is_object(json))
		handler(app, fuzz_arena(), &delivery, 1);
	FUZZ_CHECK(delivery.verdict >= MP_ACK && delivery.verdict <= MP_DEAD);
	FUZZ_CHECK(delivery.verdict != MP_DEAD || delivery.reason[0] != '\0');
	json_decref(json);
}

#endif
