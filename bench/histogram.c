#include "histogram.h"

#include <stddef.h>

/* Below HISTOGRAM_SUB each microsecond has its bucket; above, each doubling has HISTOGRAM_SUB. */
static size_t bucket_of(uint64_t us)
{
	unsigned shift = 0;

	while (us >> shift >= 2 * HISTOGRAM_SUB)
		shift++;
	size_t at = us < HISTOGRAM_SUB
			    ? (size_t)us
			    : (shift + 1) * HISTOGRAM_SUB + (size_t)(us >> shift) - HISTOGRAM_SUB;
	return at < HISTOGRAM_BUCKETS ? at : HISTOGRAM_BUCKETS - 1;
}

/* The highest duration of a bucket. */
static int64_t upper_of(size_t at)
{
	if (at < HISTOGRAM_SUB)
		return (int64_t)at;
	unsigned shift = (unsigned)(at / HISTOGRAM_SUB - 1);
	uint64_t step = at % HISTOGRAM_SUB + HISTOGRAM_SUB;
	return (int64_t)(((step + 1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, int64_t duration_us)
{
	histogram->counts[bucket_of(duration_us > 0 ? (uint64_t)duration_us : 0)]++;
	histogram->total++;
}

int64_t histogram_at(const struct histogram *histogram, unsigned per_thousand)
{
	uint64_t wanted = (histogram->total * per_thousand + 999) / 1000;
	uint64_t seen = 0;

	if (wanted == 0)
		return 0;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen >= wanted)
			return upper_of(i);
	}
	return 0;
}
