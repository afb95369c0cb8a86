#ifndef MP_BUS_CONFIRMS_H
#define MP_BUS_CONFIRMS_H

#include "bus/connection.h"

/*
 * Publishing with confirms on channel MP_AMQP_PUBLISHING of a connection. Internal to lib/bus.
 *
 * The broker counts the messages of a channel from 1 (their tags) and confirms them in any order,
 * one by one or all up to a tag. The ring holds every message that is not settled, oldest..next-1:
 * its tag's place is tag % MP_CONFIRMS_WINDOW. One that was returned as unroutable is confirmed by
 * the broker all the same, after its return; it counts as refused here.
 */
#define MP_CONFIRMS_WINDOW 512 /* messages under way */

struct mp_confirms_slot {
	bool *confirmed; /* the caller's; set true by the broker's word only */
	const char *message_id;
	bool returned;
	bool settled;
};

struct mp_confirms {
	struct mp_amqp *amqp;
	uint64_t oldest; /* tag of the oldest that is not settled */
	uint64_t next;	 /* tag of the next to be published */
	struct mp_confirms_slot ring[MP_CONFIRMS_WINDOW];
	size_t returned; /* as unroutable; counted until the owner sets it back */
	size_t refused;	 /* nacked; likewise */
};

struct mp_confirms_message {
	const char *exchange;
	const char *routing_key; /* at most 255 bytes, like message_id and content_type */
	const char *message_id;
	const char *content_type;
	const amqp_table_t *headers; /* or NULL */
	const char *body;
	size_t body_len;
};

/* On a new connection: opens the channel in confirm mode. Forgets what was under way. */
enum mp_rc mp_confirms_begin(struct mp_confirms *confirms, struct mp_amqp *amqp) MP_MUST_CHECK;

/*
 * Publishes one message, persistent and mandatory; *confirmed becomes true when it is confirmed, in
 * this or a later call, so it must live until mp_confirms_wait or a failure. message_id, too.
 * Waits for room among the messages under way, at most until deadline_ms (monotonic).
 * MP_UNAVAILABLE: the connection is lost; what is not confirmed now will not be.
 */
enum mp_rc mp_confirms_send(struct mp_confirms *confirms, const struct mp_confirms_message *message,
	bool *confirmed, int64_t deadline_ms) MP_MUST_CHECK;

/* Waits until all are settled; the connection is dropped when that is not so by deadline_ms. */
enum mp_rc mp_confirms_wait(struct mp_confirms *confirms, int64_t deadline_ms) MP_MUST_CHECK;

#endif
