#include "store/testing.h"
#include "test_fixture.h"

/* Payments that stand still, and money that comes late, or of which nobody tells. */

static void must(enum mp_rc rc)
{
	assert_int_equal(rc, MP_OK);
}

static enum mp_rc retry(struct fixture *f, const struct mp_id *id, enum payment_source source,
	enum payment_problem *problem)
{
	struct mp_idempotency no_key = {.caller = f->ada.text};
	struct payment out;

	*problem = PROBLEM_NONE;
	return payment_retry(
		&f->app, &f->ada, id, source, &no_key, f->now_ms, f->arena, &out, problem);
}

/* The row's tenth move or later, ten re-drives' time after the state was entered. */
static struct mp_due_result redrive_in_vain(struct fixture *f, const struct mp_id *id)
{
	f->now_ms += 10 * f->app.rules.redrive_ms;
	return payment_redrive_due(&f->app, f->arena, id, f->app.rules.redrives_max, f->now_ms);
}

/* --- billing is told again --- */

static void standing_still_tells_the_last_event_again(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);
	struct payment q = fixture_pay(f, 3000, PAYMENT_FROM_CARD);

	fixture_pay_at_page(f, &q.id, 1);
	must(fixture_funded(f, &q.id, "pi_1"));
	for (int i = 0; i < 3; i++) {
		assert_false(fixture_redrive(f, &p.id).done);
		assert_false(fixture_redrive(f, &q.id).done);
	}
	/* The same rows again: ids are derived, so a consumer sees each event once. */
	assert_int_equal(fixture_events(f, "payment.requested", &p.id), 1);
	assert_int_equal(fixture_events(f, "payment.captured", &q.id), 1);
}

static void an_order_that_billing_never_answers_comes_to_a_person(void **state)
{
	struct fixture *f = *state;
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_UNANSWERED]);
	struct payment p = fixture_pay(f, 5000, PAYMENT_FROM_WALLET);
	bool told = false;

	/* Neither many re-drives nor a long time is enough alone. */
	struct mp_due_result again =
		payment_redrive_due(&f->app, f->arena, &p.id, 10, f->now_ms + 1);
	assert_false(again.done);
	again = payment_redrive_due(&f->app, f->arena, &p.id, 9, f->now_ms + 3600000);
	assert_false(again.done);
	assert_state(f, &p.id, PAYMENT_SETTLING);

	assert_true(redrive_in_vain(f, &p.id).done);
	assert_state(f, &p.id, PAYMENT_REVIEW);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_UNANSWERED]) - alarms, 1);
	size_t events = fixture_events(f, NULL, &p.id);
	assert_false(redrive_in_vain(f, &p.id).done);
	assert_int_equal(fixture_events(f, NULL, &p.id), events); /* no more dead letters */
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_UNANSWERED]) - alarms, 2);

	/* A person may ask for it, and billing's answer counts as ever. */
	must(payment_redrive_asked(&f->app, &p.id, f->now_ms, f->arena, &told));
	assert_true(told);
	must(fixture_unfunded(f, &p.id, 1, 2000));
	assert_state(f, &p.id, PAYMENT_REQUIRES_FUNDING);
	assert_null(fixture_get(f, &p.id).reason);
	f->now_ms += f->app.rules.redrive_ms;
	assert_true(fixture_due(f, "payment", &p.id) > 0); /* and it is driven again */
	must(fixture_settled(f, &p.id, 2));
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
}

static void what_billing_was_told_in_vain_is_not_told_again_as_late_money(void **state)
{
	struct fixture *f = *state;
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]);
	struct payment p = fixture_pay(f, 3000, PAYMENT_FROM_CARD);

	fixture_pay_at_page(f, &p.id, 1);
	assert_state(f, &p.id, PAYMENT_SETTLING);
	assert_true(redrive_in_vain(f, &p.id).done);
	assert_state(f, &p.id, PAYMENT_REVIEW);
	assert_int_equal(fixture_get(f, &p.id).captures_unsettled, 1);
	mp_test_erase(f->store, f->arena, "OUTBOX#");
	assert_false(fixture_redrive(f, &p.id).done);
	assert_false(redrive_in_vain(f, &p.id).done);
	assert_int_equal(fixture_events(f, NULL, &p.id), 0);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]) - alarms, 0);
}

