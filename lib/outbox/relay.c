#include "outbox/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define ROWS_ARENA_BYTES (16 * 1024 * 1024)
#define BODIES_ARENA_BYTES (8 * 1024 * 1024)
#define PUBLISH_TIMEOUT_MS 10000
#define SWEEP_PAUSE_MS 1000
#define SWEEP_PAUSE_MS_MAX 5000
#define SWEEP_SHARE 50 /* of the time, at most one part in so many is spent on reading for sweeps */
#define REFUSED_PAUSE_MS_MAX 30000
#define DOWN_PAUSE_MS_MAX 2000
#define LEFT_MS 3000  /* a lease that ended is left alone for so long: others ask a second later */
#define YOUNG_MS 3000 /* rows that another replica is likely to be publishing */

enum mp_rc mp_relay_init(
	struct mp_relay *relay, const struct mp_outbox_config *config, const struct mp_wire *wire)
{
	memset(relay, 0, sizeof(*relay));
	relay->store = config->store;
	relay->source = config->source;
	relay->encode = config->encode;
	relay->encode_ctx = config->encode_ctx;
	relay->sink = config->sink;
	relay->page_limit = MP_RELAY_BATCH_MAX;
	relay->pause_ms = SWEEP_PAUSE_MS;
	relay->shared = mp_store_is_shared(config->store);
	mp_lease_init(&relay->lease, config->store, "OUTBOX");
	mp_buf_init(&relay->scratch, MP_EVENT_BYTES_MAX);
	relay->waiting = mp_gauge("moneypal_outbox_rows", NULL,
		"Rows that the last sweep found waiting; at most 500 a partition while the broker "
		"is "
		"away.");
	relay->oldest = mp_gauge("moneypal_outbox_oldest_seconds", NULL,
		"Age of the oldest row that the last sweep found.");
	relay->published = mp_counter(
		"moneypal_outbox_published_total", NULL, "Events confirmed by the broker.");
	relay->failures = mp_counter("moneypal_outbox_failures_total", NULL,
		"Events that could not be published at a try; they are tried again.");
	relay->rows_arena = mp_arena_new(ROWS_ARENA_BYTES);
	relay->bodies_arena = mp_arena_new(BODIES_ARENA_BYTES);
	if (relay->rows_arena == NULL || relay->bodies_arena == NULL) {
		mp_relay_done(relay);
		return MP_NOMEM;
	}
	relay->wire = *wire; /* last: on failure it stays the caller's */
	return MP_OK;
}

void mp_relay_done(struct mp_relay *relay)
{
	if (relay->wire.close != NULL)
		relay->wire.close(relay->wire.ctx);
	if (relay->shared)
		mp_lease_release(&relay->lease);
	mp_arena_free(relay->rows_arena);
	mp_arena_free(relay->bodies_arena);
	mp_buf_done(&relay->scratch);
	memset(relay, 0, sizeof(*relay));
}

/* Trouble of the store, told when it begins and when it changes. */
static void tell_store(struct mp_relay *relay, const char *event, enum mp_rc rc)
{
	if (rc == relay->store_told)
		return;
	relay->store_told = rc;
	if (rc != MP_OK)
		mp_sink_report(&relay->sink, event, rc, relay->source);
}

/* --- publishing a batch --- */

/* Erases the rows that the broker has confirmed; what is not erased is published again. */
static enum mp_rc erase_confirmed(struct mp_relay *relay)
{
	size_t confirmed = 0;

	for (size_t i = 0; i < relay->count; i++) {
		if (relay->messages[i].confirmed)
			relay->keys[confirmed++] =
				(struct mp_key){relay->rows[i].pk, relay->rows[i].sk};
	}
	mp_metric_add(relay->published, (int64_t)confirmed);
	mp_metric_add(relay->failures, (int64_t)(relay->count - confirmed));
	relay->refused += relay->count - confirmed;
	if (confirmed == 0)
		return MP_OK;
	enum mp_rc rc = mp_store_erase(relay->store, relay->keys, confirmed);
	tell_store(relay, "outbox_erase_failed", rc);
	if (rc != MP_OK)
		relay->refused += confirmed; /* slows the sweeps: these are duplicates next time */
	return rc;
}

