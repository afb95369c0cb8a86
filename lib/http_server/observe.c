#include "http_server/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "log/log.h"

/* --- metrics: by route pattern, never by path, so that their number is bounded --- */

static const unsigned slot_statuses[HTTP_STATUS_SLOTS] = {0, 200, 201, 202, 204, 303, 304, 400, 401,
	403, 404, 405, 409, 411, 413, 415, 422, 429, 431, 500, 501, 503};

/* Labels live as long as the process: metrics borrow them. Equal ones are made once. */
struct label {
	struct label *next;
	char text[];
};

static pthread_mutex_t labels_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct label *labels;

static const char *label_keep(const char *text)
{
	struct label *label;

	(void)pthread_mutex_lock(&labels_mutex);
	for (label = labels; label != NULL && strcmp(label->text, text) != 0; label = label->next)
		;
	if (label == NULL) {
		size_t size = strlen(text) + 1;
		label = malloc(sizeof(*label) + size);
		if (label != NULL) {
			memcpy(label->text, text, size);
			label->next = labels;
			labels = label;
		}
	}
	(void)pthread_mutex_unlock(&labels_mutex);
	return label == NULL ? NULL : label->text;
}

void http_observe_open(struct route *route)
{
	char text[256];

	if (mp_text_format(text, sizeof(text), "route=\"%s %s\"", route->spec->method,
		    route->spec->path) != MP_OK)
		return;
	const char *label = label_keep(text);
	if (label != NULL)
		route->seconds = mp_histogram("moneypal_http_request_seconds", label,
			"Time from a request's headers to its answer.");
}

static size_t slot_of(unsigned status)
{
	for (size_t i = 1; i < HTTP_STATUS_SLOTS; i++) {
		if (slot_statuses[i] == status)
			return i;
	}
	return 0;
}

static struct mp_metric *requests_metric(struct route *route, unsigned status)
{
	char text[256];
	_Atomic(struct mp_metric *) *slot = &route->requests[slot_of(status)];
	struct mp_metric *metric = atomic_load_explicit(slot, memory_order_acquire);

	if (metric != NULL)
		return metric;
	if (mp_text_format(text, sizeof(text), "route=\"%s %s\",status=\"%u\"", route->spec->method,
		    route->spec->path, slot_of(status) == 0 ? 0 : status) != MP_OK)
		return NULL;
	const char *label = label_keep(text);
	if (label == NULL)
		return NULL;
	metric = mp_counter("moneypal_http_requests_total", label, "Requests answered.");
	atomic_store_explicit(slot, metric, memory_order_release);
	return metric;
}

void http_observe_count(struct mp_request *req)
{
	mp_metric_add(requests_metric(req->route, req->res.status), 1);
	mp_metric_observe_us(req->route->seconds, mp_clock_mono_us() - req->started_us);
}

/* --- the log: one line per request; the quiet routes only when something is refused --- */

static enum mp_log_level level_of(const struct mp_request *req)
{
	if (req->res.status >= 500)
		return MP_LOG_WARN;
	if (req->res.status < 400 && (req->route->spec->flags & MP_ROUTE_QUIET) != 0)
		return MP_LOG_DEBUG;
	return MP_LOG_INFO;
}

void http_observe_log(struct mp_request *req)
{
	const char *problem = req->rc == MP_OK ? "" : req->problem_name;

	mp_log(level_of(req), "request", MP_TEXT("method", req->method),
		MP_TEXT("route", req->route->spec->path), MP_INT("status", req->res.status),
		MP_RC(req->rc), MP_TEXT("problem", problem),
		MP_INT("ms", (mp_clock_mono_us() - req->started_us) / 1000),
		MP_TEXT("subject", req->principal.subject));
}
