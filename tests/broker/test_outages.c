#include "broker.h"

#include <string.h>

#include "base/clock.h"
#include "base/thread.h"

/*
 * A publisher of its own thread: publishes its batch until every message is confirmed, whatever
 * happens to the broker.
 */
struct stream {
	struct batch *batch;
	struct mp_sink sink;
	pthread_t thread;
	pthread_mutex_t mutex;
	size_t confirmed;
	unsigned failures;
};

static void *run_stream(void *arg)
{
	struct stream *stream = arg;
	struct mp_publisher *publisher = NULL;
	const size_t step = 50;

	if (mp_publisher_open(broker_url(), &stream->sink, &publisher) != MP_OK)
		return NULL;
	for (size_t i = 0; i < stream->batch->count;) {
		struct mp_message *messages = &stream->batch->messages[i];
		enum mp_rc rc = mp_publisher_publish(publisher, messages, step, 5000);

		pthread_mutex_lock(&stream->mutex);
		if (rc == MP_OK)
			stream->confirmed += step;
		else
			stream->failures++;
		pthread_mutex_unlock(&stream->mutex);
		if (rc == MP_OK)
			i += step;
		else
			mp_publisher_idle(publisher, 100);
	}
	mp_publisher_close(publisher);
	return NULL;
}

static void start_stream(struct stream *stream, size_t count, struct notes *notes)
{
	memset(stream, 0, sizeof(*stream));
	stream->batch = batch_new("payment.requested", count);
	stream->sink = notes_sink(notes);
	pthread_mutex_init(&stream->mutex, NULL);
	assert_int_equal(mp_thread_start(&stream->thread, "stream", run_stream, stream), MP_OK);
}

static void wait_confirmed(struct stream *stream, size_t count)
{
	size_t confirmed = 0;

	for (int i = 0; i < 6000 && confirmed < count; i++) {
		sleep_ms(10);
		pthread_mutex_lock(&stream->mutex);
		confirmed = stream->confirmed;
		pthread_mutex_unlock(&stream->mutex);
	}
	assert_true(confirmed >= count);
}

static void what_was_confirmed_is_consumed_though_the_broker_is_killed(void **state)
{
	struct record *record = record_new(NULL);
	static struct notes notes;
	static struct notes consumer_notes;
	struct mp_sink sink = notes_sink(&consumer_notes);
	struct stream stream;

	record->handler_ms = 2;
	struct mp_consumer *consumer = consumer_open(record, &sink);
	notes_wait(&consumer_notes, "broker_up", 1);
	start_stream(&stream, 10000, &notes);
	for (size_t kills = 1; kills <= 2; kills++) {
		wait_confirmed(&stream, kills * 3000);
		broker_do("kill");
		sleep_ms(500);
		broker_do("start");
	}
	assert_int_equal(pthread_join(stream.thread, NULL), 0);
	assert_int_equal(stream.confirmed, 10000);
	assert_true(record_wait_acked(record, 10000, 60000));
	consumer_close(consumer);

	int missing = 0;
	for (size_t i = 0; i < stream.batch->count; i++)
		missing += record_calls(record, &stream.batch->ids[i]) == 0;
	print_message("%u deliveries of 10,000 events, %u publishes failed\n", record->deliveries,
		stream.failures);
	assert_int_equal(missing, 0);
	assert_true(stream.failures > 0);
	assert_true(notes_count(&notes, "broker_up") >= 3);
	/* Once when it goes, and again only when the reason for staying away changes. */
	assert_true(notes_count(&notes, "broker_down") >= 2);
	assert_true(notes_count(&notes, "broker_down") <= 10);
	/* Waiting for its next try, it may have missed the broker's life between the kills. */
	assert_true(notes_count(&consumer_notes, "broker_up") >= 2);
	assert_int_equal(queue_length(MP_QUEUE_BILLING), 0);
	record_free(record);
	batch_free(stream.batch);
}

