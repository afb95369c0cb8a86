#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "base/trace.h"
#include "metrics/metrics.h"
#include "outbox/relay.h"
#include "store/engine.h"
#include "store/test_place.h"

#define PUBLISHED_MAX 20000

/* A broker that writes down what it confirms, and can be away, refuse a type, or be slow. */
struct fake_broker {
	pthread_mutex_t mutex;
	bool away;
	const char *refused_type;
	unsigned calls;
	unsigned attempts; /* messages, confirmed or not */
	size_t confirmed;
	struct mp_id ids[PUBLISHED_MAX];
	char last_body[2048];
};

static enum mp_rc fake_publish(void *ctx, struct mp_message *messages, size_t count, int timeout_ms)
{
	struct fake_broker *broker = ctx;
	enum mp_rc rc = MP_OK;

	pthread_mutex_lock(&broker->mutex);
	broker->calls++;
	for (size_t i = 0; i < count; i++) {
		struct mp_message *message = &messages[i];

		broker->attempts++;
		message->confirmed = !broker->away && (broker->refused_type == NULL ||
							      strcmp(message->routing_key,
								      broker->refused_type) != 0);
		if (!message->confirmed) {
			rc = broker->away ? MP_UNAVAILABLE : MP_CONFLICT;
			continue;
		}
		assert_true(broker->confirmed < PUBLISHED_MAX);
		assert_true(mp_id_parse(message->message_id, &broker->ids[broker->confirmed++]));
		assert_int_equal(message->body_len, strlen(message->body));
		if (mp_text_copy(broker->last_body, sizeof(broker->last_body), message->body) !=
			MP_OK)
			broker->last_body[0] = '\0';
	}
	pthread_mutex_unlock(&broker->mutex);
	return rc;
}

static void fake_idle(void *ctx)
{
}

static void fake_close(void *ctx)
{
}

struct notes {
	pthread_mutex_t mutex;
	unsigned broken;
	unsigned erase_failed;
	char detail[160];
};

static void note(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	struct notes *notes = ctx;

	pthread_mutex_lock(&notes->mutex);
	notes->broken += strcmp(event, "outbox_rows_broken") == 0;
	notes->erase_failed += strcmp(event, "outbox_erase_failed") == 0;
	if (mp_text_copy(notes->detail, sizeof(notes->detail), detail) != MP_OK)
		notes->detail[0] = '\0';
	pthread_mutex_unlock(&notes->mutex);
}

/* What each test has: a real store, a broker that is none, an outbox between them. */
struct fixture {
	struct test_place place;
	struct fake_broker broker;
	struct notes notes;
	struct mp_outbox *outbox;
	struct mp_arena *arena;
	bool encoder_works; /* for voided bills */
};

static void open_outbox(struct fixture *f, mp_event_encoder encode)
{
	const struct mp_outbox_config config = {.store = f->place.store,
		.source = "/moneypal/test",
		.encode = encode,
		.encode_ctx = f,
		.sink = {.report = note, .ctx = &f->notes}};
	const struct mp_wire wire = {
		.publish = fake_publish, .idle = fake_idle, .close = fake_close, .ctx = &f->broker};

	assert_int_equal(mp_outbox_open_on(&config, &wire, &f->outbox), MP_OK);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	pthread_mutex_init(&f->broker.mutex, NULL);
	pthread_mutex_init(&f->notes.mutex, NULL);
	assert_int_equal(test_place_new(&f->place), MP_OK);
	f->arena = mp_arena_new(1 << 20);
	assert_non_null(f->arena);
	open_outbox(f, NULL);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mp_outbox_close(f->outbox);
	test_place_free(&f->place);
	mp_arena_free(f->arena);
	free(f);
	return 0;
}

/* With its thread gone, what it wrote down can be looked at. */
static void stop(struct fixture *f)
{
	mp_outbox_close(f->outbox);
	f->outbox = NULL;
}

static void sleep_ms(long duration_ms)
{
	struct timespec left = {
		.tv_sec = duration_ms / 1000, .tv_nsec = (duration_ms % 1000) * 1000000L};

	while (nanosleep(&left, &left) != 0)
		continue;
}

/* Commits one event. */
static enum mp_rc tell(struct fixture *f, const struct mp_id *id, const char *type)
{
	struct mp_txn txn;

