#ifndef MP_BUS_DEAD_H
#define MP_BUS_DEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/*
 * Looking at a queue's dead letters, and sending some of them to their queue again: for the
 * operator's tool. One visit at a time for each queue, of whichever process: the broker sees to it.
 */
struct mp_dead_letter {
	const char *id;	    /* the event's; "" when it was published without one */
	const char *type;   /* the event's routing key */
	const char *reason; /* why it died; "" when nobody said */
	const char *time;   /* when, RFC 3339 */
	const char *body;   /* NUL-terminated; NULL: over MP_EVENT_BYTES_MAX */
	size_t body_len;
};

enum mp_dead_choice {
	MP_DEAD_KEEP,	/* it stays where it is */
	MP_DEAD_REPLAY, /* to its queue again; no dead letter any more once it is there */
	MP_DEAD_DROP,	/* it is no dead letter any more: for twins of one that was replayed */
};

/* Called for each letter, oldest first. All is borrowed for the call. */
typedef enum mp_dead_choice (*mp_dead_visitor)(void *ctx, const struct mp_dead_letter *letter);

struct mp_dead_count {
	size_t waiting; /* when the visit began */
	size_t visited;
	size_t replayed;
	size_t dropped;
};

/* A visit holds every letter until its end, so that their order stays: no more than these. */
#define MP_DEAD_VISIT_MAX 10000

/*
 * Visits what lies in the queue's dead letters now, not what joins them meanwhile. What is kept
 * comes back to its place when the visit ends, however it ends. A replayed letter is published,
 * its confirm awaited, then acknowledged: a crash in between leaves it in both queues, never in
 * neither.
 * A letter without a body cannot be replayed: it is kept.
 *
 * out_count is filled as far as it came, also on errors.
 * Errors: MP_INVALID (not a url, not a queue of the topology), MP_BUSY (another visit is under
 * way), MP_UNAVAILABLE (the broker); with a half sentence in reterr for all but MP_NOMEM.
 */
enum mp_rc mp_dead_visit(const char *amqp_url, const char *queue, mp_dead_visitor visitor,
	void *ctx, struct mp_dead_count *out_count, char reterr[256]) MP_MUST_CHECK;

#endif
