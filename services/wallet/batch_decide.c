#include "batch_internal.h"

#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "ledger.h"
#include "metrics/metrics.h"

#define BACK_OFF_MIN_US 1000
#define BACK_OFF_MAX_US 1000000
#define BACK_OFF_DOUBLINGS_MAX 3
#define STALE_WHOLE 3 /* so often a whole batch is tried again, before halves of it are */

static struct {
	struct mp_metric *posted, *refused, *repeated, *conflicts, *failed;
	struct mp_metric *stale, *ahead, *unknown, *commits;
	struct mp_metric *moved[MP_CURRENCIES_MAX]; /* as the deployment lists its currencies */
} metrics;

static void register_moved(const struct mp_currencies *currencies)
{
	static char labels[MP_CURRENCIES_MAX][24]; /* for the life of the process, as metrics are */

	for (size_t i = 0; i < currencies->count && metrics.moved[i] == NULL; i++) {
		if (mp_text_format(labels[i], sizeof(labels[i]), "currency=\"%s\"",
			    currencies->items[i].code) == MP_OK)
			metrics.moved[i] = mp_counter("moneypal_moved_minor_total", labels[i],
				"money that posted transfers moved, in minor units");
	}
}

void batch_metrics_register(const struct mp_currencies *currencies)
{
	const char *transfers = "moneypal_transfers_total";
	const char *transfers_help = "transfers by what came of them";
	const char *retries = "moneypal_wallet_retries_total";
	const char *retries_help = "transactions tried again";

	metrics.posted = mp_counter(transfers, "outcome=\"posted\"", transfers_help);
	metrics.refused = mp_counter(transfers, "outcome=\"refused\"", transfers_help);
	metrics.repeated = mp_counter(transfers, "outcome=\"repeated\"", transfers_help);
	metrics.conflicts = mp_counter(transfers, "outcome=\"conflict\"", transfers_help);
	metrics.failed = mp_counter(transfers, "outcome=\"failed\"", transfers_help);
	metrics.stale = mp_counter(retries, "cause=\"stale\"", retries_help);
	register_moved(currencies);
	metrics.ahead = mp_counter(retries, "cause=\"ahead\"", retries_help);
	metrics.unknown = mp_counter(retries, "cause=\"unknown\"", retries_help);
	metrics.commits = mp_histogram(
		"moneypal_wallet_commit_seconds", NULL, "making and writing a batch's transaction");
}

/* --- one attempt --- */

static void touch(struct batch *batch, const struct wallet_account *account)
{
	size_t index = (size_t)(account - batch->accounts);

	if (batch->held[index].attempt == batch->attempt)
		return;
	batch->held[index].attempt = batch->attempt;
	batch->touched[batch->touched_count++] = &batch->accounts[index];
}

static struct account_slot *slot_of(const struct batch *batch, const struct wallet_account *account)
{
	return batch->held[account - batch->accounts].slot;
}

/* Copies of the transfers' accounts as the store has or will have them, read where not known. */
static enum mp_rc load(struct batch *batch, struct wallet_transfer *const *transfers, size_t count)
{
	size_t unknown_count = 0;

	batch->attempt++;
	batch->touched_count = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < transfers[i]->legs_count; j++) {
			touch(batch, transfers[i]->legs[j].from_account);
			touch(batch, transfers[i]->legs[j].to_account);
		}
	}
	struct wallet_account **unknown =
		mp_arena_array(batch->arena, batch->touched_count, sizeof(struct wallet_account *));
	if (unknown == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < batch->touched_count; i++) {
		struct account_slot *slot = slot_of(batch, batch->touched[i]);
		if (!slot->known)
			unknown[unknown_count++] = &slot->account;
	}
	enum mp_rc rc =
		wallet_db_accounts_get(batch->config.db, unknown, unknown_count, batch->arena);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < batch->touched_count; i++) {
		struct account_slot *slot = slot_of(batch, batch->touched[i]);
		slot->known = true;
		*batch->touched[i] = slot->account;
	}
	return MP_OK;
}