	mp_arena_reset(f->arena);
	mp_txn_begin(&txn, f->place.store, f->arena);
	struct mp_map *data = mp_outbox_add(f->outbox, &txn, id, type, "subject-1", 1795392000123);
	mp_map_set_text(data, "payment_id", "p1");
	mp_map_set_int(data, "attempt", 3);
	return mp_txn_commit(&txn, NULL);
}

/* Commits many new events, a hundred at a time. */
static void tell_many(struct fixture *f, size_t count)
{
	for (size_t told = 0; told < count; told += 100) {
		struct mp_txn txn;

		mp_arena_reset(f->arena);
		mp_txn_begin(&txn, f->place.store, f->arena);
		for (int i = 0; i < 100; i++) {
			struct mp_id id = mp_id_new(mp_clock_ms());
			assert_non_null(mp_outbox_add(
				f->outbox, &txn, &id, "payment.requested", "s", 1795392000123));
		}
		assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	}
}

static struct mp_id tell_new(struct fixture *f, const char *type)
{
	struct mp_id id = mp_id_new(mp_clock_ms());

	assert_int_equal(tell(f, &id, type), MP_OK);
	return id;
}

static size_t rows_left(struct fixture *f)
{
	size_t rows = 0;

	for (int i = 0; i < MP_OUTBOX_PARTITIONS; i++) {
		struct mp_page page = {.last_sk = NULL};
		char pk[16];

		do {
			char after[64] = "";
			if (page.last_sk != NULL)
				assert_int_equal(
					mp_text_copy(after, sizeof(after), page.last_sk), MP_OK);
			const struct mp_query query = {
				.pk = pk, .after = after[0] != '\0' ? after : NULL, .limit = 1000};
			assert_int_equal(mp_text_format(pk, sizeof(pk), "OUTBOX#%02d", i), MP_OK);
			mp_arena_reset(f->arena);
			assert_int_equal(
				mp_store_query(f->place.store, &query, f->arena, &page), MP_OK);
			rows += page.count;
		} while (page.more);
	}
	return rows;
}

static size_t confirmed(struct fixture *f)
{
	pthread_mutex_lock(&f->broker.mutex);
	size_t count = f->broker.confirmed;
	pthread_mutex_unlock(&f->broker.mutex);
	return count;
}

static size_t times_confirmed(struct fixture *f, const struct mp_id *id)
{
	size_t times = 0;

	pthread_mutex_lock(&f->broker.mutex);
	for (size_t i = 0; i < f->broker.confirmed; i++)
		times += mp_id_equal(&f->broker.ids[i], id);
	pthread_mutex_unlock(&f->broker.mutex);
	return times;
}

static bool wait_confirmed(struct fixture *f, size_t count, int timeout_ms)
{
	int64_t deadline_ms = mp_clock_mono_ms() + timeout_ms;

	while (confirmed(f) < count && mp_clock_mono_ms() < deadline_ms)
		sleep_ms(2);
	return confirmed(f) >= count;
}

static bool wait_rows(struct fixture *f, size_t count, int timeout_ms)
{
	int64_t deadline_ms = mp_clock_mono_ms() + timeout_ms;
	size_t rows;

	while ((rows = rows_left(f)) != count && mp_clock_mono_ms() < deadline_ms)
		sleep_ms(2);
	return rows == count;
}

/* The gauges are set by sweeps, and these pause the longer the longer one took. */
static bool wait_gauge_zero(const char *name, int timeout_ms)
{
	int64_t deadline_ms = mp_clock_mono_ms() + timeout_ms;

	while (mp_metric_value(mp_gauge(name, NULL, "")) != 0 && mp_clock_mono_ms() < deadline_ms)
		sleep_ms(10);
	return mp_metric_value(mp_gauge(name, NULL, "")) == 0;
}

/* --- the way that all goes well --- */

