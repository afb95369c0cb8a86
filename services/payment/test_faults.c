#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/testing_alloc.h"
#include "base/text.h"
#include "store/testing.h"
#include "test_fixture.h"

/*
 * Crashes between any two steps, answers that are lost, and everybody at once: each thing is
 * repeated until it is done, as clients, brokers, the provider and workers do, and has happened
 * once.
 */

#define TRIES_MAX 6

/* --- a whole journey, with the nth write failing --- */

struct journey {
	struct fixture *f;
	bool hit; /* something had to be repeated */
};

static bool repeat(struct journey *j, enum mp_rc rc, int try)
{
	if (rc == MP_OK)
		return false;
	j->hit = true;
	assert_true(mp_rc_is_transient(rc));
	assert_true(try + 1 < TRIES_MAX);
	return true;
}

static struct mp_id create(struct journey *j, const char *key)
{
	struct payment payment;

	for (int i = 0; repeat(j,
		     fixture_create(j->f, &j->f->bob, 20000, PAYMENT_FROM_WALLET, key, &payment),
		     i);
		i++)
		continue;
	return payment.id;
}

static void align(struct journey *j, const struct mp_id *id)
{
	for (int i = 0; !fixture_align(j->f, id).done; i++) {
		j->hit = true;
		assert_true(i < TRIES_MAX);
	}
}

/* The provider repeats a webhook that was not answered well, with the same event id. */
static void webhook(struct journey *j, const struct mp_id *id, int nth)
{
	const struct fake_session *session = fixture_session(j->f, id, 2);
	struct fixture *f = j->f;
	char event_id[32];
	struct provider_event event = {
		.provider_id = event_id,
		.type = "checkout.session.completed",
		.object_id = session->id,
		.created_at_s = f->now_ms / 1000,
		.received_at_ms = f->now_ms,
	};

	assert_int_equal(mp_text_format(event_id, sizeof(event_id), "evt_%d", nth), MP_OK);
	for (int i = 0; repeat(j, provider_event_keep(&f->app, &event, f->arena), i); i++)
		event.done = false;
	struct mp_id row = mp_id_derive_text(event.created_at_s * 1000, "provider_event", event_id);
	for (int i = 0; !provider_event_due(&f->app, f->arena, &row, i, f->now_ms).done; i++) {
		j->hit = true;
		assert_true(i < TRIES_MAX);
	}
}

/* Both answers of billing in one batch, given again until both are taken. */
static void answers(struct journey *j, const struct mp_id *id, const char *intent)
{
	struct fixture *f = j->f;

	for (int i = 0; i < TRIES_MAX; i++) {
		struct payment_notice notices[] = {
			{.payment_id = *id,
				.input = {.kind = INPUT_FUNDING_SETTLED,
					.payment_intent = intent,
					.at_ms = f->now_ms}},
			{.payment_id = *id,
				.input = {.kind = INPUT_BILL_SETTLED,
					.attempt = 2,
					.text = "INV-1",
					.at_ms = f->now_ms}},
		};
		payment_take_notices(&f->app, notices, 2, f->now_ms, f->arena);
		if (!repeat(j, notices[0].rc, i) && !repeat(j, notices[1].rc, i))
			return;
	}
	fail_msg("billing is never heard");
}

static void go(struct journey *j, int nth)
{
	struct fixture *f = j->f;
	char key[32];

	assert_int_equal(mp_text_format(key, sizeof(key), "journey-%d", nth), MP_OK);
	struct mp_id id = create(j, key);
	for (int i = 0; repeat(j, fixture_unfunded(f, &id, 1, 13000), i); i++)
		continue;
	align(j, &id);
	struct fake_session *session = fixture_session(f, &id, 2);
	assert_non_null(session);
	session->status = STRIPE_COMPLETE;
	session->paid = true;
	webhook(j, &id, nth);
	for (int i = 0; i < 2; i++) /* standing still, once or twice */
		(void)fixture_redrive(f, &id);
	answers(j, &id, session->intent);
	align(j, &id);
	for (int i = 0; !fixture_redrive(f, &id).done; i++)
		assert_true(i < TRIES_MAX);

	assert_int_equal(fixture_get(f, &id).state, PAYMENT_SUCCEEDED);
	assert_int_equal(fixture_get(f, &id).captures_unsettled, 0);
	assert_int_equal(fixture_events(f, "payment.requested", &id), 1);
	assert_int_equal(fixture_events(f, "payment.captured", &id), 1);
	assert_int_equal(fixture_events(f, NULL, &id), 2);
	assert_int_equal(fixture_rows(f, &id, true), 6);
	assert_int_equal(f->provider.count, nth + 1); /* one session for each journey */
}