static void a_payment_that_is_looked_into_ends_as_billing_says(void **state)
{
	struct fixture *f = *state;
	struct payment settled = fixture_pay(f, 5000, PAYMENT_FROM_WALLET);
	struct payment closing = fixture_pay(f, 5000, PAYMENT_FROM_CARD);
	struct payment top_up = fixture_top_up(f, 5000);
	enum payment_problem problem;
	struct payment out;

	must(payment_cancel(&f->app, &f->ada, &closing.id, f->now_ms, f->arena, &out, &problem));
	assert_state(f, &closing.id, PAYMENT_CLOSING);
	fixture_pay_at_page(f, &top_up.id, 1);
	assert_state(f, &top_up.id, PAYMENT_SETTLING);
	assert_true(redrive_in_vain(f, &settled.id).done);
	assert_true(redrive_in_vain(f, &closing.id).done);
	assert_true(redrive_in_vain(f, &top_up.id).done);
	assert_state(f, &settled.id, PAYMENT_REVIEW);
	assert_state(f, &closing.id, PAYMENT_REVIEW);
	assert_state(f, &top_up.id, PAYMENT_REVIEW);
	assert_int_equal(
		payment_cancel(&f->app, &f->ada, &settled.id, f->now_ms, f->arena, &out, &problem),
		MP_CONFLICT);

	must(fixture_settled(f, &settled.id, 1));
	must(fixture_voided(f, &closing.id));
	must(fixture_funded(f, &top_up.id, fixture_session(f, &top_up.id, 1)->intent));
	assert_state(f, &settled.id, PAYMENT_SUCCEEDED);
	assert_null(fixture_get(f, &settled.id).reason);
	assert_state(f, &closing.id, PAYMENT_CANCELED);
	assert_string_equal(fixture_get(f, &closing.id).reason, "Canceled by its payer");
	assert_state(f, &top_up.id, PAYMENT_SUCCEEDED);
}

static void late_money_that_billing_gives_up_comes_to_a_person_once(void **state)
{
	struct fixture *f = *state;
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]);
	struct payment p = fixture_top_up(f, 5000);
	struct fake_session *session = fixture_session(f, &p.id, 1);
	bool told = false;

	(void)fixture_webhook(f, session, "checkout.session.expired");
	session->status = STRIPE_EXPIRED;
	(void)fixture_webhook(f, session, "checkout.session.expired");
	assert_state(f, &p.id, PAYMENT_EXPIRED);
	session->status = STRIPE_OPEN;
	fixture_pay_at_page(f, &p.id, 1);
	assert_state(f, &p.id, PAYMENT_EXPIRED);
	assert_int_equal(fixture_events(f, "payment.captured", &p.id), 1);

	assert_false(fixture_redrive(f, &p.id).done);
	assert_true(redrive_in_vain(f, &p.id).done);
	assert_state(f, &p.id, PAYMENT_EXPIRED);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]) - alarms, 1);
	must(payment_redrive_asked(&f->app, &p.id, f->now_ms, f->arena, &told));
	assert_true(told);
	must(fixture_funded(f, &p.id, session->intent));
	must(payment_redrive_asked(&f->app, &p.id, f->now_ms, f->arena, &told));
	assert_false(told); /* it is in the wallet now */
}

/* Where two re-drives of a payment meet they are one row: same time, same id. */
static void however_often_it_is_tried_again_few_re_drives_are_left(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	enum payment_problem problem;
	int64_t begun_ms = f->now_ms;

	for (int64_t attempt = 1; attempt < 98; attempt += 2) {
		f->now_ms += 500;
		must(fixture_unfunded(f, &p.id, attempt, 13000));
		must(retry(f, &p.id, PAYMENT_FROM_WALLET, &problem));
	}
	int64_t ended_ms = f->now_ms;
	f->now_ms += 3600 * 1000;
	assert_true(fixture_due(f, "payment", &p.id) <= 3); /* 25 s of 30 s steps */

	/* Whatever their pauses: a longer one ends where a shorter one does as well. */
	for (int64_t attempts = 0; attempts < 12; attempts++) {
		struct mp_due_result again =
			payment_redrive_due(&f->app, f->arena, &p.id, attempts, ended_ms);
		assert_false(again.done);
		assert_true(again.again_at_ms > ended_ms);
		assert_int_equal((again.again_at_ms - begun_ms) % f->app.rules.redrive_ms, 0);
	}
}