static void committed_event_is_published_as_it_was_told_and_erased(void **state)
{
	static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	struct fixture *f = *state;
	struct mp_event event;
	json_t *json = NULL;
	char error[160];

	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	mp_trace_begin(trace);
	struct mp_id id = tell_new(f, "payment.requested");
	mp_trace_end();
	assert_true(wait_confirmed(f, 1, 5000));
	assert_true(wait_rows(f, 0, 5000));
	stop(f);
	assert_int_equal(mp_event_decode(f->broker.last_body, strlen(f->broker.last_body), &json,
				 &event, error),
		MP_OK);
	assert_true(mp_id_equal(&event.id, &id));
	assert_string_equal(event.type, "payment.requested");
	assert_string_equal(event.source, "/moneypal/test");
	assert_string_equal(event.subject, "subject-1");
	assert_true(event.time_ms == 1795392000123);
	assert_memory_equal(event.traceparent, trace, 35); /* the trace, with a new parent */
	assert_int_equal(json_object_size(event.data), 2);
	assert_int_equal(json_integer_value(json_object_get(event.data, "attempt")), 3);
	json_decref(json);
}

static void commit_wakes_the_relay_at_once(void **state)
{
	struct fixture *f = *state;
	int64_t total_ms = 0;

	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	for (size_t i = 0; i < 10; i++) {
		(void)tell_new(f, "payment.requested");
		int64_t started_ms = mp_clock_mono_ms();
		assert_true(wait_confirmed(f, i + 1, 5000));
		total_ms += mp_clock_mono_ms() - started_ms;
	}
	assert_true(total_ms < 5000); /* sweeps alone would take ten seconds */
}

static void events_of_one_transaction_are_all_published_once(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;

	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	mp_txn_begin(&txn, f->place.store, f->arena);
	for (int i = 0; i < 50; i++) {
		struct mp_id id = mp_id_new(mp_clock_ms());
		mp_map_set_int(mp_outbox_add(f->outbox, &txn, &id, "bill.settled", "s", 1), "i", i);
	}
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	assert_true(wait_confirmed(f, 50, 5000));
	assert_true(wait_rows(f, 0, 5000));
	sleep_ms(1200); /* over a sweep */
	stop(f);
	assert_int_equal(f->broker.confirmed, 50);
	assert_int_equal(f->broker.attempts, 50);
}

static void refused_transaction_publishes_nothing(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = mp_id_new(mp_clock_ms());
	struct mp_txn txn;

	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	mp_txn_begin(&txn, f->place.store, f->arena);
	assert_non_null(mp_outbox_add(f->outbox, &txn, &id, "payment.requested", "s", 1));
	(void)mp_txn_check(&txn, "NO", "SUCH", 7);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_STALE);
	sleep_ms(1200);
	assert_int_equal(confirmed(f), 0);
}

static void rows_of_before_the_start_are_published(void **state)
{
	struct fixture *f = *state;

	/* By an outbox that never ran, as in a process that died. */
	tell_many(f, 1500);
	mp_outbox_close(f->outbox);
	open_outbox(f, NULL);
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	assert_true(wait_confirmed(f, 1500, 10000));
	assert_true(wait_rows(f, 0, 5000));
	stop(f);
	assert_int_equal(f->broker.attempts, 1500);
}

static void event_told_again_is_published_again_under_its_id(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = mp_id_new(mp_clock_ms());

	assert_int_equal(tell(f, &id, "payment.requested"), MP_OK);
	assert_int_equal(tell(f, &id, "payment.requested"), MP_OK); /* the first still waits */
	assert_int_equal(rows_left(f), 1);
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	assert_true(wait_confirmed(f, 1, 5000));
	assert_true(wait_rows(f, 0, 5000));
	assert_int_equal(tell(f, &id, "payment.requested"), MP_OK); /* the first is gone */
	assert_true(wait_confirmed(f, 2, 5000));
	assert_int_equal(times_confirmed(f, &id), 2);
	assert_true(wait_rows(f, 0, 5000));
}

static void old_ids_are_found_although_newer_ones_were_published(void **state)
{
	struct fixture *f = *state;
	struct mp_id old = mp_id_new(1000000000000);

	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	for (int i = 0; i < 100; i++)
		(void)tell_new(f, "payment.requested");
	assert_true(wait_confirmed(f, 100, 5000));
	mp_outbox_close(f->outbox); /* what follows is told by nobody: only a sweep can find it */
	open_outbox(f, NULL);
	assert_int_equal(tell(f, &old, "payment.requested"), MP_OK);
	mp_outbox_close(f->outbox);
	open_outbox(f, NULL);
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	assert_true(wait_confirmed(f, 101, 5000));
	assert_int_equal(times_confirmed(f, &old), 1);
}