static void whichever_write_fails_all_happens_once(void **state)
{
	struct fixture *f = *state;
	int nth = 0;

	for (int after = 0; after < 2; after++) {
		for (unsigned write = 1;; write++) {
			struct journey j = {.f = f};
			mp_fault_store_arm(f->store, write, after == 1);
			go(&j, nth++);
			mp_fault_store_arm(f->store, 0, false);
			if (!j.hit && write > 8)
				break; /* the journey has no so many writes */
			assert_true(write < 40);
		}
	}
	assert_true(nth > 16);
}

/* --- batches of billing's answers --- */

#define MANY 60

static void a_batch_for_many_payments_is_taken_whole_or_again(void **state)
{
	struct fixture *f = *state;
	struct payment_notice notices[MANY * 2];
	struct mp_id ids[MANY];

	for (int i = 0; i < MANY; i++)
		ids[i] = fixture_pay(f, 1000 + i, PAYMENT_FROM_WALLET).id;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY * 2; i++) /* each twice in the batch */
			notices[i] = (struct payment_notice){.payment_id = ids[i % MANY],
				.input = {.kind = INPUT_BILL_SETTLED,
					.attempt = 1,
					.text = "INV-1",
					.at_ms = f->now_ms}};
		mp_fault_store_arm(f->store, round < 2 ? 1 : 0, round == 1);
		payment_take_notices(&f->app, notices, MANY * 2, f->now_ms, f->arena);
		for (int i = 0; i < MANY * 2; i++) {
			enum mp_rc expected = round == 0   ? MP_UNAVAILABLE
					      : round == 1 ? MP_UNKNOWN
							   : MP_OK;
			assert_int_equal(notices[i].rc, expected);
		}
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(fixture_get(f, &ids[i]).state, PAYMENT_SUCCEEDED);
		assert_int_equal(fixture_rows(f, &ids[i], true), 2);
	}
}

static void unknown_payments_spoil_no_batch(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 1000, PAYMENT_FROM_WALLET);
	const struct payment_input settled = {
		.kind = INPUT_BILL_SETTLED, .attempt = 1, .text = "INV-1", .at_ms = f->now_ms};
	struct payment_notice notices[] = {
		{.payment_id = mp_id_new(f->now_ms), .input = settled},
		{.payment_id = p.id, .input = settled},
	};

	payment_take_notices(&f->app, notices, 2, f->now_ms, f->arena);
	assert_int_equal(notices[0].rc, MP_NOT_FOUND);
	assert_int_equal(notices[1].rc, MP_OK);
	assert_int_equal(fixture_get(f, &p.id).state, PAYMENT_SUCCEEDED);
}

static void two_fundings_of_one_payment_come_in_one_batch(void **state)
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
	fixture_pay_at_page(f, &p.id, 2);
	fixture_pay_at_page(f, &p.id, 3);
	struct payment_notice notices[] = {
		{.payment_id = p.id,
			.input = {.kind = INPUT_FUNDING_SETTLED, .payment_intent = "pi_1"}},
		{.payment_id = p.id,
			.input = {.kind = INPUT_FUNDING_SETTLED, .payment_intent = "pi_2"}},
		{.payment_id = p.id,
			.input = {.kind = INPUT_BILL_SETTLED, .attempt = 3, .text = "INV-1"}},
		{.payment_id = p.id,
			.input = {.kind = INPUT_FUNDING_SETTLED, .payment_intent = "pi_1"}},
	};
	payment_take_notices(&f->app, notices, 4, f->now_ms, f->arena);
	for (int i = 0; i < 4; i++)
		assert_int_equal(notices[i].rc, MP_OK);
	assert_int_equal(fixture_get(f, &p.id).state, PAYMENT_SUCCEEDED);
	assert_int_equal(fixture_get(f, &p.id).captures_unsettled, 0);
}

