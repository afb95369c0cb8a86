#ifndef MP_METRICS_METRICS_H
#define MP_METRICS_METRICS_H

#include <stdint.h>

#include "base/buf.h"

/*
 * Prometheus metrics, registered at start, changed by one atomic operation, rendered on /metrics
 * (text exposition format 0.0.4). Threads: any.
 */
struct mp_metric;

/*
 * name as Prometheus wants it ("moneypal_transfers_total"); labels made ("outcome=\"posted\"")
 * or NULL; strings are borrowed for the life of the process. The same name and labels give the same
 * metric. Returns NULL over MP_METRICS_MAX or without memory; all calls below take NULL.
 */
#define MP_METRICS_MAX 512
struct mp_metric *mp_counter(const char *name, const char *labels, const char *help);
struct mp_metric *mp_gauge(const char *name, const char *labels, const char *help);

/* Buckets of seconds from 0.5 ms to 10 s. */
struct mp_metric *mp_histogram(const char *name, const char *labels, const char *help);

void mp_metric_add(struct mp_metric *metric, int64_t amount);
void mp_metric_set(struct mp_metric *gauge, int64_t value);
void mp_metric_observe_us(struct mp_metric *histogram, int64_t duration_us);
int64_t mp_metric_value(const struct mp_metric *metric); /* for tests; a histogram's count */

void mp_metrics_render(struct mp_buf *out);

#endif
