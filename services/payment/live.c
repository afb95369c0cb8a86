#include "live.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "log/log.h"
#include "machine.h"
#include "metrics/metrics.h"

#define BUCKETS 1024 /* a power of two */
#define ROUND_ARENA_BYTES (8u << 20)
#define IDLE_MS 60000

struct listener {
	struct listener *next; /* of its topic, or of the newcomers */
	struct listener *next_of_all;
	struct listener *previous_of_all;
	struct topic *topic;
	struct live_order order; /* last_seq grows as rows are told */
	int64_t version_told;	 /* of the record; 0: none yet */
	int64_t beat_at_ms;	 /* monotonic; 0: not told anything yet */
	int64_t check_at_ms;	 /* monotonic: whether its reader has signed out */
	bool stuck;		 /* its reader has no room in this round */
	bool over;
	enum live_end why;
};

/* A payment that somebody watches. */
struct topic {
	struct mp_id payment_id;
	struct topic *next;	  /* in its bucket; under the mutex */
	struct topic *next_dirty; /* under the mutex */
	bool dirty;		  /* to be read at once; under the mutex */
	size_t count;		  /* of its listeners, newcomers too; under the mutex */
	struct topic *next_due;	  /* of this round; from here on the thread's alone */
	bool due;
	struct listener *listeners;
};

struct live {
	struct payment_db *db;
	int64_t poll_ms;
	struct mp_arena *arena;	     /* of a batch's records */
	struct mp_arena *rows_arena; /* of a page of rows */
	pthread_t thread;
	bool started;
	int64_t poll_at_ms; /* monotonic; the thread's */
	struct mp_metric *gauge;
	struct mp_metric *ends[LIVE_ENDS];

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool closing;
	struct topic *buckets[BUCKETS];
	struct topic *dirty;
	struct listener *newcomers;
	struct listener *all;
	atomic_size_t count; /* written under the mutex */
};

/* --- under the mutex --- */

/* FNV-1a: the ids are of our own making. */
static struct topic **bucket_of(struct live *live, const struct mp_id *id)
{
	uint32_t hash = 2166136261u;

	for (const char *c = id->text; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return &live->buckets[hash & (BUCKETS - 1)];
}

static struct topic *find_topic(struct live *live, const struct mp_id *id)
{
	struct topic *topic = *bucket_of(live, id);

	while (topic != NULL && !mp_id_equal(&topic->payment_id, id))
		topic = topic->next;
	return topic;
}

static struct topic *find_or_add_topic(struct live *live, const struct mp_id *id)
{
	struct topic *topic = find_topic(live, id);

	if (topic != NULL)
		return topic;
	topic = calloc(1, sizeof(*topic));
	if (topic == NULL)
		return NULL;
	topic->payment_id = *id;
	struct topic **bucket = bucket_of(live, id);
	topic->next = *bucket;
	*bucket = topic;
	return topic;
}

static void mark_dirty(struct live *live, struct topic *topic)
{
	if (topic->dirty)
		return;
	topic->dirty = true;
	topic->next_dirty = live->dirty;
	live->dirty = topic;
	(void)pthread_cond_signal(&live->changed);
}

/* One that is marked is looked at again by the next round, which frees it then. */
static void free_topic_if_unused(struct live *live, struct topic *topic)
{
	if (topic->count > 0 || topic->dirty)
		return;
	struct topic **place = bucket_of(live, &topic->payment_id);
	while (*place != topic)
		place = &(*place)->next;
	*place = topic->next;
	free(topic);
}

/* Readers that have gone, and are not noticed yet, take nobody's place. */
static size_t count_of_user(struct live *live, const struct mp_id *user)
{
	size_t count = 0;

	for (struct listener *l = live->all; l != NULL; l = l->next_of_all) {
		const struct live_reader *reader = &l->order.reader;
		if (mp_id_equal(&l->order.user, user))
			count += reader->is_there(reader->ctx) ? 1 : 0;
	}
	return count;
}

static void link_listener(struct live *live, struct listener *listener)
{
	listener->next_of_all = live->all;
	if (live->all != NULL)
		live->all->previous_of_all = listener;
	live->all = listener;
	listener->next = live->newcomers;
	live->newcomers = listener;
	listener->topic->count++;
	mp_metric_set(live->gauge, (int64_t)atomic_fetch_add(&live->count, 1) + 1);
	mark_dirty(live, listener->topic);
}

static void unlink_listener(struct live *live, struct listener *listener)
{
	if (listener->next_of_all != NULL)
		listener->next_of_all->previous_of_all = listener->previous_of_all;
	if (listener->previous_of_all != NULL)
		listener->previous_of_all->next_of_all = listener->next_of_all;
	else
		live->all = listener->next_of_all;
	listener->topic->count--;
	mp_metric_set(live->gauge, (int64_t)atomic_fetch_sub(&live->count, 1) - 1);
}

enum mp_rc live_listen(struct live *live, const struct live_order *order)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	enum mp_rc rc = MP_OK;

