#include "payment_events.h"

#include <string.h>

#include "json/json.h"
#include "store/engine.h"
#include "test_fixture.h"

/* What the broker delivers, a batch at a time: money first, then sign-outs in one transaction. */

#define EXPIRES_AT "2999-11-28T12:15:00.000Z"

static struct mp_delivery session_ended(const struct mp_id *session_id)
{
	json_t *data = json_pack(
		"{s:s, s:s}", "session_id", session_id->text, "tokens_expire_at", EXPIRES_AT);

	assert_non_null(data);
	return (struct mp_delivery){.event = {.type = "session.ended", .data = data}};
}

static struct mp_delivery bill_settled(const struct mp_id *payment_id)
{
	json_t *data = json_pack("{s:s, s:i, s:s}", "payment_id", payment_id->text, "attempt", 1,
		"invoice_no", "INV-1");

	assert_non_null(data);
	return (struct mp_delivery){.event = {.type = "bill.settled", .data = data}};
}

static bool is_signed_out(struct fixture *f, const struct mp_id *session_id)
{
	bool signed_out = false;

	assert_int_equal(
		payment_db_signed_out(&f->app.db, session_id, 1, f->arena, &signed_out), MP_OK);
	return signed_out;
}

static void forget(struct mp_delivery *deliveries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_decref(deliveries[i].event.data);
}

static void money_comes_before_sign_outs_and_does_not_wait_for_them(void **state)
{
	struct fixture *f = *state;
	struct payment p = fixture_pay(f, 1000, PAYMENT_FROM_WALLET);
	struct mp_id one = mp_id_new(f->now_ms), two = mp_id_new(f->now_ms);
	struct mp_id none = {.text = "nonsense"};
	struct mp_delivery all[] = {session_ended(&one), session_ended(&one), session_ended(&two),
		session_ended(&none), bill_settled(&p.id)};
	const size_t count = sizeof(all) / sizeof(all[0]);

	mp_fault_store_arm(f->store, 2, false); /* the first is the payment's */
	payment_handle(&f->app, f->arena, all, count);
	assert_int_equal(all[4].verdict, MP_ACK);
	assert_int_equal(fixture_get(f, &p.id).state, PAYMENT_SUCCEEDED);
	assert_int_equal(all[3].verdict, MP_DEAD);
	assert_non_null(strstr(all[3].reason, "session_id"));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(all[i].verdict, MP_RETRY);
	assert_false(is_signed_out(f, &one) || is_signed_out(f, &two));

	mp_fault_store_arm(f->store, 2, false); /* there is no second one */
	payment_handle(&f->app, f->arena, all, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(all[i].verdict, MP_ACK);
	mp_fault_store_arm(f->store, 0, false);
	assert_true(is_signed_out(f, &one) && is_signed_out(f, &two));
	forget(all, count);
}

/* --- a store of small transactions --- */

static int commits;

static enum mp_rc commit(void *inner, const struct mp_txn *txn, size_t *reterr_op)
{
	struct mp_store *store = inner;

	commits++;
	return store->engine->commit(store->data, txn, reterr_op);
}

static void close_nothing(void *inner)
{
	(void)inner;
}

static void sign_outs_take_as_many_transactions_as_they_must(void **state)
{
	static const struct mp_store_engine engine = {
		.name = "small", .txn_ops_max = 2, .commit = commit, .close = close_nothing};
	struct fixture *f = *state;
	struct payment_session_end ends[5];
	struct mp_store *small = mp_store_new(&engine, f->store);

	assert_non_null(small);
	for (int i = 0; i < 5; i++)
		ends[i] = (struct payment_session_end){mp_id_new(f->now_ms), f->now_ms + 900000};
	ends[1] = ends[0];
	f->app.db.store = small;
	assert_int_equal(payment_db_sign_out(&f->app.db, ends, 5, f->arena), MP_OK);
	f->app.db.store = f->store;
	mp_store_close(small);
	assert_int_equal(commits, 2); /* four sessions */
	for (int i = 0; i < 5; i++)
		assert_true(is_signed_out(f, &ends[i].session_id));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(money_comes_before_sign_outs_and_does_not_wait_for_them),
		CASE(sign_outs_take_as_many_transactions_as_they_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
