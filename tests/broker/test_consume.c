#include "broker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "metrics/metrics.h"

static struct mp_publisher *open_publisher(void)
{
	struct mp_publisher *publisher = NULL;

	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	return publisher;
}

/* Publishes a batch before anyone consumes. */
static struct batch *published(size_t count)
{
	struct mp_publisher *publisher = open_publisher();
	struct batch *batch = batch_new("payment.requested", count);

	assert_int_equal(
		mp_publisher_publish(publisher, batch->messages, batch->count, 30000), MP_OK);
	mp_publisher_close(publisher);
	return batch;
}

/* Every message of the queue, also those that were delivered and not acknowledged. */
static void assert_left(const char *queue, long expected)
{
	long left = -1;

	for (int i = 0; i < 100 && left != expected; i++) {
		left = queue_length(queue);
		if (left != expected)
			sleep_ms(50);
	}
	assert_int_equal(left, expected);
}

static void deliveries_come_in_order_in_batches_and_once(void **state)
{
	struct batch *batch = published(1000);
	struct record *record = record_new(NULL);
	struct mp_consumer *consumer = consumer_open(record, NULL);

	assert_true(record_wait_acked(record, 1000, 20000));
	consumer_close(consumer);
	assert_int_equal(record->deliveries, 1000);
	assert_false(record->out_of_order);
	assert_true(record->batch_max > 1 && record->batch_max <= MP_DELIVERIES_MAX);
	assert_int_equal(strlen(record->trace), 32);
	assert_string_equal(record->subject_last, batch->ids[999].text);
	assert_left(MP_QUEUE_BILLING, 0); /* also none that came back when it closed */
	record_free(record);
	batch_free(batch);
}

static int compare_ms(const void *a, const void *b)
{
	int64_t first = *(const int64_t *)a;
	int64_t second = *(const int64_t *)b;

	return (first > second) - (first < second);
}

static void one_delivery_is_not_kept_waiting_for_others(void **state)
{
	struct mp_publisher *publisher = open_publisher();
	struct record *record = record_new(NULL);
	struct mp_consumer *consumer = consumer_open(record, NULL);
	struct batch *batch = batch_new("payment.requested", 20);
	int64_t took_ms[20];

	mp_publisher_idle(publisher, 500);
	for (size_t i = 0; i < batch->count; i++) {
		int64_t started_ms = mp_clock_mono_ms();
		assert_int_equal(
			mp_publisher_publish(publisher, &batch->messages[i], 1, 5000), MP_OK);
		assert_true(record_wait_acked(record, (unsigned)i + 1, 5000));
		took_ms[i] = mp_clock_mono_ms() - started_ms;
	}
	qsort(took_ms, batch->count, sizeof(took_ms[0]), compare_ms);
	int64_t median_ms = took_ms[batch->count / 2];
	print_message("published, confirmed, handled: %lld ms (the median; polled every 10)\n",
		(long long)median_ms);
	assert_true(median_ms < 100);
	consumer_close(consumer);
	mp_publisher_close(publisher);
	record_free(record);
	batch_free(batch);
}

/* The third in a row of numbers is held twice. */
static enum mp_verdict third_is_held_twice(const struct mp_delivery *delivery, unsigned call)
{
	json_int_t number = json_integer_value(json_object_get(delivery->event.data, "number"));

	return number == 2 && call <= 2 ? MP_RETRY : MP_ACK;
}

static void held_delivery_comes_again_first_and_alone(void **state)
{
	struct batch *batch = published(5);
	struct record *record = record_new(third_is_held_twice);
	int64_t started_ms = mp_clock_mono_ms();
	struct mp_consumer *consumer = consumer_open(record, NULL);

	assert_true(record_wait_acked(record, 5, 10000));
	assert_true(mp_clock_mono_ms() - started_ms >= 300); /* pauses of 0.1 and 0.2 s */
	consumer_close(consumer);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(record_calls(record, &batch->ids[i]), i == 2 ? 3 : 1);
	assert_non_null(strstr(record->last_sizes, "1 1 "));
	assert_left(MP_QUEUE_BILLING, 0);
	assert_int_equal(queue_length(MP_QUEUE_BILLING ".dead"), 0);
	record_free(record);
	batch_free(batch);
}

static enum mp_verdict always_held(const struct mp_delivery *delivery, unsigned call)
{
	return MP_RETRY;
}