	if (listener == NULL)
		return MP_NOMEM;
	listener->order = *order;
	(void)pthread_mutex_lock(&live->mutex);
	if (live->closing || atomic_load(&live->count) >= LIVE_LISTENERS_MAX)
		rc = MP_BUSY;
	else if (count_of_user(live, &order->user) >= LIVE_LISTENERS_OF_USER_MAX)
		rc = MP_TOO_MANY;
	if (rc == MP_OK) {
		listener->topic = find_or_add_topic(live, &order->payment_id);
		if (listener->topic == NULL)
			rc = MP_NOMEM;
		else
			link_listener(live, listener);
	}
	(void)pthread_mutex_unlock(&live->mutex);
	if (rc != MP_OK)
		free(listener);
	return rc;
}

void live_changed(struct live *live, const struct mp_id *payment_id)
{
	if (live == NULL || atomic_load(&live->count) == 0)
		return;
	(void)pthread_mutex_lock(&live->mutex);
	struct topic *topic = find_topic(live, payment_id);
	if (topic != NULL)
		mark_dirty(live, topic);
	(void)pthread_mutex_unlock(&live->mutex);
}

/* --- a round: the thread's --- */

static void end_listener(struct listener *listener, enum live_end why)
{
	if (!listener->over)
		listener->why = why;
	listener->over = true;
}

/* What a reader answered: true when it was told. */
static bool was_told(struct listener *listener, enum mp_rc rc, int64_t mono_ms)
{
	if (rc == MP_OK)
		listener->beat_at_ms = mono_ms + LIVE_BEAT_MS;
	else if (rc == MP_BUSY)
		listener->stuck = true;
	else
		end_listener(listener, LIVE_END_READER);
	return rc == MP_OK;
}

static bool wants(const struct listener *listener, const struct payment *payment)
{
	return !listener->over && !listener->stuck && listener->version_told != payment->version;
}

static void tell_row(struct listener *listener, const struct payment_row *row, int64_t mono_ms)
{
	struct live_order *order = &listener->order;

	if (row->seq <= order->last_seq)
		return;
	if (row->payer_only && !order->for_payer) {
		order->last_seq = row->seq;
		return;
	}
	if (was_told(listener, order->reader.row(order->reader.ctx, row), mono_ms))
		order->last_seq = row->seq;
}

static void tell_payment(struct listener *listener, const struct payment *payment, int64_t mono_ms)
{
	const struct live_reader *reader = &listener->order.reader;

	if (!was_told(listener, reader->payment(reader->ctx, payment), mono_ms))
		return;
	listener->version_told = payment->version;
	/* Money that came late is told on the timeline of a payment that has ended, too. */
	if (payment_has_ended(payment) && payment->captures_unsettled == 0)
		end_listener(listener, LIVE_END_PAYMENT);
}

