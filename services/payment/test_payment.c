#include <string.h>

#include "base/crypto.h"
#include "test_fixture.h"

/* The domain over a real store: each journey, and what goes wrong on its way. */

static void assert_attempt(const struct mp_map *event, int64_t attempt)
{
	const struct mp_attr *attr = mp_map_get(event, "attempt");

	if (attempt == 0)
		assert_null(attr);
	else
		assert_int_equal(attr->as.number, attempt);
}

/* --- creating --- */

static void from_the_wallet_billing_is_asked_once(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);

	assert_state(f, &p.id, PAYMENT_SETTLING);
	const struct mp_map *event = fixture_event(f, "payment.requested", &p.id);
	assert_attempt(event, 1);
	assert_string_equal(mp_map_get(event, "payment_amount")->as.text, "30.00");
	assert_string_equal(mp_map_get(event, "paid_to")->as.text, f->bob.text);
	assert_int_equal(fixture_rows(f, &p.id, true), 1);
	assert_int_equal(f->provider.calls, 0);

	assert_int_equal(fixture_settled(f, &p.id, 1), MP_OK);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
	assert_int_equal(fixture_settled(f, &p.id, 1), MP_OK); /* told again */
	assert_int_equal(fixture_rows(f, &p.id, true), 2);
	assert_true(fixture_redrive(f, &p.id).done);
}

static void a_key_makes_one_payment(void **state)
{
	struct fixture *f = *state;
	struct payment first;
	struct payment again;

	assert_int_equal(fixture_create(f, &f->bob, 3000, PAYMENT_FROM_WALLET, "k", &first), MP_OK);
	assert_int_equal(fixture_create(f, &f->bob, 3000, PAYMENT_FROM_WALLET, "k", &again), MP_OK);
	assert_string_equal(first.id.text, again.id.text);
	assert_int_equal(
		fixture_create(f, &f->bob, 4000, PAYMENT_FROM_WALLET, "k", &again), MP_CONFLICT);
	assert_int_equal(fixture_events(f, NULL, NULL), 1);

	/* A repeat shows the payment as it stands by then. */
	assert_int_equal(fixture_settled(f, &first.id, 1), MP_OK);
	assert_int_equal(fixture_create(f, &f->bob, 3000, PAYMENT_FROM_WALLET, "k", &again), MP_OK);
	assert_int_equal(again.state, PAYMENT_SUCCEEDED);
}

static void who_cannot_be_paid_is_told_and_nothing_is_kept(void **state)
{
	struct fixture *f = *state;
	const struct mp_id stranger = mp_id_new(f->now_ms);
	struct payment p;
	struct payment_list list = {.user = f->ada, .state = PAYMENT_STATES, .limit = 10};

	assert_int_equal(
		fixture_create(f, &stranger, 3000, PAYMENT_FROM_WALLET, "k", &p), MP_NOT_FOUND);
	f->users_rc = MP_UNAVAILABLE;
	assert_int_equal(
		fixture_create(f, &f->bob, 3000, PAYMENT_FROM_WALLET, "k", &p), MP_UNAVAILABLE);
	assert_int_equal(payment_db_list(&f->app.db, &list, f->arena), MP_OK);
	assert_int_equal(list.count, 0);

	/* The refusal was not kept under the key. */
	f->users_rc = MP_OK;
	assert_int_equal(fixture_create(f, &f->bob, 3000, PAYMENT_FROM_WALLET, "k", &p), MP_OK);
}

static void what_the_provider_does_not_charge_is_refused(void **state)
{
	struct fixture *f = *state;
	struct payment p;

	assert_int_equal(fixture_create(f, NULL, 49, PAYMENT_FROM_CARD, "a", &p), MP_INVALID);
	assert_int_equal(fixture_create(f, &f->bob, 49, PAYMENT_FROM_CARD, "b", &p), MP_INVALID);
	assert_int_equal(fixture_create(f, NULL, 50, PAYMENT_FROM_CARD, "c", &p), MP_OK);
	assert_int_equal(fixture_create(f, &f->bob, 1, PAYMENT_FROM_WALLET, "d", &p), MP_OK);
}

