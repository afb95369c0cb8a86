#ifndef MP_METRICS_PROCESS_H
#define MP_METRICS_PROCESS_H

#include "base/buf.h"

/*
 * What Prometheus' own client libraries give of every process, process_cpu_seconds_total and its
 * like, and moneypal_build_info. Read when asked for; what the system does not tell is left out.
 * Threads: any.
 */
void mp_metrics_render_process(struct mp_buf *out);

#endif
