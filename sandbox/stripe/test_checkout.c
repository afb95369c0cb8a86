#include "base/testing_folder.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "checkout.h"
#include "store/testing.h"
#include "webhook.h"

/* Sessions on a real store, with the time given; due rows are not worked on unless a test does. */

#define NOW_MS 1800000000000
#define LIFE_S 3600

struct fixture {
	struct mp_test_folder folder;
	struct mp_arena *arena;
	struct sandbox sandbox;
};

static struct line_item items[] = {{.name = "Tap", .unit_amount = 13000, .quantity = 1}};
static const struct card_verdict good = {.code = NULL};
static const struct card_verdict declined = {"card_declined", "generic_decline", "Declined."};

static struct mp_due_result no_work(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	return (struct mp_due_result){.done = true};
}

static struct mp_due *open_due(struct mp_store *store, const char *kind)
{
	const struct mp_due_config config = {
		.store = store, .kind = kind, .threads = 1, .handler = no_work};
	struct mp_due *due = NULL;

	assert_int_equal(mp_due_open(&config, &due), MP_OK);
	return due;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_test_folder_make(&f->folder);
	f->sandbox.store = mp_test_store_open(f->folder.path);
	f->arena = mp_arena_new(16 * 1024 * 1024);
	f->sandbox.faults = faults_new();
	assert_non_null(f->arena);
	assert_non_null(f->sandbox.faults);
	f->sandbox.webhooks = open_due(f->sandbox.store, "webhook");
	f->sandbox.expiries = open_due(f->sandbox.store, "expiry");
	f->sandbox.transfers = open_due(f->sandbox.store, "transfer");
	f->sandbox.webhook_events = "checkout.session.completed,checkout.session.expired";
	f->sandbox.public_url = "http://127.0.0.1";
	f->sandbox.transfer_ms = 1000;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mp_due_close(f->sandbox.webhooks);
	mp_due_close(f->sandbox.expiries);
	mp_due_close(f->sandbox.transfers);
	mp_store_close(f->sandbox.store);
	faults_free(f->sandbox.faults);
	mp_arena_free(f->arena);
	mp_test_folder_remove(&f->folder);
	free(f);
	return 0;
}

static struct mp_id open_session(struct fixture *f)
{
	const struct session order = {
		.expires_at_s = NOW_MS / 1000 + LIFE_S,
		.currency = "usd",
		.amount_total = 13000,
		.items = items,
		.items_count = 1,
		.success_url = "https://a.b/",
	};
	struct mp_id id = mp_id_new(NOW_MS);
	const char *answer;

	assert_int_equal(
		checkout_create(&f->sandbox, NULL, &order, id, f->arena, NOW_MS, &answer), MP_OK);
	return id;
}

static struct session read_session(struct fixture *f, const struct mp_id *id)
{
	struct session session;

	assert_int_equal(db_session_get(f->sandbox.store, id, f->arena, &session), MP_OK);
	return session;
}

/* How many events there are of a type; NULL: of all. */
static size_t events_of(struct fixture *f, const char *type)
{
	const struct db_list list = {.kind = DB_EVENTS, .event_type = type, .limit = 100};
	struct db_page page;

	assert_int_equal(db_list(f->sandbox.store, &list, f->arena, &page), MP_OK);
	return page.count;
}

static void a_session_ends_at_its_time(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = open_session(f);
	struct session session = read_session(f, &id);
	int64_t end_ms = NOW_MS + LIFE_S * 1000;

	assert_true(checkout_is_open(&session, end_ms - 1));
	assert_false(checkout_is_open(&session, end_ms));
	assert_int_equal(checkout_pay_card(&f->sandbox, &id, &good, f->arena, end_ms, &session),
		MP_CONFLICT);
	assert_true(checkout_expiry_due(&f->sandbox, f->arena, &id, 0, end_ms).done);
	assert_int_equal(read_session(f, &id).status, SESSION_EXPIRED);
	assert_int_equal(events_of(f, "checkout.session.expired"), 1);
	assert_true(checkout_expiry_due(&f->sandbox, f->arena, &id, 0, end_ms).done);
	assert_int_equal(events_of(f, NULL), 1);
}

