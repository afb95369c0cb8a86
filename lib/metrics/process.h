#ifndef MP_METRICS_PROCESS_H
#define MP_METRICS_PROCESS_H

#include "base/buf.h"

/*
 * What Prometheus' own client libraries give of every process, process_cpu_seconds_total and its
 * like, and moneypal_build_info. Read when asked for; what the system does not tell is left out.
 * Threads: any.
 */
void mp_metrics_render_process(struct mp_buf *out);

/*
 * The process starts: process_start_time_seconds is now, in every scrape to come, wherever the
 * clock jumps. Call once, before there are threads.
 */
void mp_metrics_process_start(void);

#endif
