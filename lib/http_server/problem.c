#include "http_server/internal.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/text.h"

/* Every code has one status, one name and one sentence; a handler may say more (RFC 9457). */
static const struct problem {
	enum mp_rc rc;
	unsigned status;
	const char *name;
	const char *detail;
	const char *retry_after_s;
} problems[] = {
	{MP_INVALID, 422, "invalid", "The request breaks a rule.", NULL},
	{MP_UNAUTHENTICATED, 401, "unauthenticated",
		"The access token is missing, has expired or is not valid: get a new one, and send "
		"it as \"Authorization: Bearer TOKEN\".",
		NULL},
	{MP_FORBIDDEN, 403, "forbidden", "You may not do this.", NULL},
	{MP_NOT_FOUND, 404, "not_found", "There is no such thing, or it is not yours.", NULL},
	{MP_CONFLICT, 409, "conflict", "The state of the resource does not allow this.", NULL},
	{MP_EXISTS, 409, "conflict", "There is one already.", NULL},
	{MP_TOO_LARGE, 413, "too_large", "The request is over a limit.", NULL},
	{MP_TOO_MANY, 429, "too_many_requests", "There were too many requests; try again later.",
		"1"},
	{MP_STALE, 503, "busy", "Someone else changed this at the same moment; try again.", "1"},
	{MP_BUSY, 503, "busy", "The service is busy; nothing was done; try again.", "1"},
	{MP_NOMEM, 503, "busy", "The service is busy; nothing was done; try again.", "1"},
	{MP_UNAVAILABLE, 503, "unavailable",
		"The service cannot do this now; nothing was done; try again.", "1"},
	{MP_UNKNOWN, 503, "unknown_outcome",
		"It is not known whether this was done: see whether it was before you repeat it.",
		"1"},
	{MP_CORRUPT, 500, "internal", "Something is wrong here; it has been logged.", NULL},
	{MP_BUG, 500, "internal", "Something is wrong here; it has been logged.", NULL},
};

static const struct problem *problem_of(enum mp_rc rc)
{
	const size_t count = sizeof(problems) / sizeof(problems[0]);

	for (size_t i = 0; i < count; i++) {
		if (problems[i].rc == rc)
			return &problems[i];
	}
	return &problems[count - 1];
}

/* "unknown_outcome" reads "Unknown outcome". */
static void title_of(const char *name, char out[64])
{
	enum mp_rc fits = mp_text_format(out, 64, "%.60s", name);

	assert(fits == MP_OK);
	for (char *c = out; *c != '\0'; c++) {
		if (*c == '_')
			*c = ' ';
	}
	out[0] = (char)toupper((unsigned char)out[0]);
}

static json_t *errors_to_json(const struct mp_request *req)
{
	json_t *list = json_array();

	for (const struct field_error *e = req->errors; e != NULL && list != NULL; e = e->next) {
		json_t *item = json_object();
		if (mp_json_set_text(item, "field", e->field) != 0 ||
			mp_json_set_text(item, "message", e->message) != 0 ||
			json_array_append(list, item) != 0) {
			json_decref(item);
			json_decref(list);
			return NULL;
		}
		json_decref(item);
	}
	return list;
}

static json_t *problem_to_json(
	const struct mp_request *req, unsigned status, const char *name, const char *detail)
{
	char type[96];
	char title[64];
	json_t *json = json_object();

	title_of(name, title);
	if (mp_text_format(type, sizeof(type), "/problems/%s", name) != MP_OK ||
		mp_json_set_text(json, "type", type) != 0 ||
		mp_json_set_text(json, "title", title) != 0 ||
		mp_json_set_int(json, "status", status) != 0 ||
		mp_json_set_text(json, "detail", detail) != 0)
		goto failed;
	if (req->errors != NULL && json_object_set_new(json, "errors", errors_to_json(req)) != 0)
		goto failed;
	return json;
failed:
	json_decref(json);
	return NULL;
}

static enum mp_rc add_headers(struct mp_request *req, enum mp_rc rc, const char *retry_after_s)
{
	struct mp_response *res = &req->res;
	enum mp_rc added = MP_OK;

	if (retry_after_s != NULL && !http_response_has(res, "Retry-After"))
		added = mp_response_header(res, "Retry-After", retry_after_s);
	if (added == MP_OK && rc == MP_UNAUTHENTICATED &&
		!http_response_has(res, "WWW-Authenticate"))
		added = mp_response_header(res, "WWW-Authenticate",
			req->headers.authorization == NULL ? "Bearer"
							   : "Bearer error=\"invalid_token\"");
	return added;
}

/* Without memory for the problem itself: a body that is always there. */
static void settle_poorly(struct mp_request *req, enum mp_rc rc)
{
	static const char busy[] =
		"{\"type\":\"/problems/busy\",\"title\":\"Busy\",\"status\":503}";
	static const char unknown[] = "{\"type\":\"/problems/unknown_outcome\","
				      "\"title\":\"Unknown outcome\",\"status\":503}";

	req->res.status = 503;
	req->res.content_type = "application/problem+json";
	req->res.body = rc == MP_UNKNOWN ? unknown : busy;
	req->res.body_len = strlen(req->res.body);
}

static const char *detail_of(
	const struct mp_request *req, const struct problem *problem, enum mp_rc rc)
{
	if (req->problem_detail != NULL)
		return req->problem_detail;
	if (rc == MP_INVALID && req->errors != NULL)
		return "Some fields are wrong.";
	if (rc == MP_UNKNOWN && req->route->spec->key != MP_KEY_NONE)
		return "It is not known whether this was done: repeat it with the same "
		       "Idempotency-Key.";
	return problem->detail;
}

static void settle_problem(struct mp_request *req, enum mp_rc rc)
{
	const struct problem *problem = problem_of(rc);
	unsigned status = req->problem_status != 0 ? req->problem_status : problem->status;
	const char *name = req->problem_name != NULL ? req->problem_name : problem->name;
	const char *detail = detail_of(req, problem, rc);

	if (mp_response_json(&req->res, status, problem_to_json(req, status, name, detail)) !=
			MP_OK ||
		add_headers(req, rc, problem->retry_after_s) != MP_OK) {
		settle_poorly(req, rc);
		return;
	}
	req->res.content_type = "application/problem+json";
}

/* It was not refused before its handler, which does not only read. */
static bool may_have_acted(const struct mp_request *req)
{
	return req->early_rc == MP_OK && strcmp(req->method, "GET") != 0 &&
	       strcmp(req->method, "HEAD") != 0;
}

void http_settle(struct mp_request *req, enum mp_rc rc)
{
	if (rc == MP_OK && req->res.status == 0 && !req->res.hang_up)
		rc = MP_BUG; /* a handler that answers nothing */
	req->rc = rc;
	if (rc == MP_OK)
		return;
	http_stream_leave(&req->res);
	/* Perhaps only the answer lacked memory. */
	settle_problem(req, rc == MP_NOMEM && may_have_acted(req) ? MP_UNKNOWN : rc);
}

enum mp_rc http_refuse(struct mp_request *req, unsigned status, const char *name,
	const char *detail, enum mp_rc rc)
{
	req->problem_status = status;
	req->problem_name = name;
	req->problem_detail = detail;
	return rc;
}

void mp_request_problem(struct mp_request *req, const char *name, const char *detail)
{
	req->problem_name = mp_arena_strdup(req->arena, name);
	req->problem_detail = mp_arena_strdup(req->arena, detail);
}