/* --- everybody at once --- */

#define THREADS 8
#define CROWDS 12

struct someone {
	struct fixture *f;
	struct mp_arena *arena;
	struct mp_id id;
	int part;
	char key[32];
	enum mp_rc rc;
	pthread_t thread;
};

static void *create_twin(void *arg)
{
	struct someone *me = arg;
	struct payment payment;

	me->rc = fixture_create_in(
		me->f, me->arena, NULL, 10000, PAYMENT_FROM_CARD, me->key, &payment);
	me->id = payment.id;
	return NULL;
}

/* The payer cancels and pays in two tabs, webhooks come twice, workers align and re-drive. */
static void *meddle(void *arg)
{
	struct someone *me = arg;
	struct payment_app *app = &me->f->app;
	int64_t now_ms = me->f->now_ms;
	struct payment out;
	enum payment_problem problem;
	struct fake_session *session = fixture_session(me->f, &me->id, 1);

	switch (me->part % 4) {
	case 0:
		me->rc = payment_cancel(
			app, &me->f->ada, &me->id, now_ms, me->arena, &out, &problem);
		break;
	case 1:
		pthread_mutex_lock(&me->f->provider.lock);
		if (session->status == STRIPE_OPEN) {
			session->status = STRIPE_COMPLETE;
			session->paid = true;
		}
		pthread_mutex_unlock(&me->f->provider.lock);
		(void)payment_redrive_due(app, me->arena, &me->id, 0, now_ms);
		break;
	case 2:
		(void)provider_sessions_due(app, me->arena, &me->id, 0, now_ms);
		break;
	default:
		(void)payment_redrive_due(app, me->arena, &me->id, 0, now_ms);
		break;
	}
	return NULL;
}