/* --- trouble --- */

static void set_broker(struct fixture *f, bool away, const char *refused_type)
{
	pthread_mutex_lock(&f->broker.mutex);
	f->broker.away = away;
	f->broker.refused_type = refused_type;
	pthread_mutex_unlock(&f->broker.mutex);
}

static void nothing_is_lost_while_the_broker_is_away(void **state)
{
	struct fixture *f = *state;

	set_broker(f, true, NULL);
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	tell_many(f, 5000); /* more than the relay remembers of commits */
	sleep_ms(2500);
	pthread_mutex_lock(&f->broker.mutex);
	unsigned calls = f->broker.calls;
	pthread_mutex_unlock(&f->broker.mutex);
	assert_true(calls > 0 && calls < 20); /* tries now and then, not at every commit */
	assert_int_equal(rows_left(f), 5000);
	assert_true(mp_metric_value(mp_gauge("moneypal_outbox_rows", NULL, "")) >= 4000);
	assert_true(mp_metric_value(mp_gauge("moneypal_outbox_oldest_seconds", NULL, "")) >= 1);
	set_broker(f, false, NULL);
	assert_true(wait_confirmed(f, 5000, 20000));
	assert_true(wait_rows(f, 0, 5000));
	assert_true(wait_gauge_zero("moneypal_outbox_rows", 20000));
	assert_true(wait_gauge_zero("moneypal_outbox_oldest_seconds", 20000));
	stop(f);
	assert_int_equal(f->broker.confirmed, 5000);
}

static void refused_rows_stay_and_others_pass_them(void **state)
{
	struct fixture *f = *state;
	unsigned passed = 20;
	int64_t took_ms;

	set_broker(f, false, "user.updated");
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	for (int i = 0; i < 40; i++)
		(void)tell_new(f, i % 2 == 0 ? "user.updated" : "payment.requested");
	assert_true(wait_confirmed(f, 20, 5000));
	assert_true(wait_rows(f, 20, 5000));
	sleep_ms(2500);
	do { /* the quickest of five: a commit is not slowed by what is refused */
		(void)tell_new(f, "payment.requested");
		int64_t told_ms = mp_clock_mono_ms();
		assert_true(wait_confirmed(f, ++passed, 5000));
		took_ms = mp_clock_mono_ms() - told_ms;
	} while (took_ms >= 500 && passed < 25);
	assert_true(took_ms < 500);
	pthread_mutex_lock(&f->broker.mutex);
	unsigned attempts = f->broker.attempts;
	pthread_mutex_unlock(&f->broker.mutex);
	assert_true(attempts <= 20 + passed + 3 * 20); /* sweeps come less and less often */
	set_broker(f, false, NULL);
	assert_true(wait_confirmed(f, 20 + passed, 20000));
	assert_true(wait_rows(f, 0, 5000));
}

/* A store whose erases fail while so many are left. */
static struct {
	const struct mp_store_engine *inner;
	unsigned failures_left;
} erases;

static enum mp_rc failing_erase(void *engine, const struct mp_key *keys, size_t count)
{
	if (__atomic_load_n(&erases.failures_left, __ATOMIC_RELAXED) > 0) {
		(void)__atomic_fetch_sub(&erases.failures_left, 1, __ATOMIC_RELAXED);
		return MP_UNAVAILABLE;
	}
	return erases.inner->erase(engine, keys, count);
}

static void event_is_published_twice_rather_than_never_when_its_row_stays(void **state)
{
	struct fixture *f = *state;
	struct mp_store_engine engine = *f->place.store->engine;

	erases.inner = f->place.store->engine;
	erases.failures_left = 1;
	engine.erase = failing_erase;
	f->place.store->engine = &engine;
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	struct mp_id id = tell_new(f, "payment.requested");
	assert_true(wait_confirmed(f, 2, 10000));
	assert_true(wait_rows(f, 0, 5000));
	assert_int_equal(times_confirmed(f, &id), 2);
	stop(f);
	assert_int_equal(f->notes.erase_failed, 1);
	f->place.store->engine = erases.inner;
}

