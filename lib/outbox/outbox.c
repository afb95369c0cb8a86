#include "outbox/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/trace.h"
#include "outbox/relay.h"

#define HINTS_MAX 2048 /* ids told by commits and not yet taken; over that the sweep finds them */
#define IDLE_MS_MAX 1000

/*
 * A confirm costs the broker much the same for one event as for many (it syncs its log for both),
 * so under load rounds begin at least this far apart, unless enough events wait before. The first
 * event after a quiet moment does not wait.
 */
#define ROUND_MS 10
#define ROUND_ENOUGH 100

struct mp_outbox {
	struct mp_relay relay; /* the thread's alone once it runs */
	struct mp_id taken[MP_RELAY_BATCH_MAX];

	pthread_t thread;
	bool started;

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t wake;
	bool stop;
	bool pacing; /* the relay wants to be woken for enough events only */
	int64_t round_began_ms;
	bool overflow; /* hints were lost: sweep soon */
	bool away;     /* the broker is, as the relay last saw it: sweeps find the rows */
	struct mp_id hints[HINTS_MAX];
	size_t hints_first;
	size_t hints_count;
};

/* --- adding --- */

/* The ids that one transaction adds, in its arena: told to the relay once it is committed. */
struct added_id {
	struct mp_id id;
	struct added_id *next;
};

struct added {
	struct mp_outbox *outbox;
	struct added_id *first;
	struct added_id **end;
};

void mp_relay_row_key(const struct mp_id *id, struct mp_relay_row *out_row)
{
	/* An id ends in hash or random digits, so these spread evenly. */
	uint8_t last = 0;
	bool is_hex = mp_unhex(id->text + sizeof(id->text) - 3, 1, &last);

	assert(is_hex);
	enum mp_rc rc = mp_text_format(
		out_row->pk, sizeof(out_row->pk), "OUTBOX#%02d", last % MP_OUTBOX_PARTITIONS);
	if (rc == MP_OK)
		rc = mp_text_copy(out_row->sk, sizeof(out_row->sk), id->text);
	assert(rc == MP_OK);
}

static void on_committed(void *ctx)
{
	const struct added *added = ctx;
	struct mp_outbox *outbox = added->outbox;

	pthread_mutex_lock(&outbox->mutex);
	const struct added_id *node = outbox->away ? NULL : added->first;
	for (; node != NULL; node = node->next) {
		if (outbox->hints_count == HINTS_MAX) {
			outbox->overflow = true;
			break;
		}
		outbox->hints[(outbox->hints_first + outbox->hints_count) % HINTS_MAX] = node->id;
		outbox->hints_count++;
	}
	if (!outbox->away && (!outbox->pacing || outbox->hints_count >= ROUND_ENOUGH))
		pthread_cond_signal(&outbox->wake);
	pthread_mutex_unlock(&outbox->mutex);
}

/* Without memory nothing is told: the row itself counts, and a sweep finds it. */
static void remember(struct mp_outbox *outbox, struct mp_txn *txn, const struct mp_id *id)
{
	struct added *added = txn->committed.call == on_committed ? txn->committed.ctx : NULL;

	if (added == NULL) {
		added = mp_arena_alloc(txn->arena, sizeof(*added));
		if (added == NULL)
			return;
		added->outbox = outbox;
		added->end = &added->first;
		txn->committed = (struct mp_hook){on_committed, added};
	}
	assert(added->outbox == outbox); /* one outbox to a transaction */
	struct added_id *node = mp_arena_alloc(txn->arena, sizeof(*node));
	if (node == NULL)
		return;
	node->id = *id;
	*added->end = node;
	added->end = &node->next;
}

struct mp_map *mp_outbox_add(struct mp_outbox *outbox, struct mp_txn *txn, const struct mp_id *id,
	const char *type, const char *subject, int64_t time_ms)
{
	char trace[MP_TRACEPARENT_SIZE];
	struct mp_relay_row key;

	assert(mp_topology_routes(type)); /* nobody would ever take it */
	mp_relay_row_key(id, &key);
	struct mp_item *item = mp_item_new(txn->arena, key.pk, key.sk, MP_OUTBOX_ROW_FORMAT);
	struct mp_map *attrs = mp_item_attrs(item);
	mp_map_set_text(attrs, "type", type);
	mp_map_set_text(attrs, "subject", subject);
	mp_map_set_int(attrs, "time", time_ms);
	mp_map_set_int(attrs, "written", mp_clock_ms());
	mp_trace_next(trace);
	mp_map_set_text(attrs, "trace", trace[0] != '\0' ? trace : NULL);
	struct mp_map *data = mp_map_set_map(attrs, "data");
	(void)mp_txn_put(txn, item);
	remember(outbox, txn, id);
	return data;
}

/* --- the relay's thread --- */

/* Waits for more to come, when a round has only just begun. Under the mutex. */
static void pace(struct mp_outbox *outbox)
{
	int64_t left_ms = outbox->round_began_ms + ROUND_MS - mp_clock_mono_ms();

	outbox->pacing = true;
	while (left_ms > 0 && outbox->hints_count < ROUND_ENOUGH && !outbox->stop) {
		mp_cond_wait_ms(&outbox->wake, &outbox->mutex, left_ms);
		left_ms = outbox->round_began_ms + ROUND_MS - mp_clock_mono_ms();
	}
	outbox->pacing = false;
	outbox->round_began_ms = mp_clock_mono_ms();
}