static void nothing_new_is_handled_while_deliveries_are_held(void **state)
{
	struct mp_publisher *publisher = open_publisher();
	struct batch *first = published(3);
	struct record *record = record_new(always_held);
	struct mp_consumer *consumer = consumer_open(record, NULL);
	struct batch *second = batch_new("payment.requested", 200);

	record_wait_begun(record);
	sleep_ms(500);
	assert_int_equal(mp_publisher_publish(publisher, second->messages, 200, 5000), MP_OK);
	sleep_ms(1500);
	pthread_mutex_lock(&record->mutex);
	unsigned ids = record->ids;
	unsigned batches = record->batches;
	record->decide = NULL;
	pthread_mutex_unlock(&record->mutex);
	assert_true(ids >= 1 && ids <= 3); /* of the first three, as many as came together */
	assert_true(batches >= 4 && batches <= 6); /* at 0, 0.1, 0.3, 0.7, 1.5 s and so on */

	assert_true(record_wait_acked(record, 203, 20000));
	consumer_close(consumer);
	assert_left(MP_QUEUE_BILLING, 0);
	mp_publisher_close(publisher);
	record_free(record);
	batch_free(first);
	batch_free(second);
}

static void held_deliveries_go_back_when_the_consumer_ends(void **state)
{
	struct batch *batch = published(150);
	struct record *record = record_new(always_held);
	struct mp_consumer *consumer = consumer_open(record, NULL);

	sleep_ms(1000);
	int64_t started_ms = mp_clock_mono_ms();
	consumer_close(consumer);
	assert_true(mp_clock_mono_ms() - started_ms < 2000);
	assert_left(MP_QUEUE_BILLING, 150);
	record_free(record);
	batch_free(batch);
}

static enum mp_verdict odd_ones_are_dead(const struct mp_delivery *delivery, unsigned call)
{
	json_int_t number = json_integer_value(json_object_get(delivery->event.data, "number"));

	if (number % 2 == 0)
		return MP_ACK;
	/* const only towards the record's helper: the handler may write its deliveries */
	memcpy((char *)(uintptr_t)delivery->reason, "odd", 4);
	return MP_DEAD;
}

static void dead_letters_keep_body_and_reason(void **state)
{
	struct batch *batch = published(4);
	struct record *record = record_new(odd_ones_are_dead);
	struct mp_consumer *consumer = consumer_open(record, NULL);
	struct letter letter;

	assert_left(MP_QUEUE_BILLING ".dead", 2);
	consumer_close(consumer);
	assert_left(MP_QUEUE_BILLING, 0);
	for (size_t i = 1; i < 4; i += 2) {
		int64_t time_ms = 0;

		queue_take(MP_QUEUE_BILLING ".dead", &letter);
		assert_string_equal(letter.reason, "odd");
		assert_string_equal(letter.queue, MP_QUEUE_BILLING);
		assert_string_equal(letter.routing_key, "payment.requested");
		assert_string_equal(letter.message_id, batch->ids[i].text);
		assert_int_equal(letter.body_len, batch->messages[i].body_len);
		assert_string_equal(letter.body, batch->messages[i].body);
		assert_int_equal(mp_time_parse(letter.time, &time_ms), MP_OK);
		assert_true(time_ms > mp_clock_ms() - 60000);
	}
	record_free(record);
	batch_free(batch);
}

static void a_dead_letter_is_counted_once_however_often_it_was_refused(void **state)
{
	struct mp_metric *dead = mp_counter("moneypal_bus_deliveries_total",
		"queue=\"" MP_QUEUE_BILLING "\",verdict=\"dead\"",
		"Deliveries handled, by what became of them.");
	int64_t before = mp_metric_value(dead);
	struct batch *batch = published(4);
	struct record *record = record_new(odd_ones_are_dead);
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);

	for (int i = 0; i < 20; i++)
		queue_put(MP_EXCHANGE_DEAD, MP_QUEUE_BILLING, 10);
	assert_left(MP_QUEUE_BILLING ".dead", 20);
	broker_do("limit 1 " MP_QUEUE_BILLING ".dead");
	struct mp_consumer *consumer = consumer_open(record, &sink);
	notes_wait(&notes, "dead_letters_refused", 4);
	assert_int_equal(mp_metric_value(dead) - before, 0);
	broker_do("unlimit");
	assert_left(MP_QUEUE_BILLING ".dead", 22);
	consumer_close(consumer);
	assert_int_equal(mp_metric_value(dead) - before, 2);
	record_free(record);
	batch_free(batch);
}

static void undecodable_messages_are_dead_and_the_others_go_on(void **state)
{
	struct mp_publisher *publisher = open_publisher();
	struct batch *batch = batch_new("payment.requested", 3);
	struct mp_message messages[3] = {
		batch->messages[0], batch->messages[1], batch->messages[2]};
	struct record *record = record_new(NULL);
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);
	struct letter letter;

	messages[1].body = "{\"specversion\":\"1.0\"}";
	messages[1].body_len = strlen(messages[1].body);
	assert_int_equal(mp_publisher_publish(publisher, messages, 3, 5000), MP_OK);
	struct mp_consumer *consumer = consumer_open(record, &sink);
	assert_true(record_wait_acked(record, 2, 10000));
	queue_take(MP_QUEUE_BILLING ".dead", &letter);
	assert_string_equal(letter.body, "{\"specversion\":\"1.0\"}");
	assert_string_equal(letter.message_id, batch->ids[1].text);
	assert_non_null(strstr(letter.reason, "id"));
	consumer_close(consumer);
	assert_left(MP_QUEUE_BILLING, 0);
	assert_int_equal(notes_count(&notes, "delivery_dead"), 1);
	mp_publisher_close(publisher);
	record_free(record);
	batch_free(batch);
}

