#include "auditor.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "log/log.h"

#define AGAIN_MS 60000
#define REPORT_BYTES_MAX (1u << 20)

struct auditor {
	struct wallet *wallet;
	int64_t every_ms;
	pthread_t thread;
	pthread_mutex_t lock; /* guards ending */
	pthread_cond_t ended;
	bool ending;
};

static enum mp_rc audit_once(struct wallet *wallet)
{
	struct mp_arena *arena = mp_arena_new(REPORT_BYTES_MAX);
	struct audit_report report;
	enum mp_rc rc = arena == NULL ? MP_NOMEM : wallet_audit(wallet, 0, arena, &report);

	mp_arena_free(arena);
	return rc;
}

/* False: there is no time left, it is to end. */
static bool sleep_for(struct auditor *auditor, int64_t wait_ms)
{
	int64_t until_ms = mp_clock_mono_ms() + wait_ms;
	int64_t left_ms = wait_ms;

	(void)pthread_mutex_lock(&auditor->lock);
	while (!auditor->ending && left_ms > 0) {
		mp_cond_wait_ms(&auditor->ended, &auditor->lock, (long)left_ms);
		left_ms = until_ms - mp_clock_mono_ms();
	}
	bool goes_on = !auditor->ending;
	(void)pthread_mutex_unlock(&auditor->lock);
	return goes_on;
}

static void *run(void *arg)
{
	struct auditor *auditor = arg;
	int64_t wait_ms = 0;

	while (sleep_for(auditor, wait_ms)) {
		enum mp_rc rc = audit_once(auditor->wallet);
		wait_ms = auditor->every_ms;
		if (rc == MP_OK)
			continue;
		if (wait_ms > AGAIN_MS)
			wait_ms = AGAIN_MS;
		if (rc != MP_BUSY) /* somebody has asked for one: that tells all as well */
			mp_log(MP_LOG_ERROR, "not_audited", MP_RC(rc));
	}
	return NULL;
}

enum mp_rc auditor_open(struct wallet *wallet, int64_t every_s, struct auditor **out_auditor)
{
	struct auditor *auditor = calloc(1, sizeof(*auditor));

	if (auditor == NULL)
		return MP_NOMEM;
	auditor->wallet = wallet;
	auditor->every_ms = every_s * 1000;
	(void)pthread_mutex_init(&auditor->lock, NULL);
	mp_cond_init(&auditor->ended);
	enum mp_rc rc = mp_thread_start(&auditor->thread, "auditor", run, auditor);
	if (rc != MP_OK) {
		(void)pthread_cond_destroy(&auditor->ended);
		(void)pthread_mutex_destroy(&auditor->lock);
		free(auditor);
		return rc;
	}
	*out_auditor = auditor;
	return MP_OK;
}

void auditor_close(struct auditor *auditor)
{
	if (auditor == NULL)
		return;
	wallet_end_audits(auditor->wallet);
	(void)pthread_mutex_lock(&auditor->lock);
	auditor->ending = true;
	(void)pthread_cond_signal(&auditor->ended);
	(void)pthread_mutex_unlock(&auditor->lock);
	(void)pthread_join(auditor->thread, NULL);
	(void)pthread_cond_destroy(&auditor->ended);
	(void)pthread_mutex_destroy(&auditor->lock);
	free(auditor);
}
