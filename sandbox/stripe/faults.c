#include "faults.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"

struct faults {
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t cleared;
	uint64_t clearings;
	struct fault items[FAULTS_MAX]; /* oldest first */
	size_t count;
	struct mp_id held[FAULTS_KEPT_MAX];
	size_t held_count;
	struct mp_id aside; /* none: nothing is put aside */
};

struct faults *faults_new(void)
{
	struct faults *faults = calloc(1, sizeof(*faults));

	if (faults == NULL)
		return NULL;
	(void)pthread_mutex_init(&faults->mutex, NULL);
	mp_cond_init(&faults->cleared);
	return faults;
}

void faults_free(struct faults *faults)
{
	if (faults == NULL)
		return;
	(void)pthread_cond_destroy(&faults->cleared);
	(void)pthread_mutex_destroy(&faults->mutex);
	free(faults);
}

static void lock(struct faults *faults)
{
	(void)pthread_mutex_lock(&faults->mutex);
}

static void unlock(struct faults *faults)
{
	(void)pthread_mutex_unlock(&faults->mutex);
}

enum mp_rc faults_add(struct faults *faults, const struct fault *fault)
{
	enum mp_rc rc = MP_TOO_MANY;

	lock(faults);
	if (faults->count < FAULTS_MAX) {
		faults->items[faults->count++] = *fault;
		rc = MP_OK;
	}
	unlock(faults);
	return rc;
}

size_t faults_list(struct faults *faults, struct fault out[FAULTS_MAX])
{
	lock(faults);
	size_t count = faults->count;
	memcpy(out, faults->items, count * sizeof(*out));
	unlock(faults);
	return count;
}

/* --- striking --- */

struct occasion {
	enum fault_kind kind;
	const char *method;
	const char *path;
	const char *event_type;
};

static bool fits_path(const struct fault *fault, const char *path)
{
	return fault->path[0] == '\0' ||
	       fnmatch(fault->path, path, FNM_PATHNAME | FNM_NOESCAPE) == 0;
}

static bool fits(const struct fault *fault, const struct occasion *occasion)
{
	if (fault->kind != occasion->kind)
		return false;
	switch (fault->kind) {
	case FAULT_REQUEST:
		return (fault->method[0] == '\0' || strcmp(fault->method, occasion->method) == 0) &&
		       fits_path(fault, occasion->path);
	case FAULT_WEBHOOK:
		return fault->type[0] == '\0' || strcmp(fault->type, occasion->event_type) == 0;
	case FAULT_SESSION:
		return fits_path(fault, occasion->path);
	}
	return false;
}

static bool take(struct faults *faults, const struct occasion *occasion, struct fault *out)
{
	bool found = false;

	lock(faults);
	for (size_t i = 0; i < faults->count && !found; i++) {
		struct fault *fault = &faults->items[i];

		if (!fits(fault, occasion))
			continue;
		found = true;
		*out = *fault;
		if (--fault->count > 0)
			continue;
		faults->count--;
		memmove(fault, fault + 1, (faults->count - i) * sizeof(*fault));
	}
	unlock(faults);
	return found;
}

bool faults_take_request(
	struct faults *faults, const char *method, const char *path, struct fault *out)
{
	const struct occasion occasion = {.kind = FAULT_REQUEST, .method = method, .path = path};

	return take(faults, &occasion, out);
}

bool faults_take_webhook(struct faults *faults, const char *event_type, struct fault *out)
{
	const struct occasion occasion = {.kind = FAULT_WEBHOOK, .event_type = event_type};

	return take(faults, &occasion, out);
}

bool faults_take_session(struct faults *faults, const char *path, struct fault *out)
{
	const struct occasion occasion = {.kind = FAULT_SESSION, .path = path};

	return take(faults, &occasion, out);
}

void faults_wait(struct faults *faults, int64_t delay_ms)
{
	int64_t end_ms = mp_clock_mono_ms() + delay_ms;

	lock(faults);
	uint64_t clearings = faults->clearings;
	for (;;) {
		int64_t left_ms = end_ms - mp_clock_mono_ms();
		if (left_ms <= 0 || faults->clearings != clearings)
			break;
		mp_cond_wait_ms(&faults->cleared, &faults->mutex, (long)left_ms);
	}
	unlock(faults);
}

/* --- deliveries that wait --- */

enum mp_rc faults_hold(struct faults *faults, const struct mp_id *event)
{
	enum mp_rc rc = MP_TOO_MANY;

	lock(faults);
	if (faults->held_count < FAULTS_KEPT_MAX) {
		faults->held[faults->held_count++] = *event;
		rc = MP_OK;
	}
	unlock(faults);
	return rc;
}

bool faults_put_aside(struct faults *faults, const struct mp_id *event)
{
	lock(faults);
	bool is_free = mp_id_is_none(&faults->aside);
	if (is_free)
		faults->aside = *event;
	unlock(faults);
	return is_free;
}

bool faults_take_aside(struct faults *faults, const struct mp_id *sent, struct mp_id *out_event)
{
	lock(faults);
	bool found = !mp_id_is_none(&faults->aside) && !mp_id_equal(&faults->aside, sent);
	if (found)
		*out_event = faults->aside;
	faults->aside = (struct mp_id){""};
	unlock(faults);
	return found;
}

size_t faults_clear(struct faults *faults, struct mp_id out_held[FAULTS_KEPT_MAX])
{
	lock(faults);
	size_t count = faults->held_count;
	memcpy(out_held, faults->held, count * sizeof(*out_held));
	faults->held_count = 0;
	faults->aside = (struct mp_id){""};
	faults->count = 0;
	faults->clearings++;
	(void)pthread_cond_broadcast(&faults->cleared);
	unlock(faults);
	return count;
}
