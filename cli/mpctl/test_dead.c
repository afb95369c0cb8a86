#include "testing_mpctl.h"

#include "bus/dead.h"
#include "bus/topology.h"

/* The commands that look through dead letters, over looks that do not see everything. */

#define QUEUES 3
#define PAYMENT "019a1b2c-3d4e-7f01-8234-56789abcdef0"

/* In place of the broker: of each queue one letter is seen. */
static struct queue {
	enum mp_rc rc;
	size_t waiting;
} queues[QUEUES];

enum mp_rc mp_dead_visit(const char *amqp_url, const char *queue, mp_dead_visitor visitor,
	void *ctx, struct mp_dead_count *out_count, char reterr[256])
{
	static const char body[] = "{\"data\":{\"payment_id\":\"" PAYMENT "\"}}";
	struct mp_dead_letter letter = {.id = queue,
		.type = "payment.requested",
		.reason = "poison",
		.time = "2026-11-23T01:02:03.000Z",
		.body = body,
		.body_len = sizeof(body) - 1};
	size_t i = 0;

	(void)amqp_url;
	assert_int_equal(mp_queues_count, QUEUES);
	while (strcmp(mp_queues[i], queue) != 0)
		i++;
	*out_count = (struct mp_dead_count){.waiting = 0};
	(void)snprintf(reterr, 256, "why");
	if (queues[i].rc != MP_OK)
		return queues[i].rc;
	out_count->waiting = queues[i].waiting;
	if (queues[i].waiting == 0)
		return MP_OK;
	out_count->visited = 1;
	out_count->replayed = visitor(ctx, &letter) == MP_DEAD_REPLAY;
	return MP_OK;
}

static int set_up(void **state)
{
	static const struct testing_answer answers[] = {
		{PEER_PAYMENT, "/v1/operations/payments/" PAYMENT,
			"{\"state\":\"succeeded\",\"paid_by\":\"" PAYMENT "\"}"},
		{PEER_EMAIL, "/v1/operations/payments/" PAYMENT,
			"{\"items\":[],\"next_cursor\":null,\"complete\":false}"},
		{0},
	};

	(void)state;
	testing_answers = answers;
	memset(queues, 0, sizeof(queues));
	return 0;
}

static size_t index_of(const char *queue)
{
	size_t i = 0;

	while (strcmp(mp_queues[i], queue) != 0)
		i++;
	return i;
}

static void letters_that_were_not_looked_at_are_said(void **state)
{
	static const struct {
		enum mpctl_exit (*run)(struct mpctl *ctl, int argc, char **argv);
		const char *words[3];
		enum mpctl_exit exit;
	} rows[] = {
		{mpctl_dead_list, {"billing"}, MPCTL_DONE},
		{mpctl_dead_list, {NULL}, MPCTL_DONE},
		{mpctl_dead_show, {"billing", "another"}, MPCTL_TROUBLE},
		{mpctl_dead_show, {"billing", MP_QUEUE_BILLING}, MPCTL_TROUBLE},
		{mpctl_dead_replay, {"billing", "another"}, MPCTL_NO},
		{mpctl_dead_replay, {"billing", MP_QUEUE_BILLING}, MPCTL_NO},
		{mpctl_dead_replay, {"billing", "--all"}, MPCTL_NO},
		{mpctl_payment, {PAYMENT}, MPCTL_TROUBLE},
	};
	const char *says = "Of the dead letters of billing only the oldest 1 of 7 were looked at.";
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		queues[index_of(MP_QUEUE_BILLING)].waiting = 7;
		enum mpctl_exit result = testing_run(rows[i].run, rows[i].words);
		wrong +=
			mp_wrong(result == rows[i].exit && testing_count(testing_said, says) == 1 &&
					 strstr(testing_said, "has no dead letter") == NULL,
				"row %zu: %d, %s", i, (int)result, testing_said);
	}
	assert_int_equal(wrong, 0);
}

static void when_all_were_looked_at_nothing_is_said(void **state)
{
	(void)state;
	queues[index_of(MP_QUEUE_BILLING)].waiting = 1;
	const char *const all[] = {"billing", "--all", NULL};
	assert_int_equal(testing_run(mpctl_dead_replay, all), MPCTL_DONE);
	assert_string_equal(testing_printed, "1 given to billing again.\n");
	assert_string_equal(testing_said, "");
	const char *const another[] = {"billing", "another", NULL};
	assert_int_equal(testing_run(mpctl_dead_show, another), MPCTL_NO);
	assert_non_null(strstr(testing_said, "billing has no dead letter with the id another"));
}

static void a_queue_that_is_busy_hides_no_other(void **state)
{
	const char *const none[] = {NULL};

	(void)state;
	queues[0].waiting = queues[2].waiting = 1;
	queues[1].rc = MP_BUSY;
	assert_int_equal(testing_run(mpctl_dead_list, none), MPCTL_TROUBLE);
	assert_non_null(strstr(testing_printed, mp_queues[0]));
	assert_non_null(strstr(testing_printed, mp_queues[2]));
	assert_int_equal(testing_count(testing_said, "(try again in a moment): why."), 1);
	/* Without a broker the others are not tried. */
	queues[1].rc = queues[2].rc = MP_UNAVAILABLE;
	assert_int_equal(testing_run(mpctl_dead_list, none), MPCTL_TROUBLE);
	assert_non_null(strstr(testing_printed, mp_queues[0]));
	assert_int_equal(testing_count(testing_said, "is the broker running"), 1);
	queues[0].rc = MP_BUSY;
	queues[1].rc = queues[2].rc = MP_OK;
	queues[2].waiting = 0;
	assert_int_equal(testing_run(mpctl_dead_list, none), MPCTL_TROUBLE);
	assert_string_equal(testing_printed, "");
}

static void mails_that_were_not_looked_through_are_said(void **state)
{
	const char *const words[] = {PAYMENT, NULL};

	(void)state;
	assert_int_equal(testing_run(mpctl_payment, words), MPCTL_DONE);
	assert_non_null(strstr(testing_printed, "Mails (among the first 500 to each since"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(letters_that_were_not_looked_at_are_said, set_up),
		cmocka_unit_test_setup(when_all_were_looked_at_nothing_is_said, set_up),
		cmocka_unit_test_setup(a_queue_that_is_busy_hides_no_other, set_up),
		cmocka_unit_test_setup(mails_that_were_not_looked_through_are_said, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
