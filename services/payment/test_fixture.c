#include "test_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "log/log.h"
#include "store/testing.h"

static void must(enum mp_rc rc)
{
	if (rc != MP_OK)
		fail_msg("%s", mp_rc_name(rc));
}

/* --- the provider --- */

static struct fake_session *session_by(struct fake_provider *p, const char *key, const char *id)
{
	for (size_t i = 0; i < p->count; i++) {
		struct fake_session *s = &p->sessions[i];
		if ((key != NULL && strcmp(s->key, key) == 0) ||
			(id != NULL && strcmp(s->id, id) == 0))
			return s;
	}
	return NULL;
}

static void copy_session(
	const struct fake_session *s, struct mp_arena *arena, struct stripe_session *out)
{
	*out = (struct stripe_session){
		.id = mp_arena_strdup(arena, s->id),
		.url = s->status == STRIPE_OPEN ? mp_arena_printf(arena, "https://pay/%s", s->id)
						: NULL,
		.payment_intent =
			s->status == STRIPE_COMPLETE ? mp_arena_strdup(arena, s->intent) : NULL,
		.status = s->status,
		.paid = s->paid,
		.livemode = s->livemode,
		.amount = s->amount,
		.payment_id = s->payment_id,
		.attempt = s->attempt,
	};
	must(mp_text_copy(out->currency, sizeof(out->currency), s->currency));
}

/* The trouble that this call meets; it wears off. */
static enum trouble meet(struct fake_provider *p)
{
	p->calls++;
	if (p->trouble == TROUBLE_NONE || p->trouble_calls == 0)
		return TROUBLE_NONE;
	p->trouble_calls--;
	return p->trouble;
}

static enum mp_rc unlocked_create(void *ctx, const struct stripe_order *order,
	struct mp_arena *arena, struct stripe_session *out, char reterr_reason[160])
{
	struct fixture *f = ctx;
	struct fake_provider *p = &f->provider;
	enum trouble trouble = meet(p);

	if (trouble == TROUBLE_DOWN)
		return MP_UNAVAILABLE;
	if (trouble == TROUBLE_REFUSED) {
		must(mp_text_copy(reterr_reason, 160, "Amount too large."));
		return MP_INVALID;
	}
	struct fake_session *s = session_by(p, order->key, NULL);
	if (s == NULL) {
		assert_true(p->count < FAKE_SESSIONS_MAX);
		assert_true(order->expires_at_s - f->now_ms / 1000 >= STRIPE_SESSION_TTL_S_MIN);
		s = &p->sessions[p->count++];
		*s = (struct fake_session){
			.payment_id = order->payment_id,
			.attempt = order->attempt,
			.amount = order->amount,
			.expires_at_s = order->expires_at_s,
		};
		must(mp_text_copy(s->key, sizeof(s->key), order->key));
		must(mp_text_copy(s->currency, sizeof(s->currency), order->currency));
		must(mp_text_format(s->id, sizeof(s->id), "cs_%zu", p->count));
		must(mp_text_format(s->intent, sizeof(s->intent), "pi_%zu", p->count));
	}
	assert_int_equal(s->amount, order->amount); /* same key, same order */
	assert_int_equal(s->expires_at_s, order->expires_at_s);
	copy_session(s, arena, out);
	return trouble == TROUBLE_LOST ? MP_UNKNOWN : MP_OK;
}

static enum mp_rc unlocked_retrieve(
	void *ctx, const char *session_id, struct mp_arena *arena, struct stripe_session *out)
{
	struct fixture *f = ctx;

	enum trouble trouble = meet(&f->provider);
	if (trouble != TROUBLE_NONE)
		return trouble == TROUBLE_STRANGE ? MP_NOT_FOUND : MP_UNKNOWN;
	const struct fake_session *s = session_by(&f->provider, NULL, session_id);
	if (s == NULL)
		return MP_NOT_FOUND;
	copy_session(s, arena, out);
	return MP_OK;
}

static enum mp_rc unlocked_expire(
	void *ctx, const char *session_id, struct mp_arena *arena, struct stripe_session *out)
{
	struct fixture *f = ctx;
	enum trouble trouble = meet(&f->provider);

	if (trouble == TROUBLE_DOWN)
		return MP_UNAVAILABLE;
	struct fake_session *s = session_by(&f->provider, NULL, session_id);
	if (s == NULL || trouble == TROUBLE_STRANGE)
		return MP_NOT_FOUND;
	if (s->status != STRIPE_OPEN)
		return MP_CONFLICT;
	s->status = STRIPE_EXPIRED;
	copy_session(s, arena, out);
	return trouble == TROUBLE_LOST ? MP_UNKNOWN : MP_OK;
}