static void too_large_message_is_a_dead_letter_unread(void **state)
{
	static char body[MP_EVENT_BYTES_MAX];
	struct mp_publisher *publisher = open_publisher();
	struct batch *batch = batch_new("payment.requested", 2);
	struct mp_message messages[2] = {batch->messages[0], batch->messages[1]};
	struct record *record = record_new(NULL);
	struct letter letter;

	/* As large as may be: read, and refused for what it is. */
	memset(body, ' ', sizeof(body));
	messages[0].body = body;
	messages[0].body_len = sizeof(body);
	assert_int_equal(mp_publisher_publish(publisher, messages, 2, 5000), MP_OK);
	struct mp_consumer *consumer = consumer_open(record, NULL);
	assert_true(record_wait_acked(record, 1, 10000));
	queue_take(MP_QUEUE_BILLING ".dead", &letter);
	assert_int_equal(letter.body_len, sizeof(body));

	/* Larger: only someone else could have published it. */
	queue_put(MP_EXCHANGE, "payment.requested", MP_EVENT_BYTES_MAX + 1);
	queue_take(MP_QUEUE_BILLING ".dead", &letter);
	assert_int_equal(letter.body_len, MP_EVENT_BYTES_MAX + 1);
	assert_string_equal(letter.reason, "x-death: rejected");
	consumer_close(consumer);
	assert_left(MP_QUEUE_BILLING, 0);
	mp_publisher_close(publisher);
	record_free(record);
	batch_free(batch);
}

static void two_consumers_share_a_queue(void **state)
{
	struct record *record = record_new(NULL);
	struct record *other = record_new(NULL);
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);

	record->handler_ms = 5;
	other->handler_ms = 5;
	struct mp_consumer *consumers[2] = {
		consumer_open(record, &sink), consumer_open(other, &sink)};
	notes_wait(&notes, "broker_up", 2);
	struct batch *batch = published(2000);
	for (int i = 0; i < 400 && record_acked(record) + record_acked(other) < 2000; i++)
		sleep_ms(25);
	consumer_close(consumers[0]);
	consumer_close(consumers[1]);
	assert_int_equal(record->deliveries + other->deliveries, 2000);
	assert_true(record->deliveries > 100 && other->deliveries > 100);
	for (size_t i = 0; i < batch->count; i++)
		assert_int_equal(
			record_calls(record, &batch->ids[i]) + record_calls(other, &batch->ids[i]),
			1);
	assert_left(MP_QUEUE_BILLING, 0);
	record_free(record);
	record_free(other);
	batch_free(batch);
}

static void consumer_of_no_queue_of_ours_is_refused(void **state)
{
	struct mp_consumer *consumer = NULL;

	assert_int_equal(mp_consumer_open(broker_url(), "somebody.else", record_handle, NULL, NULL,
				 &consumer),
		MP_INVALID);
	assert_int_equal(
		mp_consumer_open("http://x/", MP_QUEUE_EMAIL, record_handle, NULL, NULL, &consumer),
		MP_INVALID);
	assert_null(consumer);
}

const struct CMUnitTest consume_tests[] = {
	cmocka_unit_test_setup(deliveries_come_in_order_in_batches_and_once, purge),
	cmocka_unit_test_setup(one_delivery_is_not_kept_waiting_for_others, purge),
	cmocka_unit_test_setup(held_delivery_comes_again_first_and_alone, purge),
	cmocka_unit_test_setup(nothing_new_is_handled_while_deliveries_are_held, purge),
	cmocka_unit_test_setup(held_deliveries_go_back_when_the_consumer_ends, purge),
	cmocka_unit_test_setup(dead_letters_keep_body_and_reason, purge),
	cmocka_unit_test_setup(a_dead_letter_is_counted_once_however_often_it_was_refused, purge),
	cmocka_unit_test_setup(undecodable_messages_are_dead_and_the_others_go_on, purge),
	cmocka_unit_test_setup(too_large_message_is_a_dead_letter_unread, purge),
	cmocka_unit_test_setup(two_consumers_share_a_queue, purge),
	cmocka_unit_test(consumer_of_no_queue_of_ours_is_refused),
};
const size_t consume_tests_count = sizeof(consume_tests) / sizeof(consume_tests[0]);
