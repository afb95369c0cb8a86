#include "sandbox_http.h"

#include <string.h>

#include "api.h"
#include "base/clock.h"
#include "base/text.h"
#include "ids.h"
#include "objects.h"
#include "webhook.h"

/* What the provider does not have: faults on request, and the end of a bank transfer. */

static const char *const webhook_names[] = {
	"drop", "duplicate", "reorder", "delay", "wrong_signature", "hold"};
static const char *const session_names[] = {"amount_mismatch", "currency_mismatch"};

static enum mp_rc check_caller(struct mp_request *req, const struct app *app)
{
	if (api_knows_caller(app, req))
		return MP_OK;
	mp_request_problem(req, "unauthenticated", "This call needs the provider's secret key.");
	return MP_UNAUTHENTICATED;
}

/* --- reading a fault --- */

static void read_copy(struct mp_json_reader *r, const char *name, char *out, size_t out_size)
{
	const char *text = NULL;

	mp_json_read_optional(r);
	mp_json_read_text(r, name, 1, out_size - 1, &text);
	if (text != NULL && mp_text_copy(out, out_size, text) != MP_OK)
		mp_json_read_refuse(r, name, "is too long");
}

static void read_int(
	struct mp_json_reader *r, const char *name, int64_t min, int64_t max, int64_t *out)
{
	mp_json_read_optional(r);
	mp_json_read_int(r, name, min, max, out);
}

static void read_request_fault(struct mp_json_reader *r, struct fault *fault)
{
	int64_t status = 0;

	fault->kind = FAULT_REQUEST;
	read_copy(r, "path", fault->path, sizeof(fault->path));
	read_copy(r, "method", fault->method, sizeof(fault->method));
	read_int(r, "status", 400, 599, &status);
	fault->status = (unsigned)status;
	mp_json_read_optional(r);
	mp_json_read_bool(r, "after", &fault->after);
	mp_json_read_optional(r);
	mp_json_read_bool(r, "drop", &fault->drop);
	mp_json_read_optional(r);
	mp_json_read_bool(r, "keep", &fault->keep);
	read_int(r, "delay_ms", 1, FAULT_DELAY_MS_MAX, &fault->delay_ms);
	if (fault->status == 0 && !fault->drop && fault->delay_ms == 0)
		mp_json_read_refuse(r, "path", "needs a status, drop or delay_ms");
	if (fault->keep && (fault->status == 0 || fault->after || fault->drop))
		mp_json_read_refuse(r, "keep", "goes with a status, without after and drop");
}

static void read_webhook_fault(struct mp_json_reader *r, struct fault *fault)
{
	int webhook = 0;

	fault->kind = FAULT_WEBHOOK;
	fault->delay_ms = 2000;
	mp_json_read_choice(r, "webhook", FAULT_WEBHOOK_NAMES, &webhook);
	fault->webhook = (enum fault_webhook)webhook;
	read_copy(r, "type", fault->type, sizeof(fault->type));
	read_int(r, "delay_ms", 1, FAULT_DELAY_MS_MAX, &fault->delay_ms);
}

static void read_session_fault(struct mp_json_reader *r, struct fault *fault)
{
	int session = 0;

	fault->kind = FAULT_SESSION;
	read_copy(r, "path", fault->path, sizeof(fault->path));
	mp_json_read_choice(r, "session", FAULT_SESSION_NAMES, &session);
	fault->session = (enum fault_session)session;
}

static enum mp_rc read_fault(struct mp_request *req, struct fault *out)
{
	struct fault fault = {.count = 1};
	struct mp_json_reader r;
	json_t *json;

	enum mp_rc rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	if (json_object_get(json, "session") != NULL)
		read_session_fault(&r, &fault);
	else if (json_object_get(json, "path") != NULL)
		read_request_fault(&r, &fault);
	else
		read_webhook_fault(&r, &fault);
	read_int(&r, "count", 1, FAULT_COUNT_MAX, &fault.count);
	rc = mp_json_read_end(&r);
	if (rc == MP_OK)
		*out = fault;
	return rc;
}

