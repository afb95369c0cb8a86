#include <string.h>

#include "base/clock.h"
#include "contract.h"
#include "store/fault.h"
#include "store/idempotency.h"

/* What lib/store builds on any engine: faults on request, and idempotency keys. */

/* The fixture's store becomes a fault store over it. */
static void wrap(struct fixture *f)
{
	struct mp_store *fault = mp_fault_store_new(f->store);

	assert_non_null(fault);
	f->store = fault;
}

static void a_fault_before_the_effect_writes_nothing(void **state)
{
	struct fixture *f = *state;

	wrap(f);
	mp_fault_store_arm(f->store, 2, false);
	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	assert_int_equal(insert_one(f, "A", "2", 2), MP_UNAVAILABLE);
	assert_absent(f, "A", "2");
	assert_int_equal(insert_one(f, "A", "2", 2), MP_OK);
	assert_item(f, "A", "1", 1, 1);
	assert_item(f, "A", "2", 1, 2);
}

static void a_fault_after_the_effect_has_written(void **state)
{
	struct fixture *f = *state;

	wrap(f);
	mp_fault_store_arm(f->store, 1, true);
	assert_int_equal(insert_one(f, "A", "1", 1), MP_UNKNOWN);
	assert_item(f, "A", "1", 1, 1);
	assert_int_equal(insert_one(f, "A", "1", 1), MP_EXISTS);
	mp_fault_store_arm(f->store, 1, true);
	assert_int_equal(insert_one(f, "A", "1", 2), MP_UNKNOWN); /* a refusal is lost too */
	assert_item(f, "A", "1", 1, 1);
}

static void a_fault_names_no_operation(void **state)
{
	struct fixture *f = *state;
	struct mp_txn txn;

	wrap(f);
	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	for (int after = 0; after < 2; after++) {
		size_t refused = 12345;
		mp_fault_store_arm(f->store, 1, after == 1);
		mp_txn_begin(&txn, f->store, f->arena);
		mp_txn_insert(&txn, make_item(f->arena, "A", "1", 1));
		assert_int_equal(
			mp_txn_commit(&txn, &refused), after == 1 ? MP_UNKNOWN : MP_UNAVAILABLE);
		assert_true(refused == MP_OP_NONE);
	}
}

static void an_unarmed_fault_store_passes_everything_on(void **state)
{
	static const struct mp_key key = {"A", "1"};
	static const struct mp_query query = {.pk = "A", .limit = 10};
	struct fixture *f = *state;
	struct mp_page page;
	const char *cursor;
	char error[160];

	size_t ops_max = mp_store_txn_ops_max(f->store);
	wrap(f);
	assert_int_equal(mp_store_txn_ops_max(f->store), ops_max);
	mp_fault_store_arm(f->store, 0, false);
	assert_int_equal(insert_one(f, "A", "1", 1), MP_OK);
	assert_int_equal(insert_one(f, "A", "1", 1), MP_EXISTS);
	assert_item(f, "A", "1", 1, 1);
	assert_int_equal(mp_store_query(f->store, &query, f->arena, &page), MP_OK);
	assert_int_equal(page.count, 1);
	assert_int_equal(mp_store_scan(f->store, 0, 1, NULL, 10, f->arena, &page, &cursor), MP_OK);
	assert_int_equal(page.count, 1);
	assert_int_equal(mp_store_ready(f->store, error), MP_OK);
	assert_int_equal(mp_store_erase(f->store, &key, 1), MP_OK);
	assert_absent(f, "A", "1");
}

/* --- idempotency --- */

static const struct mp_id resource = {.text = "01890a5d-ac96-774b-bcce-b302099a8057"};

static struct mp_idempotency request_of(const char *caller, const char *key, const char *body)
{
	struct mp_idempotency request = {.caller = caller, .key = key};

	mp_sha256_hex(body, strlen(body), request.digest);
	return request;
}

static enum mp_rc remember(
	struct fixture *f, const struct mp_idempotency *request, int64_t expires_at_s)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, f->store, f->arena);
	(void)mp_idempotency_insert(&txn, request, &resource, expires_at_s);
	return mp_txn_commit(&txn, NULL);
}

static void a_key_is_found_with_the_same_body_only(void **state)
{
	struct fixture *f = *state;
	const struct mp_idempotency request = request_of("user-1", "key \x7f\xff", "body");
	const struct mp_idempotency changed = request_of("user-1", "key \x7f\xff", "other body");
	const struct mp_idempotency stranger = request_of("user-2", "key \x7f\xff", "body");
	struct mp_id found = {.text = ""};

	assert_int_equal(mp_idempotency_find(f->store, &request, f->arena, &found), MP_NOT_FOUND);
	assert_int_equal(remember(f, &request, 0), MP_OK);
	assert_int_equal(mp_idempotency_find(f->store, &changed, f->arena, &found), MP_CONFLICT);
	assert_int_equal(mp_idempotency_find(f->store, &stranger, f->arena, &found), MP_NOT_FOUND);
	assert_string_equal(found.text, "");
	assert_int_equal(mp_idempotency_find(f->store, &request, f->arena, &found), MP_OK);
	assert_string_equal(found.text, resource.text);
	assert_int_equal(remember(f, &request, 0), MP_EXISTS);
}

static void a_key_expires(void **state)
{
	struct fixture *f = *state;
	const struct mp_idempotency request = request_of("user-1", "key", "body");
	struct mp_id found;

	assert_int_equal(remember(f, &request, mp_clock_ms() / 1000 - 1), MP_OK);
	assert_int_equal(mp_idempotency_find(f->store, &request, f->arena, &found), MP_NOT_FOUND);
	assert_int_equal(remember(f, &request, mp_clock_ms() / 1000 + 60), MP_OK);
	assert_int_equal(mp_idempotency_find(f->store, &request, f->arena, &found), MP_OK);
}

static void no_key_is_no_operation(void **state)
{
	struct fixture *f = *state;
	const struct mp_idempotency request = request_of("user-1", NULL, "body");
	struct mp_id found;
	struct mp_txn txn;

	assert_int_equal(mp_idempotency_find(f->store, &request, f->arena, &found), MP_NOT_FOUND);
	mp_txn_begin(&txn, f->store, f->arena);
	assert_true(mp_idempotency_insert(&txn, &request, &resource, 0) == MP_OP_NONE);
	assert_int_equal(txn.count, 0);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
}

#define T(test) cmocka_unit_test_setup_teardown(test, contract_setup, contract_teardown)

int run_wrapper_tests(const char *name)
{
	const struct CMUnitTest tests[] = {
		T(a_fault_before_the_effect_writes_nothing),
		T(a_fault_after_the_effect_has_written),
		T(a_fault_names_no_operation),
		T(an_unarmed_fault_store_passes_everything_on),
		T(a_key_is_found_with_the_same_body_only),
		T(a_key_expires),
		T(no_key_is_no_operation),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