static void a_paid_session_does_not_end(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = open_session(f);
	struct session session;

	assert_int_equal(
		checkout_pay_card(&f->sandbox, &id, &good, f->arena, NOW_MS, &session), MP_OK);
	assert_true(checkout_expiry_due(&f->sandbox, f->arena, &id, 0, NOW_MS + 1).done);
	session = read_session(f, &id);
	assert_int_equal(session.status, SESSION_COMPLETE);
	assert_true(session.paid);
	assert_int_equal(events_of(f, "checkout.session.completed"), 1);
	assert_int_equal(events_of(f, "payment_intent.succeeded"), 1);
	assert_int_equal(events_of(f, NULL), 2);
}

static void a_session_that_ends_takes_its_failed_intent_along(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = open_session(f);
	struct session session;
	struct intent intent;
	const char *answer;

	assert_int_equal(
		checkout_pay_card(&f->sandbox, &id, &declined, f->arena, NOW_MS, &session), MP_OK);
	assert_int_equal(session.status, SESSION_OPEN);
	assert_int_equal(
		checkout_expire(&f->sandbox, NULL, &id, f->arena, NOW_MS, &session, &answer),
		MP_OK);
	assert_int_equal(
		db_intent_get(f->sandbox.store, &session.intent, f->arena, &intent), MP_OK);
	assert_int_equal(intent.status, INTENT_CANCELED);
	assert_string_equal(intent.decline_code, "generic_decline");
	assert_int_equal(events_of(f, "payment_intent.canceled"), 1);
}

static void a_transfer_settles_once(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = open_session(f);
	struct session session;

	assert_int_equal(
		checkout_transfer(&f->sandbox, &id, true, f->arena, NOW_MS, &session), MP_CONFLICT);
	assert_int_equal(checkout_pay_bank(&f->sandbox, &id, f->arena, NOW_MS, &session), MP_OK);
	assert_false(session.paid);
	assert_int_equal(
		checkout_transfer(&f->sandbox, &id, false, f->arena, NOW_MS, &session), MP_OK);
	assert_true(checkout_transfer_due(&f->sandbox, f->arena, &id, 0, NOW_MS).done);
	session = read_session(f, &id);
	assert_int_equal(session.status, SESSION_COMPLETE);
	assert_false(session.paid);
	assert_int_equal(events_of(f, "checkout.session.async_payment_failed"), 1);
	assert_int_equal(events_of(f, "checkout.session.async_payment_succeeded"), 0);
}

static void only_the_chosen_events_are_sent(void **state)
{
	struct fixture *f = *state;
	struct sandbox sandbox = f->sandbox;

	assert_true(checkout_is_sent(&sandbox, "checkout.session.expired"));
	assert_false(checkout_is_sent(&sandbox, "checkout.session"));
	assert_false(checkout_is_sent(&sandbox, "payment_intent.succeeded"));
	sandbox.webhook_events = "*";
	assert_true(checkout_is_sent(&sandbox, "payment_intent.succeeded"));
	sandbox.webhook_events = NULL;
	assert_false(checkout_is_sent(&sandbox, "checkout.session.expired"));
}

/* Computed with openssl: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test. */
static void events_are_signed_as_the_provider_does(void **state)
{
	char header[WEBHOOK_SIGNATURE_SIZE];
	const char *body = "{\"a\":1}";

	assert_int_equal(webhook_sign("whsec_test", 1700000000, body, strlen(body), header), MP_OK);
	assert_string_equal(header,
		"t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789");
	assert_int_equal(
		webhook_sign("whsec_test,b", 1700000000, body, strlen(body), header), MP_OK);
	assert_int_equal(strlen(header), 12 + 2 * 68);
	assert_non_null(strstr(
		header, ",v1=0943e2dfba60812f8ece24fdb0a6a201f90809d5e3ae725cfad6d4541a2f7c74"));
}

static void pauses_between_tries_are_bounded(void **state)
{
	assert_int_equal(webhook_backoff_ms(0), 1000);
	assert_int_equal(webhook_backoff_ms(5), 32000);
	assert_int_equal(webhook_backoff_ms(6), 60000);
	assert_int_equal(webhook_backoff_ms(INT64_MAX), 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_session_ends_at_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_paid_session_does_not_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_session_that_ends_takes_its_failed_intent_along, setup, teardown),
		cmocka_unit_test_setup_teardown(a_transfer_settles_once, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_chosen_events_are_sent, setup, teardown),
		cmocka_unit_test(events_are_signed_as_the_provider_does),
		cmocka_unit_test(pauses_between_tries_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