/* --- through the provider --- */

static void a_top_up_goes_through_the_provider_once(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 10000);

	assert_int_equal(p.state, PAYMENT_AWAITING_PROVIDER);
	assert_string_equal(p.checkout_url, "https://pay/cs_1");
	fixture_pay_at_page(f, &p.id, 1);
	assert_state(f, &p.id, PAYMENT_SETTLING);
	const struct mp_map *event = fixture_event(f, "payment.captured", &p.id);
	assert_attempt(event, 0);
	assert_string_equal(mp_map_get(event, "payment_intent")->as.text, "pi_1");
	assert_string_equal(mp_map_get(event, "captured_amount")->as.text, "100.00");
	assert_null(fixture_get(f, &p.id).checkout_url);

	/* The same webhook, another one about the same session, a re-drive: nothing new. */
	fixture_webhook(f, fixture_session(f, &p.id, 1), "checkout.session.completed");
	fixture_webhook(f, fixture_session(f, &p.id, 1), "checkout.session.expired");
	assert_false(fixture_redrive(f, &p.id).done);
	assert_int_equal(fixture_events(f, NULL, &p.id), 1);

	assert_int_equal(fixture_funded(f, &p.id, "pi_1"), MP_OK);
	assert_int_equal(fixture_funded(f, &p.id, "pi_1"), MP_OK);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
	assert_int_equal(fixture_rows(f, &p.id, true), 4);
	assert_true(fixture_redrive(f, &p.id).done);
}

static void by_card_the_whole_amount_is_charged_and_settled(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_CARD);

	assert_int_equal(fixture_session(f, &p.id, 1)->amount, 20000);
	fixture_pay_at_page(f, &p.id, 1);
	assert_attempt(fixture_event(f, "payment.captured", &p.id), 1);
	assert_int_equal(fixture_funded(f, &p.id, "pi_1"), MP_OK);
	assert_state(f, &p.id, PAYMENT_SETTLING); /* its bill decides */
	assert_int_equal(fixture_settled(f, &p.id, 1), MP_OK);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
}

static void with_too_little_the_rest_is_charged(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);

	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	assert_state(f, &p.id, PAYMENT_REQUIRES_FUNDING);
	assert_int_equal(f->provider.count, 0); /* the consumer waits for nobody */
	assert_int_equal(fixture_due(f, "session", &p.id), 1);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(fixture_session(f, &p.id, 2)->amount, 13000);
	assert_non_null(fixture_get(f, &p.id).checkout_url);

	fixture_pay_at_page(f, &p.id, 2);
	assert_attempt(fixture_event(f, "payment.captured", &p.id), 2);
	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK); /* late, of before */
	assert_state(f, &p.id, PAYMENT_SETTLING);

	/* The wallet was spent meanwhile: the bill asks again, for what is missing by then. */
	assert_int_equal(fixture_unfunded(f, &p.id, 2, 500), MP_OK);
	assert_int_equal(fixture_funded(f, &p.id, "pi_1"), MP_OK);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(fixture_session(f, &p.id, 3)->amount, 500);
	fixture_pay_at_page(f, &p.id, 3);
	assert_int_equal(fixture_settled(f, &p.id, 3), MP_OK);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
}

