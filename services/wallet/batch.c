#include "batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "ledger.h"
#include "metrics/metrics.h"

#define ARENA_BYTES_MAX (64u * 1024 * 1024)
#define BACK_OFF_MS_MAX 64

/* An account of the batch: the cache's slot says what the store confirmed. */
struct held {
	struct account_slot *slot;
	uint64_t attempt; /* the last one that touched it */
};

struct known_id {
	uint64_t hash;
	uint64_t batch; /* the batch that it was in: an older one's place is free */
	const struct mp_id *id;
};

struct batch {
	struct batch_config config;
	struct mp_arena *arena;
	size_t ops_max;
	size_t ops; /* at most, of the transaction so far */

	struct wallet_transfer **transfers; /* decided ones first, while deciding; then twins */
	size_t count;
	size_t twins_count; /* behind them */

	struct wallet_account *accounts; /* what an attempt works on: copies of the slots' */
	struct held *held;		 /* one for each account */
	size_t accounts_count;

	struct known_id *ids;
	size_t ids_size; /* a power of two, over twice transfers_max */
	uint64_t number; /* of this batch */

	/* One attempt's. */
	uint64_t attempt;
	struct wallet_account **touched;
	size_t touched_count;
	struct wallet_entry *entries;

	int64_t started_ms;
	unsigned failures; /* attempts in a row that a condition refused or nobody answered */
};

static struct {
	struct mp_metric *posted, *refused, *repeated, *conflicts, *failed;
	struct mp_metric *stale, *unknown, *commits;
} metrics;

static void metrics_register(void)
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
	metrics.unknown = mp_counter(retries, "cause=\"unknown\"", retries_help);
	metrics.commits = mp_histogram(
		"moneypal_wallet_commit_seconds", NULL, "making and writing a batch's transaction");
}

struct batch *batch_new(const struct batch_config *config)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return NULL;
	metrics_register();
	batch->config = *config;
	batch->ops_max = mp_store_txn_ops_max(config->db->store);
	batch->number = 1;
	batch->ids_size = 64;
	while (batch->ids_size < 2 * config->transfers_max)
		batch->ids_size *= 2;
	/* No transaction has more accounts or entries than operations. */
	batch->arena = mp_arena_new(ARENA_BYTES_MAX);
	batch->transfers = calloc(config->transfers_max, sizeof(struct wallet_transfer *));
	batch->accounts = calloc(batch->ops_max, sizeof(*batch->accounts));
	batch->held = calloc(batch->ops_max, sizeof(*batch->held));
	batch->ids = calloc(batch->ids_size, sizeof(*batch->ids));
	batch->touched = calloc(batch->ops_max, sizeof(struct wallet_account *));
	batch->entries = calloc(batch->ops_max, sizeof(*batch->entries));
	if (batch->arena == NULL || batch->transfers == NULL || batch->accounts == NULL ||
		batch->held == NULL || batch->ids == NULL || batch->touched == NULL ||
		batch->entries == NULL) {
		batch_free(batch);
		return NULL;
	}
	/* The largest transfer fits alone into an empty batch. */
	assert(batch->ops_max >= 2 * WALLET_LEGS_MAX + WALLET_DB_OPS(WALLET_LEGS_MAX));
	return batch;
}

void batch_free(struct batch *batch)
{
	if (batch == NULL)
		return;
	mp_arena_free(batch->arena);
	free(batch->transfers);
	free(batch->accounts);
	free(batch->held);
	free(batch->ids);
	free(batch->touched);
	free(batch->entries);
	free(batch);
}

/* --- filling --- */

void batch_clear(struct batch *batch)
{
	assert(batch->accounts_count == 0);
	batch->count = 0;
	batch->twins_count = 0;
	batch->ops = 0;
	batch->number++;
}

size_t batch_count(const struct batch *batch)
{
	return batch->count + batch->twins_count;
}

struct wallet_transfer *batch_transfer(const struct batch *batch, size_t at)
{
	assert(at < batch_count(batch));
	return batch->transfers[at];
}

/* The place of id among the known ones: its own, or a free one. */
static struct known_id *id_place(const struct batch *batch, const struct mp_id *id)
{
	uint64_t hash = 1469598103934665603u;

	for (size_t i = 0; i < sizeof(id->text) - 1; i++)
		hash = (hash ^ (uint8_t)id->text[i]) * 1099511628211u;
	for (size_t at = hash;; at++) {
		struct known_id *place = &batch->ids[at & (batch->ids_size - 1)];
		if (place->batch != batch->number) {
			place->hash = hash;
			return place;
		}
		if (place->hash == hash && mp_id_equal(place->id, id))
			return place;
	}
}

