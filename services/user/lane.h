#ifndef MP_USER_LANE_H
#define MP_USER_LANE_H

#include <stddef.h>

#include "base/rc.h"

/*
 * Threads of their own for work that costs a core and much memory (password hashing), so that a
 * storm of log-ons neither starves other requests nor takes memory without bound: as many jobs at
 * once as threads, a bounded number waiting, first in, first out; over it MP_BUSY.
 */
struct lane;

typedef void (*lane_job)(void *arg);

/* MP_NOMEM, MP_UNAVAILABLE (no thread). */
enum mp_rc lane_open(unsigned threads, size_t waiting_max, struct lane **out_lane) MP_MUST_CHECK;

/*
 * Has run(arg) called once by one of the lane's threads, within the caller's trace. MP_BUSY: not
 * taken. Threads: any; never waits.
 */
enum mp_rc lane_submit(struct lane *lane, lane_job run, void *arg) MP_MUST_CHECK;

/* Runs what was taken, then ends. Nothing may be submitted any more. Takes NULL. */
void lane_close(struct lane *lane);

#endif
