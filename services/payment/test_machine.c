#include "machine.h"

#include "base/testing.h"

/*
 * The same table once more, written by hand: a letter for each
 * state (in the order of enum payment_state) that an input may meet.
 *	. ignored   ! refused   n noted   E ends   A S F U R: moves to awaiting_provider, settling,
 *	requires_funding, succeeded, review   C: to the state that it was closing for
 */
static const struct {
	enum payment_input_kind input;
	const char *name;
	const char *
		by_state; /* created awaiting settling requires closing succ canc exp fail review */
} expected[] = {
	{INPUT_SESSION_OPENED, "session opened", "Annnnnnnnn"},
	{INPUT_SESSION_REFUSED, "session refused", "EEnEnnnnnn"},
	{INPUT_SESSION_LATE, "session late", "EEnEnnnnnn"},
	{INPUT_SESSION_PROCESSING, "session processing", "Annnnnnnnn"},
	{INPUT_SESSION_EXPIRED, "session expired", "EEnEnnnnnn"},
	{INPUT_SESSION_FAILED, "session failed", "EEnEnnnnnn"},
	{INPUT_DECLINED, "declined", "nn.n......"},
	{INPUT_CAPTURED, "captured", "SSnSnnnnnn"},
	{INPUT_MISMATCH, "mismatch", "RRnRnnnnnn"},
	{INPUT_BILL_SETTLED, "bill settled", "UUUUU.UUUU"},
	{INPUT_BILL_UNFUNDED, "bill unfunded", "..F......."},
	{INPUT_BILL_VOIDED, "bill voided", "....C....."},
	{INPUT_FUNDING_SETTLED, "funding settled", "nnnnnnnnnn"},
	{INPUT_UNANSWERED, "unanswered", "..R.R....."},
	{INPUT_RETRY_WALLET, "retry from the wallet", "!!!S!!!!!!"},
	{INPUT_RETRY_CARD, "retry by card", "!!!n!!!!!!"},
	{INPUT_CANCEL, "cancel", "nn!n!!.!!!"},
	{INPUT_CLOSE, "close", "!!!!!!!!!E"},
};

static char letter_of(struct decision decision, enum payment_state state)
{
	switch (decision.verdict) {
	case VERDICT_UNDEFINED:
		return '?';
	case VERDICT_IGNORE:
		return decision.next == state ? '.' : '?';
	case VERDICT_REFUSE:
		return decision.next == state ? '!' : '?';
	case VERDICT_NOTE:
		return decision.next == state ? 'n' : '?';
	case VERDICT_END:
		return 'E';
	case VERDICT_MOVE:
		break;
	}
	return decision.next == PAYMENT_AWAITING_PROVIDER  ? 'A'
	       : decision.next == PAYMENT_SETTLING	   ? 'S'
	       : decision.next == PAYMENT_REQUIRES_FUNDING ? 'F'
	       : decision.next == PAYMENT_SUCCEEDED	   ? 'U'
	       : decision.next == PAYMENT_REVIEW	   ? 'R'
	       : decision.next == PAYMENT_CANCELED	   ? 'C'
							   : '?';
}

static void every_state_knows_every_input(void **state)
{
	int wrong = 0;

	(void)state;
	assert_int_equal(sizeof(expected) / sizeof(expected[0]), INPUT_KINDS);
	for (size_t i = 0; i < INPUT_KINDS; i++) {
		assert_int_equal(expected[i].input, i);
		for (unsigned s = 0; s < PAYMENT_STATES; s++) {
			char seen =
				letter_of(machine_table((enum payment_state)s, expected[i].input),
					(enum payment_state)s);
			wrong += mp_wrong(seen == expected[i].by_state[s], "%s in %s: %c, not %c",
				expected[i].name, payment_state_name((enum payment_state)s), seen,
				expected[i].by_state[s]);
		}
	}
	assert_int_equal(wrong, 0);
}