static void two_sessions_paid_are_two_fundings_and_one_settlement(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	struct mp_idempotency no_key = {.caller = f->ada.text};
	enum payment_problem problem;

	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(payment_retry(&f->app, &f->ada, &p.id, PAYMENT_FROM_CARD, &no_key,
				 f->now_ms, f->arena, &p, &problem),
		MP_OK);
	assert_string_equal(p.checkout_url, "https://pay/cs_2");
	assert_int_equal(fixture_session(f, &p.id, 3)->amount, 20000);

	/* Both pages stand open in two tabs, and both are paid before the older one is expired. */
	fixture_pay_at_page(f, &p.id, 2);
	assert_attempt(fixture_event(f, "payment.captured", &p.id), 3);
	fixture_pay_at_page(f, &p.id, 3);
	assert_int_equal(fixture_events(f, "payment.captured", &p.id), 2);
	assert_int_equal(fixture_get(f, &p.id).captures_unsettled, 2);
	assert_int_equal(fixture_settled(f, &p.id, 3), MP_OK);
	assert_false(fixture_redrive(f, &p.id).done); /* until both are in the wallet */
	assert_int_equal(fixture_funded(f, &p.id, "pi_1"), MP_OK);
	assert_int_equal(fixture_funded(f, &p.id, "pi_2"), MP_OK);
	assert_true(fixture_redrive(f, &p.id).done);
}

static void a_settled_bill_closes_the_open_page(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);

	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(fixture_settled(f, &p.id, 1), MP_OK);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
	assert_null(fixture_get(f, &p.id).checkout_url);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(fixture_session(f, &p.id, 2)->status, STRIPE_EXPIRED);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
}

static void other_figures_than_ours_are_for_a_person_to_look_at(void **state)
{
	struct fixture *f = *state;
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_MISMATCH]);
	struct payment p[3];

	for (int i = 0; i < 3; i++) {
		p[i] = fixture_top_up(f, 10000);
		struct fake_session *s = fixture_session(f, &p[i].id, 1);
		s->amount += i == 0;
		s->livemode = i == 1;
		memcpy(s->currency, i == 2 ? "EUR" : "USD", 4);
		fixture_pay_at_page(f, &p[i].id, 1);
		assert_state(f, &p[i].id, PAYMENT_REVIEW);
	}
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_MISMATCH]) - alarms, 3);
	assert_int_equal(fixture_events(f, NULL, NULL), 0); /* nothing is credited */

	/* Looked into again, after a crash before the alarm. */
	(void)fixture_webhook(f, fixture_session(f, &p[0].id, 1), "checkout.session.completed");
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_MISMATCH]) - alarms, 4);
	assert_int_equal(fixture_events(f, NULL, NULL), 0);
}

static void once_its_money_is_refunded_by_hand_it_is_closed(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 10000, PAYMENT_FROM_CARD);
	struct payment out;

	assert_int_equal(payment_close(&f->app, &p.id, f->now_ms, f->arena, &out), MP_CONFLICT);
	fixture_session(f, &p.id, 1)->amount++;
	fixture_pay_at_page(f, &p.id, 1);
	assert_state(f, &p.id, PAYMENT_REVIEW);
	assert_int_equal(payment_close(&f->app, &p.id, f->now_ms, f->arena, &out), MP_OK);
	assert_int_equal(out.state, PAYMENT_CLOSING);
	assert_int_equal(fixture_events(f, "payment.failed", &p.id), 1);
	assert_int_equal(fixture_events(f, NULL, &p.id), 1);
	assert_int_equal(fixture_voided(f, &p.id), MP_OK);
	assert_state(f, &p.id, PAYMENT_FAILED);
	assert_int_equal(payment_close(&f->app, &p.id, f->now_ms, f->arena, &out), MP_CONFLICT);
}

static void money_that_is_on_its_way_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 10000);
	struct fake_session *s = fixture_session(f, &p.id, 1);
	enum payment_problem problem;

	s->status = STRIPE_COMPLETE;
	assert_true(fixture_webhook(f, s, "checkout.session.completed").done);
	assert_state(f, &p.id, PAYMENT_AWAITING_PROVIDER);
	assert_null(fixture_get(f, &p.id).checkout_url);
	assert_int_equal(payment_cancel(&f->app, &f->ada, &p.id, f->now_ms, f->arena, &p, &problem),
		MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_SETTLING);
	assert_false(fixture_redrive(f, &p.id).done); /* asks, and waits on */
	assert_state(f, &p.id, PAYMENT_AWAITING_PROVIDER);

	struct payment q = fixture_top_up(f, 10000);
	struct fake_session *t = fixture_session(f, &q.id, 1);
	t->status = STRIPE_COMPLETE;
	assert_true(fixture_webhook(f, t, "checkout.session.completed").done);
	assert_true(fixture_webhook(f, t, "checkout.session.async_payment_failed").done);
	assert_state(f, &q.id, PAYMENT_FAILED);

	s->paid = true;
	assert_true(fixture_webhook(f, s, "checkout.session.async_payment_succeeded").done);
	assert_state(f, &p.id, PAYMENT_SETTLING);
}