/* Takes up to a batch of ids; a lost hint brings the next sweep forward. */
static size_t take_hints(struct mp_outbox *outbox)
{
	size_t count = 0;

	pthread_mutex_lock(&outbox->mutex);
	if (outbox->hints_count > 0 && !outbox->relay.sweeping)
		pace(outbox);
	while (outbox->hints_count > 0 && count < MP_RELAY_BATCH_MAX) {
		outbox->taken[count++] = outbox->hints[outbox->hints_first];
		outbox->hints_first = (outbox->hints_first + 1) % HINTS_MAX;
		outbox->hints_count--;
	}
	bool back = outbox->away && !outbox->relay.down;
	if (back || (outbox->overflow && !outbox->relay.down))
		mp_relay_want_sweep(&outbox->relay);
	outbox->overflow = false;
	outbox->away = outbox->relay.down;
	pthread_mutex_unlock(&outbox->mutex);
	return count;
}

/* Until a commit wakes it or a sweep is due. False: it shall end. */
static bool wait_for_work(struct mp_outbox *outbox)
{
	int64_t left_ms = outbox->relay.next_sweep_ms - mp_clock_mono_ms();

	if (left_ms > IDLE_MS_MAX)
		left_ms = IDLE_MS_MAX;
	pthread_mutex_lock(&outbox->mutex);
	if (!outbox->stop && outbox->hints_count == 0 && left_ms > 0)
		mp_cond_wait_ms(&outbox->wake, &outbox->mutex, left_ms);
	bool stop = outbox->stop;
	pthread_mutex_unlock(&outbox->mutex);
	return !stop;
}

static bool stopping(struct mp_outbox *outbox)
{
	pthread_mutex_lock(&outbox->mutex);
	bool stop = outbox->stop;
	pthread_mutex_unlock(&outbox->mutex);
	return stop;
}

static void *run(void *arg)
{
	struct mp_outbox *outbox = arg;
	struct mp_relay *relay = &outbox->relay;

	do {
		relay->wire.idle(relay->wire.ctx);
		size_t count;
		bool more;
		do {
			/* Commits go first, but never keep a sweep from going on. */
			count = take_hints(outbox);
			if (count > 0)
				mp_relay_ids(relay, outbox->taken, count);
			more = mp_relay_sweep_step(relay, mp_clock_mono_ms());
		} while ((count > 0 || more) && !stopping(outbox));
	} while (wait_for_work(outbox));
	return NULL;
}

/* --- opening and closing --- */

enum mp_rc mp_outbox_open_on(const struct mp_outbox_config *config, const struct mp_wire *wire,
	struct mp_outbox **out_outbox)
{
	struct mp_outbox *outbox = calloc(1, sizeof(*outbox));

	if (outbox == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_relay_init(&outbox->relay, config, wire);
	if (rc != MP_OK) {
		free(outbox);
		return rc;
	}
	pthread_mutex_init(&outbox->mutex, NULL);
	mp_cond_init(&outbox->wake);
	*out_outbox = outbox;
	return MP_OK;
}

static enum mp_rc publish(void *ctx, struct mp_message *messages, size_t count, int timeout_ms)
{
	return mp_publisher_publish(ctx, messages, count, timeout_ms);
}

static void idle(void *ctx)
{
	mp_publisher_idle(ctx, 0);
}

static void close_publisher(void *ctx)
{
	mp_publisher_close(ctx);
}

enum mp_rc mp_outbox_open(const struct mp_outbox_config *config, struct mp_outbox **out_outbox)
{
	struct mp_wire wire = {.publish = publish, .idle = idle, .close = close_publisher};
	struct mp_publisher *publisher = NULL;

	enum mp_rc rc = mp_publisher_open(config->amqp_url, &config->sink, &publisher);
	if (rc != MP_OK)
		return rc;
	wire.ctx = publisher;
	rc = mp_outbox_open_on(config, &wire, out_outbox);
	if (rc != MP_OK)
		mp_publisher_close(publisher);
	return rc;
}

enum mp_rc mp_outbox_start(struct mp_outbox *outbox)
{
	assert(!outbox->started);
	enum mp_rc rc = mp_thread_start(&outbox->thread, "outbox", run, outbox);
	outbox->started = rc == MP_OK;
	return rc;
}

void mp_outbox_close(struct mp_outbox *outbox)
{
	if (outbox == NULL)
		return;
	pthread_mutex_lock(&outbox->mutex);
	outbox->stop = true;
	pthread_cond_signal(&outbox->wake);
	pthread_mutex_unlock(&outbox->mutex);
	if (outbox->started)
		(void)pthread_join(outbox->thread, NULL);
	mp_relay_done(&outbox->relay);
	pthread_cond_destroy(&outbox->wake);
	pthread_mutex_destroy(&outbox->mutex);
	free(outbox);
}
