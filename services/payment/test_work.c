#include "work.h"

#include <string.h>

#include "base/testing.h"

/* What inputs do in memory, where it takes no store to see it. */

#define NOW_MS 1763890000000

static struct mp_arena *arena;
static const struct mp_currency usd = {"USD", 2, 2, 50};
static const struct payment_rules rules = {
	.session_ttl_s = 3600, .session_opening_s = 1808, .redrive_ms = 30000};

static struct payment order(bool top_up, int64_t minor, enum payment_source source)
{
	struct payment payment = {
		.id = {"019aaf00-0000-7000-8000-000000000001"},
		.paid_by = {"019aaf00-0000-7000-8000-00000000000a"},
		.amount_minor = minor,
		.currency = &usd,
		.source = source,
	};

	if (!top_up)
		payment.paid_to = (struct mp_id){"019aaf00-0000-7000-8000-00000000000b"};
	return payment;
}

/* Goes on as if the work had been written and read again, its session rows with it. */
static void written(struct payment_work *work, struct payment_work *next)
{
	assert_int_equal(work->rc, MP_OK);
	work_begin(next, arena, &rules, NOW_MS, &work->payment);
	next->payment.version++;
	for (struct payment_attempt *a = work->attempts; a != NULL;) {
		struct payment_attempt *following = a->next;
		a->version++;
		a->changed = false;
		work_add_attempt(next, a);
		a = following;
	}
	for (struct payment_capture *c = work->captures; c != NULL;) {
		struct payment_capture *following = c->next;
		c->version++;
		c->changed = false;
		work_add_capture(next, c);
		c = following;
	}
}

static size_t rows(const struct payment_work *work)
{
	size_t count = 0;

	for (const struct payment_row *row = work->rows; row != NULL; row = row->next)
		count++;
	return count;
}

static void from_the_wallet_it_settles_at_once(void **state)
{
	const struct payment p = order(false, 3000, PAYMENT_FROM_WALLET);
	struct payment_work work;

	(void)state;
	work_create(&work, arena, &rules, NOW_MS, &p);
	assert_int_equal(work.rc, MP_OK);
	assert_int_equal(work.payment.state, PAYMENT_SETTLING);
	assert_int_equal(work.payment.attempt, 1);
	assert_null(work.attempts);
	assert_int_equal(work.events->type, EVENT_PAYMENT_REQUESTED);
	assert_null(work.events->next);
	assert_int_equal(work.redrive_due_ms, NOW_MS + 30000);
	assert_int_equal(work.sessions_due_ms, 0);
	assert_string_equal(work.rows->detail, "From the wallet: 30.00 USD");
}

static void a_top_up_is_by_card_and_wants_a_session(void **state)
{
	const struct payment p = order(true, 10000, PAYMENT_FROM_WALLET);
	struct payment_work work;

	(void)state;
	work_create(&work, arena, &rules, NOW_MS, &p);
	assert_int_equal(work.payment.source, PAYMENT_FROM_CARD);
	assert_int_equal(work.payment.state, PAYMENT_CREATED);
	assert_int_equal(work.payment.session_attempt, 1);
	assert_int_equal(work.attempts->amount_minor, 10000);
	assert_int_equal(work.attempts->state, SESSION_WANTED);
	assert_int_equal(work.attempts->expires_at_s, NOW_MS / 1000 + 3600);
	assert_int_equal(work.sessions_due_ms, NOW_MS);
	assert_null(work.events);
}

static void what_is_missing_is_charged_but_never_below_the_minimum(void **state)
{
	static const struct {
		int64_t shortfall;
		int64_t charged;
	} cases[] = {{13000, 13000}, {50, 50}, {49, 50}, {1, 50}};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct payment p = order(false, 20000, PAYMENT_FROM_WALLET);
		const struct payment_input input = {.kind = INPUT_BILL_UNFUNDED,
			.attempt = 1,
			.shortfall_minor = cases[i].shortfall};
		struct payment_work first;
		struct payment_work work;
		work_create(&first, arena, &rules, NOW_MS, &p);
		written(&first, &work);
		assert_int_equal(work_apply(&work, &input), VERDICT_MOVE);
		wrong += mp_wrong(work.payment.state == PAYMENT_REQUIRES_FUNDING &&
					  work.payment.attempt == 2 &&
					  work.attempts->amount_minor == cases[i].charged &&
					  work.payment.checkout_minor == cases[i].charged,
			"%lld missing", (long long)cases[i].shortfall);
	}
	assert_int_equal(wrong, 0);
}