static void events_of_others_are_done_with(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 10000);
	struct fake_session *s = fixture_session(f, &p.id, 1);
	int64_t foreign = mp_metric_value(f->app.events_foreign);

	s->payment_id = mp_id_new(f->now_ms); /* ours by form, but never made here */
	s->status = STRIPE_COMPLETE;
	s->paid = true;
	assert_true(fixture_webhook(f, s, "checkout.session.completed").done);
	assert_int_equal(mp_metric_value(f->app.events_foreign) - foreign, 1);
	int calls = f->provider.calls;
	assert_true(fixture_webhook(f, s, "charge.succeeded").done); /* not looked into */
	assert_int_equal(f->provider.calls, calls);
	assert_state(f, &p.id, PAYMENT_AWAITING_PROVIDER);
}

static void a_declined_card_is_told_and_the_page_stays(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 10000);
	struct fake_session *s = fixture_session(f, &p.id, 1);
	size_t rows = fixture_rows(f, &p.id, true);

	assert_true(fixture_webhook(f, s, "payment_intent.payment_failed").done);
	assert_true(fixture_webhook(f, s, "payment_intent.payment_failed").done); /* another */
	assert_int_equal(fixture_rows(f, &p.id, true), rows + 2);
	assert_state(f, &p.id, PAYMENT_AWAITING_PROVIDER);
	assert_non_null(fixture_get(f, &p.id).checkout_url);
	fixture_pay_at_page(f, &p.id, 1);
	assert_state(f, &p.id, PAYMENT_SETTLING);
	assert_true(fixture_webhook(f, s, "payment_intent.payment_failed").done); /* late */
	assert_int_equal(fixture_rows(f, &p.id, true), rows + 3);
}

/* --- what does not come, or comes late --- */

static void a_lost_answer_opens_no_second_page(void **state)
{
	struct fixture *f = *state;

	f->provider.trouble = TROUBLE_LOST;
	f->provider.trouble_calls = 1;
	struct payment p = fixture_top_up(f, 10000);
	assert_int_equal(p.state, PAYMENT_CREATED);
	assert_null(p.checkout_url);
	assert_int_equal(fixture_due(f, "session", &p.id), 0); /* the request was to open it */
	f->now_ms += 8000;
	assert_int_equal(fixture_due(f, "session", &p.id), 1);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(f->provider.count, 1);
	assert_string_equal(fixture_get(f, &p.id).checkout_url, "https://pay/cs_1");
}

static void a_page_paid_before_its_answer_is_known_counts(void **state)
{
	struct fixture *f = *state;

	f->provider.trouble = TROUBLE_LOST;
	f->provider.trouble_calls = 1;
	struct payment p = fixture_top_up(f, 10000);
	fixture_pay_at_page(f, &p.id, 1);
	assert_state(f, &p.id, PAYMENT_SETTLING);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(fixture_events(f, "payment.captured", &p.id), 1);
}

static void while_the_provider_is_down_the_payment_waits(void **state)
{
	struct fixture *f = *state;

	f->provider.trouble = TROUBLE_DOWN;
	f->provider.trouble_calls = 3;
	struct payment p = fixture_top_up(f, 10000);
	assert_int_equal(p.state, PAYMENT_CREATED);
	struct mp_due_result again = fixture_align(f, &p.id);
	assert_false(again.done);
	assert_true(again.again_at_ms > f->now_ms);
	assert_false(fixture_redrive(f, &p.id).done);
	assert_true(fixture_align(f, &p.id).done);
	assert_state(f, &p.id, PAYMENT_AWAITING_PROVIDER);

	/* Not open in time: it ends, and says why. */
	f->provider.trouble_calls = 1;
	struct payment q = fixture_top_up(f, 10000);
	f->now_ms += 1900 * 1000;
	assert_true(fixture_align(f, &q.id).done);
	assert_state(f, &q.id, PAYMENT_EXPIRED);
	assert_int_equal(fixture_events(f, "payment.expired", &q.id), 1);
}

