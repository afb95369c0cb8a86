#ifndef MP_TESTS_STORE_CONTRACT_CONTRACT_H
#define MP_TESTS_STORE_CONTRACT_CONTRACT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/store.h"

/* What every engine must do: each test gets a store of its own, empty. */

/* How to make one engine's stores. A new engine joins by a row in engines.c. */
struct contract_engine {
	const char *name;
	void *(*place_new)(void);	       /* where one store's data will be; NULL: no place */
	struct mp_store *(*open)(void *place); /* what is there already stays; NULL: failed */
	void (*place_free)(void *place);       /* with all data */
	int effort; /* percent of the many repetitions that a fast engine is asked for */
};

extern const struct contract_engine contract_engines[];
extern const size_t contract_engines_count;

struct fixture {
	const struct contract_engine *engine;
	void *place;
	struct mp_store *store;
	struct mp_arena *arena;
};

/* cmocka's setup and teardown; the state is a struct fixture. */
int contract_setup(void **state);
int contract_teardown(void **state);

/* Closes the fixture's store and opens it again over the same data. */
void contract_reopen(struct fixture *f);

/* The engine that the running group tests. */
extern const struct contract_engine *contract_engine_now;

/* An item with the attribute n. */
struct mp_item *make_item(struct mp_arena *arena, const char *pk, const char *sk, int64_t n);
struct mp_item *make_expired(struct mp_arena *arena, const char *pk, const char *sk, int64_t n);

/* Transactions of one operation. */
enum mp_rc insert_one(struct fixture *f, const char *pk, const char *sk, int64_t n);
enum mp_rc replace_one(struct fixture *f, const char *pk, const char *sk, int64_t n, int64_t v);
enum mp_rc remove_one(struct fixture *f, const char *pk, const char *sk, int64_t version);
enum mp_rc check_one(struct fixture *f, const char *pk, const char *sk, int64_t version);
enum mp_rc put_one(struct fixture *f, const char *pk, const char *sk, int64_t n);
enum mp_rc commit_one(struct fixture *f, const struct mp_item *inserted);

/* The attribute n of an item that must have it. */
int64_t item_n(const struct mp_item *item);

/* The item is there with this version and n; or it is absent. */
void assert_item(struct fixture *f, const char *pk, const char *sk, int64_t version, int64_t n);
void assert_absent(struct fixture *f, const char *pk, const char *sk);

/* The groups, one for each file. Each returns the number of failed tests. */
int run_txn_tests(const char *name);
int run_read_tests(const char *name);
int run_thread_tests(const char *name);
int run_wrapper_tests(const char *name);
int run_model_tests(const char *name);
int run_move_tests(const char *name);

#endif
