#include "broker.h"

#include <string.h>

#include "bus/dead.h"

#define DEAD_QUEUE MP_QUEUE_BILLING ".dead"
#define LETTERS 25

static enum mp_verdict all_are_dead(const struct mp_delivery *delivery, unsigned call)
{
	(void)call;
	/* const only towards the record's helper: the handler may write its deliveries */
	memcpy((char *)(uintptr_t)delivery->reason, "poison", 7);
	return MP_DEAD;
}

static void assert_length(const char *queue, long expected)
{
	long length = -1;

	for (int i = 0; i < 200 && length != expected; i++) {
		length = queue_length(queue);
		if (length != expected)
			sleep_ms(50);
	}
	assert_int_equal(length, expected);
}

static void publish(const struct mp_message *messages, size_t count)
{
	struct mp_publisher *publisher = NULL;
	struct mp_message copies[LETTERS];

	assert_true(count <= LETTERS);
	memcpy(copies, messages, count * sizeof(copies[0]));
	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	assert_int_equal(mp_publisher_publish(publisher, copies, count, 30000), MP_OK);
	mp_publisher_close(publisher);
}

/* So many events, all of them dead letters of billing. */
static struct batch *buried(size_t count)
{
	struct batch *batch = batch_new("payment.requested", count);
	struct record *record = record_new(all_are_dead);

	publish(batch->messages, count);
	struct mp_consumer *consumer = consumer_open(record, NULL);
	assert_length(DEAD_QUEUE, (long)count);
	consumer_close(consumer);
	record_free(record);
	return batch;
}

/* What a visit saw, and what it shall do. */
struct sight {
	char ids[LETTERS + 8][64];
	size_t count;
	const char *replay; /* an id, "*" for all, or NULL */
	const char *drop;
	bool all_well; /* reason, type, time and body were there */
};

static enum mp_dead_choice look(void *ctx, const struct mp_dead_letter *letter)
{
	struct sight *sight = ctx;

	assert_true(sight->count < LETTERS + 8);
	assert_true(strlen(letter->id) < sizeof(sight->ids[0]));
	memcpy(sight->ids[sight->count++], letter->id, strlen(letter->id) + 1);
	sight->all_well = strcmp(letter->reason, "poison") == 0 && letter->body != NULL &&
			  strcmp(letter->type, "payment.requested") == 0 &&
			  strlen(letter->body) == letter->body_len && letter->time[0] == '2';
	if (sight->replay != NULL &&
		(strcmp(sight->replay, "*") == 0 || strcmp(sight->replay, letter->id) == 0))
		return MP_DEAD_REPLAY;
	if (sight->drop != NULL && strcmp(sight->drop, letter->id) == 0)
		return MP_DEAD_DROP;
	return MP_DEAD_KEEP;
}

static struct mp_dead_count visit(struct sight *sight)
{
	struct mp_dead_count count;
	char reterr[256] = "";

	enum mp_rc rc = mp_dead_visit(broker_url(), MP_QUEUE_BILLING, look, sight, &count, reterr);
	if (rc != MP_OK)
		print_message("%s\n", reterr);
	assert_int_equal(rc, MP_OK);
	return count;
}

static void assert_seen(const struct sight *sight, const struct batch *batch, size_t skipped)
{
	size_t seen = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (i != skipped)
			assert_string_equal(sight->ids[seen++], batch->ids[i].text);
	}
	assert_int_equal(sight->count, seen);
}

static void looking_changes_nothing_not_even_the_order(void **state)
{
	struct batch *batch = buried(LETTERS);

	for (int i = 0; i < 3; i++) {
		struct sight sight = {.count = 0};
		struct mp_dead_count count = visit(&sight);

		assert_int_equal(count.waiting, LETTERS);
		assert_int_equal(count.visited, LETTERS);
		assert_true(sight.all_well);
		assert_seen(&sight, batch, SIZE_MAX);
	}
	assert_length(DEAD_QUEUE, LETTERS);
	assert_length(MP_QUEUE_BILLING, 0);
	batch_free(batch);
}

static void one_is_replayed_and_the_others_keep_their_places(void **state)
{
	struct batch *batch = buried(LETTERS);
	struct sight sight = {.replay = batch->ids[11].text};
	struct mp_dead_count count = visit(&sight);
	struct sight after = {.count = 0};
	struct letter letter;

	assert_int_equal(count.replayed, 1);
	assert_length(DEAD_QUEUE, LETTERS - 1);
	queue_take(MP_QUEUE_BILLING, &letter);
	assert_string_equal(letter.message_id, batch->ids[11].text);
	assert_string_equal(letter.body, batch->messages[11].body);
	assert_string_equal(letter.reason, ""); /* as if it had never died */
	(void)visit(&after);
	assert_seen(&after, batch, 11);
	batch_free(batch);
}

