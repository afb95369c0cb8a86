#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing.h"
#include "metrics/metrics.h"
#include "metrics/process.h"

/* The registry is the process's, and there is no way out of it: tests use names of their own. */

static struct mp_buf page;

static const char *render(void)
{
	mp_buf_clear(&page);
	mp_metrics_render(&page);
	assert_int_equal(mp_buf_rc(&page), MP_OK);
	return mp_buf_text(&page);
}

static int times_found(const char *text, const char *part)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

static void names_registered_apart_are_rendered_together(void **state)
{
	struct mp_metric *posted =
		mp_counter("t_transfers_total", "outcome=\"posted\"", "Transfers.");
	struct mp_metric *depth = mp_gauge("t_depth", NULL, "Waiting\nnow, \\ counted.");
	struct mp_metric *refused =
		mp_counter("t_transfers_total", "outcome=\"refused\"", "Transfers.");

	mp_metric_add(posted, 2);
	mp_metric_add(posted, 1);
	mp_metric_add(refused, 1);
	mp_metric_set(depth, 12);
	mp_metric_add(depth, -15);
	assert_int_equal(mp_metric_value(posted), 3);
	assert_int_equal(mp_metric_value(depth), -3);
	assert_non_null(strstr(render(), "# HELP t_transfers_total Transfers.\n"
					 "# TYPE t_transfers_total counter\n"
					 "t_transfers_total{outcome=\"posted\"} 3\n"
					 "t_transfers_total{outcome=\"refused\"} 1\n"
					 "# HELP t_depth Waiting\\nnow, \\\\ counted.\n"
					 "# TYPE t_depth gauge\n"
					 "t_depth -3\n"));
	assert_int_equal(times_found(mp_buf_text(&page), "# TYPE t_transfers_total"), 1);
}

static void the_same_name_and_labels_are_the_same_metric(void **state)
{
	static char name[] = "t_same_total"; /* another address */

	assert_ptr_equal(mp_counter("t_same_total", NULL, "One."), mp_counter(name, NULL, "One."));
	assert_ptr_equal(mp_counter("t_same_total", "", "One."), mp_counter(name, NULL, "One."));
	assert_ptr_not_equal(
		mp_counter("t_same_total", "a=\"1\"", "One."), mp_counter(name, NULL, "One."));
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
	struct mp_metric *plain = mp_histogram("t_seconds", NULL, "Took.");
	struct mp_metric *labelled = mp_histogram("t_seconds", "route=\"/v1\"", "Took.");

	mp_metric_observe_us(plain, 0);
	mp_metric_observe_us(plain, 500);      /* on a bound: within */
	mp_metric_observe_us(plain, 501);      /* behind it */
	mp_metric_observe_us(plain, 10000001); /* beyond all */
	mp_metric_observe_us(plain, -5);       /* a clock's fault: 0 */
	mp_metric_observe_us(labelled, 1234567);

	const char *text = render();
	assert_non_null(strstr(text, "# TYPE t_seconds histogram\n"
				     "t_seconds_bucket{le=\"0.0005\"} 3\n"
				     "t_seconds_bucket{le=\"0.001\"} 4\n"));
	assert_non_null(strstr(text, "t_seconds_bucket{le=\"10\"} 4\n"
				     "t_seconds_bucket{le=\"+Inf\"} 5\n"
				     "t_seconds_sum 10.001002\n"
				     "t_seconds_count 5\n"));
	assert_non_null(strstr(text, "t_seconds_bucket{route=\"/v1\",le=\"1\"} 0\n"
				     "t_seconds_bucket{route=\"/v1\",le=\"2.5\"} 1\n"));
	assert_non_null(strstr(text, "t_seconds_sum{route=\"/v1\"} 1.234567\n"
				     "t_seconds_count{route=\"/v1\"} 1\n"));
	assert_int_equal(mp_metric_value(plain), 5);
	assert_int_equal(mp_metric_value(labelled), 1);
}

static void no_metric_is_taken_everywhere(void **state)
{
	mp_metric_add(NULL, 1);
	mp_metric_set(NULL, 1);
	mp_metric_observe_us(NULL, 1);
	assert_int_equal(mp_metric_value(NULL), 0);
}

#define THREADS 4
#define ADDS_PER_THREAD 20000