static void what_the_provider_refuses_fails_with_its_reason(void **state)
{
	struct fixture *f = *state;

	f->provider.trouble = TROUBLE_REFUSED;
	f->provider.trouble_calls = 2;
	struct payment p = fixture_top_up(f, 10000);
	assert_int_equal(p.state, PAYMENT_FAILED);
	assert_string_equal(p.reason, "The payment provider refused: Amount too large.");

	struct payment q = fixture_pay(f, 10000, PAYMENT_FROM_CARD);
	assert_int_equal(q.state, PAYMENT_CLOSING); /* until its bill is void */
	assert_int_equal(fixture_events(f, "payment.failed", &q.id), 1);
	assert_int_equal(fixture_voided(f, &q.id), MP_OK);
	assert_state(f, &q.id, PAYMENT_FAILED);
}

static void a_webhook_before_its_time_is_read_again(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 10000);
	struct mp_due_result again =
		fixture_webhook(f, fixture_session(f, &p.id, 1), "checkout.session.completed");

	assert_false(again.done);
	assert_true(again.again_at_ms > f->now_ms);
	f->provider.trouble = TROUBLE_DOWN;
	f->provider.trouble_calls = 1;
	assert_false(
		fixture_webhook(f, fixture_session(f, &p.id, 1), "checkout.session.expired").done);
}

/* --- retry and cancel --- */

static enum mp_rc cancel(struct fixture *f, const struct mp_id *id, struct payment *out,
	enum payment_problem *problem)
{
	*problem = PROBLEM_NONE;
	return payment_cancel(&f->app, &f->ada, id, f->now_ms, f->arena, out, problem);
}

static void canceling_ends_the_page_first_and_then_the_bill(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_CARD);
	enum payment_problem problem;

	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_OK);
	assert_int_equal(p.state, PAYMENT_CLOSING);
	assert_false(p.cancel_wanted);
	assert_int_equal(fixture_session(f, &p.id, 1)->status, STRIPE_EXPIRED);
	assert_int_equal(fixture_events(f, "payment.canceled", &p.id), 1);
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_OK); /* again: as it stands */
	assert_false(fixture_redrive(f, &p.id).done);		 /* until billing answers */
	assert_int_equal(fixture_events(f, "payment.canceled", &p.id), 1);
	assert_int_equal(fixture_voided(f, &p.id), MP_OK);
	assert_state(f, &p.id, PAYMENT_CANCELED);
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_OK);

	struct payment q = fixture_top_up(f, 10000);
	assert_int_equal(cancel(f, &q.id, &q, &problem), MP_OK);
	assert_int_equal(q.state, PAYMENT_CANCELED); /* no bill: at once */
}

static void the_money_may_be_faster_than_the_cancel(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_CARD);
	enum payment_problem problem;

	fixture_session(f, &p.id, 1)->status = STRIPE_COMPLETE;
	fixture_session(f, &p.id, 1)->paid = true;
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_SETTLING);
	assert_state(f, &p.id, PAYMENT_SETTLING);
	assert_int_equal(fixture_events(f, "payment.captured", &p.id), 1);
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_CONFLICT);
	assert_int_equal(fixture_settled(f, &p.id, 1), MP_OK);
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_NOT_CANCELABLE);
}