/* The store has the new state now, or will have: so has the cache. */
static void keep_accounts(struct batch *batch)
{
	for (size_t i = 0; i < batch->touched_count; i++) {
		struct wallet_account *account = batch->touched[i];
		if (account->changed)
			account->version++;
		account->changed = false;
		account->decided_on = false;
		slot_of(batch, account)->account = *account;
	}
}

static void forget_accounts(struct batch *batch)
{
	for (size_t i = 0; i < batch->touched_count; i++)
		slot_of(batch, batch->touched[i])->known = false;
}

/* The transaction has its place in the store: the next batch may decide on what it leaves. */
static void pass_turn(void *ctx)
{
	struct batch *batch = ctx;

	keep_accounts(batch);
	batch->standing = BATCH_QUEUED;
	turn_pass(batch->config.turn);
}

/* What came of a transaction that others have decided on meanwhile. */
static void end_turn(struct batch *batch, enum mp_rc rc)
{
	if (rc == MP_OK) {
		turn_end(batch->config.turn);
		return;
	}
	turn_again(batch->config.turn, batch->turn_number);
	batch->standing = BATCH_ALONE;
	batch->was_ahead = true;
	forget_accounts(batch);
}

/* It failed before it was queued, and will go on in parts: in its place, among those refused. */
static void go_alone(struct batch *batch)
{
	turn_pass(batch->config.turn);
	turn_again(batch->config.turn, batch->turn_number);
	batch->standing = BATCH_ALONE;
}

/* Decides transfers on copies of their accounts and writes what came of it, or changes nothing. */
static enum mp_rc attempt(struct batch *batch, struct wallet_transfer *const *transfers,
	size_t count, enum wallet_db_refusal *reterr_refusal)
{
	int64_t started_us = mp_clock_mono_us();

	mp_arena_reset(batch->arena);
	batch->was_ahead = false;
	enum mp_rc rc = load(batch, transfers, count);
	if (rc != MP_OK)
		return rc;
	struct ledger_batch work = {
		.transfers = transfers,
		.transfers_count = count,
		.now_ms = batch->config.now_ms(),
		.entries = batch->entries,
		.entries_max = batch->ops_max,
	};
	rc = ledger_apply(&work);
	if (rc != MP_OK)
		return rc;
	struct wallet_db_batch write = {
		.accounts = batch->touched,
		.accounts_count = batch->touched_count,
		.transfers = transfers,
		.transfers_count = count,
		.entries = work.entries,
		.entries_count = work.entries_count,
	};
	if (batch->standing == BATCH_AHEAD && count == batch->count)
		write.queued = (struct mp_hook){pass_turn, batch};
	rc = wallet_db_commit(batch->config.db, &write, batch->arena, reterr_refusal);
	batch->attempt_us = mp_clock_mono_us() - started_us;
	mp_metric_observe_us(metrics.commits, batch->attempt_us);
	if (batch->standing == BATCH_QUEUED)
		end_turn(batch, rc);
	else if (rc == MP_OK)
		keep_accounts(batch);
	return rc;
}

/* --- answering from the store --- */

static void answer_from_record(
	struct wallet_transfer *transfer, const struct wallet_transfer *record)
{
	transfer->rc = MP_OK;
	if (!wallet_transfer_same(transfer, record)) {
		transfer->outcome = WALLET_CONFLICT;
		transfer->refusal = WALLET_REFUSAL_NONE;
		mp_metric_add(metrics.conflicts, 1);
		return;
	}
	transfer->outcome = record->outcome;
	transfer->refusal = record->refusal;
	transfer->shortfall_minor = record->shortfall_minor;
	transfer->time_ms = record->time_ms;
	mp_metric_add(metrics.repeated, 1);
}

/*
 * Answers every transfer that the store has a record of, and sorts the others, in their order, to
 * the end: *out_answered is how many stand before them. One read, however many there are.
 */
static enum mp_rc answer_recorded(
	struct batch *batch, struct wallet_transfer **transfers, size_t count, size_t *out_answered)
{
	size_t rest = count;

	mp_arena_reset(batch->arena);
	const struct mp_id **ids =
		mp_arena_array(batch->arena, count, sizeof(const struct mp_id *));
	struct wallet_transfer **records =
		mp_arena_array(batch->arena, count, sizeof(struct wallet_transfer *));
	if (ids == NULL || records == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++)
		ids[i] = &transfers[i]->id;
	enum mp_rc rc =
		wallet_db_transfers_get(batch->config.db, ids, count, batch->arena, records);
	if (rc != MP_OK)
		return rc;