/* --- the provider is asked --- */

static void without_a_webhook_the_provider_is_asked(void **state)
{
	struct fixture *f = *state;
	struct payment paid = fixture_top_up(f, 10000);
	struct payment expired = fixture_pay(f, 10000, PAYMENT_FROM_CARD);
	struct payment failed = fixture_top_up(f, 10000);
	struct payment open = fixture_top_up(f, 10000);

	fixture_session(f, &paid.id, 1)->status = STRIPE_COMPLETE;
	fixture_session(f, &paid.id, 1)->paid = true;
	fixture_session(f, &expired.id, 1)->status = STRIPE_EXPIRED;
	fixture_session(f, &failed.id, 1)->status = STRIPE_COMPLETE;
	fixture_session(f, &failed.id, 1)->intent_failed = true;
	assert_false(fixture_redrive(f, &paid.id).done);
	assert_false(fixture_redrive(f, &expired.id).done);
	(void)fixture_redrive(f, &failed.id);
	struct mp_due_result again = fixture_redrive(f, &open.id);
	assert_state(f, &paid.id, PAYMENT_SETTLING);
	assert_state(f, &expired.id, PAYMENT_CLOSING);
	assert_state(f, &failed.id, PAYMENT_FAILED);
	assert_state(f, &open.id, PAYMENT_AWAITING_PROVIDER);
	assert_true(again.again_at_ms >= f->now_ms + 60000); /* once a minute at most */
	assert_int_equal(fixture_voided(f, &expired.id), MP_OK);
	assert_state(f, &expired.id, PAYMENT_EXPIRED);
}

static void what_the_provider_does_not_know_of_its_own_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct payment paid = fixture_top_up(f, 10000);
	struct payment unwanted = fixture_pay(f, 10000, PAYMENT_FROM_CARD);
	struct fake_session *s = fixture_session(f, &paid.id, 1);
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_PROVIDER]);
	enum payment_problem problem;

	s->status = STRIPE_COMPLETE;
	s->paid = true;
	f->provider.trouble = TROUBLE_STRANGE;
	f->provider.trouble_calls = 5;
	assert_false(fixture_webhook(f, s, "checkout.session.completed").done);
	must(payment_cancel(
		&f->app, &f->ada, &unwanted.id, f->now_ms, f->arena, &unwanted, &problem));
	assert_true(unwanted.cancel_wanted);
	assert_false(fixture_align(f, &unwanted.id).done);
	f->now_ms += 2 * f->app.rules.session_ttl_s * 1000;
	assert_false(fixture_redrive(f, &paid.id).done);
	assert_false(fixture_redrive(f, &unwanted.id).done);
	assert_state(f, &paid.id, PAYMENT_AWAITING_PROVIDER); /* not ended as without money */
	assert_state(f, &unwanted.id, PAYMENT_AWAITING_PROVIDER);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_PROVIDER]) - alarms, 5);

	assert_false(fixture_redrive(f, &paid.id).done); /* the key is mended */
	assert_state(f, &paid.id, PAYMENT_SETTLING);
	assert_true(fixture_align(f, &unwanted.id).done);
	assert_state(f, &unwanted.id, PAYMENT_CLOSING);
}