static void every_input_may_come_twice(void **state)
{
	const struct payment p = order(false, 20000, PAYMENT_FROM_CARD);
	const struct payment_input inputs[] = {
		{.kind = INPUT_SESSION_OPENED, .attempt = 1, .session_id = "cs_1", .url = "u"},
		{.kind = INPUT_DECLINED, .attempt = 1, .event_id = "evt_1", .text = "no"},
		{.kind = INPUT_SESSION_PROCESSING, .attempt = 1, .session_id = "cs_1"},
		{.kind = INPUT_CAPTURED, .attempt = 1, .payment_intent = "pi_1"},
		{.kind = INPUT_FUNDING_SETTLED, .payment_intent = "pi_1"},
		{.kind = INPUT_BILL_UNFUNDED, .attempt = 1, .shortfall_minor = 100},
		{.kind = INPUT_SESSION_OPENED, .attempt = 2, .session_id = "cs_2", .url = "u"},
		{.kind = INPUT_SESSION_EXPIRED, .attempt = 2},
		{.kind = INPUT_BILL_VOIDED, .text = "INV"},
	};
	struct payment_work work;
	int wrong = 0;

	(void)state;
	work_create(&work, arena, &rules, NOW_MS, &p);
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		struct payment_work once;
		struct payment_work twice;
		written(&work, &once);
		enum verdict first = work_apply(&once, &inputs[i]);
		wrong += mp_wrong(
			first != VERDICT_IGNORE && !work_is_empty(&once), "input %zu, first", i);
		written(&once, &twice);
		enum verdict second = work_apply(&twice, &inputs[i]);
		wrong += mp_wrong((second == VERDICT_IGNORE || second == VERDICT_NOTE) &&
					  work_is_empty(&twice),
			"input %zu, second", i);
		work = twice;
	}
	assert_int_equal(work.payment.state, PAYMENT_EXPIRED);
	assert_int_equal(wrong, 0);
}

static void what_a_capture_settles_depends_on_the_state_alone(void **state)
{
	static const struct {
		enum payment_state from;
		bool settles;
	} cases[] = {
		{PAYMENT_CREATED, true},
		{PAYMENT_AWAITING_PROVIDER, true},
		{PAYMENT_REQUIRES_FUNDING, true},
		{PAYMENT_SETTLING, false},
		{PAYMENT_CLOSING, false},
		{PAYMENT_SUCCEEDED, false},
		{PAYMENT_CANCELED, false},
		{PAYMENT_EXPIRED, false},
		{PAYMENT_FAILED, false},
		{PAYMENT_REVIEW, false},
	};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < PAYMENT_STATES; i++) {
		struct payment p = order(false, 20000, PAYMENT_FROM_CARD);
		struct payment_attempt attempt = {.number = 2,
			.amount_minor = 700,
			.state = SESSION_OPEN,
			.session_id = "cs_2",
			.version = 1};
		const struct payment_input input = {.kind = INPUT_CAPTURED,
			.attempt = 2,
			.payment_intent = "pi_2",
			.at_ms = NOW_MS};
		struct payment_work work;
		p.state = cases[i].from;
		p.ending = PAYMENT_CANCELED;
		p.version = 5;
		p.attempt = 3; /* of an older session than the current one */
		p.session_attempt = 3;
		work_begin(&work, arena, &rules, NOW_MS, &p);
		work_add_attempt(&work, &attempt);
		(void)work_apply(&work, &input);
		const struct payment_event *event = work.events;
		wrong += mp_wrong(
			work.payment.state == (cases[i].settles ? PAYMENT_SETTLING : cases[i].from),
			"state after %s", payment_state_name(cases[i].from));
		wrong += mp_wrong(event != NULL && event->type == EVENT_PAYMENT_CAPTURED &&
					  event->attempt == (cases[i].settles ? 3 : 0) &&
					  event->capture->amount_minor == 700,
			"event after %s", payment_state_name(cases[i].from));
		wrong += mp_wrong(work.payment.captures_unsettled == 1, "%s, to be told again",
			payment_state_name(cases[i].from));
		wrong += mp_wrong(!cases[i].settles || work.sessions_due_ms != 0,
			"the other session is expired after %s", payment_state_name(cases[i].from));
	}
	assert_int_equal(wrong, 0);
}

