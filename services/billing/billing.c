#include "billing.h"

#include <assert.h>
#include <string.h>

#include "base/trace.h"
#include "billing_rules.h"
#include "wallet_client.h"

#define TELL_PAGE 50	     /* a row for each is one operation of a transaction */
#define INVOICE_SALTS_MAX 16 /* 40 bits a month: two in a row taken is already a rare thing */

/* One order on its way through a round. */
struct work {
	const struct billing_order *order;
	enum mp_rc *rc; /* the caller's */
	struct bill bill;
	enum bill_step step;
	struct billing_transfer *funding;    /* F, or NULL */
	struct billing_transfer *settlement; /* S(n), or NULL */
};

struct round {
	struct billing_app *app;
	struct mp_arena *arena;
	int64_t now_ms;
	struct work *works;
	size_t count;
	struct billing_transfer *transfers; /* two a work at most */
	size_t transfers_count;
};

static void fail_all(struct round *round, enum mp_rc rc)
{
	for (size_t i = 0; i < round->count; i++)
		*round->works[i].rc = rc;
}

/* --- step 1: what each order does to its bill --- */

static enum mp_rc load_bills(struct round *round)
{
	struct mp_id *ids = mp_arena_array(round->arena, round->count, sizeof(*ids));
	struct bill *bills = mp_arena_array(round->arena, round->count, sizeof(*bills));
	enum mp_rc rc;

	if (ids == NULL || bills == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < round->count; i++)
		ids[i] = bill_id_of(&round->works[i].order->payment_id);
	rc = billing_db_bills(&round->app->db, round->arena, ids, round->count, bills);
	for (size_t i = 0; i < round->count && rc == MP_OK; i++) {
		struct work *work = &round->works[i];

		work->bill = bills[i];
		work->step = bill_decide(bills[i].version > 0 ? &bills[i] : NULL, work->order);
		if (bills[i].version == 0 && work->step != BILL_STEP_NONE)
			bill_from_order(work->order, &work->bill);
	}
	return rc;
}

/* Makes the bill what the step says, and adds it to the transaction. */
static void begin_step(struct billing_change *change, struct work *work)
{
	struct bill *bill = &work->bill;

	bill->changed_ms = change->now_ms;
	if (work->step == BILL_STEP_SETTLE) {
		bill->state = BILL_SETTLING;
		bill->attempt = work->order->attempt;
		billing_db_put_bill(change, bill);
	} else {
		assert(work->step == BILL_STEP_VOID);
		bill->state = BILL_VOID;
		bill->shortfall_minor = 0;
		billing_db_put_bill(change, bill);
		billing_db_tell_bill(change, bill);
	}
}

static bool writes_first(const struct work *work)
{
	return work->step == BILL_STEP_SETTLE || work->step == BILL_STEP_VOID;
}

/* The events that follow from an order belong to its trace, not to its neighbours'. */
static void follow_trace(const struct work *work)
{
	if (work->order->traceparent != NULL)
		mp_trace_begin(work->order->traceparent);
}

/* Writes the begun steps. A lone new bill whose number is taken tries the next number. */
static enum mp_rc write_begun(struct round *round)
{
	for (int salt = 0; salt < INVOICE_SALTS_MAX; salt++) {
		struct billing_change change;
		bool taken = false;

		billing_db_begin(&round->app->db, round->arena, round->now_ms, &change);
		for (size_t i = 0; i < round->count; i++) {
			struct work *work = &round->works[i];

			if (!writes_first(work))
				continue;
			follow_trace(work);
			if (round->count == 1 && salt > 0)
				bill_invoice_no(&work->bill, salt, work->bill.invoice_no);
			begin_step(&change, work);
		}
		enum mp_rc rc = billing_db_commit(&change, &taken);
		if (rc != MP_EXISTS || !taken || round->count > 1)
			return rc;
	}
	return MP_CONFLICT;
}

/* What was begun has one version more now; what was new has its first. */
static void note_versions(struct round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		if (writes_first(&round->works[i]))
			round->works[i].bill.version++;
	}
}

