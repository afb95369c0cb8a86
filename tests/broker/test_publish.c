#include "broker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void topology_is_declared_by_everyone_alike(void **state)
{
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);
	struct batch *batch = batch_new("payment.requested", 1);

	for (int i = 0; i < 2; i++) {
		struct mp_publisher *publisher = NULL;
		assert_int_equal(mp_publisher_open(broker_url(), &sink, &publisher), MP_OK);
		assert_int_equal(mp_publisher_publish(publisher, batch->messages, 1, 5000), MP_OK);
		mp_publisher_close(publisher);
	}
	assert_int_equal(notes_count(&notes, "broker_up"), 2);
	assert_int_equal(notes_count(&notes, "broker_down"), 0);
	assert_int_equal(queue_length(MP_QUEUE_BILLING), 2);
	assert_int_equal(queue_length(MP_QUEUE_EMAIL), 0);
	assert_int_equal(queue_length(MP_QUEUE_BILLING ".dead"), 0);
	batch_free(batch);
}

static void every_queue_bound_to_a_type_gets_its_events(void **state)
{
	struct mp_publisher *publisher = NULL;
	int wrong = 0;

	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	for (size_t i = 0; i < mp_bindings_count; i++) {
		struct batch *batch = batch_new(mp_bindings[i].type, 1);
		long before = queue_length(mp_bindings[i].queue);

		assert_int_equal(mp_publisher_publish(publisher, batch->messages, 1, 5000), MP_OK);
		if (queue_length(mp_bindings[i].queue) != before + 1) {
			print_error("%s: %s\n", mp_bindings[i].queue, mp_bindings[i].type);
			wrong++;
		}
		batch_free(batch);
	}
	mp_publisher_close(publisher);
	assert_int_equal(wrong, 0);
}

static void unroutable_messages_stay_unconfirmed_and_the_others_do_not(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *batch = batch_new("payment.requested", 10);
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);
	int wrong = 0;

	batch->messages[0].routing_key = "nobody.listens";
	batch->messages[5].routing_key = "nobody.listens";
	batch->messages[9].routing_key = "";
	assert_int_equal(mp_publisher_open(broker_url(), &sink, &publisher), MP_OK);
	assert_int_equal(mp_publisher_publish(publisher, batch->messages, 10, 5000), MP_CONFLICT);
	for (size_t i = 0; i < 10; i++)
		wrong += batch->messages[i].confirmed != (i != 0 && i != 5 && i != 9);
	assert_int_equal(wrong, 0);
	assert_int_equal(queue_length(MP_QUEUE_BILLING), 7);
	assert_int_equal(notes_count(&notes, "3 without a queue"), 1);

	/* The same connection goes on, and a later publish starts afresh. */
	batch->messages[0].routing_key = "payment.requested";
	assert_int_equal(mp_publisher_publish(publisher, batch->messages, 1, 5000), MP_OK);
	assert_int_equal(notes_count(&notes, "broker_up"), 1);
	mp_publisher_close(publisher);
	batch_free(batch);
}

static void message_that_no_frame_can_hold_stays_alone(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *batch = batch_new("payment.requested", 3);
	char key[300];

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	batch->messages[1].routing_key = key;
	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	assert_int_equal(mp_publisher_publish(publisher, batch->messages, 3, 5000), MP_CONFLICT);
	assert_true(batch->messages[0].confirmed);
	assert_false(batch->messages[1].confirmed);
	assert_true(batch->messages[2].confirmed);
	mp_publisher_close(publisher);
	batch_free(batch);
}

static void ten_thousand_messages_are_confirmed(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *batch = batch_new("payment.requested", 10000);

	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	int64_t started_ms = mp_clock_mono_ms();
	assert_int_equal(mp_publisher_publish(publisher, batch->messages, 10000, 60000), MP_OK);
	print_message(
		"10,000 confirmed in %lld ms\n", (long long)(mp_clock_mono_ms() - started_ms));
	assert_int_equal(batch_confirmed(batch), 10000);
	assert_int_equal(queue_length(MP_QUEUE_BILLING), 10000);
	mp_publisher_close(publisher);
	batch_free(batch);
}