static void broker_that_is_down_at_the_start_is_waited_for(void **state)
{
	struct record *record = record_new(NULL);
	static struct notes notes;
	static struct notes consumer_notes;
	struct mp_sink sink = notes_sink(&consumer_notes);
	struct stream stream;

	broker_do("kill");
	start_stream(&stream, 100, &notes);
	struct mp_consumer *consumer = consumer_open(record, &sink);
	sleep_ms(3000);
	assert_int_equal(notes_count(&notes, "broker_down"), 1);
	assert_int_equal(notes_count(&consumer_notes, "broker_down"), 1);
	assert_int_equal(notes_count(&notes, "broker_up"), 0);
	broker_do("start");
	assert_int_equal(pthread_join(stream.thread, NULL), 0);
	assert_true(record_wait_acked(record, 100, 20000));
	consumer_close(consumer);
	record_free(record);
	batch_free(stream.batch);
}

static void consumer_ends_at_once_while_the_broker_is_down(void **state)
{
	struct record *record = record_new(NULL);

	broker_do("kill");
	struct mp_consumer *consumer = consumer_open(record, NULL);
	sleep_ms(2000);
	int64_t started_ms = mp_clock_mono_ms();
	consumer_close(consumer);
	assert_true(mp_clock_mono_ms() - started_ms < 500);
	broker_do("start");
	record_free(record);
}

static void silent_broker_leaves_messages_unconfirmed_in_time(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *batch = batch_new("payment.requested", 10);

	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	assert_int_equal(mp_publisher_publish(publisher, batch->messages, 5, 5000), MP_OK);
	broker_do("pause");
	int64_t started_ms = mp_clock_mono_ms();
	assert_int_equal(
		mp_publisher_publish(publisher, &batch->messages[5], 5, 1000), MP_UNAVAILABLE);
	int64_t took_ms = mp_clock_mono_ms() - started_ms;
	broker_do("resume");
	assert_true(took_ms >= 900 && took_ms < 3000);
	assert_int_equal(batch_confirmed(batch), 5);

	/* It may have got them: they are published again all the same. */
	enum mp_rc rc = MP_UNAVAILABLE;
	for (int i = 0; i < 100 && rc != MP_OK; i++) {
		mp_publisher_idle(publisher, 100);
		rc = mp_publisher_publish(publisher, &batch->messages[5], 5, 5000);
	}
	assert_int_equal(rc, MP_OK);
	assert_int_equal(batch_confirmed(batch), 10);
	mp_publisher_close(publisher);
	batch_free(batch);
}

static void *resume_later(void *arg)
{
	(void)arg;
	sleep_ms(1500);
	broker_do("resume");
	return NULL;
}

static void the_time_of_connecting_comes_on_top(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *batch = batch_new("payment.requested", 1);
	pthread_t thread;

	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	broker_do("pause"); /* the kernel takes the connection, the broker answers later */
	assert_int_equal(mp_thread_start(&thread, "resume", resume_later, NULL), MP_OK);
	enum mp_rc rc = mp_publisher_publish(publisher, batch->messages, 1, 1000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(rc, MP_OK);
	mp_publisher_close(publisher);
	batch_free(batch);
}

const struct CMUnitTest outage_tests[] = {
	cmocka_unit_test_setup(what_was_confirmed_is_consumed_though_the_broker_is_killed, purge),
	cmocka_unit_test_setup(broker_that_is_down_at_the_start_is_waited_for, purge),
	cmocka_unit_test_setup(consumer_ends_at_once_while_the_broker_is_down, purge),
	cmocka_unit_test_setup(silent_broker_leaves_messages_unconfirmed_in_time, purge),
	cmocka_unit_test_setup(the_time_of_connecting_comes_on_top, purge),
};
const size_t outage_tests_count = sizeof(outage_tests) / sizeof(outage_tests[0]);
