#include "test_world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/testing.h"
#include "wallet_events.h"

static void open_store(struct world *world)
{
	world->store = mp_fault_store_new(mp_test_store_open(world->folder.path));
	assert_non_null(world->store);
	const struct mp_outbox_config outbox = {
		.store = world->store,
		.source = "/moneypal/wallet",
		.amqp_url = "amqp://guest:guest@127.0.0.1:1/", /* never started */
		.encode = wallet_event_encode,
		.encode_ctx = &world->currencies,
	};
	assert_int_equal(mp_outbox_open(&outbox, &world->outbox), MP_OK);
}

struct wallet_config world_config(const struct world *world)
{
	return (struct wallet_config){
		.db = {.store = world->store, .outbox = world->outbox},
		.currencies = &world->currencies,
		.psp_shards = 3,
		.committer =
			{
				.threads = 2,
				.alone = true, /* as on RocksDB everywhere */
				.batch_max = 256,
				.queue_max = 10000,
				.cache_accounts = 1024,
			},
	};
}

static void open_wallet(struct world *world, const struct wallet_config *config)
{
	struct wallet_config usual = world_config(world);

	if (config != NULL) {
		usual.psp_shards = config->psp_shards;
		usual.committer = config->committer;
	}
	assert_int_equal(wallet_open(&usual, &world->wallet), MP_OK);
}

void world_open(struct world *world, const struct wallet_config *config)
{
	char reason[160] = "";

	*world = (struct world){0};
	mp_test_folder_make(&world->folder);
	assert_int_equal(
		mp_currencies_parse("USD:2:2:0.50,JPY:0:0:50", &world->currencies, reason), MP_OK);
	world->arena = mp_arena_new(64u * 1024 * 1024);
	assert_non_null(world->arena);
	open_store(world);
	open_wallet(world, config);
}

static void close_parts(struct world *world)
{
	wallet_close(world->wallet);
	mp_outbox_close(world->outbox);
	mp_store_close(world->store);
}

void world_close(struct world *world)
{
	close_parts(world);
	mp_arena_free(world->arena);
	mp_test_folder_remove(&world->folder);
}

void world_restart(struct world *world)
{
	close_parts(world);
	open_store(world);
	open_wallet(world, NULL);
}

struct mp_id world_id(unsigned number)
{
	struct mp_id id;

	assert_int_equal(
		mp_text_format(id.text, sizeof(id.text), "019370a0-0000-8000-8000-%012x", number),
		MP_OK);
	return id;
}

/* Users by name: the same name, the same id. */
struct wallet_key world_key(const char *name)
{
	struct wallet_key key = {0};

	if (strcmp(name, "psp") == 0) {
		assert_true(wallet_key_parse("system:psp", "USD", &key));
		return key;
	}
	struct mp_id id = mp_id_derive_text(1795000000000, "user", name);
	return wallet_key_user(&id, "USD");
}

void world_add_leg(struct world *world, struct wallet_transfer *transfer, const char *from,
	const char *to, int64_t amount_minor)
{
	struct wallet_leg *legs =
		mp_arena_array(world->arena, transfer->legs_count + 1, sizeof(*legs));

	assert_non_null(legs);
	if (transfer->legs_count > 0)
		memcpy(legs, transfer->legs, transfer->legs_count * sizeof(*legs));
	legs[transfer->legs_count++] = (struct wallet_leg){
		.from = world_key(from),
		.to = world_key(to),
		.amount_minor = amount_minor,
	};
	transfer->legs = legs;
}

struct wallet_transfer world_transfer(
	struct world *world, unsigned id, const char *from, const char *to, int64_t amount_minor)
{
	struct wallet_transfer transfer = {
		.id = world_id(id),
		.currency = "USD",
		.reason = "payment",
		.payment_id = world_id(id + 1000000),
	};

	world_add_leg(world, &transfer, from, to, amount_minor);
	return transfer;
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
	enum mp_rc rc;
};

static void on_done(void *ctx, enum mp_rc rc)
{
	struct waiter *waiter = ctx;

	pthread_mutex_lock(&waiter->lock);
	waiter->rc = rc;
	waiter->done = true;
	pthread_cond_signal(&waiter->changed);
	pthread_mutex_unlock(&waiter->lock);
}

enum mp_rc world_decide(struct wallet *wallet, struct wallet_transfer *transfers, size_t count)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, MP_OK};
	struct wallet_unit unit = {
		.transfers = transfers,
		.count = count,
		.done = on_done,
		.ctx = &waiter,
	};

	enum mp_rc rc = wallet_transfer(wallet, &unit);
	if (rc != MP_OK)
		return rc;
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.done)
		pthread_cond_wait(&waiter.changed, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	return waiter.rc;
}

void world_do(struct world *world, struct wallet_transfer *transfer)
{
	assert_int_equal(world_decide(world->wallet, transfer, 1), MP_OK);
}

int64_t world_balance(struct world *world, const char *user)
{
	struct wallet_key key = world_key(user);
	struct mp_id id;
	int64_t balance_minor = -1;

	assert_true(mp_id_parse(wallet_key_user_text(&key), &id));
	assert_int_equal(
		wallet_balance(world->wallet, &id, "USD", world->arena, &balance_minor), MP_OK);
	return balance_minor;
}

const struct wallet_transfer *world_record(struct world *world, const struct mp_id *id)
{
	struct wallet_transfer *transfer = NULL;
	enum mp_rc rc = wallet_transfer_find(world->wallet, id, world->arena, &transfer);

	assert_true(rc == MP_OK || rc == MP_NOT_FOUND);
	return transfer;
}

struct audit_report world_audit(struct world *world)
{
	struct audit_report report;

	assert_int_equal(wallet_audit(world->wallet, 0, world->arena, &report), MP_OK);
	return report;
}

void world_assert_sound(struct world *world)
{
	struct audit_report report = world_audit(world);

	for (size_t i = 0; i < report.problems_count; i++)
		print_error("audit: %s\n", report.problems[i]);
	assert_true(report.ok);
	assert_int_equal(report.problems_count, 0);
	for (size_t i = 0; i < report.totals_count; i++)
		assert_int_equal(report.totals[i].total_minor, 0);
}