/* The rows up to the record's, page by page, to everybody who has not had them. */
static enum mp_rc tell_rows(struct live *live, struct topic *topic, const struct payment *payment,
	int64_t after_seq, int64_t mono_ms)
{
	while (after_seq < payment->timeline_count) {
		struct payment_rows rows = {.payment_id = topic->payment_id,
			.after_seq = after_seq,
			.until_seq = payment->timeline_count};
		mp_arena_reset(live->rows_arena);
		enum mp_rc rc = payment_db_rows(live->db, &rows, live->rows_arena);
		if (rc != MP_OK)
			return rc;
		if (rows.count == 0)
			return MP_CORRUPT; /* they were written with the record */
		for (struct listener *l = topic->listeners; l != NULL; l = l->next)
			for (size_t i = 0; i < rows.count && wants(l, payment); i++)
				tell_row(l, &rows.rows[i], mono_ms);
		after_seq = rows.rows[rows.count - 1].seq;
	}
	return MP_OK;
}

static void tell_topic(
	struct live *live, struct topic *topic, const struct payment *payment, int64_t mono_ms)
{
	int64_t after_seq = INT64_MAX;

	for (struct listener *l = topic->listeners; l != NULL; l = l->next) {
		l->stuck = false;
		if (wants(l, payment) && l->order.last_seq < after_seq)
			after_seq = l->order.last_seq;
	}
	if (after_seq == INT64_MAX)
		return; /* nothing is new to anybody */
	enum mp_rc rc = tell_rows(live, topic, payment, after_seq, mono_ms);
	if (rc != MP_OK) {
		mp_log(MP_LOG_WARN, "live_rows", MP_RC(rc),
			MP_TEXT("payment", topic->payment_id.text));
		return; /* they want it still at the next poll */
	}
	for (struct listener *l = topic->listeners; l != NULL; l = l->next) {
		if (wants(l, payment))
			tell_payment(l, payment, mono_ms);
	}
}

/* Up to a batch of topics from *inout_topic on: one read for all their records. */
#define BATCH_MAX 64
static void tell_batch(struct live *live, struct topic **inout_topic, int64_t mono_ms)
{
	struct mp_id ids[BATCH_MAX];
	struct topic *topics[BATCH_MAX];
	struct payment payments[BATCH_MAX];
	bool found[BATCH_MAX];
	size_t count = 0;

	for (; *inout_topic != NULL && count < BATCH_MAX; *inout_topic = (*inout_topic)->next_due) {
		topics[count] = *inout_topic;
		ids[count++] = (*inout_topic)->payment_id;
	}
	mp_arena_reset(live->arena);
	enum mp_rc rc = payment_db_get_many(live->db, ids, count, live->arena, payments, found);
	if (rc != MP_OK) {
		mp_log(MP_LOG_WARN, "live_read", MP_RC(rc), MP_INT("payments", (int64_t)count));
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (found[i])
			tell_topic(live, topics[i], &payments[i], mono_ms);
	}
}

/* Newcomers get to their topics; what is marked, or at a poll everything, is due. */
static struct topic *begin_round(struct live *live, bool poll, int64_t mono_ms)
{
	struct topic *due = NULL;

	(void)pthread_mutex_lock(&live->mutex);
	while (live->newcomers != NULL) {
		struct listener *listener = live->newcomers;
		live->newcomers = listener->next;
		listener->next = listener->topic->listeners;
		listener->topic->listeners = listener;
		listener->beat_at_ms = mono_ms + LIVE_BEAT_MS;
		listener->check_at_ms = mono_ms + LIVE_SIGNED_OUT_MS;
	}
	for (; live->dirty != NULL; live->dirty = live->dirty->next_dirty) {
		live->dirty->dirty = false;
		live->dirty->due = true;
		live->dirty->next_due = due;
		due = live->dirty;
	}
	for (size_t i = 0; poll && i < BUCKETS; i++) {
		for (struct topic *topic = live->buckets[i]; topic != NULL; topic = topic->next) {
			if (topic->due)
				continue;
			topic->due = true;
			topic->next_due = due;
			due = topic;
		}
	}
	(void)pthread_mutex_unlock(&live->mutex);
	return due;
}