static enum mp_rc fake_create(void *ctx, const struct stripe_order *order, struct mp_arena *arena,
	struct stripe_session *out, char reterr_reason[160])
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->provider.lock);
	enum mp_rc rc = unlocked_create(ctx, order, arena, out, reterr_reason);
	pthread_mutex_unlock(&f->provider.lock);
	return rc;
}

static enum mp_rc fake_retrieve(
	void *ctx, const char *session_id, struct mp_arena *arena, struct stripe_session *out)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->provider.lock);
	enum mp_rc rc = unlocked_retrieve(ctx, session_id, arena, out);
	pthread_mutex_unlock(&f->provider.lock);
	return rc;
}

static enum mp_rc fake_expire(
	void *ctx, const char *session_id, struct mp_arena *arena, struct stripe_session *out)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->provider.lock);
	enum mp_rc rc = unlocked_expire(ctx, session_id, arena, out);
	pthread_mutex_unlock(&f->provider.lock);
	return rc;
}

static enum mp_rc fake_intent(
	void *ctx, const char *intent, struct mp_arena *arena, struct stripe_intent *out)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < f->provider.count; i++) {
		const struct fake_session *s = &f->provider.sessions[i];
		if (strcmp(s->intent, intent) != 0)
			continue;
		*out = (struct stripe_intent){
			.payment_id = s->payment_id,
			.attempt = s->attempt,
			.failed = s->intent_failed,
			.decline = mp_arena_strdup(arena, "Your card has insufficient funds."),
		};
		return MP_OK;
	}
	return MP_NOT_FOUND;
}

static enum mp_rc fake_user_exists(void *ctx, const struct mp_id *id, struct mp_arena *arena)
{
	const struct fixture *f = ctx;

	(void)arena;
	if (f->users_rc != MP_OK)
		return f->users_rc;
	return mp_id_equal(id, &f->ada) || mp_id_equal(id, &f->bob) ? MP_OK : MP_NOT_FOUND;
}

/* --- the fixture --- */

static struct mp_due_result no_work(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	(void)ctx;
	(void)arena;
	(void)id;
	(void)attempts;
	(void)now_ms;
	return (struct mp_due_result){.done = true};
}

/* Usable for adding; its workers never start, the tests do their work by hand. */
static struct mp_due *open_due(struct fixture *f, const char *kind)
{
	const struct mp_due_config config = {
		.store = f->store, .kind = kind, .threads = 1, .handler = no_work};
	struct mp_due *due = NULL;

	must(mp_due_open(&config, &due));
	return due;
}

