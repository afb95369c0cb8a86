#ifndef MP_BENCH_HISTOGRAM_H
#define MP_BENCH_HISTOGRAM_H

#include <stdint.h>

/* Durations in microseconds, counted to within 1 %; up to 70 minutes. Zero to start with. */
#define HISTOGRAM_SUB 128 /* steps to each doubling */
#define HISTOGRAM_BUCKETS (HISTOGRAM_SUB * 26)

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
};

void histogram_add(struct histogram *histogram, int64_t duration_us);

/* The duration that so many per thousand were within; 0 when nothing was counted. */
int64_t histogram_at(const struct histogram *histogram, unsigned per_thousand);

#endif