static void crowd(struct someone *people, void *(*run)(void *))
{
	for (int i = 0; i < THREADS; i++) {
		people[i].arena = mp_arena_new(8u << 20);
		assert_non_null(people[i].arena);
		assert_int_equal(pthread_create(&people[i].thread, NULL, run, &people[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(people[i].thread, NULL), 0);
		mp_arena_free(people[i].arena);
	}
}

static void twins_of_one_key_make_one_payment(void **state)
{
	struct fixture *f = *state;

	for (int n = 0; n < CROWDS; n++) {
		struct someone people[THREADS];
		for (int i = 0; i < THREADS; i++) {
			people[i] = (struct someone){.f = f};
			assert_int_equal(
				mp_text_format(people[i].key, sizeof(people[i].key), "twin-%d", n),
				MP_OK);
		}
		crowd(people, create_twin);
		for (int i = 0; i < THREADS; i++) {
			assert_int_equal(people[i].rc, MP_OK);
			assert_string_equal(people[i].id.text, people[0].id.text);
		}
		assert_int_equal(f->provider.count, n + 1);
	}
}

static void *retry_twin(void *arg)
{
	struct someone *me = arg;
	struct mp_idempotency key = {.caller = me->f->ada.text, .key = me->key};
	enum payment_problem problem;
	struct payment out;

	mp_sha256_hex("", 0, key.digest);
	me->rc = payment_retry(&me->f->app, &me->f->ada, &me->id, PAYMENT_FROM_WALLET, &key,
		me->f->now_ms, me->arena, &out, &problem);
	return NULL;
}

static void twins_of_one_retry_all_hear_that_it_was_done(void **state)
{
	struct fixture *f = *state;

	for (int n = 0; n < CROWDS; n++) {
		struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
		struct someone people[THREADS];
		assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
		for (int i = 0; i < THREADS; i++) {
			people[i] = (struct someone){.f = f, .id = p.id};
			assert_int_equal(
				mp_text_format(people[i].key, sizeof(people[i].key), "retry-%d", n),
				MP_OK);
		}
		crowd(people, retry_twin);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(people[i].rc, MP_OK);
		assert_int_equal(fixture_get(f, &p.id).attempt, 3);
		assert_state(f, &p.id, PAYMENT_SETTLING);
	}
}

static void whoever_is_first_the_money_is_counted_once(void **state)
{
	struct fixture *f = *state;

	for (int n = 0; n < CROWDS; n++) {
		struct payment p = fixture_top_up(f, 10000);
		struct someone people[THREADS];
		for (int i = 0; i < THREADS; i++)
			people[i] = (struct someone){.f = f, .id = p.id, .part = i + n};
		crowd(people, meddle);
		(void)fixture_align(f, &p.id);
		(void)fixture_redrive(f, &p.id);

		const struct fake_session *session = fixture_session(f, &p.id, 1);
		enum payment_state seen = fixture_get(f, &p.id).state;
		bool paid = session->paid;
		assert_int_not_equal(session->status, STRIPE_OPEN);
		assert_int_equal(seen, paid ? PAYMENT_SETTLING : PAYMENT_CANCELED);
		assert_int_equal(fixture_events(f, "payment.captured", &p.id), paid ? 1 : 0);
		assert_int_equal(fixture_events(f, "payment.canceled", &p.id), paid ? 0 : 1);
		(void)fixture_rows(f, &p.id, true);
	}
}

struct other_tab {
	struct fixture *f;
	struct mp_id id;
};

static void retry_by_card(void *ctx)
{
	const struct other_tab *tab = ctx;
	struct fixture *f = tab->f;
	struct mp_idempotency no_key = {.caller = f->ada.text};
	enum payment_problem problem;
	struct payment out;

	f->provider.trouble = TROUBLE_DOWN; /* so that its page is still wanted */
	f->provider.trouble_calls = 1;
	assert_int_equal(payment_retry(&f->app, &f->ada, &tab->id, PAYMENT_FROM_CARD, &no_key,
				 f->now_ms, f->arena, &out, &problem),
		MP_OK);
}

static void a_page_that_is_wanted_while_a_worker_aligns_is_opened(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 20000, PAYMENT_FROM_WALLET);
	struct other_tab tab = {f, p.id};

	assert_int_equal(fixture_unfunded(f, &p.id, 1, 13000), MP_OK);
	assert_true(fixture_align(f, &p.id).done);
	/* Between the reads of the record and of its attempts. */
	mp_fault_store_before_query(f->store, retry_by_card, &tab);
	assert_true(fixture_align(f, &p.id).done);
	assert_int_equal(fixture_get(f, &p.id).attempt, 3);
	assert_int_equal(fixture_get(f, &p.id).state, PAYMENT_REQUIRES_FUNDING);
	assert_true(fixture_align(f, &p.id).done);
	assert_string_equal(fixture_get(f, &p.id).checkout_url, "https://pay/cs_2");
	assert_int_equal(fixture_session(f, &p.id, 2)->status, STRIPE_EXPIRED);
}

/* Allocations fail from the nth on; then the client asks again, with the same key. */
static void without_memory_one_key_makes_one_payment_all_the_same(void **state)
{
	struct fixture *f = *state;
	enum mp_rc rc = MP_NOMEM;
	long payments = 0;

	for (; rc != MP_OK; payments++) {
		struct mp_arena *arena = mp_arena_new(16 << 20);
		struct payment first;
		struct payment again;
		char key[32];

		assert_non_null(arena);
		assert_int_equal(mp_text_format(key, sizeof(key), "memory-%ld", payments), MP_OK);
		mp_alloc_fail_after(payments);
		rc = fixture_create_in(f, arena, &f->bob, 20000, PAYMENT_FROM_WALLET, key, &first);
		mp_alloc_fail_never();
		assert_true(rc == MP_OK || mp_rc_is_transient(rc));
		assert_int_equal(
			fixture_create(f, &f->bob, 20000, PAYMENT_FROM_WALLET, key, &again), MP_OK);
		assert_int_equal(fixture_events(f, "payment.requested", &again.id), 1);
		assert_int_equal(fixture_rows(f, &again.id, true), 1);
		mp_arena_free(arena);
	}
	assert_true(payments > 3);
	assert_int_equal(fixture_events(f, "payment.requested", NULL), payments);
}

/* --- a person has to look --- */

static void an_alarm_whose_commit_was_not_answered_is_raised(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 5000, PAYMENT_FROM_WALLET);
	int64_t alarms = mp_metric_value(f->app.alarms[ALARM_UNANSWERED]);

	f->now_ms += 10 * f->app.rules.redrives_max * f->app.rules.redrive_ms;
	mp_fault_store_arm(f->store, 1, true);
	(void)payment_redrive_due(&f->app, f->arena, &p.id, f->app.rules.redrives_max, f->now_ms);
	assert_int_equal(fixture_get(f, &p.id).state, PAYMENT_REVIEW);
	assert_int_equal(mp_metric_value(f->app.alarms[ALARM_UNANSWERED]) - alarms, 1);
}