static struct payment payment_in(enum payment_state state)
{
	struct payment payment = {
		.id = {"01932f00-0000-7000-8000-000000000001"},
		.paid_by = {"01932f00-0000-7000-8000-00000000000a"},
		.paid_to = {"01932f00-0000-7000-8000-00000000000b"},
		.state = state,
		.ending = PAYMENT_EXPIRED,
		.attempt = 3,
		.session_attempt = 3,
	};

	return payment;
}

static void what_another_attempt_does_ends_nothing(void **state)
{
	static const enum payment_input_kind kinds[] = {INPUT_SESSION_OPENED, INPUT_SESSION_REFUSED,
		INPUT_SESSION_LATE, INPUT_SESSION_PROCESSING, INPUT_SESSION_EXPIRED,
		INPUT_SESSION_FAILED};
	int wrong = 0;

	(void)state;
	for (unsigned s = 0; s < PAYMENT_STATES; s++) {
		struct payment payment = payment_in((enum payment_state)s);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			const struct payment_input input = {.kind = kinds[i], .attempt = 2};
			struct decision decision = machine_decide(&payment, &input);
			wrong += mp_wrong(
				decision.verdict == VERDICT_NOTE && decision.next == payment.state,
				"input %u of an old attempt in %s", (unsigned)kinds[i],
				payment_state_name(payment.state));
		}
	}
	assert_int_equal(wrong, 0);
}

static void only_the_current_attempt_can_be_unfunded(void **state)
{
	struct payment payment = payment_in(PAYMENT_SETTLING);
	struct payment_input input = {.kind = INPUT_BILL_UNFUNDED, .attempt = 2};

	(void)state;
	assert_int_equal(machine_decide(&payment, &input).verdict, VERDICT_IGNORE);
	input.attempt = 4;
	assert_int_equal(machine_decide(&payment, &input).verdict, VERDICT_IGNORE);
	input.attempt = 3;
	assert_int_equal(machine_decide(&payment, &input).next, PAYMENT_REQUIRES_FUNDING);
}

static void what_billing_did_not_answer_takes_its_answer_from_review(void **state)
{
	const struct payment_input unfunded = {.kind = INPUT_BILL_UNFUNDED, .attempt = 3};
	const struct payment_input voided = {.kind = INPUT_BILL_VOIDED};
	const struct payment_input funded = {.kind = INPUT_FUNDING_SETTLED};
	const struct payment_input closed = {.kind = INPUT_CLOSE};
	struct payment payment = payment_in(PAYMENT_REVIEW);

	(void)state;
	/* The provider's figures: nothing but the settled bill and a person moves it. */
	assert_int_equal(machine_decide(&payment, &unfunded).verdict, VERDICT_IGNORE);
	assert_int_equal(machine_decide(&payment, &voided).verdict, VERDICT_IGNORE);

	assert_int_equal(machine_decide(&payment, &closed).verdict, VERDICT_END);

	payment.reviewed_from = PAYMENT_SETTLING;
	assert_int_equal(machine_decide(&payment, &closed).verdict, VERDICT_REFUSE);
	assert_int_equal(machine_decide(&payment, &unfunded).next, PAYMENT_REQUIRES_FUNDING);
	assert_int_equal(machine_decide(&payment, &voided).verdict, VERDICT_IGNORE);
	assert_int_equal(machine_decide(&payment, &voided).next, PAYMENT_REVIEW);
	assert_int_equal(machine_decide(&payment, &funded).next, PAYMENT_REVIEW);
	payment.reviewed_from = PAYMENT_CLOSING;
	assert_int_equal(machine_decide(&payment, &voided).next, PAYMENT_EXPIRED);
	assert_int_equal(machine_decide(&payment, &unfunded).verdict, VERDICT_IGNORE);
	payment.reviewed_from = PAYMENT_SETTLING;
	payment.paid_to = (struct mp_id){0};
	assert_int_equal(machine_decide(&payment, &funded).next, PAYMENT_SUCCEEDED);
}