/* Publishes what was gathered. MP_UNAVAILABLE: the broker is away. */
static enum mp_rc flush(struct mp_relay *relay)
{
	if (relay->count == 0)
		return MP_OK;
	enum mp_rc rc = relay->wire.publish(
		relay->wire.ctx, relay->messages, relay->count, PUBLISH_TIMEOUT_MS);
	relay->down = rc != MP_OK && rc != MP_CONFLICT;
	enum mp_rc rc_erase = erase_confirmed(relay);
	relay->count = 0;
	mp_arena_reset(relay->bodies_arena);
	if (relay->down)
		return MP_UNAVAILABLE;
	return rc_erase;
}

/* --- from row to event --- */

static enum mp_rc fill_data(
	const struct mp_relay *relay, const struct mp_map *data, struct mp_event *event)
{
	if (relay->encode != NULL)
		return relay->encode(event->type, data, &event->data, relay->encode_ctx);
	event->data = mp_map_to_json(data);
	return event->data != NULL ? MP_OK : MP_NOMEM;
}

/* The row's event as JSON in relay->scratch; out_type lives as long as the row. */
static enum mp_rc encode_row(
	struct mp_relay *relay, const struct mp_item *item, const char **out_type)
{
	struct mp_event event = {.source = relay->source};
	const struct mp_attr *data = mp_map_get(&item->attrs, "data");
	struct mp_item_reader r;

	mp_item_read_begin(&r, item, MP_OUTBOX_ROW_FORMAT);
	mp_item_read_text(&r, "type", &event.type);
	mp_item_read_text(&r, "subject", &event.subject);
	mp_item_read_int(&r, "time", &event.time_ms);
	mp_item_read_copy_or(&r, "trace", event.traceparent, sizeof(event.traceparent));
	enum mp_rc rc = mp_item_read_end(&r);
	if (rc != MP_OK)
		return rc;
	if (!mp_id_parse(item->sk, &event.id) || data == NULL || data->type != MP_VALUE_MAP)
		return MP_CORRUPT;
	rc = fill_data(relay, data->as.map, &event);
	if (rc == MP_OK) {
		mp_buf_clear(&relay->scratch);
		rc = mp_event_encode(&event, &relay->scratch);
		json_decref(event.data);
	}
	if (rc == MP_OK)
		*out_type = event.type;
	return rc;
}

/* Puts the encoded event behind the batch; MP_NOMEM: the batch is full. */
static enum mp_rc append(struct mp_relay *relay, const struct mp_item *item, const char *type)
{
	struct mp_relay_row *row = &relay->rows[relay->count];
	struct mp_message *message = &relay->messages[relay->count];

	if (relay->count == MP_RELAY_BATCH_MAX)
		return MP_NOMEM;
	char *body = mp_arena_strndup(
		relay->bodies_arena, mp_buf_text(&relay->scratch), relay->scratch.len);
	char *routing_key = mp_arena_strdup(relay->bodies_arena, type);
	if (body == NULL || routing_key == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_text_copy(row->pk, sizeof(row->pk), item->pk);
	if (rc == MP_OK)
		rc = mp_text_copy(row->sk, sizeof(row->sk), item->sk);
	if (rc != MP_OK)
		return rc;
	*message = (struct mp_message){.routing_key = routing_key,
		.message_id = row->sk,
		.body = body,
		.body_len = relay->scratch.len};
	relay->count++;
	return MP_OK;
}

/* A row that is no event stays for people to look at, and stands in nobody's way. */
static void note_broken(struct mp_relay *relay, const struct mp_item *item)
{
	if (relay->broken == 0 && !mp_id_parse(item->sk, &relay->broken_first))
		memset(&relay->broken_first, 0, sizeof(relay->broken_first));
	relay->broken++;
}

/* Adds a row to the batch, publishing what is there when it has no room. */
static enum mp_rc add_row(struct mp_relay *relay, const struct mp_item *item)
{
	const char *type = NULL;

	enum mp_rc rc = encode_row(relay, item, &type);
	if (rc != MP_OK) {
		if (mp_rc_is_transient(rc))
			relay->refused++; /* the next sweep tries again; others go on */
		else
			note_broken(relay, item);
		return MP_OK;
	}
	rc = append(relay, item, type);
	if (rc != MP_NOMEM || relay->count == 0)
		return rc;
	rc = flush(relay);
	return rc == MP_OK ? append(relay, item, type) : rc;
}

/* Publishes and erases all of these. NULL items are rows that are gone. */
static enum mp_rc relay_items(struct mp_relay *relay, struct mp_item *const *items, size_t count)
{
	enum mp_rc rc = MP_OK;

	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (items[i] != NULL)
			rc = add_row(relay, items[i]);
	}
	if (rc == MP_OK)
		rc = flush(relay);
	/* After a failure nothing half-done is kept: the next sweep begins again. */
	relay->count = 0;
	mp_arena_reset(relay->bodies_arena);
	return rc;
}