/* --- step 2: the money --- */

static struct billing_transfer *add_transfer(struct round *round, const struct work *work)
{
	struct billing_transfer *transfer = &round->transfers[round->transfers_count++];

	transfer->payment_id = work->order->payment_id;
	return transfer;
}

static void add_funding(struct round *round, struct work *work)
{
	const struct billing_order *order = work->order;

	work->funding = add_transfer(round, work);
	work->funding->id = funding_id_of(order);
	work->funding->funding = true;
	work->funding->to = order->paid_by;
	work->funding->amount = order->amount; /* for its currency */
	work->funding->amount.minor = order->captured_minor;
	/* No bill_id: the same capture, come again for another reason, is the same transfer. */
}

static void add_settlement(struct round *round, struct work *work)
{
	const struct bill *bill = &work->bill;

	work->settlement = add_transfer(round, work);
	work->settlement->id = settlement_id_of(&bill->payment_id, bill->attempt);
	work->settlement->from = bill->user_id;
	work->settlement->to = bill->provider_id;
	work->settlement->amount = bill->amount;
	work->settlement->bill_id = bill->id;
}

static enum mp_rc move_money(struct round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		struct work *work = &round->works[i];

		if (work->order->kind == ORDER_FUND)
			add_funding(round, work);
		if (work->step == BILL_STEP_SETTLE || work->step == BILL_STEP_RESUME)
			add_settlement(round, work);
	}
	for (size_t start = 0; start < round->transfers_count; start += WALLET_BATCH_MAX) {
		size_t left = round->transfers_count - start;
		enum mp_rc rc = round->app->transfer(round->app->wallet, round->arena,
			&round->transfers[start],
			left < WALLET_BATCH_MAX ? left : WALLET_BATCH_MAX);
		if (rc != MP_OK)
			return rc;
	}
	return MP_OK;
}

/* --- step 3: the outcomes --- */

static void add_funded(struct billing_change *change, const struct work *work)
{
	const struct billing_order *order = work->order;
	struct billing_funding funding = {
		.transfer_id = work->funding->id,
		.payment_id = order->payment_id,
		.paid_by = order->paid_by,
		.amount = work->funding->amount,
		.date_ms = order->captured_ms,
		.settled_ms = work->funding->decided_ms,
	};

	memcpy(funding.payment_intent, order->payment_intent, sizeof(funding.payment_intent));
	billing_db_put_funding(change, &funding);
}

/* Only lack of funds is an outcome; any other refusal is told, and recorded nowhere. */
static bool is_decided(
	struct round *round, const struct work *work, const struct billing_transfer *transfer)
{
	if (transfer == NULL)
		return false;
	if (transfer->outcome != TRANSFER_REFUSED)
		return true;
	*work->rc = MP_CONFLICT;
	mp_sink_report(&round->app->sink, "transfer_refused", MP_CONFLICT, transfer->id.text);
	return false;
}

static enum mp_rc write_outcomes(struct round *round)
{
	struct billing_change change;
	bool unused;

	billing_db_begin(&round->app->db, round->arena, round->now_ms, &change);
	for (size_t i = 0; i < round->count; i++) {
		struct work *work = &round->works[i];

		follow_trace(work);
		if (is_decided(round, work, work->funding))
			add_funded(&change, work);
		if (is_decided(round, work, work->settlement)) {
			bill_apply(&work->bill, work->settlement);
			billing_db_put_bill(&change, &work->bill);
			billing_db_tell_bill(&change, &work->bill);
		} else if (work->step == BILL_STEP_TELL) {
			billing_db_tell_bill(&change, &work->bill);
		}
	}
	return billing_db_commit(&change, &unused);
}

/* --- rounds: orders for different bills, side by side --- */

static enum mp_rc carry_out_round(struct round *round)
{
	enum mp_rc rc = load_bills(round);

