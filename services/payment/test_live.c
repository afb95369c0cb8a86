#include "live.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "test_fixture.h"

/* Listeners are told what the store has: rounds by hand, and once with the thread. */

#define TOLD_MAX 4000

/* Writes down what it is told: "1 2 [settling] 3 [succeeded] end". */
struct witness {
	char told[TOLD_MAX];
	size_t room; /* so many more calls are taken, then MP_BUSY */
	enum mp_rc rc;
	bool gone;
	int beats;
	atomic_bool ended;
	enum live_end why;
};

static struct witness witnesses[16];
static struct live *live;
static int64_t mono_ms;

static enum mp_rc note(struct witness *w, const char *piece)
{
	char all[TOLD_MAX];

	if (w->rc != MP_OK)
		return w->rc;
	if (w->room == 0)
		return MP_BUSY;
	w->room--;
	assert_int_equal(mp_text_format(all, sizeof(all), "%s%s%s", w->told,
				 w->told[0] == '\0' ? "" : " ", piece),
		MP_OK);
	assert_int_equal(mp_text_copy(w->told, sizeof(w->told), all), MP_OK);
	return MP_OK;
}

static enum mp_rc on_row(void *ctx, const struct payment_row *row)
{
	char piece[24];

	assert_int_equal(mp_text_format(piece, sizeof(piece), "%" PRId64, row->seq), MP_OK);
	return note(ctx, piece);
}

static enum mp_rc on_payment(void *ctx, const struct payment *payment)
{
	char piece[48];

	assert_int_equal(
		mp_text_format(piece, sizeof(piece), "[%s]", payment_state_name(payment->state)),
		MP_OK);
	return note(ctx, piece);
}

static enum mp_rc on_beat(void *ctx)
{
	struct witness *w = ctx;

	w->beats++;
	return w->rc;
}

static bool on_is_there(void *ctx)
{
	const struct witness *w = ctx;
	return !w->gone;
}

static void on_end(void *ctx, enum live_end why)
{
	struct witness *w = ctx;

	w->why = why;
	atomic_store(&w->ended, true);
}

static int setup(void **state)
{
	int failed = fixture_setup(state);
	struct fixture *f = *state;

	memset(witnesses, 0, sizeof(witnesses));
	for (size_t i = 0; i < 16; i++)
		witnesses[i].room = SIZE_MAX;
	mono_ms = 1000;
	assert_int_equal(live_open(&f->app.db, 1000, &live), MP_OK);
	f->app.live = live;
	return failed;
}

static int teardown(void **state)
{
	live_close(live);
	return fixture_teardown(state);
}

static struct live_order order_of(
	const struct fixture *f, const struct payment *payment, struct witness *w, bool for_payer)
{
	return (struct live_order){
		.user = for_payer ? f->ada : f->bob,
		.payment_id = payment->id,
		.for_payer = for_payer,
		.expires_at_ms = INT64_MAX,
		.reader = {on_row, on_payment, on_beat, on_is_there, on_end, w},
	};
}

static struct witness *listen_from(
	struct fixture *f, const struct payment *payment, bool for_payer, int64_t last_seq)
{
	static size_t next;
	struct witness *w = &witnesses[next++ % 16];
	struct live_order order = order_of(f, payment, w, for_payer);

	order.last_seq = last_seq;
	assert_int_equal(live_listen(live, &order), MP_OK);
	return w;
}

/* A round a moment later: not yet a poll. */
static void work(struct fixture *f)
{
	mono_ms += 1;
	live_work(live, f->now_ms, mono_ms);
}

static void poll_later(struct fixture *f, int64_t later_ms)
{
	mono_ms += later_ms;
	live_work(live, f->now_ms, mono_ms);
}

/* --- tests --- */

static void a_top_up_is_told_as_it_goes_and_ends(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_top_up(f, 5000);
	struct witness *w = listen_from(f, &payment, true, 0);

	work(f);
	size_t rows = fixture_rows(f, &payment.id, true);
	assert_non_null(strstr(w->told, "[awaiting_provider]"));
	fixture_pay_at_page(f, &payment.id, 1);
	work(f); /* by the commit alone: no poll is due */
	assert_non_null(strstr(w->told, "[settling]"));
	assert_false(w->ended);
	assert_int_equal(
		fixture_funded(f, &payment.id, fixture_session(f, &payment.id, 1)->intent), MP_OK);
	work(f);
	assert_true(w->ended);
	assert_int_equal(w->why, LIVE_END_PAYMENT);
	assert_non_null(strstr(w->told, "[succeeded]"));
	assert_true(fixture_rows(f, &payment.id, true) > rows);

	/* Who comes later is told all of it, and the end. */
	struct witness *late = listen_from(f, &payment, true, 0);
	work(f);
	assert_true(late->ended);
	for (int64_t seq = 1; seq <= (int64_t)fixture_rows(f, &payment.id, true); seq++) {
		char number[24];
		assert_int_equal(mp_text_format(number, sizeof(number), "%" PRId64, seq), MP_OK);
		assert_non_null(strstr(late->told, number));
		assert_non_null(strstr(w->told, number));
	}
}