static void a_cancel_is_kept_while_the_provider_is_down(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_top_up(f, 10000);
	struct payment q = fixture_top_up(f, 10000);
	enum payment_problem problem;

	f->provider.trouble = TROUBLE_DOWN;
	f->provider.trouble_calls = 1;
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_OK);
	assert_true(p.cancel_wanted);
	assert_null(p.checkout_url);
	assert_true(fixture_align(f, &p.id).done);
	assert_state(f, &p.id, PAYMENT_CANCELED);

	/* The provider did it, its answer was lost, and its webhook tells of an expiry. */
	f->provider.trouble = TROUBLE_LOST;
	f->provider.trouble_calls = 1;
	assert_int_equal(cancel(f, &q.id, &q, &problem), MP_OK);
	assert_true(q.cancel_wanted);
	assert_true(
		fixture_webhook(f, fixture_session(f, &q.id, 1), "checkout.session.expired").done);
	assert_state(f, &q.id, PAYMENT_CANCELED);
}

static void canceling_before_the_page_is_open_asks_nobody(void **state)
{
	struct fixture *f = *state;
	enum payment_problem problem;

	f->provider.trouble = TROUBLE_LOST;
	f->provider.trouble_calls = 1;
	struct payment p = fixture_top_up(f, 10000);
	int calls = f->provider.calls;
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_OK);
	assert_int_equal(p.state, PAYMENT_CANCELED);
	assert_int_equal(f->provider.calls, calls);

	/* Whoever pays at that page all the same gets the money into the wallet, and told so. */
	fixture_pay_at_page(f, &p.id, 1);
	assert_state(f, &p.id, PAYMENT_CANCELED);
	assert_attempt(fixture_event(f, "payment.captured", &p.id), 0);
	assert_false(fixture_redrive(f, &p.id).done);
	assert_int_equal(fixture_funded(f, &p.id, "pi_1"), MP_OK);
	assert_state(f, &p.id, PAYMENT_CANCELED);
	assert_true(fixture_redrive(f, &p.id).done);
}

static void a_bill_settled_while_closing_wins(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_CARD);
	enum payment_problem problem;

	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_OK);
	assert_int_equal(fixture_settled(f, &p.id, 1), MP_OK);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
	assert_null(fixture_get(f, &p.id).reason);
	assert_int_equal(fixture_voided(f, &p.id), MP_OK);
	assert_state(f, &p.id, PAYMENT_SUCCEEDED);
}

/* With a key that was never used. */
static void retry_anew(struct fixture *f, const struct mp_id *id, enum payment_source source)
{
	struct mp_id name = mp_id_new(f->now_ms);
	struct mp_idempotency key = {.caller = f->ada.text, .key = name.text};
	enum payment_problem problem;
	struct payment after;

	mp_sha256_hex("", 0, key.digest);
	assert_int_equal(payment_retry(&f->app, &f->ada, id, source, &key, f->now_ms, f->arena,
				 &after, &problem),
		MP_OK);
}

static enum payment_problem refused_retry(
	struct fixture *f, const struct mp_id *id, enum payment_source source, enum mp_rc expected)
{
	struct mp_idempotency key = {.caller = f->ada.text, .key = "refused"};
	enum payment_problem problem = PROBLEM_NONE;
	struct payment after;

	mp_sha256_hex("", 0, key.digest);
	assert_int_equal(payment_retry(&f->app, &f->ada, id, source, &key, f->now_ms, f->arena,
				 &after, &problem),
		expected);
	return problem;
}

