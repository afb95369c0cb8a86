#ifndef MP_USER_USER_METRICS_H
#define MP_USER_USER_METRICS_H

#include "metrics/metrics.h"

/* What this service counts. One process, one set: NULL until registered, which every call takes. */
struct user_metrics {
	struct mp_metric *registered;
	struct mp_metric *log_ons_granted;
	struct mp_metric *log_ons_refused;
	struct mp_metric *log_ons_throttled;
	struct mp_metric *tokens_reused;
	struct mp_metric *keys_rotated;
	struct mp_metric *hashing_waiting;
	struct mp_metric *hashing_refused;
};

extern struct user_metrics user_metrics;

/* Once, before threads. */
void user_metrics_register(void);

#endif
