#ifndef MP_BUS_CONNECTION_H
#define MP_BUS_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amqp.h>

#include "base/rc.h"
#include "metrics/metrics.h"

/*
 * One AMQP connection, used by one thread: connecting with backoff, the topology, and reading frame
 * by frame. Internal to lib/bus.
 *
 * rabbitmq-c does nothing in the background: heartbeats go out and frames come in only inside
 * mp_amqp_pump and the calls that wait for the broker's answer. A broken connection is never mended
 * in place: it is dropped, and the next one starts from nothing.
 */
#define MP_AMQP_CONSUMING 1  /* channel of deliveries and of the topology */
#define MP_AMQP_PUBLISHING 2 /* channel in confirm mode */
#define MP_AMQP_CHANNELS_MAX 2

#define MP_AMQP_HEARTBEAT_S 30

/* What a dead letter's headers say of its death; "" where they do not. */
struct mp_dead_headers {
	char reason[256];
	char time[40]; /* RFC 3339 */
	char routing_key[256];
};

/* A message that came in whole: a delivery, or one returned as unroutable. */
struct mp_amqp_content {
	amqp_method_number_t method; /* AMQP_BASIC_DELIVER_METHOD or AMQP_BASIC_RETURN_METHOD */
	uint64_t tag;		     /* of a delivery */
	char routing_key[256];
	char message_id[256];
	struct mp_dead_headers dead;
	uint64_t body_size; /* as announced */
	uint64_t body_got;
	char *body; /* NUL-terminated; NULL when over MP_EVENT_BYTES_MAX, or of a return */
};

/*
 * What a channel does with what comes in. Anything but MP_OK drops the connection. content may take
 * content->body (and set it NULL); it is freed otherwise.
 */
struct mp_amqp_channel {
	enum mp_rc (*method)(void *ctx, amqp_method_number_t id, const void *decoded);
	enum mp_rc (*content)(void *ctx, struct mp_amqp_content *content);
	void *ctx;
	struct mp_amqp_content incoming; /* being put together; method 0: none */
};

struct mp_amqp {
	const char *role; /* "publisher", "consumer" */
	struct mp_sink sink;
	struct mp_metric *connected;
	char *url; /* what info points into; holds the password */
	size_t url_size;
	struct amqp_connection_info info;
	const char *ca_file;	       /* of amqps: who may vouch for the broker */
	amqp_connection_state_t state; /* NULL: not connected */
	bool up;		       /* connected, and told so */
	struct mp_amqp_channel channels[MP_AMQP_CHANNELS_MAX + 1]; /* by number; 0 unused */
	int64_t up_since_ms;					   /* monotonic */
	int64_t next_try_ms;					   /* monotonic */
	unsigned tries;						   /* failed, one after another */
	char told[200]; /* the reason that was last told; "" after being up */
};

/*
 * Reads the url, connects nothing yet. role is borrowed for ever, the sink copied. Errors:
 * MP_INVALID (not amqp://user:password@host:port/vhost, nor amqps with the same, to which
 * "?cacertfile=/a/path" may be added), MP_NOMEM. Over amqps the broker's certificate must be signed
 * by an authority of that file (else of the machine's), and be for the url's host.
 */
enum mp_rc mp_amqp_init(struct mp_amqp *amqp, const char *url, const char *role,
	const struct mp_sink *sink) MP_MUST_CHECK;

/* Says goodbye to the broker, when there is one. Takes a zeroed one, too. */
void mp_amqp_done(struct mp_amqp *amqp);

/*
 * Tries once to connect, declare the topology and run setup; MP_UNAVAILABLE when that fails or the
 * time for another try has not come.
 */
enum mp_rc mp_amqp_connect(
	struct mp_amqp *amqp, enum mp_rc (*setup)(void *ctx), void *ctx) MP_MUST_CHECK;

/* How long until another try may be made; 0 when it may be made now. */
int mp_amqp_wait_ms(const struct mp_amqp *amqp);

/*
 * Reads one frame, waiting at most timeout_ms, and gives it to its channel. MP_OK: there may be
 * more; MP_PENDING: nothing came; MP_UNAVAILABLE: the connection is lost (dropped and told).
 */
enum mp_rc mp_amqp_pump(struct mp_amqp *amqp, int timeout_ms) MP_MUST_CHECK;

/* Drops the connection and tells why, once. Returns MP_UNAVAILABLE. */
enum mp_rc mp_amqp_lose(struct mp_amqp *amqp, const char *doing, const char *why);

/* The same for a channel or a connection that the broker closed: why is what it said. */
enum mp_rc mp_amqp_lose_closed(
	struct mp_amqp *amqp, const char *doing, const amqp_method_t *method);

/*
 * The outcome of a call of rabbitmq-c: MP_OK, or the connection is lost. doing says, for people,
 * what was tried.
 */
enum mp_rc mp_amqp_check_rpc(
	struct mp_amqp *amqp, const char *doing, amqp_rpc_reply_t reply) MP_MUST_CHECK;
enum mp_rc mp_amqp_check(struct mp_amqp *amqp, const char *doing, int status) MP_MUST_CHECK;

/* Opens a channel and sets what it does with what comes in (methods and content). */
enum mp_rc mp_amqp_channel_open(struct mp_amqp *amqp, amqp_channel_t number,
	const struct mp_amqp_channel *channel) MP_MUST_CHECK;

/* Ours (bus/topology.h), or else the broker's own x-death. */
void mp_dead_headers_read(const amqp_table_t *headers, struct mp_dead_headers *out);

/* Of a queue's arguments or a message's headers; both texts are borrowed. */
amqp_table_entry_t mp_amqp_text_entry(const char *key, const char *text);

/* Declares everything in bus/topology.c, on channel MP_AMQP_CONSUMING. */
enum mp_rc mp_topology_declare(struct mp_amqp *amqp) MP_MUST_CHECK;

#endif