static void a_mismatch_is_never_credited(void **state)
{
	int wrong = 0;

	(void)state;
	for (unsigned s = 0; s < PAYMENT_STATES; s++) {
		struct payment p = order(true, 20000, PAYMENT_FROM_CARD);
		struct payment_attempt attempt = {
			.number = 1, .amount_minor = 700, .state = SESSION_OPEN, .version = 1};
		const struct payment_input input = {
			.kind = INPUT_MISMATCH, .attempt = 1, .text = "amount"};
		struct payment_work work;
		p.state = (enum payment_state)s;
		p.version = 5;
		p.attempt = 1;
		p.session_attempt = 1;
		work_begin(&work, arena, &rules, NOW_MS, &p);
		work_add_attempt(&work, &attempt);
		(void)work_apply(&work, &input);
		bool waited = payment_waits_for_payer(&p);
		wrong += mp_wrong(work.alarm && work.events == NULL && work.captures == NULL &&
					  rows(&work) == 1,
			"%s", payment_state_name(p.state));
		wrong += mp_wrong(work.payment.state == (waited ? PAYMENT_REVIEW : p.state),
			"state after %s", payment_state_name(p.state));
	}
	assert_int_equal(wrong, 0);
}

static void events_told_again_have_the_same_ids(void **state)
{
	const struct payment p = order(false, 20000, PAYMENT_FROM_WALLET);
	struct payment_work work;
	struct payment_work again;

	(void)state;
	work_create(&work, arena, &rules, NOW_MS, &p);
	written(&work, &again);
	again.now_ms += 60000;
	work_redrive(&again, false);
	assert_non_null(again.events);
	assert_string_equal(again.events->id.text, work.events->id.text);
	assert_int_equal(again.events->at_ms, work.events->at_ms);
	assert_false(again.changed);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
	struct payment p = order(true, 20000, PAYMENT_FROM_CARD);
	char text[302];
	struct payment_work work;
	struct payment_work next;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[300] = '\0';
	const struct payment_input input = {
		.kind = INPUT_SESSION_REFUSED, .attempt = 1, .text = text};
	work_create(&work, arena, &rules, NOW_MS, &p);
	written(&work, &next);
	assert_int_equal(work_apply(&next, &input), VERDICT_END);
	assert_int_equal(next.payment.state, PAYMENT_FAILED);
	size_t len = strlen(next.payment.reason);
	assert_true(len <= PAYMENT_REASON_BYTES_MAX && len >= PAYMENT_REASON_BYTES_MAX - 1);
	assert_int_equal((unsigned char)next.payment.reason[len - 1], 0xa9);
}

static void without_memory_nothing_is_to_be_written(void **state)
{
	const struct payment p = order(false, 20000, PAYMENT_FROM_CARD);
	bool failed_once = false;

	(void)state;
	for (size_t bytes = 64; bytes < 8192; bytes += 64) {
		struct mp_arena *small = mp_arena_new(bytes);
		struct payment_work work;
		if (small == NULL)
			continue;
		work_create(&work, small, &rules, NOW_MS, &p);
		failed_once |= work.rc == MP_NOMEM;
		assert_true(work.rc == MP_OK || work.rc == MP_NOMEM);
		mp_arena_free(small);
	}
	assert_true(failed_once);
}

static int setup(void **state)
{
	(void)state;
	arena = mp_arena_new(16u << 20);
	return arena != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mp_arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_the_wallet_it_settles_at_once),
		cmocka_unit_test(a_top_up_is_by_card_and_wants_a_session),
		cmocka_unit_test(what_is_missing_is_charged_but_never_below_the_minimum),
		cmocka_unit_test(every_input_may_come_twice),
		cmocka_unit_test(what_a_capture_settles_depends_on_the_state_alone),
		cmocka_unit_test(a_mismatch_is_never_credited),
		cmocka_unit_test(events_told_again_have_the_same_ids),
		cmocka_unit_test(a_long_reason_is_cut_between_characters),
		cmocka_unit_test(without_memory_nothing_is_to_be_written),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