static void what_is_looked_into_is_driven_again_only_when_asked(void **state)
{
	struct payment payment = payment_in(PAYMENT_REVIEW);

	(void)state;
	assert_int_equal(machine_redrive_asked(&payment), REDRIVE_NOTHING);
	payment.reviewed_from = PAYMENT_SETTLING;
	assert_int_equal(machine_redrive(&payment), REDRIVE_NOTHING);
	assert_int_equal(machine_redrive_asked(&payment), REDRIVE_REQUESTED);
	payment.attempt_kind = ATTEMPT_SESSION;
	assert_int_equal(machine_redrive_asked(&payment), REDRIVE_CAPTURES);
	payment.reviewed_from = PAYMENT_CLOSING;
	assert_int_equal(machine_redrive(&payment), REDRIVE_NOTHING);
	assert_int_equal(machine_redrive_asked(&payment), REDRIVE_ENDING);
	/* Money that came since is not what billing was told in vain. */
	payment.sessions_processing = 1;
	assert_int_equal(machine_redrive(&payment), REDRIVE_PROVIDER);
	payment.captures_unsettled = 1;
	assert_int_equal(machine_redrive(&payment), REDRIVE_CAPTURES);
}

static void while_money_is_on_its_way_nothing_else_is_tried(void **state)
{
	static const enum payment_input_kind wishes[] = {
		INPUT_RETRY_WALLET, INPUT_RETRY_CARD, INPUT_CANCEL};
	int wrong = 0;

	(void)state;
	for (unsigned s = 0; s < PAYMENT_STATES; s++) {
		struct payment payment = payment_in((enum payment_state)s);
		for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
			const struct payment_input input = {.kind = wishes[i]};
			payment.sessions_processing = 0;
			bool ignored = machine_decide(&payment, &input).verdict == VERDICT_IGNORE;
			payment.sessions_processing = 1;
			wrong += mp_wrong(machine_decide(&payment, &input).verdict ==
						  (ignored ? VERDICT_IGNORE : VERDICT_REFUSE),
				"input %u in %s", (unsigned)wishes[i],
				payment_state_name(payment.state));
		}
	}
	assert_int_equal(wrong, 0);
}

static void a_top_up_succeeds_once_it_is_in_the_wallet(void **state)
{
	const struct payment_input input = {.kind = INPUT_FUNDING_SETTLED};
	int wrong = 0;

	(void)state;
	for (unsigned s = 0; s < PAYMENT_STATES; s++) {
		struct payment payment = payment_in((enum payment_state)s);
		struct decision paid = machine_decide(&payment, &input);
		payment.paid_to = (struct mp_id){0};
		struct decision topped_up = machine_decide(&payment, &input);
		enum payment_state next =
			s == PAYMENT_SETTLING ? PAYMENT_SUCCEEDED : (enum payment_state)s;
		wrong += mp_wrong(paid.verdict == VERDICT_NOTE && paid.next == payment.state,
			"a payment in %s", payment_state_name(payment.state));
		wrong += mp_wrong(topped_up.next == next, "a top-up in %s",
			payment_state_name(payment.state));
	}
	assert_int_equal(wrong, 0);
}

static void a_void_bill_ends_the_payment_as_it_was_closing(void **state)
{
	static const enum payment_state endings[] = {
		PAYMENT_CANCELED, PAYMENT_EXPIRED, PAYMENT_FAILED};
	const struct payment_input input = {.kind = INPUT_BILL_VOIDED};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct payment payment = payment_in(PAYMENT_CLOSING);
		payment.ending = endings[i];
		assert_int_equal(machine_decide(&payment, &input).next, endings[i]);
	}
}

static void canceling_twice_is_canceling_once(void **state)
{
	const struct payment_input input = {.kind = INPUT_CANCEL};
	struct payment payment = payment_in(PAYMENT_CLOSING);

	(void)state;
	assert_int_equal(machine_decide(&payment, &input).verdict, VERDICT_REFUSE);
	payment.ending = PAYMENT_CANCELED;
	assert_int_equal(machine_decide(&payment, &input).verdict, VERDICT_IGNORE);
	payment = payment_in(PAYMENT_AWAITING_PROVIDER);
	payment.cancel_wanted = true;
	assert_int_equal(machine_decide(&payment, &input).verdict, VERDICT_IGNORE);
}

