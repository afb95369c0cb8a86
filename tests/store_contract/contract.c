#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "http_client/http_client.h"
#include "json/json.h"

#define ARENA_BYTES (64u << 20)

const struct contract_engine *contract_engine_now;

int contract_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->engine = contract_engine_now;
	f->arena = mp_arena_new(ARENA_BYTES);
	f->place = f->engine->place_new();
	assert_non_null(f->arena);
	assert_non_null(f->place);
	f->store = f->engine->open(f->place);
	assert_non_null(f->store);
	*state = f;
	return 0;
}

int contract_teardown(void **state)
{
	struct fixture *f = *state;

	mp_store_close(f->store);
	if (f->place != NULL)
		f->engine->place_free(f->place);
	mp_arena_free(f->arena);
	free(f);
	return 0;
}

void contract_reopen(struct fixture *f)
{
	mp_store_close(f->store);
	f->store = f->engine->open(f->place);
	assert_non_null(f->store);
}

struct mp_item *make_item(struct mp_arena *arena, const char *pk, const char *sk, int64_t n)
{
	struct mp_item *item = mp_item_new(arena, pk, sk, 1);

	mp_map_set_int(mp_item_attrs(item), "n", n);
	return item;
}

struct mp_item *make_expired(struct mp_arena *arena, const char *pk, const char *sk, int64_t n)
{
	struct mp_item *item = make_item(arena, pk, sk, n);

	item->expires_at_s = mp_clock_ms() / 1000 - 60;
	return item;
}

enum mp_rc commit_one(struct fixture *f, const struct mp_item *inserted)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_insert(&txn, inserted);
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc insert_one(struct fixture *f, const char *pk, const char *sk, int64_t n)
{
	return commit_one(f, make_item(f->arena, pk, sk, n));
}

enum mp_rc replace_one(struct fixture *f, const char *pk, const char *sk, int64_t n, int64_t v)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_replace(&txn, make_item(f->arena, pk, sk, n), v);
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc remove_one(struct fixture *f, const char *pk, const char *sk, int64_t version)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_remove(&txn, pk, sk, version);
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc check_one(struct fixture *f, const char *pk, const char *sk, int64_t version)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_check(&txn, pk, sk, version);
	return mp_txn_commit(&txn, NULL);
}

enum mp_rc put_one(struct fixture *f, const char *pk, const char *sk, int64_t n)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	mp_txn_put(&txn, make_item(f->arena, pk, sk, n));
	return mp_txn_commit(&txn, NULL);
}

int64_t item_n(const struct mp_item *item)
{
	struct mp_item_reader r;
	int64_t n = 0;

	mp_item_read_begin(&r, item, 1);
	mp_item_read_int(&r, "n", &n);
	assert_int_equal(mp_item_read_end(&r), MP_OK);
	return n;
}

void assert_item(struct fixture *f, const char *pk, const char *sk, int64_t version, int64_t n)
{
	struct mp_item *item = NULL;

	assert_int_equal(mp_store_get(f->store, pk, sk, f->arena, &item), MP_OK);
	assert_string_equal(item->pk, pk);
	assert_string_equal(item->sk, sk);
	assert_int_equal(item->version, version);
	assert_int_equal(item_n(item), n);
}

void assert_absent(struct fixture *f, const char *pk, const char *sk)
{
	struct mp_item *item = NULL;

	assert_int_equal(mp_store_get(f->store, pk, sk, f->arena, &item), MP_NOT_FOUND);
	assert_null(item);
}

static int run_suite(const struct contract_engine *engine)
{
	contract_engine_now = engine;
	return run_txn_tests(engine->name) + run_read_tests(engine->name) +
	       run_wrapper_tests(engine->name) + run_thread_tests(engine->name) +
	       run_model_tests(engine->name) + run_move_tests(engine->name);
}

/* Takes the engine's name. */
int main(int argc, char **argv)
{
	if (mp_crypto_init() != MP_OK || mp_http_client_global_init() != MP_OK || argc != 2)
		return 1;
	mp_json_init();
	for (size_t i = 0; i < contract_engines_count; i++) {
		if (strcmp(contract_engines[i].name, argv[1]) == 0)
			return run_suite(&contract_engines[i]) == 0 ? 0 : 1;
	}
	print_error("There is no engine %s.\n", argv[1]);
	return 1;
}
