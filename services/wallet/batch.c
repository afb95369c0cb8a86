#include "batch_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX (64u * 1024 * 1024)

struct batch *batch_new(const struct batch_config *config)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return NULL;
	batch_metrics_register(config->currencies);
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

void batch_take_turn(struct batch *batch)
{
	if (batch->config.turn != NULL)
		batch->turn_number = turn_take(batch->config.turn);
}

void batch_give_back_turn(struct batch *batch)
{
	if (batch->config.turn != NULL)
		turn_give_back(batch->config.turn);
}

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
	if (slot->last_holder != batch) {
		assert(batch->accounts_count < batch->ops_max);
		account_cache_hold(cache, slot, batch);
		slot->index = batch->accounts_count++;
		batch->held[slot->index] = (struct held){.slot = slot};
		batch->accounts[slot->index] = (struct wallet_account){.key = slot->account.key};
		batch->ops++;
	}
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
		account_cache_let_go(cache, batch->held[i].slot, batch);
	batch->accounts_count = 0;
}
