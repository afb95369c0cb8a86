#ifndef MP_BASE_CLOCK_H
#define MP_BASE_CLOCK_H

#include <stdint.h>

#include "base/rc.h"

#define MP_TIME_TEXT_SIZE 25 /* "2026-01-31T12:34:56.789Z" and its NUL */

/* Wall clock, milliseconds since 1970 UTC: for records. */
int64_t mp_clock_ms(void);

/* Monotonic clock for deadlines and durations. */
int64_t mp_clock_mono_ms(void);
int64_t mp_clock_mono_us(void);

/* Waits all of it, whatever signals come. */
void mp_sleep_ms(int64_t duration_ms);

/* RFC 3339 in UTC with milliseconds. */
void mp_time_format(int64_t time_ms, char out_text[MP_TIME_TEXT_SIZE]);

/* RFC 3339 date-time with Z or an offset, fraction optional. MP_INVALID otherwise. */
enum mp_rc mp_time_parse(const char *text, int64_t *out_time_ms) MP_MUST_CHECK;

/* What a field's message says when it is not that. */
#define MP_TIME_WANTED "must be an RFC 3339 time, such as \"2026-01-31T12:00:00Z\""

/* The UTC month of a time as yyyymm, such as 202611. */
int mp_time_month(int64_t time_ms);

#endif
