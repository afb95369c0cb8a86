#ifndef MP_OUTBOX_WIRE_H
#define MP_OUTBOX_WIRE_H

#include "outbox/outbox.h"

/*
 * Where the relay publishes: a publisher of lib/bus, or what a test puts in its place to fail at
 * will. Calls come from one thread. publish is mp_publisher_publish; idle does what has to be done
 * now and then, and does not wait.
 */
struct mp_wire {
	enum mp_rc (*publish)(void *ctx, struct mp_message *messages, size_t count, int timeout_ms);
	void (*idle)(void *ctx);
	void (*close)(void *ctx);
	void *ctx;
};

/* mp_outbox_open on another wire than config->amqp_url; takes the wire over when it is MP_OK. */
enum mp_rc mp_outbox_open_on(const struct mp_outbox_config *config, const struct mp_wire *wire,
	struct mp_outbox **out_outbox) MP_MUST_CHECK;

#endif