static void an_event_that_stays_unknown_is_foreign_in_the_end(void **state)
{
	struct fixture *f = *state;
	struct provider_event event = {
		.provider_id = "evt_stray",
		.type = "checkout.session.completed",
		.object_id = "cs_unknown",
		.created_at_s = f->now_ms / 1000,
		.received_at_ms = f->now_ms,
	};
	int64_t foreign = mp_metric_value(f->app.events_foreign);
	int64_t three_days_ms = (int64_t)3 * 24 * 3600 * 1000;

	must(provider_event_keep(&f->app, &event, f->arena));
	struct mp_id id =
		mp_id_derive_text(event.created_at_s * 1000, "provider_event", event.provider_id);
	assert_false(
		provider_event_due(&f->app, f->arena, &id, 99, f->now_ms + three_days_ms).done);
	assert_int_equal(mp_metric_value(f->app.events_foreign), foreign);
	assert_true(
		provider_event_due(&f->app, f->arena, &id, 99, f->now_ms + three_days_ms + 1).done);
	assert_int_equal(mp_metric_value(f->app.events_foreign) - foreign, 1);
}

static void while_a_bank_transfer_is_on_its_way_nothing_else_is_tried(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	enum payment_problem problem;
	struct payment out;

	must(fixture_unfunded(f, &p.id, 1, 13000));
	assert_true(fixture_align(f, &p.id).done);
	struct fake_session *s = fixture_session(f, &p.id, 2);
	s->status = STRIPE_COMPLETE;
	assert_true(fixture_webhook(f, s, "checkout.session.completed").done);
	assert_int_equal(retry(f, &p.id, PAYMENT_FROM_WALLET, &problem), MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_SETTLING);
	assert_int_equal(retry(f, &p.id, PAYMENT_FROM_CARD, &problem), MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_SETTLING);
	assert_int_equal(
		payment_cancel(&f->app, &f->ada, &p.id, f->now_ms, f->arena, &out, &problem),
		MP_CONFLICT);
	assert_int_equal(f->provider.count, 1);
	s->paid = true;
	assert_false(fixture_redrive(f, &p.id).done);
	assert_state(f, &p.id, PAYMENT_SETTLING);
	assert_int_equal(fixture_get(f, &p.id).sessions_processing, 0);
}

/* Its payer pays by bank, and tries again from the wallet before we hear of it. */
static struct payment gone_on_without_its_bank_transfer(struct fixture *f)
{
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	enum payment_problem problem;

	must(fixture_unfunded(f, &p.id, 1, 13000));
	assert_true(fixture_align(f, &p.id).done);
	fixture_session(f, &p.id, 2)->status = STRIPE_COMPLETE;
	must(retry(f, &p.id, PAYMENT_FROM_WALLET, &problem));
	assert_true(fixture_align(f, &p.id).done); /* its page cannot be closed any more */
	assert_int_equal(fixture_get(f, &p.id).sessions_processing, 1);
	return p;
}

static void money_that_a_payment_went_on_without_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct payment paid = gone_on_without_its_bank_transfer(f);
	struct payment failed = gone_on_without_its_bank_transfer(f);

	must(fixture_settled(f, &paid.id, 3));
	must(fixture_settled(f, &failed.id, 3));
	assert_false(fixture_redrive(f, &paid.id).done); /* days, if it must be */
	fixture_session(f, &paid.id, 2)->paid = true;
	fixture_session(f, &failed.id, 2)->intent_failed = true;
	assert_false(fixture_redrive(f, &paid.id).done);
	assert_false(fixture_redrive(f, &failed.id).done);
	assert_null(mp_map_get(fixture_event(f, "payment.captured", &paid.id), "attempt"));
	assert_int_equal(fixture_events(f, "payment.captured", &failed.id), 0);
	must(fixture_funded(f, &paid.id, fixture_session(f, &paid.id, 2)->intent));
	assert_true(fixture_redrive(f, &paid.id).done);
	assert_true(fixture_redrive(f, &failed.id).done);
	assert_state(f, &paid.id, PAYMENT_SUCCEEDED);
	assert_state(f, &failed.id, PAYMENT_SUCCEEDED);
}