/* A row of the outbox that mp_outbox_add would not have made. */
static void put_row(struct fixture *f, const char *pk, const char *sk, const char *type, bool data)
{
	struct mp_txn txn;

	mp_arena_reset(f->arena);
	struct mp_item *item = mp_item_new(f->arena, pk, sk, MP_OUTBOX_ROW_FORMAT);
	assert_non_null(item);
	mp_map_set_text(mp_item_attrs(item), "type", type);
	mp_map_set_text(mp_item_attrs(item), "subject", "s");
	mp_map_set_int(mp_item_attrs(item), "time", 1);
	if (data)
		assert_non_null(mp_map_set_map(mp_item_attrs(item), "data"));
	mp_txn_begin(&txn, f->place.store, f->arena);
	(void)mp_txn_put(&txn, item);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

static void rows_that_are_no_event_are_told_once_and_passed(void **state)
{
	static const char id[] = "00000000-0000-7000-8000-000000000000";
	struct fixture *f = *state;

	for (int i = 0; i < MP_OUTBOX_PARTITIONS; i++) {
		char pk[16];
		assert_int_equal(mp_text_format(pk, sizeof(pk), "OUTBOX#%02d", i), MP_OK);
		put_row(f, pk, "!", "payment.requested", true);			    /* no id */
		put_row(f, pk, id, "payment.requested", false);			    /* no data */
		put_row(f, pk, "00000000-0000-7000-8000-000000000001", NULL, true); /* no type */
		put_row(f, pk, "00000000-0000-7000-8000-000000000002", "nobody.listens", true);
	}
	for (int i = 0; i < 100; i++)
		(void)tell_new(f, "payment.requested");
	mp_outbox_close(f->outbox); /* so that a sweep has to find them */
	open_outbox(f, NULL);
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	assert_true(wait_confirmed(f, 100, 5000));
	sleep_ms(2500);
	stop(f);
	assert_int_equal(f->notes.broken, 1);
	assert_non_null(strstr(f->notes.detail, "128 rows"));
	assert_int_equal(f->broker.confirmed, 100);
	assert_int_equal(rows_left(f), 4 * MP_OUTBOX_PARTITIONS);
}

static enum mp_rc pick_encoder(
	const char *type, const struct mp_map *data, json_t **out_data, void *ctx)
{
	struct fixture *f = ctx;

	assert_non_null(mp_map_get(data, "attempt"));
	if (strcmp(type, "bill.voided") == 0 &&
		!__atomic_load_n(&f->encoder_works, __ATOMIC_RELAXED))
		return MP_NOMEM; /* until the test says otherwise */
	json_t *json = json_pack("{s:s}", "made_of", type);
	if (json == NULL)
		return MP_NOMEM;
	*out_data = json;
	return MP_OK;
}

static void encoder_makes_the_data_and_its_trouble_is_its_events_alone(void **state)
{
	struct fixture *f = *state;

	mp_outbox_close(f->outbox);
	open_outbox(f, pick_encoder);
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	struct mp_id voided = tell_new(f, "bill.voided");
	(void)tell_new(f, "bill.settled");
	assert_true(wait_confirmed(f, 1, 5000));
	pthread_mutex_lock(&f->broker.mutex);
	assert_non_null(strstr(f->broker.last_body, "\"data\":{\"made_of\":\"bill.settled\"}"));
	pthread_mutex_unlock(&f->broker.mutex);
	__atomic_store_n(&f->encoder_works, true, __ATOMIC_RELAXED);
	assert_true(wait_confirmed(f, 2, 10000));
	assert_int_equal(times_confirmed(f, &voided), 1);
	stop(f);
	assert_int_equal(f->notes.broken, 0);
}

static void rows_too_large_for_one_page_are_read_in_smaller_ones(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(300001);
	struct mp_txn txn;

	assert_non_null(text);
	memset(text, 'x', 300000);
	text[300000] = '\0';
	for (int i = 0; i < 80; i++) {
		struct mp_id id = mp_id_new(mp_clock_ms());
		/* All in one partition: 24 MB, more than the relay takes at once. */
		id.text[34] = '0';
		id.text[35] = '7';
		mp_arena_reset(f->arena);
		mp_txn_begin(&txn, f->place.store, f->arena);
		struct mp_map *data =
			mp_outbox_add(f->outbox, &txn, &id, "payment.requested", "s", 1);
		mp_map_set_text(data, "text", text);
		assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	}
	free(text);
	assert_int_equal(mp_outbox_start(f->outbox), MP_OK);
	assert_true(wait_confirmed(f, 80, 20000));
	stop(f);
	assert_int_equal(f->broker.confirmed, 80);
}

static void outbox_that_was_never_started_closes(void **state)
{
	struct fixture *f = *state;

	(void)tell_new(f, "payment.requested");
	mp_outbox_close(f->outbox);
	f->outbox = NULL;
	mp_outbox_close(NULL);
	assert_int_equal(rows_left(f), 1);
}

/* --- maps --- */

static void maps_become_objects(void **state)
{
	struct fixture *f = *state;
	struct mp_map *map = mp_item_attrs(mp_item_new(f->arena, "P", "S", 1));

	assert_non_null(map);
	mp_map_set_text(map, "text", "\"\\ \xc3\xa9");
	mp_map_set_int(map, "small", INT64_MIN);
	mp_map_set_int(map, "large", INT64_MAX);
	mp_map_set_bool(map, "yes", true);
	struct mp_map *inner = mp_map_set_map(map, "map");
	mp_map_set_text(inner, "empty", "");
	struct mp_list *list = mp_map_set_list(map, "list");
	mp_map_set_int(mp_list_add_map(map, list), "a", 1);
	mp_map_set_int(mp_list_add_map(map, list), "b", 2);
	(void)mp_map_set_list(map, "none");

	json_t *json = mp_map_to_json(map);
	char *text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text,
		"{\"text\":\"\\\"\\\\ \xc3\xa9\",\"small\":-9223372036854775808,"
		"\"large\":9223372036854775807,\"yes\":true,\"map\":{\"empty\":\"\"},"
		"\"list\":[{\"a\":1},{\"b\":2}],\"none\":[]}");
	free(text);
	json_decref(json);
}

