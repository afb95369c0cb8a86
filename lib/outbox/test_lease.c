#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "outbox/lease.h"
#include "store/fault.h"
#include "store/test_place.h"

#define NOW_MS 1795400570000

struct fixture {
	struct test_place place;
	struct mp_lease a;
	struct mp_lease b;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL || test_place_new(&f->place) != MP_OK)
		return -1;
	mp_lease_init(&f->a, f->place.store, "TEST");
	mp_lease_init(&f->b, f->place.store, "TEST");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_place_free(&f->place);
	free(f);
	return 0;
}

static bool holds(struct mp_lease *lease, int64_t now_ms)
{
	int64_t again_ms = 0;
	bool held = mp_lease_hold(lease, now_ms, &again_ms);

	assert_true(held || again_ms > now_ms);
	return held;
}

static void one_holds_it_while_it_prolongs(void **state)
{
	struct fixture *f = *state;

	for (int64_t at = 0; at < 10 * MP_LEASE_MS; at += 900) {
		assert_true(holds(&f->a, NOW_MS + at));
		assert_false(holds(&f->b, NOW_MS + at));
	}
}

static void who_asks_while_it_is_held_asks_again_when_it_may_end(void **state)
{
	struct fixture *f = *state;
	int64_t again_ms = 0;

	assert_true(holds(&f->a, NOW_MS));
	assert_false(mp_lease_hold(&f->b, NOW_MS + 1, &again_ms));
	assert_in_range(again_ms, NOW_MS + MP_LEASE_MS, NOW_MS + MP_LEASE_MS + 2000);
	assert_true(holds(&f->b, again_ms));
}

static void it_passes_on_when_its_holder_is_gone(void **state)
{
	struct fixture *f = *state;

	assert_true(holds(&f->a, NOW_MS));
	assert_false(holds(&f->b, NOW_MS + MP_LEASE_MS - 1));
	assert_true(holds(&f->b, NOW_MS + MP_LEASE_MS));
	assert_false(holds(&f->a, NOW_MS + MP_LEASE_MS)); /* it comes back too late */
	assert_false(holds(&f->a, NOW_MS + MP_LEASE_MS + 1));
}

static void it_passes_on_at_once_when_it_is_released(void **state)
{
	struct fixture *f = *state;

	assert_true(holds(&f->a, NOW_MS));
	mp_lease_release(&f->b); /* not its own */
	assert_false(holds(&f->b, NOW_MS + 1));
	mp_lease_release(&f->a);
	assert_true(holds(&f->b, NOW_MS + 2));
	assert_false(holds(&f->a, NOW_MS + 3));
}

static int64_t mono_ms;

static int64_t test_mono_ms(void)
{
	return mono_ms;
}

static void a_holder_far_in_the_future_does_not_hold_it_for_long(void **state)
{
	struct fixture *f = *state;
	int64_t again_ms = 0;

	/* A clock an hour ahead: asked about again soon, left while it is prolonged, then taken. */
	f->b.mono_ms = test_mono_ms;
	assert_true(holds(&f->a, NOW_MS + 3600000));
	assert_false(mp_lease_hold(&f->b, NOW_MS, &again_ms));
	assert_in_range(again_ms, NOW_MS, NOW_MS + 2000);
	mono_ms += MP_LEASE_MS;
	assert_false(holds(&f->b, NOW_MS + MP_LEASE_MS));
	assert_true(holds(&f->a, NOW_MS + 3600000 + MP_LEASE_MS)); /* it lives */
	mono_ms += MP_LEASE_MS;
	assert_false(holds(&f->b, NOW_MS + 2 * MP_LEASE_MS));
	mono_ms += MP_LEASE_MS + 1;
	assert_true(holds(&f->b, NOW_MS + 3 * MP_LEASE_MS + 1));
	assert_false(holds(&f->a, NOW_MS + 3 * MP_LEASE_MS + 1));
	/* Another row of the same version is somebody who lives. */
	mp_lease_release(&f->b);
	assert_true(holds(&f->a, NOW_MS + 3600000));
	assert_false(holds(&f->b, NOW_MS));
	mp_lease_release(&f->a);
	assert_true(holds(&f->a, NOW_MS + 3600001));
	mono_ms += MP_LEASE_MS + 1;
	assert_false(holds(&f->b, NOW_MS + MP_LEASE_MS + 1));
}

static void an_unanswered_write_is_not_holding_it(void **state)
{
	struct fixture *f = *state;

	f->place.store = mp_fault_store_new(f->place.store);
	assert_non_null(f->place.store);
	mp_lease_init(&f->a, f->place.store, "TEST");
	mp_fault_store_arm(f->place.store, 1, true);
	assert_false(holds(&f->a, NOW_MS));
	assert_true(holds(&f->a, NOW_MS + 1)); /* it finds its own row */
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_holds_it_while_it_prolongs),
		T(who_asks_while_it_is_held_asks_again_when_it_may_end),
		T(it_passes_on_when_its_holder_is_gone),
		T(it_passes_on_at_once_when_it_is_released),
		T(a_holder_far_in_the_future_does_not_hold_it_for_long),
		T(an_unanswered_write_is_not_holding_it),
	};

	return mp_crypto_init() != MP_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