static void attempts_are_bounded_and_not_made_while_canceling(void **state)
{
	const struct payment_input input = {.kind = INPUT_RETRY_WALLET};
	struct payment payment = payment_in(PAYMENT_REQUIRES_FUNDING);

	(void)state;
	assert_int_equal(machine_decide(&payment, &input).next, PAYMENT_SETTLING);
	payment.cancel_wanted = true;
	assert_int_equal(machine_decide(&payment, &input).verdict, VERDICT_REFUSE);
	payment.cancel_wanted = false;
	payment.attempt = PAYMENT_ATTEMPTS_MAX;
	assert_int_equal(machine_decide(&payment, &input).verdict, VERDICT_REFUSE);
}

static void whatever_stands_still_is_driven_again(void **state)
{
	static const enum redrive expected_redrives[PAYMENT_STATES] = {REDRIVE_PROVIDER,
		REDRIVE_PROVIDER, REDRIVE_REQUESTED, REDRIVE_PROVIDER, REDRIVE_ENDING,
		REDRIVE_NOTHING, REDRIVE_NOTHING, REDRIVE_NOTHING, REDRIVE_NOTHING,
		REDRIVE_NOTHING};
	int wrong = 0;

	(void)state;
	for (unsigned s = 0; s < PAYMENT_STATES; s++) {
		struct payment payment = payment_in((enum payment_state)s);
		wrong += mp_wrong(machine_redrive(&payment) == expected_redrives[s], "%s",
			payment_state_name(payment.state));
		payment.captures_unsettled = 1;
		if (expected_redrives[s] == REDRIVE_NOTHING)
			wrong += mp_wrong(machine_redrive(&payment) == REDRIVE_CAPTURES,
				"%s with money that came", payment_state_name(payment.state));
		payment.captures_unsettled = 0;
		payment.sessions_processing = 1;
		if (expected_redrives[s] == REDRIVE_NOTHING)
			wrong += mp_wrong(machine_redrive(&payment) == REDRIVE_PROVIDER,
				"%s with money on its way", payment_state_name(payment.state));
	}
	struct payment captured = payment_in(PAYMENT_SETTLING);
	captured.attempt_kind = ATTEMPT_SESSION;
	assert_int_equal(machine_redrive(&captured), REDRIVE_CAPTURES);
	assert_int_equal(wrong, 0);
}

static void every_name_leads_back_to_its_state(void **state)
{
	enum payment_state found = PAYMENT_STATES;
	enum session_state session = SESSION_STATES;

	(void)state;
	for (unsigned s = 0; s < PAYMENT_STATES; s++) {
		assert_true(
			payment_state_from_name(payment_state_name((enum payment_state)s), &found));
		assert_int_equal(found, s);
	}
	for (unsigned s = 0; s < SESSION_STATES; s++) {
		assert_true(session_state_from_name(
			session_state_name((enum session_state)s), &session));
		assert_int_equal(session, s);
	}
	assert_false(payment_state_from_name("", &found));
	assert_false(payment_state_from_name(NULL, &found));
	assert_false(payment_state_from_name("Created", &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_knows_every_input),
		cmocka_unit_test(what_another_attempt_does_ends_nothing),
		cmocka_unit_test(only_the_current_attempt_can_be_unfunded),
		cmocka_unit_test(what_billing_did_not_answer_takes_its_answer_from_review),
		cmocka_unit_test(what_is_looked_into_is_driven_again_only_when_asked),
		cmocka_unit_test(a_top_up_succeeds_once_it_is_in_the_wallet),
		cmocka_unit_test(a_void_bill_ends_the_payment_as_it_was_closing),
		cmocka_unit_test(canceling_twice_is_canceling_once),
		cmocka_unit_test(while_money_is_on_its_way_nothing_else_is_tried),
		cmocka_unit_test(attempts_are_bounded_and_not_made_while_canceling),
		cmocka_unit_test(whatever_stands_still_is_driven_again),
		cmocka_unit_test(every_name_leads_back_to_its_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