bool batch_has(const struct batch *batch, const struct mp_id *id)
{
	return id_place(batch, id)->batch == batch->number;
}

static void push(struct batch *batch, struct wallet_transfer *transfer)
{
	assert(batch_count(batch) < batch->config.transfers_max);
	transfer->rc = MP_OK;
	transfer->ambiguous = false;
	transfer->outcome = WALLET_UNDECIDED;
	batch->transfers[batch_count(batch)] = transfer;
}

void batch_add_twin(struct batch *batch, struct wallet_transfer *transfer)
{
	push(batch, transfer);
	batch->twins_count++;
}

bool batch_has_room(
	const struct batch *batch, const struct wallet_transfer *transfer, size_t accounts_new)
{
	return batch_count(batch) < batch->config.transfers_max &&
	       batch->ops + accounts_new + WALLET_DB_OPS(transfer->legs_count) <= batch->ops_max;
}

static struct wallet_account *add_account(
	struct batch *batch, struct account_slot *slot, struct account_cache *cache)
{
	if (slot->owner == NULL) {
		assert(batch->accounts_count < batch->ops_max);
		account_cache_own(cache, slot, batch);
		slot->index = batch->accounts_count++;
		batch->held[slot->index] = (struct held){.slot = slot};
		batch->accounts[slot->index] = (struct wallet_account){.key = slot->account.key};
		batch->ops++;
	}
	assert(slot->owner == batch);
	return &batch->accounts[slot->index];
}

void batch_add(struct batch *batch, struct wallet_transfer *transfer, struct account_slot **slots,
	struct account_cache *cache)
{
	struct known_id *place = id_place(batch, &transfer->id);

	assert(place->batch != batch->number);
	place->batch = batch->number;
	place->id = &transfer->id;
	for (size_t i = 0; i < transfer->legs_count; i++) {
		struct wallet_leg *leg = &transfer->legs[i];
		leg->from_account = add_account(batch, slots[2 * i], cache);
		leg->to_account = add_account(batch, slots[2 * i + 1], cache);
	}
	batch->ops += WALLET_DB_OPS(transfer->legs_count);

	/* Twins stand behind the others: the first of them makes room. */
	push(batch, transfer);
	if (batch->twins_count > 0) {
		struct wallet_transfer *twin = batch->transfers[batch->count];
		batch->transfers[batch->count] = transfer;
		batch->transfers[batch_count(batch)] = twin;
	}
	batch->count++;
}

void batch_release(struct batch *batch, struct account_cache *cache)
{
	for (size_t i = 0; i < batch->accounts_count; i++)
		account_cache_disown(cache, batch->held[i].slot);
	batch->accounts_count = 0;
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

/* Copies of the transfers' accounts as the store has them, read where they are not known. */
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

/* The store has the new state now: so has the cache. */
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

/* Decides transfers on copies of their accounts and writes what came of it, or changes nothing. */
static enum mp_rc attempt(struct batch *batch, struct wallet_transfer *const *transfers,
	size_t count, enum wallet_db_refusal *reterr_refusal)
{
	int64_t started_us = mp_clock_mono_us();

	mp_arena_reset(batch->arena);
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
	const struct wallet_db_batch write = {
		.accounts = batch->touched,
		.accounts_count = batch->touched_count,
		.transfers = transfers,
		.transfers_count = count,
		.entries = work.entries,
		.entries_count = work.entries_count,
	};
	rc = wallet_db_commit(batch->config.db, &write, batch->arena, reterr_refusal);
	if (rc == MP_OK)
		keep_accounts(batch);
	mp_metric_observe_us(metrics.commits, mp_clock_mono_us() - started_us);
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

/* A pause that doubles with the failures in a row, half of it random. */
static void back_off(struct batch *batch)
{
	unsigned doublings = batch->failures < 6 ? batch->failures : 6;
	uint64_t longest_us = (1000ull << doublings) < BACK_OFF_MS_MAX * 1000ull
				      ? 1000ull << doublings
				      : BACK_OFF_MS_MAX * 1000ull;
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

static void count_outcomes(struct wallet_transfer *const *transfers, size_t count)
{
	size_t posted = 0;

	for (size_t i = 0; i < count; i++)
		posted += transfers[i]->outcome == WALLET_POSTED;
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
	*chunk = count > 1 ? count / 2 : 1;
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

	switch (rc) {
	case MP_OK:
		count_outcomes(transfers, count);
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
	for (size_t done = 0; done < batch->count;) {
		size_t left = batch->count - done;
		size_t count = chunk < left ? chunk : left;
		done += step(batch, batch->transfers + done, count, &chunk);
	}
	if (batch->twins_count > 0)
		decide_twins(batch);
}