	fail_all(round, MP_OK);
	if (rc == MP_OK)
		rc = write_begun(round);
	if (rc == MP_OK) {
		note_versions(round);
		rc = move_money(round);
	}
	if (rc == MP_OK)
		rc = write_outcomes(round);
	if (rc != MP_OK)
		fail_all(round, rc);
	return rc;
}

static enum mp_rc run_round(struct billing_app *app, struct mp_arena *arena,
	const struct billing_order *const *orders, enum mp_rc *const *rcs, size_t count,
	int64_t now_ms)
{
	struct round round = {.app = app, .arena = arena, .now_ms = now_ms, .count = count};

	round.works = mp_arena_array(arena, count, sizeof(*round.works));
	round.transfers = mp_arena_array(arena, 2 * count, sizeof(*round.transfers));
	for (size_t i = 0; i < count; i++)
		*rcs[i] = MP_NOMEM;
	if (round.works == NULL || round.transfers == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++) {
		round.works[i].order = orders[i];
		round.works[i].rc = rcs[i];
	}
	return carry_out_round(&round);
}

/*
 * Neither a refused condition nor a wrong order names the culprit among many: each order goes
 * alone, on what it now reads, so that one that can never be carried out does not hold up others.
 */
static void run_round_or_each_alone(struct billing_app *app, struct mp_arena *arena,
	const struct billing_order *const *orders, enum mp_rc *const *rcs, size_t count,
	int64_t now_ms)
{
	enum mp_rc rc = run_round(app, arena, orders, rcs, count, now_ms);

	if (rc == MP_OK || mp_rc_is_transient(rc) || count == 1)
		return;
	for (size_t i = 0; i < count; i++)
		(void)run_round(app, arena, &orders[i], &rcs[i], 1, now_ms); /* told in *rcs[i] */
}

static bool is_waiting_for(
	const struct billing_order *order, const struct billing_order *const *chosen, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (mp_id_equal(&order->payment_id, &chosen[i]->payment_id))
			return true;
	}
	return false;
}

void billing_carry_out(struct billing_app *app, struct mp_arena *arena,
	const struct billing_order *orders, size_t count, int64_t now_ms, enum mp_rc *rcs)
{
	size_t round_max = billing_db_changes_max(&app->db);
	bool *done = mp_arena_array(arena, count, sizeof(*done));
	const struct billing_order **chosen = mp_arena_array(arena, count, sizeof(*chosen));
	enum mp_rc **chosen_rcs = mp_arena_array(arena, count, sizeof(*chosen_rcs));
	size_t left = count;

	for (size_t i = 0; i < count; i++)
		rcs[i] = MP_NOMEM;
	if (done == NULL || chosen == NULL || chosen_rcs == NULL)
		return;
	while (left > 0) {
		size_t picked = 0;

		/* Orders of one payment keep their order: one a round. */
		for (size_t i = 0; i < count && picked < round_max; i++) {
			if (done[i] || is_waiting_for(&orders[i], chosen, picked))
				continue;
			chosen[picked] = &orders[i];
			chosen_rcs[picked++] = &rcs[i];
			done[i] = true;
		}
		run_round_or_each_alone(app, arena, chosen, chosen_rcs, picked, now_ms);
		left -= picked;
	}
}

/* --- the re-drive of what stands still --- */

/* The order that a settling bill came from, as far as finishing it needs. */
static struct billing_order order_of(const struct bill *bill)
{
	return (struct billing_order){
		.kind = ORDER_SETTLE,
		.attempt = bill->attempt,
		.payment_id = bill->payment_id,
		.paid_by = bill->user_id,
		.paid_to = bill->provider_id,
		.amount = bill->amount,
		.created_ms = bill->date_ms,
	};
}