static void late_money_is_told_before_anybody_is_called(void **state)
{
	struct fixture *f = *state;
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]);
	struct payment p = gone_on_without_its_bank_transfer(f);

	must(fixture_settled(f, &p.id, 3));
	f->now_ms += 1000 * f->app.rules.redrive_ms;
	fixture_session(f, &p.id, 2)->paid = true;
	/* Asked about hundreds of times meanwhile: the money has come just now. */
	assert_false(payment_redrive_due(&f->app, f->arena, &p.id, 500, f->now_ms).done);
	assert_int_equal(fixture_get(f, &p.id).captures_unsettled, 1);
	assert_false(payment_redrive_due(&f->app, f->arena, &p.id, 501, f->now_ms).done);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]) - alarms, 0);
	assert_true(redrive_in_vain(f, &p.id).done);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]) - alarms, 1);
}

static void late_money_is_for_a_person_though_more_may_come(void **state)
{
	struct fixture *f = *state;
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]);
	struct payment p = gone_on_without_its_bank_transfer(f);

	must(fixture_unfunded(f, &p.id, 3, 13000));
	assert_true(fixture_align(f, &p.id).done);
	fixture_session(f, &p.id, 4)->status = STRIPE_COMPLETE; /* by bank, too */
	(void)fixture_webhook(f, fixture_session(f, &p.id, 4), "checkout.session.completed");
	must(fixture_settled(f, &p.id, 3));
	fixture_session(f, &p.id, 2)->paid = true;
	assert_false(fixture_redrive(f, &p.id).done);
	assert_int_equal(fixture_get(f, &p.id).captures_unsettled, 1);
	assert_int_equal(fixture_get(f, &p.id).sessions_processing, 1);
	assert_false(redrive_in_vain(f, &p.id).done); /* the provider is asked on */
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]) - alarms, 1);
}

static void an_alarm_is_raised_again_while_it_is_in_review(void **state)
{
	struct fixture *f = *state;
	int64_t unanswered = mp_metric_value(f->app.alarms[ALARM_UNANSWERED]);
	int64_t mismatch = mp_metric_value(f->app.alarms[ALARM_MISMATCH]);
	struct payment p = fixture_pay(f, 5000, PAYMENT_FROM_WALLET);
	struct payment q = fixture_top_up(f, 5000);
	struct payment closed;

	assert_true(
		redrive_in_vain(f, &p.id).done); /* a new row of it was written with the review */
	fixture_session(f, &q.id, 1)->amount++;
	fixture_pay_at_page(f, &q.id, 1);
	assert_state(f, &q.id, PAYMENT_REVIEW);
	f->now_ms += 2 * f->app.rules.redrive_ms;
	assert_true(fixture_due(f, "payment", &p.id) > 0);
	assert_true(fixture_due(f, "payment", &q.id) > 0);
	for (int i = 2; i < 5; i++) {
		struct mp_due_result again = fixture_redrive(f, &p.id);
		assert_false(again.done);
		assert_true(again.again_at_ms <= f->now_ms + 600000);
		assert_false(fixture_redrive(f, &q.id).done);
		assert_int_equal(mp_metric_value(f->app.alarms[ALARM_UNANSWERED]) - unanswered, i);
		assert_int_equal(mp_metric_value(f->app.alarms[ALARM_MISMATCH]) - mismatch, i);
	}
	must(fixture_settled(f, &p.id, 1));
	must(payment_close(&f->app, &q.id, f->now_ms, f->arena, &closed));
	assert_true(fixture_redrive(f, &p.id).done);
	assert_true(fixture_redrive(f, &q.id).done);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_UNANSWERED]) - unanswered, 4);
}

/* A failure that the provider kept may have made a session that nobody was shown. */
static void that_another_session_of_an_attempt_expires_says_nothing(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 5000);
	const struct fake_session *ours = fixture_session(f, &p.id, 1);
	struct stripe_session other = {
		.id = "cs_of_a_kept_failure",
		.status = STRIPE_EXPIRED,
		.amount = ours->amount,
		.payment_id = p.id,
		.attempt = 1,
	};
	enum provider_truth truth = TRUTH_OPEN;

	must(provider_apply_session(&f->app, &other, false, f->now_ms, f->arena, &truth));
	assert_int_equal(truth, TRUTH_TOLD);
	assert_state(f, &p.id, PAYMENT_AWAITING_PROVIDER);
	other.id = ours->id;
	must(provider_apply_session(&f->app, &other, false, f->now_ms, f->arena, &truth));
	assert_state(f, &p.id, PAYMENT_EXPIRED);
}