/* What a payer is told of a payment is true of it. */
static void a_refused_retry_has_its_own_cause(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20, PAYMENT_FROM_WALLET); /* 0.20 USD */
	enum payment_problem problem;

	assert_int_equal(fixture_unfunded(f, &p.id, 1, 20), MP_OK);
	assert_int_equal(
		fixture_get(f, &p.id).checkout_minor, 50); /* what is missing, rounded up */
	assert_int_equal(
		refused_retry(f, &p.id, PAYMENT_FROM_CARD, MP_INVALID), PROBLEM_NOT_CHARGEABLE);
	assert_int_equal(fixture_get(f, &p.id).attempt, 2);

	f->provider.trouble = TROUBLE_DOWN;
	f->provider.trouble_calls = 1000;
	p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	for (int attempt = 3; attempt <= PAYMENT_ATTEMPTS_MAX; attempt++)
		retry_anew(f, &p.id, PAYMENT_FROM_CARD);
	assert_state(f, &p.id, PAYMENT_REQUIRES_FUNDING);
	assert_int_equal(
		refused_retry(f, &p.id, PAYMENT_FROM_WALLET, MP_CONFLICT), PROBLEM_TRIED_TOO_OFTEN);

	f->provider.trouble_calls = 0;
	assert_true(fixture_align(f, &p.id).done);
	f->provider.trouble_calls = 1;
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_OK);
	assert_int_equal(
		refused_retry(f, &p.id, PAYMENT_FROM_WALLET, MP_CONFLICT), PROBLEM_BEING_CANCELED);
}

static void an_order_that_was_tried_too_often_ends_as_that(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);

	f->provider.trouble = TROUBLE_DOWN;
	f->provider.trouble_calls = 1000;
	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	for (int attempt = 3; attempt < PAYMENT_ATTEMPTS_MAX; attempt++)
		retry_anew(f, &p.id, PAYMENT_FROM_CARD);
	retry_anew(f, &p.id, PAYMENT_FROM_WALLET);
	assert_int_equal(fixture_unfunded(f, &p.id, PAYMENT_ATTEMPTS_MAX, 13000), MP_OK);
	assert_state(f, &p.id, PAYMENT_CLOSING);
	assert_string_equal(fixture_get(f, &p.id).reason, "It was tried too often");
}

static void a_refused_cancel_has_its_own_cause(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_CARD);
	struct payment q = fixture_pay(f, 20000, PAYMENT_FROM_CARD);
	enum payment_problem problem;

	fixture_session(f, &p.id, 1)->status = STRIPE_EXPIRED;
	(void)fixture_webhook(f, fixture_session(f, &p.id, 1), "checkout.session.expired");
	assert_state(f, &p.id, PAYMENT_CLOSING);
	assert_int_equal(cancel(f, &p.id, &p, &problem), MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_ENDING);

	fixture_session(f, &q.id, 1)->amount = 1; /* not what we asked for */
	fixture_pay_at_page(f, &q.id, 1);
	assert_state(f, &q.id, PAYMENT_REVIEW);
	assert_int_equal(cancel(f, &q.id, &q, &problem), MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_IN_REVIEW);
}

static void retrying_is_the_payers_and_only_when_funding_is_required(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	struct mp_idempotency key = {.caller = f->ada.text, .key = "again"};
	struct payment after;
	enum payment_problem problem = PROBLEM_NONE;

	mp_sha256_hex("", 0, key.digest);
	assert_int_equal(payment_retry(&f->app, &f->ada, &p.id, PAYMENT_FROM_WALLET, &key,
				 f->now_ms, f->arena, &after, &problem),
		MP_CONFLICT);
	assert_int_equal(problem, PROBLEM_NOT_RETRYABLE);
	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(payment_retry(&f->app, &f->bob, &p.id, PAYMENT_FROM_WALLET, &key,
				 f->now_ms, f->arena, &after, &problem),
		MP_FORBIDDEN);
	for (int i = 0; i < 2; i++) { /* the second time by the key */
		assert_int_equal(payment_retry(&f->app, &f->ada, &p.id, PAYMENT_FROM_WALLET, &key,
					 f->now_ms, f->arena, &after, &problem),
			MP_OK);
		assert_int_equal(after.state, PAYMENT_SETTLING);
		assert_int_equal(after.attempt, 3);
	}
	assert_int_equal(fixture_events(f, "payment.requested", &p.id), 2);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(fixture_session(f, &p.id, 2)->status, STRIPE_EXPIRED);
	assert_state(f, &p.id, PAYMENT_SETTLING);
}

/* --- reading --- */