struct mp_due_result billing_redrive(void *ctx, struct mp_arena *arena, const struct mp_id *bill_id,
	int64_t attempts, int64_t now_ms)
{
	struct billing_app *app = ctx;
	struct mp_due_result again = {
		.again_at_ms = now_ms + app->db.redrive_ms + mp_due_backoff_ms(attempts)};
	struct billing_order order;
	struct bill bill;
	enum mp_rc rc = billing_db_bill(&app->db, arena, bill_id, &bill);

	if (rc != MP_OK)
		return again;
	if (bill.state == BILL_SETTLED || bill.state == BILL_VOID)
		return (struct mp_due_result){.done = true};
	order = order_of(&bill);
	billing_carry_out(app, arena, &order, 1, now_ms, &rc); /* tells an unfunded one again */
	if (rc != MP_OK && !mp_rc_is_transient(rc))
		mp_sink_report(&app->sink, "redrive_failed", rc, bill_id->text);
	return again;
}

enum mp_rc billing_tell_again(void *ctx, struct mp_arena *arena, const struct mp_id *user_id,
	int64_t from_ms, const char *cursor, size_t *out_told, const char **out_next)
{
	struct billing_app *app = ctx;
	const struct billing_filter filter = {
		.role = BILL_ROLE_CLIENT, .state = -1, .from_ms = from_ms > 0 ? from_ms : 0};
	struct billing_change change;
	struct billing_page page;
	bool ignored = false;
	size_t told = 0;

	enum mp_rc rc =
		billing_db_list(&app->db, arena, user_id, &filter, cursor, TELL_PAGE, &page);
	if (rc != MP_OK)
		return rc;
	billing_db_begin(&app->db, arena, 0, &change);
	for (size_t i = 0; i < page.count; i++) {
		const struct bill *bill = &page.bills[i];

		if (bill->state != BILL_SETTLED && bill->state != BILL_UNFUNDED)
			continue; /* nobody is to be told */
		billing_db_tell_bill(&change, bill);
		told++;
	}
	if (told > 0)
		rc = billing_db_commit(&change, &ignored);
	if (rc != MP_OK)
		return rc;
	*out_told = told;
	*out_next = page.after;
	return MP_OK;
}

/* --- reading --- */

enum mp_rc billing_get(struct billing_app *app, struct mp_arena *arena, const struct mp_id *user_id,
	const struct mp_id *bill_id, struct bill *out_bill)
{
	struct bill bill;
	enum mp_rc rc = billing_db_bill(&app->db, arena, bill_id, &bill);

	if (rc != MP_OK)
		return rc;
	if (!mp_id_equal(user_id, &bill.user_id) && !mp_id_equal(user_id, &bill.provider_id))
		return MP_NOT_FOUND;
	*out_bill = bill;
	return MP_OK;
}

enum mp_rc billing_bill_of(struct billing_app *app, struct mp_arena *arena,
	const struct mp_id *payment_id, struct bill *out_bill)
{
	struct mp_id id = bill_id_of(payment_id);

	return billing_db_bill(&app->db, arena, &id, out_bill);
}

enum mp_rc billing_list(struct billing_app *app, struct mp_arena *arena,
	const struct mp_id *user_id, const struct billing_filter *filter, const char *after,
	size_t limit, struct billing_page *out_page)
{
	return billing_db_list(&app->db, arena, user_id, filter, after, limit, out_page);
}

static enum mp_rc add_bill(void *report, const struct bill *bill)
{
	return billing_report_add_bill(report, bill);
}

static enum mp_rc add_funding_row(void *report, const struct billing_funding *funding)
{
	return billing_report_add_funding(report, funding);
}

enum mp_rc billing_summary(struct billing_app *app, const struct mp_id *user_id, int from, int to,
	struct mp_arena *arena, struct billing_report *out_report)
{
	const struct billing_visitor visitor = {add_bill, add_funding_row, out_report};

	assert(billing_report_months(from, to) >= 1 &&
		billing_report_months(from, to) <= REPORT_MONTHS_MAX);
	billing_report_begin(out_report, arena, user_id);
	return billing_db_visit(&app->db, user_id, billing_report_month_start_ms(from),
		billing_report_month_start_ms(billing_report_month_add(to, 1)), &visitor);
}