static void who_resumes_gets_what_is_behind_his_last_row_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);

	assert_int_equal(fixture_settled(f, &payment.id, 1), MP_OK);
	payment = fixture_get(f, &payment.id);
	assert_true(payment.timeline_count >= 2);
	struct witness *all = listen_from(f, &payment, true, 0);
	struct witness *rest = listen_from(f, &payment, true, 1);
	struct witness *none = listen_from(f, &payment, true, payment.timeline_count);
	work(f);
	assert_true(all->told[0] == '1');
	assert_true(rest->told[0] == '2');
	assert_string_equal(none->told, "[succeeded]");
	assert_true(all->ended && rest->ended && none->ended);
}

static void the_payee_is_not_told_what_is_the_payers(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);

	struct witness *payer = listen_from(f, &payment, true, 0);
	struct witness *payee = listen_from(f, &payment, false, 0);
	assert_int_equal(fixture_unfunded(f, &payment.id, 1, 1000), MP_OK);
	work(f);
	size_t seen = fixture_rows(f, &payment.id, false);
	size_t all = fixture_rows(f, &payment.id, true);
	assert_true(seen < all);
	size_t numbers = 0;
	for (const char *at = payee->told; *at != '\0'; at++)
		numbers += *at >= '0' && *at <= '9' && (at == payee->told || at[-1] == ' ');
	assert_int_equal(numbers, seen);
	assert_non_null(strstr(payee->told, "[requires_funding]"));
	assert_true(strlen(payer->told) > strlen(payee->told));
}

static void a_reader_without_room_is_told_the_same_later(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);

	assert_int_equal(fixture_settled(f, &payment.id, 1), MP_OK);
	struct witness *w = listen_from(f, &payment, true, 0);
	w->room = 1;
	work(f);
	assert_string_equal(w->told, "1");
	w->room = 1;
	poll_later(f, 1000);
	assert_string_equal(w->told, "1 2");
	assert_false(w->ended);
	w->room = SIZE_MAX;
	poll_later(f, 1000);
	assert_true(w->ended);
	assert_non_null(strstr(w->told, "1 2 "));
	assert_null(strstr(w->told, "2 2"));
}

static void what_another_replica_wrote_is_seen_by_the_poll(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);
	struct witness *w = listen_from(f, &payment, true, 0);

	work(f);
	f->app.live = NULL; /* it would tell its own watchers, not ours */
	assert_int_equal(fixture_settled(f, &payment.id, 1), MP_OK);
	work(f);
	assert_null(strstr(w->told, "[succeeded]"));
	poll_later(f, 1000);
	assert_non_null(strstr(w->told, "[succeeded]"));
	assert_true(w->ended);
}

static void silence_is_broken_by_beats_and_ended_with_the_token(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_top_up(f, 5000);
	struct live_order order = order_of(f, &payment, &witnesses[15], true);
	struct witness *w = &witnesses[15];

	order.expires_at_ms = f->now_ms + 60000;
	assert_int_equal(live_listen(live, &order), MP_OK);
	work(f);
	poll_later(f, LIVE_BEAT_MS - 2000);
	assert_int_equal(w->beats, 0);
	poll_later(f, 2000);
	assert_int_equal(w->beats, 1);
	poll_later(f, 1000);
	assert_int_equal(w->beats, 1);
	poll_later(f, LIVE_BEAT_MS);
	assert_int_equal(w->beats, 2);
	f->now_ms += 59999;
	poll_later(f, 1000);
	assert_false(w->ended);
	f->now_ms += 1;
	poll_later(f, 1000);
	assert_true(w->ended);
	assert_int_equal(w->why, LIVE_END_TOKEN);
}

static void a_reader_that_has_gone_ends_and_makes_room(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_top_up(f, 5000);
	struct witness *w[LIVE_LISTENERS_OF_USER_MAX];
	struct witness sixth = {.room = SIZE_MAX};
	struct live_order order = order_of(f, &payment, &sixth, true);

	for (size_t i = 0; i < LIVE_LISTENERS_OF_USER_MAX; i++)
		w[i] = listen_from(f, &payment, true, 0);
	assert_int_equal(live_listen(live, &order), MP_TOO_MANY);
	struct payment other = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);
	struct witness *bob = listen_from(f, &other, false, 0); /* another user has his own */
	work(f);
	w[0]->gone = true; /* before any write could notice */
	assert_int_equal(live_listen(live, &order), MP_OK);
	w[1]->rc = MP_NOT_FOUND;
	poll_later(f, LIVE_BEAT_MS + 1000);
	assert_true(w[1]->ended);
	assert_int_equal(w[1]->why, LIVE_END_READER);
	assert_false(w[2]->ended || bob->ended || sixth.ended);
	live_close(live);
	live = NULL;
	f->app.live = NULL;
	assert_true(w[2]->ended && bob->ended && sixth.ended);
	assert_int_equal(sixth.why, LIVE_END_CLOSED);
}