/* --- events that were lost --- */

static size_t tell_again(struct fixture *f, const struct mp_id *user, int64_t from_ms)
{
	const char *cursor = NULL;
	size_t count = 0;

	do {
		size_t told = 0;

		assert_int_equal(payment_tell_again(
					 &f->app, f->arena, user, from_ms, cursor, &told, &cursor),
			MP_OK);
		count += told;
	} while (cursor != NULL);
	return count;
}

static void endings_are_told_again_under_their_ids(void **state)
{
	struct fixture *f = *state;
	struct payment expired = fixture_pay(f, 10000, PAYMENT_FROM_CARD);
	struct payment open = fixture_top_up(f, 10000);

	fixture_session(f, &expired.id, 1)->status = STRIPE_EXPIRED;
	(void)fixture_redrive(f, &expired.id);
	assert_int_equal(fixture_voided(f, &expired.id), MP_OK);
	assert_int_equal(tell_again(f, &f->ada, 0), 1);
	assert_int_equal(fixture_events(f, "payment.expired", &expired.id), 1); /* as it was */
	mp_test_erase(f->store, f->arena, "OUTBOX#");

	assert_int_equal(tell_again(f, &f->bob, 0), 0);
	assert_int_equal(tell_again(f, &f->ada, f->now_ms + 3600000), 0);
	assert_int_equal(fixture_events(f, NULL, NULL), 0);
	assert_int_equal(tell_again(f, &f->ada, mp_id_time_ms(&expired.id)), 1);
	assert_int_equal(fixture_events(f, "payment.expired", &expired.id), 1);
	assert_int_equal(fixture_events(f, NULL, NULL), 1);
	assert_int_equal(fixture_get(f, &expired.id).state, PAYMENT_EXPIRED);
	assert_int_equal(fixture_get(f, &open.id).state, PAYMENT_AWAITING_PROVIDER);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whichever_write_fails_all_happens_once),
		CASE(a_batch_for_many_payments_is_taken_whole_or_again),
		CASE(unknown_payments_spoil_no_batch),
		CASE(two_fundings_of_one_payment_come_in_one_batch),
		CASE(twins_of_one_key_make_one_payment),
		CASE(twins_of_one_retry_all_hear_that_it_was_done),
		CASE(without_memory_one_key_makes_one_payment_all_the_same),
		CASE(whoever_is_first_the_money_is_counted_once),
		CASE(a_page_that_is_wanted_while_a_worker_aligns_is_opened),
		CASE(an_alarm_whose_commit_was_not_answered_is_raised),
		CASE(endings_are_told_again_under_their_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