static void money_that_comes_while_it_is_looked_into_is_told_again(void **state)
{
	struct fixture *f = *state;
	struct payment p = gone_on_without_its_bank_transfer(f);
	int64_t unanswered = mp_metric_value(f->app.alarms[ALARM_UNANSWERED]);
	int64_t not_credited = mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]);

	assert_false(redrive_in_vain(f, &p.id).done); /* its money may still come */
	assert_state(f, &p.id, PAYMENT_REVIEW);
	fixture_session(f, &p.id, 2)->paid = true;
	assert_false(fixture_redrive(f, &p.id).done);
	assert_int_equal(fixture_get(f, &p.id).captures_unsettled, 1);
	mp_test_erase(f->store, f->arena, "OUTBOX#");
	assert_false(fixture_redrive(f, &p.id).done);
	assert_int_equal(fixture_events(f, "payment.captured", &p.id), 1);
	assert_int_equal(fixture_events(f, NULL, &p.id), 1); /* not what was told in vain */

	assert_false(redrive_in_vain(f, &p.id).done);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_UNANSWERED]) - unanswered, 4);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_NOT_CREDITED]) - not_credited, 1);
}

static void who_asks_for_it_has_the_provider_asked_too(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 5000);
	struct fake_session *session = fixture_session(f, &p.id, 1);
	bool told = false;

	session->status = STRIPE_EXPIRED;
	assert_true(fixture_webhook(f, session, "checkout.session.expired").done);
	assert_state(f, &p.id, PAYMENT_EXPIRED);
	must(payment_redrive_asked(&f->app, &p.id, f->now_ms, f->arena, &told));
	assert_false(told);
	session->status = STRIPE_COMPLETE; /* as after a restore: money that we do not know of */
	session->paid = true;
	assert_true(fixture_redrive(f, &p.id).done);
	f->provider.trouble = TROUBLE_DOWN;
	f->provider.trouble_calls = 1;
	assert_int_equal(
		payment_redrive_asked(&f->app, &p.id, f->now_ms, f->arena, &told), MP_UNAVAILABLE);
	assert_int_equal(fixture_events(f, "payment.captured", &p.id), 0);
	for (int i = 0; i < 2; i++) {
		must(payment_redrive_asked(&f->app, &p.id, f->now_ms, f->arena, &told));
		assert_true(told);
		assert_int_equal(fixture_get(f, &p.id).captures_unsettled, 1);
		assert_int_equal(fixture_events(f, "payment.captured", &p.id), 1);
	}
	must(fixture_funded(f, &p.id, session->intent));
	must(payment_redrive_asked(&f->app, &p.id, f->now_ms, f->arena, &told));
	assert_false(told);
	assert_state(f, &p.id, PAYMENT_EXPIRED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(standing_still_tells_the_last_event_again),
		CASE(an_order_that_billing_never_answers_comes_to_a_person),
		CASE(what_billing_was_told_in_vain_is_not_told_again_as_late_money),
		CASE(a_payment_that_is_looked_into_ends_as_billing_says),
		CASE(late_money_that_billing_gives_up_comes_to_a_person_once),
		CASE(however_often_it_is_tried_again_few_re_drives_are_left),
		CASE(without_a_webhook_the_provider_is_asked),
		CASE(what_the_provider_does_not_know_of_its_own_is_asked_for_again),
		CASE(an_event_that_stays_unknown_is_foreign_in_the_end),
		CASE(while_a_bank_transfer_is_on_its_way_nothing_else_is_tried),
		CASE(money_that_a_payment_went_on_without_is_asked_for),
		CASE(late_money_is_told_before_anybody_is_called),
		CASE(late_money_is_for_a_person_though_more_may_come),
		CASE(that_another_session_of_an_attempt_expires_says_nothing),
		CASE(money_that_comes_while_it_is_looked_into_is_told_again),
		CASE(an_alarm_is_raised_again_while_it_is_in_review),
		CASE(who_asks_for_it_has_the_provider_asked_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