/* A store of which reads can fail. */
static enum mp_rc batch_get_rc;
static enum mp_rc query_rc;

static enum mp_rc read_records(void *inner, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	return batch_get_rc != MP_OK ? batch_get_rc
				     : mp_store_batch_get(inner, keys, count, arena, out_items);
}

static enum mp_rc read_rows(
	void *inner, const struct mp_query *query, struct mp_arena *arena, struct mp_page *out_page)
{
	return query_rc != MP_OK ? query_rc : mp_store_query(inner, query, arena, out_page);
}

static void close_nothing(void *inner)
{
	(void)inner;
}

static void who_signs_out_is_told_no_more(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);
	struct mp_id here = mp_id_new(f->now_ms), elsewhere = mp_id_new(f->now_ms);
	struct witness out = {.room = SIZE_MAX}, also_out = out, stays = out;
	struct witness *const readers[] = {&out, &also_out, &stays};

	for (size_t i = 0; i < 3; i++) { /* two streams of one session, one of another */
		struct live_order order = order_of(f, &payment, readers[i], true);
		order.session = i < 2 ? here : elsewhere;
		assert_int_equal(live_listen(live, &order), MP_OK);
	}
	work(f);
	const struct payment_session_end end = {here, f->now_ms + 900000};
	assert_int_equal(payment_db_sign_out(&f->app.db, &end, 1, f->arena), MP_OK);
	poll_later(f, LIVE_SIGNED_OUT_MS - 1000);
	assert_false(out.ended);
	poll_later(f, 1000);
	assert_true(out.ended && also_out.ended);
	assert_int_equal(out.why, LIVE_END_SESSION);
	assert_false(stays.ended);
	assert_int_equal(fixture_settled(f, &payment.id, 1), MP_OK);
	work(f);
	assert_null(strstr(out.told, "[succeeded]"));
	assert_non_null(strstr(stays.told, "[succeeded]"));
}

static void a_store_that_fails_delays_and_loses_nothing(void **state)
{
	static const struct mp_store_engine engine = {.name = "reads",
		.txn_ops_max = 100,
		.batch_get = read_records,
		.query = read_rows,
		.close = close_nothing};
	struct fixture *f = *state;
	struct payment payment = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);
	struct witness *w = listen_from(f, &payment, true, 0);

	assert_int_equal(fixture_settled(f, &payment.id, 1), MP_OK);
	struct mp_store *failing = mp_store_new(&engine, f->store);
	assert_non_null(failing);
	f->app.db.store = failing;
	batch_get_rc = MP_UNAVAILABLE;
	poll_later(f, 1000);
	assert_string_equal(w->told, "");
	batch_get_rc = MP_OK;
	query_rc = MP_UNAVAILABLE;
	poll_later(f, 1000);
	assert_string_equal(w->told, "");
	query_rc = MP_OK;
	poll_later(f, 1000);
	assert_true(w->ended);
	assert_non_null(strstr(w->told, "[succeeded]"));
	f->app.db.store = f->store;
	mp_store_close(failing);
}

static void the_thread_tells_at_once_and_every_listener(void **state)
{
	struct fixture *f = *state;
	struct payment payment = fixture_pay(f, 3000, PAYMENT_FROM_WALLET);
	const struct timespec ms = {.tv_nsec = 1000000};
	struct witness *w[4];

	assert_int_equal(live_start(live), MP_OK);
	for (size_t i = 0; i < 4; i++)
		w[i] = listen_from(f, &payment, i % 2 == 0, 0);
	int64_t started_ms = mp_clock_mono_ms();
	assert_int_equal(fixture_settled(f, &payment.id, 1), MP_OK);
	for (size_t i = 0; i < 4; i++) {
		while (!atomic_load(&w[i]->ended) && mp_clock_mono_ms() - started_ms < 20000)
			(void)nanosleep(&ms, NULL);
		assert_true(atomic_load(&w[i]->ended));
		assert_non_null(strstr(w[i]->told, "[succeeded]"));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_top_up_is_told_as_it_goes_and_ends),
		TEST(who_resumes_gets_what_is_behind_his_last_row_and_no_other),
		TEST(the_payee_is_not_told_what_is_the_payers),
		TEST(a_reader_without_room_is_told_the_same_later),
		TEST(what_another_replica_wrote_is_seen_by_the_poll),
		TEST(silence_is_broken_by_beats_and_ended_with_the_token),
		TEST(a_reader_that_has_gone_ends_and_makes_room),
		TEST(who_signs_out_is_told_no_more),
		TEST(a_store_that_fails_delays_and_loses_nothing),
		TEST(the_thread_tells_at_once_and_every_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