static void ids_spread_over_the_partitions(void **state)
{
	unsigned rows[MP_OUTBOX_PARTITIONS] = {0};
	int wrong = 0;

	for (int i = 0; i < 3200; i++) {
		struct mp_id origin = mp_id_new(1795392000000 + i);
		struct mp_id id = mp_id_derive(&origin, "test", i);
		struct mp_relay_row row;
		int64_t partition = -1;

		mp_relay_row_key(&id, &row);
		assert_memory_equal(row.pk, "OUTBOX#", 7);
		const char *digits = row.pk[7] == '0' ? row.pk + 8 : row.pk + 7;
		assert_int_equal(mp_text_to_int(digits, &partition), MP_OK);
		assert_true(partition >= 0 && partition < MP_OUTBOX_PARTITIONS);
		assert_string_equal(row.sk, id.text);
		rows[partition]++;
	}
	for (int i = 0; i < MP_OUTBOX_PARTITIONS; i++)
		wrong += rows[i] < 50 || rows[i] > 160;
	assert_int_equal(wrong, 0);
}

static int steps_of_sweeps(struct mp_relay *relay, int64_t now_ms)
{
	int steps = 0;

	while (mp_relay_sweep_step(relay, now_ms))
		steps++;
	return steps;
}

/* Without the outbox's thread. */
static void relay_by_itself(struct fixture *f, struct mp_relay *out_relay)
{
	const struct mp_outbox_config config = {
		.store = f->place.store, .source = "/moneypal/test"};
	const struct mp_wire wire = {
		.publish = fake_publish, .idle = fake_idle, .close = fake_close, .ctx = &f->broker};

	assert_int_equal(mp_relay_init(out_relay, &config, &wire), MP_OK);
}

static void a_sweep_that_is_asked_for_during_another_follows_at_once(void **state)
{
	static struct mp_relay relay;
	struct fixture *f = *state;
	const int64_t now_ms = 1000000;

	relay_by_itself(f, &relay);
	int whole = steps_of_sweeps(&relay, now_ms);
	assert_true(whole >= MP_OUTBOX_PARTITIONS);
	assert_int_equal(steps_of_sweeps(&relay, now_ms), 0); /* after its pause */
	mp_relay_want_sweep(&relay);
	assert_true(mp_relay_sweep_step(&relay, now_ms));
	mp_relay_want_sweep(&relay); /* there may be something where it has been */
	assert_int_equal(1 + steps_of_sweeps(&relay, now_ms), 2 * whole);
	assert_int_equal(steps_of_sweeps(&relay, now_ms), 0);
	mp_relay_done(&relay);
}

