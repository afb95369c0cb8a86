#include "base/testing.h"

#include <pthread.h>
#include <string.h>

#include "base/crypto.h"
#include "base/trace.h"
#include "lane.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* Jobs that wait at a gate, and what they saw. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	int inside;
	int inside_most;
	int done;
	int order[16];
	char trace_id[33];
};

struct visit {
	struct gate *gate;
	int number;
};

static void gate_init(struct gate *gate)
{
	*gate = (struct gate){.open = false};
	assert_int_equal(pthread_mutex_init(&gate->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&gate->changed, NULL), 0);
}

static void pass(void *arg)
{
	struct visit *visit = arg;
	struct gate *gate = visit->gate;

	(void)pthread_mutex_lock(&gate->lock);
	gate->order[gate->done + gate->inside] = visit->number;
	gate->inside++;
	if (gate->inside > gate->inside_most)
		gate->inside_most = gate->inside;
	memcpy(gate->trace_id, mp_trace_id(), strlen(mp_trace_id()) + 1);
	(void)pthread_cond_broadcast(&gate->changed);
	while (!gate->open)
		(void)pthread_cond_wait(&gate->changed, &gate->lock);
	gate->inside--;
	gate->done++;
	(void)pthread_mutex_unlock(&gate->lock);
}

static void wait_inside(struct gate *gate, int count)
{
	(void)pthread_mutex_lock(&gate->lock);
	while (gate->inside < count)
		(void)pthread_cond_wait(&gate->changed, &gate->lock);
	(void)pthread_mutex_unlock(&gate->lock);
}

static void open_gate(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->lock);
	gate->open = true;
	(void)pthread_cond_broadcast(&gate->changed);
	(void)pthread_mutex_unlock(&gate->lock);
}

static void over_its_bounds_it_is_busy_and_what_it_took_is_done(void **state)
{
	struct visit visits[8];
	struct lane *lane = NULL;
	struct gate gate;

	gate_init(&gate);
	for (int i = 0; i < 8; i++)
		visits[i] = (struct visit){&gate, i};
	assert_int_equal(lane_open(2, 3, &lane), MP_OK);
	assert_int_equal(lane_submit(lane, pass, &visits[0]), MP_OK);
	assert_int_equal(lane_submit(lane, pass, &visits[1]), MP_OK);
	wait_inside(&gate, 2);
	for (int i = 2; i < 5; i++)
		assert_int_equal(lane_submit(lane, pass, &visits[i]), MP_OK);
	assert_int_equal(lane_submit(lane, pass, &visits[5]), MP_BUSY);
	open_gate(&gate);
	lane_close(lane);
	assert_int_equal(gate.done, 5);
	assert_int_equal(gate.inside_most, 2);
}

static void first_come_is_first_served(void **state)
{
	struct visit visits[8];
	struct lane *lane = NULL;
	struct gate gate;

	gate_init(&gate);
	assert_int_equal(lane_open(1, 8, &lane), MP_OK);
	for (int i = 0; i < 8; i++) {
		visits[i] = (struct visit){&gate, i};
		assert_int_equal(lane_submit(lane, pass, &visits[i]), MP_OK);
	}
	open_gate(&gate);
	lane_close(lane);
	for (int i = 0; i < 8; i++)
		assert_int_equal(gate.order[i], i);
}

static void a_job_runs_within_the_trace_of_its_request(void **state)
{
	struct lane *lane = NULL;
	struct gate gate;
	struct visit visit = {&gate, 0};

	gate_init(&gate);
	assert_int_equal(lane_open(1, 1, &lane), MP_OK);
	mp_trace_begin(TRACE);
	assert_int_equal(lane_submit(lane, pass, &visit), MP_OK);
	mp_trace_end();
	open_gate(&gate);
	lane_close(lane);
	assert_string_equal(gate.trace_id, "0af7651916cd43dd8448eb211c80319c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_its_bounds_it_is_busy_and_what_it_took_is_done),
		cmocka_unit_test(first_come_is_first_served),
		cmocka_unit_test(a_job_runs_within_the_trace_of_its_request),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