	for (size_t i = count; i-- > 0;) {
		struct wallet_transfer *transfer = transfers[i];
		if (records[i] != NULL) {
			answer_from_record(transfer, records[i]);
			continue;
		}
		transfers[i] = transfers[--rest];
		transfers[rest] = transfer;
	}
	*out_answered = rest;
	return MP_OK;
}

/* --- deciding --- */

static bool out_of_time(const struct batch *batch)
{
	return mp_clock_mono_ms() - batch->started_ms >= batch->config.give_up_ms;
}

/*
 * A pause that doubles with the failures in a row, half of it random. It begins with the time that
 * an attempt takes: whoever was faster, in another process, is as slow as we are.
 */
static void back_off(struct batch *batch)
{
	unsigned doublings =
		batch->failures < BACK_OFF_DOUBLINGS_MAX ? batch->failures : BACK_OFF_DOUBLINGS_MAX;
	int64_t first_us =
		batch->attempt_us / 2 > BACK_OFF_MIN_US ? batch->attempt_us / 2 : BACK_OFF_MIN_US;
	uint64_t longest_us = (uint64_t)first_us << doublings;

	if (longest_us > BACK_OFF_MAX_US)
		longest_us = BACK_OFF_MAX_US;
	uint64_t pause_us = longest_us / 2 + mp_random_number() % (longest_us / 2 + 1);
	struct timespec pause = {
		.tv_sec = (time_t)(pause_us / 1000000),
		.tv_nsec = (long)(pause_us % 1000000) * 1000,
	};

	batch->failures++;
	(void)nanosleep(&pause, NULL);
}

/* Leaves transfers undecided; returns how many those are. */
static size_t fail(
	struct batch *batch, struct wallet_transfer *const *transfers, size_t count, enum mp_rc rc)
{
	for (size_t i = 0; i < count; i++) {
		/* What was perhaps written by an earlier attempt is never told as not written. */
		transfers[i]->rc = transfers[i]->ambiguous ? MP_UNKNOWN : rc;
		transfers[i]->outcome = WALLET_UNDECIDED;
	}
	mp_metric_add(metrics.failed, (int64_t)count);
	/* The first of them, for whoever looks: alone, when it is what cannot be done. */
	mp_sink_report(&batch->config.sink, "transfers_failed", rc, transfers[0]->id.text);
	return count;
}

static void count_moved(
	const struct mp_currencies *currencies, const struct wallet_transfer *transfer)
{
	const struct mp_currency *currency = mp_currencies_find(currencies, transfer->currency);

	for (size_t i = 0; currency != NULL && i < transfer->legs_count; i++)
		mp_metric_add(metrics.moved[currency - currencies->items],
			transfer->legs[i].amount_minor);
}

static void count_outcomes(const struct mp_currencies *currencies,
	struct wallet_transfer *const *transfers, size_t count)
{
	size_t posted = 0;

	for (size_t i = 0; i < count; i++) {
		if (transfers[i]->outcome != WALLET_POSTED)
			continue;
		posted++;
		count_moved(currencies, transfers[i]);
	}
	mp_metric_add(metrics.posted, (int64_t)posted);
	mp_metric_add(metrics.refused, (int64_t)(count - posted));
}

/* An account was written by somebody else: again from the store, fewer at once, a bit later. */
static size_t after_stale(
	struct batch *batch, struct wallet_transfer *const *transfers, size_t count, size_t *chunk)
{
	mp_metric_add(metrics.stale, 1);
	forget_accounts(batch);
	if (out_of_time(batch))
		return fail(batch, transfers, count, MP_UNAVAILABLE);
	/* One hot account is as stale for few as for many; of many accounts, fewer meet. */
	*chunk = batch->failures < STALE_WHOLE ? count : (count + 1) / 2;
	back_off(batch);
	return 0;
}