static void large_body_goes_through_in_several_frames(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *batch = batch_new("payment.requested", 1);
	static char body[300000];
	struct letter letter;

	memset(body, 'x', sizeof(body));
	struct mp_message message = batch->messages[0];
	message.body = body;
	message.body_len = sizeof(body);
	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	assert_int_equal(mp_publisher_publish(publisher, &message, 1, 5000), MP_OK);
	queue_take(MP_QUEUE_BILLING, &letter);
	assert_int_equal(letter.body_len, sizeof(body));
	mp_publisher_close(publisher);
	batch_free(batch);
}

static void full_queue_refuses_its_messages_only(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *first = batch_new("user.registered", 20);
	struct batch *batch = batch_new("user.registered", 200);
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);
	size_t mails = 0;
	int wrong = 0;

	for (size_t i = 0; i < batch->count; i += 2)
		batch->messages[i].routing_key = "payment.requested";
	broker_do("limit 10");
	assert_int_equal(mp_publisher_open(broker_url(), &sink, &publisher), MP_OK);
	/* The limit is not exact: a queue says that it is full a little later than it is. */
	for (size_t i = 0; i < first->count; i++)
		(void)!mp_publisher_publish(publisher, &first->messages[i], 1, 5000);
	assert_true(batch_confirmed(first) >= 10 && batch_confirmed(first) < 20);

	assert_int_equal(mp_publisher_publish(publisher, batch->messages, 200, 10000), MP_CONFLICT);
	for (size_t i = 0; i < batch->count; i++) {
		if (i % 2 == 0)
			wrong += !batch->messages[i].confirmed;
		else
			mails += batch->messages[i].confirmed;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(mails, 0);
	assert_int_equal(queue_length(MP_QUEUE_EMAIL), (long)batch_confirmed(first));
	assert_true(notes_count(&notes, "100 refused") == 1);
	broker_do("unlimit");
	mp_publisher_close(publisher);
	batch_free(first);
	batch_free(batch);
}

static void wrong_password_is_told_once(void **state)
{
	struct mp_publisher *publisher = NULL;
	struct batch *batch = batch_new("payment.requested", 1);
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);
	const char *url = getenv("AMQP_URL_WRONG");

	assert_non_null(url);
	assert_int_equal(mp_publisher_open(url, &sink, &publisher), MP_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			mp_publisher_publish(publisher, batch->messages, 1, 1000), MP_UNAVAILABLE);
		mp_publisher_idle(publisher, 400);
	}
	assert_int_equal(notes_count(&notes, "broker_down"), 1);
	assert_int_equal(notes_count(&notes, "ACCESS_REFUSED"), 1);
	assert_int_equal(notes_count(&notes, "wrong"), 0);
	mp_publisher_close(publisher);
	batch_free(batch);
}

static void urls_that_are_none_are_refused(void **state)
{
	static const char *const urls[] = {"", "localhost", "http://localhost/",
		"amqp://a:b@localhost:port/", "amqp://a:%zz@localhost/", "amqp://h/a/b"};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct mp_publisher *publisher = NULL;
		wrong += mp_publisher_open(urls[i], NULL, &publisher) != MP_INVALID;
		wrong += publisher != NULL;
	}
	assert_int_equal(wrong, 0);
}

const struct CMUnitTest publish_tests[] = {
	cmocka_unit_test_setup(topology_is_declared_by_everyone_alike, purge),
	cmocka_unit_test_setup(every_queue_bound_to_a_type_gets_its_events, purge),
	cmocka_unit_test_setup(unroutable_messages_stay_unconfirmed_and_the_others_do_not, purge),
	cmocka_unit_test_setup(message_that_no_frame_can_hold_stays_alone, purge),
	cmocka_unit_test_setup(ten_thousand_messages_are_confirmed, purge),
	cmocka_unit_test_setup(large_body_goes_through_in_several_frames, purge),
	cmocka_unit_test_setup(full_queue_refuses_its_messages_only, purge),
	cmocka_unit_test_setup(wrong_password_is_told_once, purge),
	cmocka_unit_test(urls_that_are_none_are_refused),
};
const size_t publish_tests_count = sizeof(publish_tests) / sizeof(publish_tests[0]);
