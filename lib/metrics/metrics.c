#include "metrics/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

enum metric_type {
	COUNTER,
	GAUGE,
	HISTOGRAM,
};

struct bucket {
	int64_t max_us;
	const char *label; /* the same in seconds */
};

static const struct bucket buckets[] = {
	{500, "0.0005"},
	{1000, "0.001"},
	{2500, "0.0025"},
	{5000, "0.005"},
	{10000, "0.01"},
	{25000, "0.025"},
	{50000, "0.05"},
	{100000, "0.1"},
	{250000, "0.25"},
	{500000, "0.5"},
	{1000000, "1"},
	{2500000, "2.5"},
	{5000000, "5"},
	{10000000, "10"},
};
#define BUCKETS_COUNT (sizeof(buckets) / sizeof(buckets[0]))

struct mp_metric {
	const char *name;
	const char *labels; /* "" for none */
	const char *help;
	enum metric_type type;
	struct mp_metric *same_name_next; /* registered later */
	bool is_first_of_name;

	_Atomic int64_t value;			   /* a histogram's: sum in microseconds */
	_Atomic int64_t counts[BUCKETS_COUNT + 1]; /* of each bucket alone; the last: beyond */
};

/*
 * All that there can ever be, so that a metric never moves. Pages that no metric uses cost nothing.
 * The lock guards registration and rendering; values change without it.
 */
static struct mp_metric registry[MP_METRICS_MAX];
static size_t registry_count;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

static struct mp_metric *find_or_add(
	enum metric_type type, const char *name, const char *labels, const char *help)
{
	struct mp_metric *last_of_name = NULL;

	for (size_t i = 0; i < registry_count; i++) {
		struct mp_metric *metric = &registry[i];
		if (strcmp(metric->name, name) != 0)
			continue;
		assert(metric->type == type); /* one name is one type */
		if (strcmp(metric->labels, labels) == 0)
			return metric;
		last_of_name = metric;
	}
	if (registry_count == MP_METRICS_MAX)
		return NULL;

	struct mp_metric *added = &registry[registry_count++];
	added->type = type;
	added->name = name;
	added->labels = labels;
	added->help = help;
	added->is_first_of_name = last_of_name == NULL;
	if (last_of_name != NULL)
		last_of_name->same_name_next = added;
	return added;
}

static struct mp_metric *metric_register(
	enum metric_type type, const char *name, const char *labels, const char *help)
{
	assert(name != NULL && help != NULL);
	(void)pthread_mutex_lock(&registry_lock);
	struct mp_metric *metric = find_or_add(type, name, labels != NULL ? labels : "", help);
	(void)pthread_mutex_unlock(&registry_lock);
	return metric;
}

struct mp_metric *mp_counter(const char *name, const char *labels, const char *help)
{
	return metric_register(COUNTER, name, labels, help);
}

struct mp_metric *mp_gauge(const char *name, const char *labels, const char *help)
{
	return metric_register(GAUGE, name, labels, help);
}

struct mp_metric *mp_histogram(const char *name, const char *labels, const char *help)
{
	return metric_register(HISTOGRAM, name, labels, help);
}

void mp_metric_add(struct mp_metric *metric, int64_t amount)
{
	if (metric == NULL)
		return;
	assert(metric->type == GAUGE || (metric->type == COUNTER && amount >= 0));
	atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void mp_metric_set(struct mp_metric *gauge, int64_t value)
{
	if (gauge == NULL)
		return;
	assert(gauge->type == GAUGE);
	atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void mp_metric_observe_us(struct mp_metric *histogram, int64_t duration_us)
{
	size_t at = 0;

	if (histogram == NULL)
		return;
	assert(histogram->type == HISTOGRAM);
	if (duration_us < 0)
		duration_us = 0;
	while (at < BUCKETS_COUNT && duration_us > buckets[at].max_us)
		at++;
	atomic_fetch_add_explicit(&histogram->counts[at], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->value, duration_us, memory_order_relaxed);
}

static int64_t load(const _Atomic int64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

int64_t mp_metric_value(const struct mp_metric *metric)
{
	int64_t count = 0;

	if (metric == NULL)
		return 0;
	if (metric->type != HISTOGRAM)
		return load(&metric->value);
	for (size_t i = 0; i <= BUCKETS_COUNT; i++)
		count += load(&metric->counts[i]);
	return count;
}

/* The format's escapes in help texts. */
static void render_help(const char *help, struct mp_buf *out)
{
	for (const char *at = help; *at != '\0'; at++) {
		if (*at == '\\')
			(void)mp_buf_adds(out, "\\\\");
		else if (*at == '\n')
			(void)mp_buf_adds(out, "\\n");
		else
			(void)mp_buf_add(out, at, 1);
	}
}

static void render_bucket(
	const struct mp_metric *metric, const char *max, int64_t count, struct mp_buf *out)
{
	(void)mp_buf_addf(out, "%s_bucket{%s%sle=\"%s\"} %" PRId64 "\n", metric->name,
		metric->labels, metric->labels[0] == '\0' ? "" : ",", max, count);
}

static void render_value(const struct mp_metric *metric, const char *suffix, struct mp_buf *out)
{
	const char *open = metric->labels[0] == '\0' ? "" : "{";
	const char *close = metric->labels[0] == '\0' ? "" : "}";

	(void)mp_buf_addf(out, "%s%s%s%s%s ", metric->name, suffix, open, metric->labels, close);
}

/* Each bucket counts all up to it. What is observed meanwhile may miss in the sum. */
static void render_histogram(const struct mp_metric *metric, struct mp_buf *out)
{
	int64_t count = 0;
	int64_t sum_us = load(&metric->value);

	for (size_t i = 0; i < BUCKETS_COUNT; i++) {
		count += load(&metric->counts[i]);
		render_bucket(metric, buckets[i].label, count, out);
	}
	count += load(&metric->counts[BUCKETS_COUNT]);
	render_bucket(metric, "+Inf", count, out);
	render_value(metric, "_sum", out);
	(void)mp_buf_addf(out, "%" PRId64 ".%06" PRId64 "\n", sum_us / 1000000, sum_us % 1000000);
	render_value(metric, "_count", out);
	(void)mp_buf_addf(out, "%" PRId64 "\n", count);
}

static void render_name(const struct mp_metric *first, struct mp_buf *out)
{
	static const char *const type_names[] = {"counter", "gauge", "histogram"};

	(void)mp_buf_addf(out, "# HELP %s ", first->name);
	render_help(first->help, out);
	(void)mp_buf_addf(out, "\n# TYPE %s %s\n", first->name, type_names[first->type]);
	for (const struct mp_metric *metric = first; metric != NULL;
		metric = metric->same_name_next) {
		if (metric->type == HISTOGRAM) {
			render_histogram(metric, out);
			continue;
		}
		render_value(metric, "", out);
		(void)mp_buf_addf(out, "%" PRId64 "\n", load(&metric->value));
	}
}

void mp_metrics_render(struct mp_buf *out)
{
	(void)pthread_mutex_lock(&registry_lock);
	for (size_t i = 0; i < registry_count; i++) {
		if (registry[i].is_first_of_name)
			render_name(&registry[i], out);
	}
	(void)pthread_mutex_unlock(&registry_lock);
}