/* --- writing one --- */

static json_t *fault_to_json(const struct fault *fault)
{
	json_int_t count = fault->count;
	json_int_t delay_ms = fault->delay_ms;

	switch (fault->kind) {
	case FAULT_REQUEST:
		return json_pack("{s:s, s:s?, s:i, s:b, s:b, s:b, s:I, s:I}", "path", fault->path,
			"method", fault->method[0] == '\0' ? NULL : fault->method, "status",
			(int)fault->status, "after", (int)fault->after, "drop", (int)fault->drop,
			"keep", (int)fault->keep, "delay_ms", delay_ms, "count", count);
	case FAULT_WEBHOOK:
		return json_pack("{s:s, s:s?, s:I, s:I}", "webhook", webhook_names[fault->webhook],
			"type", fault->type[0] == '\0' ? NULL : fault->type, "delay_ms", delay_ms,
			"count", count);
	case FAULT_SESSION:
		return json_pack("{s:s, s:s?, s:I}", "session", session_names[fault->session],
			"path", fault->path[0] == '\0' ? NULL : fault->path, "count", count);
	}
	return NULL;
}

/* --- handlers --- */

enum mp_rc faults_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct app *app = ctx;
	json_t *items = json_array();

	enum mp_rc rc = check_caller(req, app);
	struct fault *faults = mp_arena_array(mp_request_arena(req), FAULTS_MAX, sizeof(*faults));
	if (rc == MP_OK && faults == NULL)
		rc = MP_NOMEM;
	size_t count = rc == MP_OK ? faults_list(app->sandbox.faults, faults) : 0;
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (json_array_append_new(items, fault_to_json(&faults[i])) != 0)
			rc = MP_NOMEM;
	}
	if (rc != MP_OK) {
		json_decref(items);
		return rc;
	}
	return mp_response_list(res, items, NULL);
}

enum mp_rc faults_post(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct app *app = ctx;
	struct fault fault;

	enum mp_rc rc = check_caller(req, app);
	if (rc == MP_OK)
		rc = read_fault(req, &fault);
	if (rc == MP_OK)
		rc = faults_add(app->sandbox.faults, &fault);
	return rc == MP_OK ? mp_response_json(res, 201, fault_to_json(&fault)) : rc;
}

enum mp_rc faults_delete(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct app *app = ctx;

	enum mp_rc rc = check_caller(req, app);
	if (rc == MP_OK)
		rc = webhook_release(&app->sandbox, mp_request_arena(req), mp_clock_ms());
	return rc == MP_OK ? mp_response_empty(res, 204) : rc;
}

/* POST /sandbox/async {session, outcome}: a bank transfer arrives or fails now. */
enum mp_rc async_post(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct app *app = ctx;
	struct mp_arena *arena = mp_request_arena(req);
	const char *text = NULL;
	struct mp_json_reader r;
	struct session session;
	struct mp_id id;
	int outcome = 0;
	json_t *json;

	enum mp_rc rc = check_caller(req, app);
	if (rc == MP_OK)
		rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	mp_json_read_text(&r, "session", 1, STRIPE_ID_SIZE, &text);
	mp_json_read_choice(&r, "outcome", "succeeded|failed", &outcome);
	rc = mp_json_read_end(&r);
	if (rc != MP_OK)
		return rc;
	if (!stripe_id_parse(SESSION_PREFIX, text, &id))
		return MP_NOT_FOUND;
	rc = checkout_transfer(&app->sandbox, &id, outcome == 0, arena, mp_clock_ms(), &session);
	if (rc == MP_CONFLICT)
		mp_request_problem(req, "conflict", "This session awaits no bank transfer.");
	return rc == MP_OK ? mp_response_json(
				     res, 200, session_to_json(&session, app->sandbox.public_url))
			   : rc;
}
