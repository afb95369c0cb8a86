#include "base/testing.h"

#include <stdatomic.h>
#include <unistd.h>

#include "turn.h"

static struct turn turn;
static atomic_uint done; /* steps of the other threads, in the order in which they came */

static int open_turn(void **state)
{
	turn_init(&turn);
	atomic_store(&done, 0);
	return 0;
}

static int close_turn(void **state)
{
	turn_done(&turn);
	return 0;
}

static void assert_nothing_more_happens(unsigned so_far)
{
	(void)usleep(30000);
	assert_int_equal(atomic_load(&done), so_far);
}

static void *take_and_give_back(void *arg)
{
	(void)turn_take(&turn);
	atomic_fetch_add(&done, 1);
	turn_give_back(&turn);
	return NULL;
}

static void one_decides_at_a_time(void **state)
{
	pthread_t other;

	(void)turn_take(&turn);
	assert_int_equal(pthread_create(&other, NULL, take_and_give_back, NULL), 0);
	assert_nothing_more_happens(0);
	turn_give_back(&turn);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(atomic_load(&done), 1);
}

static void the_next_decides_while_one_is_on_its_way(void **state)
{
	assert_int_equal(turn_take(&turn), 1);
	turn_pass(&turn);
	assert_int_equal(turn_take(&turn), 2);
	turn_pass(&turn);
	turn_end(&turn);
	turn_end(&turn);
}

/* Refused with the numbers 1 and 2; notes who was alone first. */
static uint64_t order[3];

static void *again(void *arg)
{
	uint64_t number = *(const uint64_t *)arg;

	turn_again(&turn, number);
	unsigned place = atomic_fetch_add(&done, 1);
	if (place < 3)
		order[place] = number;
	turn_give_back(&turn);
	return NULL;
}

static void the_refused_are_alone_in_their_order_and_before_any_other(void **state)
{
	uint64_t numbers[2];
	pthread_t threads[3];

	for (size_t i = 0; i < 2; i++) {
		numbers[i] = turn_take(&turn);
		turn_pass(&turn);
	}
	(void)turn_take(&turn);
	/* The second hears of it first, and waits: for the first, and for the third's deciding. */
	assert_int_equal(pthread_create(&threads[0], NULL, again, &numbers[1]), 0);
	assert_nothing_more_happens(0);
	assert_int_equal(pthread_create(&threads[1], NULL, again, &numbers[0]), 0);
	assert_nothing_more_happens(0);
	turn_pass(&turn);
	assert_int_equal(pthread_create(&threads[2], NULL, take_and_give_back, NULL), 0);
	assert_nothing_more_happens(0);
	turn_end(&turn);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&done), 3);
	assert_int_equal(order[0], numbers[0]);
	assert_int_equal(order[1], numbers[1]);
}

int main(void)
{
#define TURN_TEST(test) cmocka_unit_test_setup_teardown(test, open_turn, close_turn)
	const struct CMUnitTest tests[] = {
		TURN_TEST(one_decides_at_a_time),
		TURN_TEST(the_next_decides_while_one_is_on_its_way),
		TURN_TEST(the_refused_are_alone_in_their_order_and_before_any_other),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