/* Where a table is shared, young rows are left to whoever wrote them. */
static void a_row_of_before_the_clock_was_set_back_is_not_young_for_long(void **state)
{
	static const struct {
		int64_t written_ms; /* from now */
		size_t published;
	} rows[] = {{-500, 0}, {-60000, 1}, {3600 * 1000, 1}};
	static struct mp_relay relay;
	struct fixture *f = *state;
	int wrong = 0;

	relay_by_itself(f, &relay);
	relay.shared = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mp_id id = mp_id_new(mp_clock_ms());
		struct mp_txn txn;
		struct mp_relay_row key;

		mp_relay_row_key(&id, &key);
		mp_arena_reset(f->arena);
		struct mp_item *row = mp_item_new(f->arena, key.pk, key.sk, MP_OUTBOX_ROW_FORMAT);
		mp_map_set_text(mp_item_attrs(row), "type", "payment.requested");
		mp_map_set_text(mp_item_attrs(row), "subject", "s");
		mp_map_set_int(mp_item_attrs(row), "time", 1);
		mp_map_set_int(mp_item_attrs(row), "written", mp_clock_ms() + rows[i].written_ms);
		assert_non_null(mp_map_set_map(mp_item_attrs(row), "data"));
		mp_txn_begin(&txn, f->place.store, f->arena);
		(void)mp_txn_put(&txn, row);
		assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
		mp_relay_want_sweep(&relay);
		(void)steps_of_sweeps(&relay, 1000000);
		size_t published = times_confirmed(f, &id);
		wrong += mp_wrong(published == rows[i].published, "%lld ms from now: %zu times",
			(long long)rows[i].written_ms, published);
	}
	assert_int_equal(wrong, 0);
	mp_relay_done(&relay);
}

static void a_replica_that_lost_the_broker_lets_its_lease_end(void **state)
{
	static struct mp_relay relay;
	struct fixture *f = *state;
	const int64_t now_ms = 1000000;

	relay_by_itself(f, &relay);
	relay.shared = true;
	(void)steps_of_sweeps(&relay, now_ms);
	relay.down = true;
	int64_t until_ms = relay.lease.until_ms = mp_clock_ms() + 2000; /* else prolonged now */
	mp_relay_want_sweep(&relay);
	assert_true(steps_of_sweeps(&relay, now_ms) > 0); /* is the broker back? */
	assert_int_equal(relay.lease.until_ms, until_ms);

	relay.lease.until_ms = mp_clock_ms() - 1; /* others have their chance */
	mp_relay_want_sweep(&relay);
	assert_int_equal(steps_of_sweeps(&relay, now_ms), 0);
	assert_true(relay.down && relay.next_sweep_ms > now_ms + 1000);
	relay.lease.until_ms = mp_clock_ms() - 60000; /* nobody took it */
	assert_true(steps_of_sweeps(&relay, relay.next_sweep_ms) > 0);
	assert_true(relay.lease.until_ms > mp_clock_ms());
	mp_relay_done(&relay);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(committed_event_is_published_as_it_was_told_and_erased),
		TEST(commit_wakes_the_relay_at_once),
		TEST(events_of_one_transaction_are_all_published_once),
		TEST(refused_transaction_publishes_nothing),
		TEST(rows_of_before_the_start_are_published),
		TEST(event_told_again_is_published_again_under_its_id),
		TEST(old_ids_are_found_although_newer_ones_were_published),
		TEST(nothing_is_lost_while_the_broker_is_away),
		TEST(refused_rows_stay_and_others_pass_them),
		TEST(event_is_published_twice_rather_than_never_when_its_row_stays),
		TEST(rows_that_are_no_event_are_told_once_and_passed),
		TEST(encoder_makes_the_data_and_its_trouble_is_its_events_alone),
		TEST(rows_too_large_for_one_page_are_read_in_smaller_ones),
		TEST(a_sweep_that_is_asked_for_during_another_follows_at_once),
		TEST(a_row_of_before_the_clock_was_set_back_is_not_young_for_long),
		TEST(a_replica_that_lost_the_broker_lets_its_lease_end),
		TEST(outbox_that_was_never_started_closes),
		TEST(maps_become_objects),
		cmocka_unit_test(ids_spread_over_the_partitions),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