static void *add_many(void *arg)
{
	struct mp_metric *counter = mp_counter("t_shared_total", NULL, "Shared.");
	struct mp_metric *histogram = mp_histogram("t_shared_seconds", NULL, "Shared.");

	for (int i = 0; i < ADDS_PER_THREAD; i++) {
		mp_metric_add(counter, 1);
		mp_metric_observe_us(histogram, i);
	}
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	pthread_t threads[THREADS];

	for (size_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, add_many, NULL), 0);
	(void)render();
	for (size_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	assert_int_equal(mp_metric_value(mp_counter("t_shared_total", NULL, "Shared.")),
		THREADS * ADDS_PER_THREAD);
	assert_int_equal(mp_metric_value(mp_histogram("t_shared_seconds", NULL, "Shared.")),
		THREADS * ADDS_PER_THREAD);
}

/* The last test: afterwards the registry is full. */
static void the_registry_is_bounded(void **state)
{
	static char labels[MP_METRICS_MAX + 1][32];
	struct mp_metric *last = NULL;
	int added = 0;

	assert_non_null(mp_counter("t_one_total", NULL, "It takes one of the places."));
	for (size_t i = 0; i <= MP_METRICS_MAX; i++) {
		assert_true(snprintf(labels[i], sizeof(labels[i]), "n=\"%zu\"", i) > 0);
		last = mp_counter("t_many_total", labels[i], "Many.");
		added += last != NULL;
	}
	assert_null(last);
	assert_true(added > 0 && added < MP_METRICS_MAX);
	assert_non_null(
		mp_counter("t_many_total", "n=\"0\"", "Many.")); /* what is there is found */
	assert_int_equal(times_found(render(), "t_many_total{"), added);
}

static int init(void **state)
{
	mp_buf_init(&page, 1 << 20);
	return 0;
}

static int done(void **state)
{
	mp_buf_done(&page);
	return 0;
}

static void the_process_is_rendered(void **state)
{
	static const char *const names[] = {"process_cpu_seconds_total ",
		"process_virtual_memory_bytes ", "process_resident_memory_bytes ",
		"process_open_fds ", "process_max_fds ", "process_start_time_seconds ",
		"moneypal_build_info{version=\"" MP_VERSION "\"} "};

	(void)state;
	mp_buf_clear(&page);
	mp_metrics_render_process(&page);
	assert_int_equal(mp_buf_rc(&page), MP_OK);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char line[80];
		(void)snprintf(line, sizeof(line), "\n%s", names[i]); /* not its HELP or TYPE */
		const char *found = strstr(mp_buf_text(&page), line);
		assert_non_null(found);
		assert_true(found[strlen(line)] >= '0' && found[strlen(line)] <= '9');
	}
}

static void the_start_is_the_same_in_every_scrape(void **state)
{
	const int64_t before_s = mp_clock_ms() / 1000;
	int64_t start_s = 0;
	char line[64];

	(void)state;
	mp_metrics_process_start();
	const int64_t after_s = mp_clock_ms() / 1000;
	mp_buf_clear(&page);
	mp_metrics_render_process(&page);
	const char *first = strstr(mp_buf_text(&page), "\nprocess_start_time_seconds ");
	assert_non_null(first);
	assert_int_equal(sscanf(first, "\n%63[^\n]", line), 1);
	assert_int_equal(sscanf(line, "%*s %" SCNd64, &start_s), 1);
	assert_in_range(start_s, before_s, after_s);
	(void)usleep(1100000); /* over the next second's beginning */
	mp_buf_clear(&page);
	mp_metrics_render_process(&page);
	assert_non_null(strstr(mp_buf_text(&page), line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_registered_apart_are_rendered_together),
		cmocka_unit_test(the_process_is_rendered),
		cmocka_unit_test(the_start_is_the_same_in_every_scrape),
		cmocka_unit_test(the_same_name_and_labels_are_the_same_metric),
		cmocka_unit_test(a_histogram_counts_up_to_each_bound),
		cmocka_unit_test(no_metric_is_taken_everywhere),
		cmocka_unit_test(threads_lose_no_count),
		cmocka_unit_test(the_registry_is_bounded),
	};
	return cmocka_run_group_tests_name("metrics", tests, init, done);
}