/* --- rows that were just committed --- */

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct mp_id *)a)->text, ((const struct mp_id *)b)->text);
}

void mp_relay_ids(struct mp_relay *relay, struct mp_id *ids, size_t count)
{
	struct mp_relay_row keys[MP_RELAY_BATCH_MAX];
	size_t unique = 0;

	assert(count <= MP_RELAY_BATCH_MAX);
	if (relay->down)
		return; /* the sweeps find out when it is back, and find these rows */
	qsort(ids, count, sizeof(*ids), by_text);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && mp_id_equal(&ids[i], &ids[i - 1]))
			continue;
		mp_relay_row_key(&ids[i], &keys[unique]);
		relay->keys[unique] = (struct mp_key){keys[unique].pk, keys[unique].sk};
		unique++;
	}
	mp_arena_reset(relay->rows_arena);
	enum mp_rc rc = mp_store_batch_get(
		relay->store, relay->keys, unique, relay->rows_arena, relay->items);
	tell_store(relay, "outbox_read_failed", rc);
	if (rc == MP_OK)
		rc = relay_items(relay, relay->items, unique);
	if (rc != MP_OK)
		mp_relay_want_sweep(relay); /* what is left over is found there */
}

/* --- sweeping --- */

void mp_relay_want_sweep(struct mp_relay *relay)
{
	relay->sweep_wanted = true;
}

static void begin_sweep(struct mp_relay *relay)
{
	relay->sweeping = true;
	relay->sweep_wanted = false;
	relay->partition = 0;
	relay->after[0] = '\0';
	relay->page_limit = MP_RELAY_BATCH_MAX;
	relay->refused = 0;
	relay->found = 0;
	relay->broken = 0;
	relay->oldest_ms = INT64_MAX;
	relay->read_us = 0;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

/* Told when they appear and when there are others, not at every sweep. */
static void tell_broken(struct mp_relay *relay)
{
	char detail[128];

	if (relay->broken == relay->broken_told_count &&
		(relay->broken == 0 || mp_id_equal(&relay->broken_first, &relay->broken_told)))
		return;
	relay->broken_told_count = relay->broken;
	relay->broken_told = relay->broken_first;
	if (relay->broken == 0)
		return;
	mp_metric_add(relay->failures, (int64_t)relay->broken);
	if (mp_text_format(detail, sizeof(detail), "%zu rows that are no event; the first: %s",
		    relay->broken, relay->broken_first.text) == MP_OK)
		mp_sink_report(&relay->sink, "outbox_rows_broken", MP_CORRUPT, detail);
}

static void show_found(struct mp_relay *relay)
{
	int64_t age_ms = relay->found > 0 ? mp_clock_ms() - relay->oldest_ms : 0;

	mp_metric_set(relay->waiting, (int64_t)relay->found);
	mp_metric_set(relay->oldest, age_ms > 0 ? age_ms / 1000 : 0);
}

/*
 * About a second. After a storm of events a sweep reads over hundreds of thousands of erased rows,
 * which the engine has not forgotten yet, in tens of milliseconds: then it comes less often.
 */
static int usual_pause_ms(const struct mp_relay *relay)
{
	int64_t pause_ms = relay->read_us * SWEEP_SHARE / 1000;

	if (pause_ms < SWEEP_PAUSE_MS)
		return SWEEP_PAUSE_MS;
	return pause_ms < SWEEP_PAUSE_MS_MAX ? (int)pause_ms : SWEEP_PAUSE_MS_MAX;
}

/*
 * Refused rows are tried again with growing pauses, as each try may put the event once more into
 * those of its queues that have room.
 */
static void end_sweep(struct mp_relay *relay, bool whole, int64_t now_ms)
{
	relay->sweeping = false;
	if (whole) {
		show_found(relay);
		tell_broken(relay);
	}
	if (relay->down)
		relay->pause_ms = smaller(relay->pause_ms * 2, DOWN_PAUSE_MS_MAX);
	else if (relay->refused > 0 || !whole)
		relay->pause_ms = smaller(relay->pause_ms * 2, REFUSED_PAUSE_MS_MAX);
	else
		relay->pause_ms = usual_pause_ms(relay);
	relay->next_sweep_ms = now_ms + relay->pause_ms;
}

static void count_rows(struct mp_relay *relay, const struct mp_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct mp_attr *written = mp_map_get(&page->items[i]->attrs, "written");
		if (written != NULL && written->type == MP_VALUE_INT &&
			written->as.number < relay->oldest_ms)
			relay->oldest_ms = written->as.number;
	}
	relay->found += page->count;
}