static void strangers_see_nothing_and_payees_not_the_payers_trouble(void **state)
{
	struct fixture *f = *state;
	const struct mp_id stranger = mp_id_new(f->now_ms);
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	struct payment out;

	assert_int_equal(payment_read(&f->app, &stranger, &p.id, f->arena, &out), MP_NOT_FOUND);
	assert_int_equal(payment_read(&f->app, &f->bob, &p.id, f->arena, &out), MP_OK);
	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	assert_int_equal(fixture_settled(f, &p.id, 1), MP_OK);
	assert_int_equal(fixture_rows(f, &p.id, true), 3);
	assert_int_equal(fixture_rows(f, &p.id, false), 2);
}

static void lists_are_newest_first_filtered_and_paged(void **state)
{
	struct fixture *f = *state;
	struct mp_id ids[7];
	struct payment_list list = {
		.user = f->ada, .role = PAYMENT_ROLE_PAYER, .state = PAYMENT_SETTLING, .limit = 2};
	size_t seen = 0;

	for (int i = 0; i < 7; i++) {
		f->now_ms++;
		ids[i] = fixture_pay(f, 1000 + i, PAYMENT_FROM_WALLET).id;
	}
	assert_int_equal(fixture_settled(f, &ids[3], 1), MP_OK);
	do {
		assert_int_equal(payment_db_list(&f->app.db, &list, f->arena), MP_OK);
		for (size_t i = 0; i < list.count; i++) {
			size_t expected = 6 - seen - (seen >= 3 ? 1 : 0);
			assert_string_equal(list.payments[i].id.text, ids[expected].text);
			seen++;
		}
		list.after = list.next;
	} while (list.next != NULL);
	assert_int_equal(seen, 6);

	list = (struct payment_list){
		.user = f->bob, .role = PAYMENT_ROLE_PAYER, .state = PAYMENT_STATES, .limit = 10};
	assert_int_equal(payment_db_list(&f->app.db, &list, f->arena), MP_OK);
	assert_int_equal(list.count, 0);
	list.role = PAYMENT_ROLE_PAYEE;
	assert_int_equal(payment_db_list(&f->app.db, &list, f->arena), MP_OK);
	assert_int_equal(list.count, 7);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(from_the_wallet_billing_is_asked_once),
		CASE(a_key_makes_one_payment),
		CASE(who_cannot_be_paid_is_told_and_nothing_is_kept),
		CASE(what_the_provider_does_not_charge_is_refused),
		CASE(a_top_up_goes_through_the_provider_once),
		CASE(by_card_the_whole_amount_is_charged_and_settled),
		CASE(with_too_little_the_rest_is_charged),
		CASE(two_sessions_paid_are_two_fundings_and_one_settlement),
		CASE(a_settled_bill_closes_the_open_page),
		CASE(other_figures_than_ours_are_for_a_person_to_look_at),
		CASE(once_its_money_is_refunded_by_hand_it_is_closed),
		CASE(money_that_is_on_its_way_is_waited_for),
		CASE(events_of_others_are_done_with),
		CASE(a_declined_card_is_told_and_the_page_stays),
		CASE(a_lost_answer_opens_no_second_page),
		CASE(a_page_paid_before_its_answer_is_known_counts),
		CASE(while_the_provider_is_down_the_payment_waits),
		CASE(what_the_provider_refuses_fails_with_its_reason),
		CASE(a_webhook_before_its_time_is_read_again),
		CASE(canceling_ends_the_page_first_and_then_the_bill),
		CASE(the_money_may_be_faster_than_the_cancel),
		CASE(a_cancel_is_kept_while_the_provider_is_down),
		CASE(canceling_before_the_page_is_open_asks_nobody),
		CASE(a_bill_settled_while_closing_wins),
		CASE(a_refused_retry_has_its_own_cause),
		CASE(an_order_that_was_tried_too_often_ends_as_that),
		CASE(a_refused_cancel_has_its_own_cause),
		CASE(retrying_is_the_payers_and_only_when_funding_is_required),
		CASE(strangers_see_nothing_and_payees_not_the_payers_trouble),
		CASE(lists_are_newest_first_filtered_and_paged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