/* Perhaps it was written. The store tells, before anyone is answered. */
static size_t after_unknown(struct batch *batch, struct wallet_transfer **transfers, size_t count)
{
	size_t answered = 0;
	enum mp_rc rc;

	mp_metric_add(metrics.unknown, 1);
	forget_accounts(batch);
	for (size_t i = 0; i < count; i++)
		transfers[i]->ambiguous = true;
	for (;;) {
		back_off(batch);
		rc = answer_recorded(batch, transfers, count, &answered);
		if (rc == MP_OK || !mp_rc_is_transient(rc) || out_of_time(batch))
			break;
	}
	if (rc != MP_OK || (answered == 0 && out_of_time(batch)))
		return fail(batch, transfers, count, MP_UNKNOWN);
	return answered;
}

/* A condition refused the transaction: an id is known, an account moved on, or data is damaged. */
static size_t after_refusal(struct batch *batch, struct wallet_transfer **transfers, size_t count,
	enum wallet_db_refusal refusal, size_t *chunk)
{
	size_t answered = 0;

	if (refusal == WALLET_DB_REFUSED_TRANSFER) {
		/* Repeats seldom come alone: all of the batch's are found by one read. */
		enum mp_rc rc = answer_recorded(batch, transfers, count, &answered);
		if (rc != MP_OK)
			return fail(batch, transfers, count, rc);
		if (answered > 0)
			return answered;
	}
	if (batch->was_ahead) { /* what it was decided on was not written after all */
		mp_metric_add(metrics.ahead, 1);
		return 0;
	}
	if (refusal == WALLET_DB_REFUSED_ENTRY && count == 1)
		return fail(batch, transfers, count, MP_CORRUPT);
	return after_stale(batch, transfers, count, chunk);
}

/* Tries the first transfers of those left; returns how many are done with, one way or another. */
static size_t step(
	struct batch *batch, struct wallet_transfer **transfers, size_t count, size_t *chunk)
{
	enum wallet_db_refusal refusal = WALLET_DB_REFUSED_NONE;
	enum mp_rc rc = attempt(batch, transfers, count, &refusal);

	if (rc != MP_OK && batch->standing == BATCH_AHEAD)
		go_alone(batch);
	switch (rc) {
	case MP_OK:
		count_outcomes(batch->config.currencies, transfers, count);
		batch->failures = 0;
		*chunk = 2 * count;
		return count;
	case MP_EXISTS:
	case MP_STALE:
		return after_refusal(batch, transfers, count, refusal, chunk);
	case MP_UNKNOWN:
		return after_unknown(batch, transfers, count);
	case MP_UNAVAILABLE:
	case MP_BUSY:
		return fail(batch, transfers, count, rc);
	case MP_INVALID:
	case MP_UNAUTHENTICATED:
	case MP_FORBIDDEN:
	case MP_NOT_FOUND:
	case MP_CONFLICT:
	case MP_TOO_LARGE:
	case MP_TOO_MANY:
	case MP_NOMEM:
	case MP_CORRUPT:
	case MP_BUG:
	case MP_PENDING:
		break;
	}
	/* One of them cannot be done, or not so many at once: halving finds it. */
	if (count == 1)
		return fail(batch, transfers, count, rc);
	*chunk = count / 2;
	return 0;
}

/* Those whose id came twice in the batch: the record of the first one tells. */
static void decide_twins(struct batch *batch)
{
	struct wallet_transfer **twins = batch->transfers + batch->count;
	size_t answered = 0;
	enum mp_rc rc = answer_recorded(batch, twins, batch->twins_count, &answered);

	if (rc != MP_OK)
		answered = 0;
	if (answered < batch->twins_count)
		(void)fail(batch, twins + answered, batch->twins_count - answered, MP_UNKNOWN);
}

void batch_decide(struct batch *batch)
{
	size_t chunk = batch->count;

	batch->started_ms = mp_clock_mono_ms();
	batch->failures = 0;
	batch->standing = batch->config.turn != NULL ? BATCH_AHEAD : BATCH_ALONE;
	for (size_t done = 0; done < batch->count;) {
		size_t left = batch->count - done;
		size_t count = chunk < left ? chunk : left;
		done += step(batch, batch->transfers + done, count, &chunk);
	}
	if (batch->standing != BATCH_QUEUED)
		batch_give_back_turn(batch);
	if (batch->twins_count > 0)
		decide_twins(batch);
}
