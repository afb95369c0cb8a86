#include "broker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static const char *url_of(const char *name)
{
	const char *url = getenv(name);

	assert_non_null(url); /* the tests are run by tests/broker/run */
	return url;
}

static void events_go_and_come_over_tls(void **state)
{
	struct record *record = record_new(NULL);
	struct batch *batch = batch_new("payment.requested", 300);
	struct mp_publisher *publisher = NULL;
	struct mp_consumer *consumer = NULL;
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);
	int64_t deadline_ms = mp_clock_mono_ms() + 20000;
	enum mp_rc rc;

	assert_int_equal(mp_consumer_open(url_of("AMQPS_URL"), MP_QUEUE_BILLING, record_handle,
				 record, &sink, &consumer),
		MP_OK);
	assert_int_equal(mp_publisher_open(url_of("AMQPS_URL"), &sink, &publisher), MP_OK);
	do
		rc = mp_publisher_publish(publisher, batch->messages, batch->count, 5000);
	while (rc == MP_UNAVAILABLE && mp_clock_mono_ms() < deadline_ms);
	assert_int_equal(rc, MP_OK);
	assert_true(record_wait_acked(record, 300, 20000));
	mp_publisher_close(publisher);
	mp_consumer_close(consumer);
	assert_int_equal(notes_count(&notes, "broker_down"), 0);
	batch_free(batch);
	record_free(record);
}

/* What a publisher that cannot connect says, in one line. */
static void assert_refused(const char *url, const char *because)
{
	struct batch *batch = batch_new("payment.requested", 1);
	struct mp_publisher *publisher = NULL;
	static struct notes notes;
	struct mp_sink sink = notes_sink(&notes);

	assert_int_equal(mp_publisher_open(url, &sink, &publisher), MP_OK);
	assert_int_equal(mp_publisher_publish(publisher, batch->messages, 1, 2000), MP_UNAVAILABLE);
	assert_false(batch->messages[0].confirmed);
	mp_publisher_close(publisher);
	assert_int_equal(notes_count(&notes, "broker_up"), 0);
	assert_int_equal(notes_count(&notes, "broker_down"), 1);
	if (strstr(notes.text, because) == NULL)
		fail_msg("\"%s\" is not in: %s", because, notes.text);
	batch_free(batch);
}

static void broker_of_another_authority_is_refused(void **state)
{
	assert_refused(url_of("AMQPS_URL_WRONG_CA"), "SSL peer cert verification failed");
}

static void broker_of_another_name_is_refused(void **state)
{
	assert_refused(url_of("AMQPS_URL_WRONG_NAME"), "SSL hostname verification failed");
}

static void absent_file_of_authorities_is_told(void **state)
{
	assert_refused("amqps://a:b@localhost:1/?cacertfile=/nowhere/ca.pem",
		"reading the authorities in /nowhere/ca.pem");
}

static void other_options_are_refused(void **state)
{
	static const char *const wrong[] = {"amqp://a:b@localhost/?cacertfile=/ca.pem",
		"amqps://a:b@localhost/?verify=verify_none",
		"amqps://a:b@localhost/?cacertfile=ca.pem",
		"amqps://a:b@localhost/?cacertfile=/ca.pem&verify=verify_none"};
	struct mp_publisher *publisher = NULL;
	int taken = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		taken += mp_publisher_open(wrong[i], NULL, &publisher) != MP_INVALID;
	assert_int_equal(taken, 0);
}

const struct CMUnitTest tls_tests[] = {
	cmocka_unit_test(events_go_and_come_over_tls),
	cmocka_unit_test(broker_of_another_authority_is_refused),
	cmocka_unit_test(broker_of_another_name_is_refused),
	cmocka_unit_test(absent_file_of_authorities_is_told),
	cmocka_unit_test(other_options_are_refused),
};
const size_t tls_tests_count = sizeof(tls_tests) / sizeof(tls_tests[0]);