static void open_app(struct fixture *f)
{
	const struct mp_outbox_config outbox = {
		.store = f->store,
		.source = "/moneypal/payment",
		.amqp_url = "amqp://127.0.0.1:1",
	};
	struct payment_app *app = &f->app;
	char reason[160];

	must(mp_currencies_parse("USD:2:2:0.50,JPY:0:0:50", &f->currencies, reason));
	app->db.store = f->store;
	app->db.currencies = &f->currencies;
	must(mp_outbox_open(&outbox, &app->db.outbox));
	app->db.redrive = open_due(f, "payment");
	app->db.sessions = open_due(f, "session");
	app->db.events = open_due(f, "event");
	app->stripe =
		(struct stripe){fake_create, fake_retrieve, fake_expire, fake_intent, f, false};
	app->users = (struct users){fake_user_exists, f};
	app->rules = (struct payment_rules){.session_ttl_s = 3600,
		.session_opening_s = STRIPE_SESSION_TTL_S_MIN + 8,
		.redrive_ms = 30000,
		.redrives_max = 10};
	app->public_url = "https://moneypal.test";
	app->provider_waiting_max = 4;
	app->provider_timeout_ms = 8000;
	payment_app_init(app);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	pthread_mutex_init(&f->provider.lock, NULL);
	must(mp_crypto_init());
	mp_log_init("test", "error");
	mp_test_folder_make(&f->folder);
	f->store = mp_fault_store_new(mp_test_store_open(f->folder.path));
	assert_non_null(f->store);
	f->arena = mp_arena_new(256u << 20);
	assert_non_null(f->arena);
	f->now_ms = mp_clock_ms(); /* the store's own clock decides what has expired */
	f->ada = mp_id_new(f->now_ms);
	f->bob = mp_id_new(f->now_ms);
	open_app(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	mp_due_close(f->app.db.redrive);
	mp_due_close(f->app.db.sessions);
	mp_due_close(f->app.db.events);
	mp_outbox_close(f->app.db.outbox);
	mp_store_close(f->store);
	mp_arena_free(f->arena);
	pthread_mutex_destroy(&f->provider.lock);
	mp_test_folder_remove(&f->folder);
	free(f);
	return 0;
}

/* --- requests --- */

enum mp_rc fixture_create_in(struct fixture *f, struct mp_arena *arena, const struct mp_id *paid_to,
	int64_t minor, enum payment_source source, const char *key, struct payment *out)
{
	const struct mp_id nobody = {""};
	const struct payment order = {
		.paid_by = f->ada,
		.paid_to = paid_to != NULL ? *paid_to : nobody,
		.amount_minor = minor,
		.currency = mp_currencies_find(&f->currencies, "USD"),
		.source = source,
	};
	struct mp_idempotency request = {.caller = f->ada.text, .key = key};
	enum payment_problem problem = PROBLEM_NONE;
	char body[64];

	must(mp_text_format(body, sizeof(body), "%" PRId64 "/%d", minor, (int)source));
	mp_sha256_hex(body, strlen(body), request.digest);
	return payment_create(&f->app, &order, &request, f->now_ms, arena, out, &problem);
}

enum mp_rc fixture_create(struct fixture *f, const struct mp_id *paid_to, int64_t minor,
	enum payment_source source, const char *key, struct payment *out)
{
	return fixture_create_in(f, f->arena, paid_to, minor, source, key, out);
}

static struct payment create_or_fail(
	struct fixture *f, const struct mp_id *paid_to, int64_t minor, enum payment_source source)
{
	static int keys;
	struct payment payment;
	char key[32];

	must(mp_text_format(key, sizeof(key), "key-%d", ++keys));
	must(fixture_create(f, paid_to, minor, source, key, &payment));
	return payment;
}

struct payment fixture_pay(struct fixture *f, int64_t minor, enum payment_source source)
{
	return create_or_fail(f, &f->bob, minor, source);
}

struct payment fixture_top_up(struct fixture *f, int64_t minor)
{
	return create_or_fail(f, NULL, minor, PAYMENT_FROM_CARD);
}

struct payment fixture_get(struct fixture *f, const struct mp_id *id)
{
	struct payment payment;

	must(payment_db_get(&f->app.db, id, f->arena, &payment));
	return payment;
}

void assert_state(struct fixture *f, const struct mp_id *id, enum payment_state state)
{
	struct payment payment = fixture_get(f, id);

	assert_string_equal(payment_state_name(payment.state), payment_state_name(state));
}

/* --- what happens at the provider --- */

struct fake_session *fixture_session(struct fixture *f, const struct mp_id *id, int64_t attempt)
{
	char key[64];

	must(mp_text_format(key, sizeof(key), "%s-%" PRId64, id->text, attempt));
	return session_by(&f->provider, key, NULL);
}

struct mp_due_result fixture_webhook(
	struct fixture *f, const struct fake_session *session, const char *type)
{
	static int events;
	char event_id[32];
	struct provider_event event = {
		.provider_id = event_id,
		.type = type,
		.object_id =
			strncmp(type, "payment_intent.", 15) == 0 ? session->intent : session->id,
		.created_at_s = f->now_ms / 1000,
		.received_at_ms = f->now_ms,
	};

	must(mp_text_format(event_id, sizeof(event_id), "evt_%d", ++events));
	must(provider_event_keep(&f->app, &event, f->arena));
	struct mp_id id = mp_id_derive_text(event.created_at_s * 1000, "provider_event", event_id);
	return provider_event_due(&f->app, f->arena, &id, 0, f->now_ms);
}

void fixture_pay_at_page(struct fixture *f, const struct mp_id *id, int64_t attempt)
{
	struct fake_session *session = fixture_session(f, id, attempt);

	assert_non_null(session);
	assert_int_equal(session->status, STRIPE_OPEN);
	session->status = STRIPE_COMPLETE;
	session->paid = true;
	assert_true(fixture_webhook(f, session, "checkout.session.completed").done);
}

/* --- billing's answers --- */

static enum mp_rc notice(
	struct fixture *f, const struct mp_id *id, const struct payment_input *input)
{
	struct payment_notice notice = {.payment_id = *id, .input = *input};

	notice.input.at_ms = f->now_ms;
	payment_take_notices(&f->app, &notice, 1, f->now_ms, f->arena);
	return notice.rc;
}

enum mp_rc fixture_settled(struct fixture *f, const struct mp_id *id, int64_t attempt)
{
	const struct payment_input input = {
		.kind = INPUT_BILL_SETTLED, .attempt = attempt, .text = "INV-202511-ABCDEFGH"};

	return notice(f, id, &input);
}

enum mp_rc fixture_unfunded(
	struct fixture *f, const struct mp_id *id, int64_t attempt, int64_t shortfall)
{
	const struct payment_input input = {.kind = INPUT_BILL_UNFUNDED,
		.attempt = attempt,
		.shortfall_minor = shortfall,
		.text = "INV-202511-ABCDEFGH"};

	return notice(f, id, &input);
}

enum mp_rc fixture_voided(struct fixture *f, const struct mp_id *id)
{
	const struct payment_input input = {
		.kind = INPUT_BILL_VOIDED, .text = "INV-202511-ABCDEFGH"};

	return notice(f, id, &input);
}

enum mp_rc fixture_funded(struct fixture *f, const struct mp_id *id, const char *intent)
{
	const struct payment_input input = {
		.kind = INPUT_FUNDING_SETTLED, .payment_intent = intent};

	return notice(f, id, &input);
}

struct mp_due_result fixture_align(struct fixture *f, const struct mp_id *id)
{
	return provider_sessions_due(&f->app, f->arena, id, 0, f->now_ms);
}

struct mp_due_result fixture_redrive(struct fixture *f, const struct mp_id *id)
{
	return payment_redrive_due(&f->app, f->arena, id, 0, f->now_ms);
}

/* --- looking --- */

static const struct mp_map *matching_event(
	const struct mp_item *item, const char *type, const struct mp_id *id)
{
	const struct mp_attr *row_type = mp_map_get(&item->attrs, "type");
	const struct mp_attr *subject = mp_map_get(&item->attrs, "subject");
	const struct mp_attr *data = mp_map_get(&item->attrs, "data");

	if (type != NULL && strcmp(row_type->as.text, type) != 0)
		return NULL;
	if (id != NULL && strcmp(subject->as.text, id->text) != 0)
		return NULL;
	return data->as.map;
}

static size_t find_events(
	struct fixture *f, const char *type, const struct mp_id *id, const struct mp_map **out_last)
{
	size_t count = 0;

	for (int i = 0; i < MP_OUTBOX_PARTITIONS; i++) {
		char pk[16];
		const struct mp_query query = {.pk = pk, .limit = 1000};
		struct mp_page page;
		must(mp_text_format(pk, sizeof(pk), "OUTBOX#%02d", i));
		must(mp_store_query(f->store, &query, f->arena, &page));
		for (size_t k = 0; k < page.count; k++) {
			const struct mp_map *data = matching_event(page.items[k], type, id);
			if (data != NULL)
				*out_last = data;
			count += data != NULL;
		}
	}
	return count;
}

size_t fixture_events(struct fixture *f, const char *type, const struct mp_id *id)
{
	const struct mp_map *last = NULL;

	return find_events(f, type, id, &last);
}

const struct mp_map *fixture_event(struct fixture *f, const char *type, const struct mp_id *id)
{
	const struct mp_map *last = NULL;

	assert_int_equal(find_events(f, type, id, &last), 1);
	return last;
}

size_t fixture_due(struct fixture *f, const char *kind, const struct mp_id *id)
{
	char sk_max[16];
	size_t count = 0;

	must(mp_text_format(sk_max, sizeof(sk_max), "%013" PRId64 "$", f->now_ms));
	for (int i = 0; i < 8; i++) {
		char pk[32];
		const struct mp_query query = {.pk = pk, .sk_max = sk_max, .limit = 1000};
		struct mp_page page;
		must(mp_text_format(pk, sizeof(pk), "DUE#%s#%02d", kind, i));
		must(mp_store_query(f->store, &query, f->arena, &page));
		for (size_t k = 0; k < page.count; k++)
			count += strstr(page.items[k]->sk, id->text) != NULL;
	}
	return count;
}

size_t fixture_rows(struct fixture *f, const struct mp_id *id, bool for_payer)
{
	struct payment_timeline timeline = {
		.payment_id = *id, .for_payer = for_payer, .limit = 1000};

	must(payment_db_timeline(&f->app.db, &timeline, f->arena));
	for (size_t i = 0; for_payer && i < timeline.count; i++)
		assert_int_equal(timeline.rows[i].seq, i + 1);
	if (for_payer)
		assert_int_equal(timeline.count, fixture_get(f, id).timeline_count);
	return timeline.count;
}