static void beat_and_expire(struct topic *topic, int64_t now_ms, int64_t mono_ms)
{
	for (struct listener *l = topic->listeners; l != NULL; l = l->next) {
		const struct live_reader *reader = &l->order.reader;
		if (now_ms >= l->order.expires_at_ms) {
			end_listener(l, LIVE_END_TOKEN);
		} else if (!l->over && mono_ms >= l->beat_at_ms) {
			enum mp_rc rc = reader->beat(reader->ctx);
			/* A reader without room is the server's to cut off. */
			(void)was_told(l, rc == MP_BUSY ? MP_OK : rc, mono_ms);
		}
	}
}

/* Of up to BATCH_MAX listeners, those whose readers have signed out end: one read. */
static void check_batch(
	struct live *live, struct listener *const *listeners, size_t count, int64_t mono_ms)
{
	struct mp_id sessions[BATCH_MAX];
	bool signed_out[BATCH_MAX];
	size_t session_of[BATCH_MAX];
	size_t sessions_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct mp_id *session = &listeners[i]->order.session;
		size_t at = 0;
		while (at < sessions_count && !mp_id_equal(&sessions[at], session))
			at++;
		if (at == sessions_count)
			sessions[sessions_count++] = *session;
		session_of[i] = at;
	}
	mp_arena_reset(live->arena);
	enum mp_rc rc =
		payment_db_signed_out(live->db, sessions, sessions_count, live->arena, signed_out);
	if (rc != MP_OK) { /* asked again at the next poll */
		mp_log(MP_LOG_WARN, "live_sessions", MP_RC(rc),
			MP_INT("listeners", (int64_t)count));
		return;
	}
	for (size_t i = 0; i < count; i++) {
		listeners[i]->check_at_ms = mono_ms + LIVE_SIGNED_OUT_MS;
		if (signed_out[session_of[i]])
			end_listener(listeners[i], LIVE_END_SESSION);
	}
}

static void end_signed_out(struct live *live, struct topic *topics, int64_t mono_ms)
{
	struct listener *batch[BATCH_MAX];
	size_t count = 0;

	for (struct topic *topic = topics; topic != NULL; topic = topic->next_due) {
		for (struct listener *l = topic->listeners; l != NULL; l = l->next) {
			if (l->over || mono_ms < l->check_at_ms)
				continue;
			batch[count++] = l;
			if (count == BATCH_MAX) {
				check_batch(live, batch, count, mono_ms);
				count = 0;
			}
		}
	}
	if (count > 0)
		check_batch(live, batch, count, mono_ms);
}

/* Those that are over leave the topic, linked by next. */
static struct listener *take_over(struct topic *topic)
{
	struct listener *taken = NULL;

	for (struct listener **place = &topic->listeners; *place != NULL;) {
		struct listener *listener = *place;
		if (!listener->over) {
			place = &listener->next;
			continue;
		}
		*place = listener->next;
		listener->next = taken;
		taken = listener;
	}
	return taken;
}

static void finish_all(struct live *live, struct listener *listeners)
{
	while (listeners != NULL) {
		struct listener *listener = listeners;
		const struct live_reader *reader = &listener->order.reader;
		listeners = listener->next;
		mp_metric_add(live->ends[listener->why], 1);
		reader->end(reader->ctx, listener->why);
		free(listener);
	}
}

static void end_round(struct live *live, struct topic *due)
{
	while (due != NULL) {
		struct topic *topic = due;
		struct listener *over = take_over(topic);
		due = topic->next_due;
		topic->due = false;
		(void)pthread_mutex_lock(&live->mutex);
		for (struct listener *l = over; l != NULL; l = l->next)
			unlink_listener(live, l);
		free_topic_if_unused(live, topic);
		(void)pthread_mutex_unlock(&live->mutex);
		finish_all(live, over);
	}
}