static enum mp_rc read_page(struct mp_relay *relay, struct mp_page *out_page)
{
	char pk[16];
	const struct mp_query query = {.pk = pk,
		.after = relay->after[0] != '\0' ? relay->after : NULL,
		.limit = relay->page_limit};

	enum mp_rc rc = mp_text_format(pk, sizeof(pk), "OUTBOX#%02d", relay->partition);
	assert(rc == MP_OK);
	mp_arena_reset(relay->rows_arena);
	int64_t started_us = mp_clock_mono_us();
	rc = mp_store_query(relay->store, &query, relay->rows_arena, out_page);
	relay->read_us += mp_clock_mono_us() - started_us;
	return rc;
}

/* Goes on behind this page, or with the next partition. */
static enum mp_rc advance(struct mp_relay *relay, const struct mp_page *page)
{
	/* While the broker is away, a first page tells enough. */
	if (page->more && page->last_sk != NULL && !relay->down)
		return mp_text_copy(relay->after, sizeof(relay->after), page->last_sk);
	relay->partition++;
	relay->after[0] = '\0';
	return MP_OK;
}

/* Where the table is shared, another replica may be the one that sweeps. */
static bool may_sweep(struct mp_relay *relay, int64_t now_ms)
{
	int64_t wall_ms = mp_clock_ms();
	int64_t ended_ms = relay->lease.until_ms; /* when it is, or was, ours */
	int64_t again_ms = ended_ms + LEFT_MS;

	if (!relay->shared)
		return true;
	if (relay->down && wall_ms < ended_ms)
		return true; /* not prolonged: another replica may reach the broker */
	if (!relay->down || wall_ms >= again_ms) {
		if (mp_lease_hold(&relay->lease, wall_ms, &again_ms))
			return true;
		relay->down = false; /* no sweep of ours finds out: the next commit does */
	}
	relay->next_sweep_ms = now_ms + (again_ms - wall_ms);
	relay->sweep_wanted = false; /* another one's cover it */
	return false;
}

/*
 * Rows that their own process is publishing just now are left to it; a dead one's grow old. One of
 * the far future was written before the clock was set back; a near one, where the clock is ahead.
 */
static void pass_young(const struct mp_relay *relay, struct mp_page *page)
{
	int64_t now_ms = mp_clock_ms();

	for (size_t i = 0; relay->shared && i < page->count; i++) {
		const struct mp_attr *written = mp_map_get(&page->items[i]->attrs, "written");
		if (written != NULL && written->type == MP_VALUE_INT &&
			written->as.number > now_ms - YOUNG_MS &&
			written->as.number <= now_ms + YOUNG_MS)
			page->items[i] = NULL;
	}
}

bool mp_relay_sweep_step(struct mp_relay *relay, int64_t now_ms)
{
	struct mp_page page;

	if (!relay->sweeping) {
		bool due = relay->sweep_wanted || now_ms >= relay->next_sweep_ms;
		if (!due || !may_sweep(relay, now_ms))
			return false;
		begin_sweep(relay);
	}
	enum mp_rc rc = read_page(relay, &page);
	if (rc == MP_NOMEM && relay->page_limit > 1) {
		relay->page_limit /= 4; /* few large rows instead of many small ones */
		if (relay->page_limit == 0)
			relay->page_limit = 1;
		return true;
	}
	tell_store(relay, "outbox_read_failed", rc);
	if (rc == MP_OK) {
		/* The first rows of a sweep find out whether a broker that was away is back. */
		bool probe = !relay->down || relay->found == 0;
		count_rows(relay, &page);
		pass_young(relay, &page);
		if (probe)
			rc = relay_items(relay, page.items, page.count);
		if (relay->down)
			rc = MP_OK;
	}
	if (rc == MP_OK)
		rc = advance(relay, &page);
	if (rc != MP_OK)
		end_sweep(relay, false, now_ms);
	else if (relay->partition == MP_OUTBOX_PARTITIONS)
		end_sweep(relay, true, now_ms);
	return true;
}