static void all_are_replayed_to_their_queue_alone_and_handled(void **state)
{
	struct batch *batch = buried(LETTERS);
	struct sight sight = {.replay = "*"};
	struct record *record = record_new(NULL);

	assert_int_equal(visit(&sight).replayed, LETTERS);
	struct mp_consumer *consumer = consumer_open(record, NULL);
	assert_true(record_wait_acked(record, LETTERS, 20000));
	consumer_close(consumer);
	assert_false(record->out_of_order);
	assert_length(DEAD_QUEUE, 0);
	assert_length(MP_QUEUE_BILLING, 0);
	assert_length(MP_QUEUE_EMAIL, 0);
	record_free(record);
	batch_free(batch);
}

static void a_dropped_one_is_gone(void **state)
{
	struct batch *batch = buried(3);
	struct sight sight = {.drop = batch->ids[1].text};
	struct sight after = {.count = 0};

	assert_int_equal(visit(&sight).dropped, 1);
	(void)visit(&after);
	assert_seen(&after, batch, 1);
	assert_length(MP_QUEUE_BILLING, 0);
	batch_free(batch);
}

static enum mp_dead_choice replay_unseen(void *ctx, const struct mp_dead_letter *letter)
{
	char *reason = ctx;

	assert_null(letter->body);
	assert_int_equal(letter->body_len, MP_EVENT_BYTES_MAX + 1);
	assert_string_equal(letter->type, "payment.requested");
	memcpy(reason, letter->reason, strlen(letter->reason) + 1);
	return MP_DEAD_REPLAY;
}

static void what_the_broker_buried_says_so_and_what_is_too_large_stays(void **state)
{
	struct record *record = record_new(NULL);
	struct mp_dead_count count;
	char reason[256] = "";
	char reterr[256];

	struct mp_consumer *consumer = consumer_open(record, NULL);
	queue_put(MP_EXCHANGE, "payment.requested", MP_EVENT_BYTES_MAX + 1);
	assert_length(DEAD_QUEUE, 1);
	consumer_close(consumer);
	assert_int_equal(mp_dead_visit(broker_url(), MP_QUEUE_BILLING, replay_unseen, reason,
				 &count, reterr),
		MP_OK);
	assert_string_equal(reason, "rejected");
	assert_int_equal(count.replayed, 0);
	assert_length(DEAD_QUEUE, 1);
	record_free(record);
}

static enum mp_dead_choice visit_again(void *ctx, const struct mp_dead_letter *letter)
{
	struct sight sight = {.count = 0};
	struct mp_dead_count count;
	char reterr[256] = "";
	enum mp_rc *rc = ctx;

	*rc = mp_dead_visit(broker_url(), MP_QUEUE_BILLING, look, &sight, &count, reterr);
	assert_non_null(strstr(reterr, "somebody else"));
	return MP_DEAD_KEEP;
}

static void two_do_not_look_at_once(void **state)
{
	struct batch *batch = buried(1);
	struct sight after = {.count = 0};
	struct mp_dead_count count;
	enum mp_rc rc = MP_OK;
	char reterr[256];

	assert_int_equal(
		mp_dead_visit(broker_url(), MP_QUEUE_BILLING, visit_again, &rc, &count, reterr),
		MP_OK);
	assert_int_equal(rc, MP_BUSY);
	(void)visit(&after);
	assert_seen(&after, batch, SIZE_MAX);
	batch_free(batch);
}

static void what_cannot_be_reached_is_said(void **state)
{
	struct sight sight = {.count = 0};
	struct mp_dead_count count;
	char reterr[256] = "";

	assert_int_equal(mp_dead_visit("amqp://x:y@127.0.0.1:1/", MP_QUEUE_BILLING, look, &sight,
				 &count, reterr),
		MP_UNAVAILABLE);
	assert_non_null(strstr(reterr, "127.0.0.1 port 1"));
	assert_int_equal(mp_dead_visit(broker_url(), "somebody.else", look, &sight, &count, reterr),
		MP_INVALID);
	assert_int_equal(sight.count, 0);
}

const struct CMUnitTest dead_tests[] = {
	cmocka_unit_test_setup(looking_changes_nothing_not_even_the_order, purge),
	cmocka_unit_test_setup(one_is_replayed_and_the_others_keep_their_places, purge),
	cmocka_unit_test_setup(all_are_replayed_to_their_queue_alone_and_handled, purge),
	cmocka_unit_test_setup(a_dropped_one_is_gone, purge),
	cmocka_unit_test_setup(what_the_broker_buried_says_so_and_what_is_too_large_stays, purge),
	cmocka_unit_test_setup(two_do_not_look_at_once, purge),
	cmocka_unit_test(what_cannot_be_reached_is_said),
};
const size_t dead_tests_count = sizeof(dead_tests) / sizeof(dead_tests[0]);