void live_work(struct live *live, int64_t now_ms, int64_t mono_ms)
{
	bool poll = mono_ms >= live->poll_at_ms;
	struct topic *due = begin_round(live, poll, mono_ms);

	if (poll)
		live->poll_at_ms = mono_ms + live->poll_ms;
	for (struct topic *next = due; next != NULL;)
		tell_batch(live, &next, mono_ms);
	for (struct topic *topic = due; poll && topic != NULL; topic = topic->next_due)
		beat_and_expire(topic, now_ms, mono_ms);
	if (poll)
		end_signed_out(live, due, mono_ms);
	end_round(live, due);
}

/* --- its life --- */

static void *run(void *arg)
{
	struct live *live = arg;

	(void)pthread_mutex_lock(&live->mutex);
	while (!live->closing) {
		int64_t wait_ms = live->poll_at_ms - mp_clock_mono_ms();
		if (atomic_load(&live->count) == 0)
			wait_ms = IDLE_MS;
		if (live->dirty == NULL && wait_ms > 0) {
			mp_cond_wait_ms(&live->changed, &live->mutex, (long)wait_ms);
			continue;
		}
		(void)pthread_mutex_unlock(&live->mutex);
		live_work(live, mp_clock_ms(), mp_clock_mono_ms());
		(void)pthread_mutex_lock(&live->mutex);
	}
	(void)pthread_mutex_unlock(&live->mutex);
	return NULL;
}

enum mp_rc live_open(struct payment_db *db, int64_t poll_ms, struct live **out_live)
{
	static const char *const labels[LIVE_ENDS] = {"reason=\"payment_ended\"",
		"reason=\"token_expired\"", "reason=\"session_ended\"", "reason=\"reader_gone\"",
		"reason=\"closed\""};
	struct live *live = calloc(1, sizeof(*live));

	assert(poll_ms > 0);
	if (live == NULL)
		return MP_NOMEM;
	live->arena = mp_arena_new(ROUND_ARENA_BYTES);
	live->rows_arena = mp_arena_new(ROUND_ARENA_BYTES);
	if (live->arena == NULL || live->rows_arena == NULL) {
		mp_arena_free(live->arena);
		mp_arena_free(live->rows_arena);
		free(live);
		return MP_NOMEM;
	}
	live->db = db;
	live->poll_ms = poll_ms;
	(void)pthread_mutex_init(&live->mutex, NULL);
	mp_cond_init(&live->changed);
	live->gauge = mp_gauge("moneypal_live_listeners", NULL, "Streams of payments' events open");
	for (size_t i = 0; i < LIVE_ENDS; i++)
		live->ends[i] = mp_counter("moneypal_live_ends_total", labels[i],
			"Streams of payments' events that have ended");
	*out_live = live;
	return MP_OK;
}

enum mp_rc live_start(struct live *live)
{
	enum mp_rc rc = mp_thread_start(&live->thread, "mp-live", run, live);

	live->started = rc == MP_OK;
	return rc;
}

void live_close(struct live *live)
{
	if (live == NULL)
		return;
	(void)pthread_mutex_lock(&live->mutex);
	live->closing = true;
	(void)pthread_cond_signal(&live->changed);
	(void)pthread_mutex_unlock(&live->mutex);
	if (live->started)
		(void)pthread_join(live->thread, NULL);

	struct topic *due = begin_round(live, true, 0);
	for (struct topic *topic = due; topic != NULL; topic = topic->next_due) {
		for (struct listener *l = topic->listeners; l != NULL; l = l->next)
			end_listener(l, LIVE_END_CLOSED);
	}
	end_round(live, due);
	(void)pthread_cond_destroy(&live->changed);
	(void)pthread_mutex_destroy(&live->mutex);
	mp_arena_free(live->arena);
	mp_arena_free(live->rows_arena);
	free(live);
}
