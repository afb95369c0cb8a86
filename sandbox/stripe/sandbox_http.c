#include "sandbox_http.h"

#include <string.h>

#include "api.h"
#include "ids.h"
#include "objects.h"
#include "order.h"

#define BODY_BYTES_MAX (64u * 1024)
#define LIST_BODY_BYTES_MAX (1024u * 1024) /* nobody sends it; the arena is sized by it */
#define LIMIT_USUAL 10
#define CREATED_S_MAX 99999999999

/* --- sessions --- */

static enum mp_rc find_session(struct api_call *call, struct session *out)
{
	const char *text = mp_request_param(call->req, "id");
	struct mp_id id;

	enum mp_rc rc = MP_NOT_FOUND;
	if (stripe_id_parse(SESSION_PREFIX, text, &id))
		rc = db_session_get(call->sandbox->store, &id, call->arena, out);
	return rc == MP_NOT_FOUND
		       ? stripe_no_such(&call->error, "checkout.session", "session", text)
		       : rc;
}

static enum mp_rc create_session(struct api_call *call)
{
	struct mp_id id = mp_id_new(call->now_ms);
	struct session order;

	enum mp_rc rc = order_read(&call->form, stripe_id_created_s(&id), &order);
	if (rc != MP_OK)
		return rc;
	return checkout_create(
		call->sandbox, &call->cause, &order, id, call->arena, call->now_ms, &call->answer);
}

/* The one answer that may lie, when a fault asks for it. */
static void lie(const struct api_call *call, struct session *session)
{
	struct fault fault;

	if (!faults_take_session(call->sandbox->faults, mp_request_path(call->req), &fault))
		return;
	if (fault.session == SESSION_AMOUNT_MISMATCH)
		session->amount_total++;
	else
		memcpy(session->currency, strcmp(session->currency, "eur") == 0 ? "usd" : "eur", 4);
}

static enum mp_rc get_session(struct api_call *call)
{
	struct session session;

	enum mp_rc rc = form_end(&call->form);
	if (rc == MP_OK)
		rc = find_session(call, &session);
	if (rc != MP_OK)
		return rc;
	lie(call, &session);
	return api_answer(call, session_to_json(&session, call->sandbox->public_url));
}

static enum mp_rc expire_session(struct api_call *call)
{
	static const char *const states[] = {"open", "complete", "expired"};
	struct session session;

	enum mp_rc rc = form_end(&call->form);
	if (rc == MP_OK)
		rc = find_session(call, &session);
	if (rc != MP_OK)
		return rc;
	rc = checkout_expire(call->sandbox, &call->cause, &session.id, call->arena, call->now_ms,
		&session, &call->answer);
	if (rc == MP_CONFLICT)
		return stripe_refuse(&call->error, NULL, NULL,
			"Only Checkout Sessions with a status in [\"open\"] can be expired. This "
			"Checkout Session has a status of `%s`.",
			states[session.status]);
	return rc;
}

/* --- payment intents, events --- */

static enum mp_rc get_intent(struct api_call *call)
{
	const char *text = mp_request_param(call->req, "id");
	struct intent intent;
	struct mp_id id;

	enum mp_rc rc = form_end(&call->form);
	if (rc != MP_OK)
		return rc;
	rc = MP_NOT_FOUND;
	if (stripe_id_parse(INTENT_PREFIX, text, &id))
		rc = db_intent_get(call->sandbox->store, &id, call->arena, &intent);
	if (rc == MP_NOT_FOUND)
		return stripe_no_such(&call->error, "payment_intent", "intent", text);
	return rc == MP_OK ? api_answer(call, intent_to_json(&intent)) : rc;
}

static enum mp_rc get_event(struct api_call *call)
{
	const char *text = mp_request_param(call->req, "id");
	struct event event;
	struct mp_id id;

	enum mp_rc rc = form_end(&call->form);
	if (rc != MP_OK)
		return rc;
	rc = MP_NOT_FOUND;
	if (stripe_id_parse(EVENT_PREFIX, text, &id))
		rc = db_event_get(call->sandbox->store, &id, call->arena, &event);
	if (rc == MP_NOT_FOUND)
		return stripe_no_such(&call->error, "event", "id", text);
	return rc == MP_OK ? api_answer(call, event_to_json(&event)) : rc;
}

/* --- lists --- */

static const struct list_kind {
	const char *prefix;
	const char *url;
	const char *what;
} list_kinds[] = {
	[DB_SESSIONS] = {SESSION_PREFIX, "/v1/checkout/sessions", "checkout.session"},
	[DB_INTENTS] = {INTENT_PREFIX, "/v1/payment_intents", "payment_intent"},
	[DB_EVENTS] = {EVENT_PREFIX, "/v1/events", "event"},
};

/* created=N, or created[gt|gte|lt|lte]=N. */
static void read_created(struct form *form, struct db_list *list)
{
	int64_t at_s;

	if (form_int(form, "created", 0, CREATED_S_MAX, &at_s)) {
		list->created_min_s = at_s;
		list->created_end_s = at_s + 1;
	}
	if (form_int(form, "created[gte]", 0, CREATED_S_MAX, &at_s))
		list->created_min_s = at_s;
	if (form_int(form, "created[gt]", 0, CREATED_S_MAX, &at_s))
		list->created_min_s = at_s + 1;
	if (form_int(form, "created[lt]", 0, CREATED_S_MAX, &at_s))
		list->created_end_s = at_s;
	if (form_int(form, "created[lte]", 0, CREATED_S_MAX, &at_s))
		list->created_end_s = at_s + 1;
}

/* The object that a page begins behind must be there. */
static enum mp_rc read_cursor(
	struct api_call *call, enum db_kind kind, const char *name, struct mp_id *out_id)
{
	const char *text = form_text(&call->form, name, 255);
	union {
		struct session session;
		struct intent intent;
		struct event event;
	} record;
	struct mp_id id;
	enum mp_rc rc = MP_NOT_FOUND;

	if (text == NULL)
		return call->form.rc;
	if (stripe_id_parse(list_kinds[kind].prefix, text, &id)) {
		struct mp_store *store = call->sandbox->store;
		rc = kind == DB_SESSIONS  ? db_session_get(store, &id, call->arena, &record.session)
		     : kind == DB_INTENTS ? db_intent_get(store, &id, call->arena, &record.intent)
					  : db_event_get(store, &id, call->arena, &record.event);
	}
	if (rc == MP_NOT_FOUND) {
		rc = stripe_no_such(&call->error, list_kinds[kind].what, name, text);
		call->error.status = 400;
	}
	if (rc == MP_OK)
		*out_id = id;
	return rc;
}

static enum mp_rc read_list(struct api_call *call, enum db_kind kind, struct db_list *out)
{
	struct form *form = &call->form;
	struct db_list list = {.kind = kind};
	int64_t limit = LIMIT_USUAL;

	(void)form_int(form, "limit", 1, DB_PAGE_MAX, &limit);
	list.limit = (size_t)limit;
	read_created(form, &list);
	if (kind == DB_EVENTS)
		list.event_type = form_text(form, "type", 100);
	enum mp_rc rc = read_cursor(call, kind, "starting_after", &list.after);
	if (rc == MP_OK)
		rc = read_cursor(call, kind, "ending_before", &list.before);
	if (rc == MP_OK)
		rc = form_end(form);
	if (rc == MP_OK && !mp_id_is_none(&list.after) && !mp_id_is_none(&list.before))
		rc = stripe_refuse(&call->error, NULL, "ending_before",
			"You can only use one of starting_after and ending_before.");
	if (rc == MP_OK && list.event_type != NULL && strchr(list.event_type, '*') != NULL)
		rc = stripe_refuse(&call->error, NULL, "type",
			"This sandbox lists the events of one type, or all.");
	if (rc == MP_OK)
		*out = list;
	return rc;
}

static json_t *record_to_json(
	const struct api_call *call, enum db_kind kind, const struct db_page *page, size_t i)
{
	switch (kind) {
	case DB_SESSIONS:
		return session_to_json(&page->records.sessions[i], call->sandbox->public_url);
	case DB_INTENTS:
		return intent_to_json(&page->records.intents[i]);
	case DB_EVENTS:
		return event_to_json(&page->records.events[i]);
	}
	return NULL;
}

static enum mp_rc answer_list(struct api_call *call, enum db_kind kind)
{
	struct db_list list;
	struct db_page page;

	enum mp_rc rc = read_list(call, kind, &list);
	if (rc == MP_OK)
		rc = db_list(call->sandbox->store, &list, call->arena, &page);
	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	for (size_t i = 0; i < page.count; i++) {
		if (json_array_append_new(items, record_to_json(call, kind, &page, i)) != 0) {
			json_decref(items);
			return MP_NOMEM;
		}
	}
	return api_answer(call, list_to_json(list_kinds[kind].url, items, page.more));
}

static enum mp_rc list_sessions(struct api_call *call)
{
	return answer_list(call, DB_SESSIONS);
}

static enum mp_rc list_intents(struct api_call *call)
{
	return answer_list(call, DB_INTENTS);
}

static enum mp_rc list_events(struct api_call *call)
{
	return answer_list(call, DB_EVENTS);
}

static enum mp_rc find_nothing(struct api_call *call)
{
	(void)stripe_refuse(&call->error, NULL, NULL,
		"Unrecognized request URL (%s: %.200s). This sandbox has a part of the API only.",
		mp_request_method(call->req), mp_request_path(call->req));
	call->error.status = 404;
	return MP_NOT_FOUND;
}

/* --- routes: each handler names its operation --- */

static enum mp_rc sessions_post(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, create_session);
}

static enum mp_rc sessions_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, list_sessions);
}

static enum mp_rc session_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, get_session);
}

static enum mp_rc session_expire(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, expire_session);
}

static enum mp_rc intents_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, list_intents);
}

static enum mp_rc intent_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, get_intent);
}

static enum mp_rc events_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, list_events);
}

static enum mp_rc event_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, get_event);
}

static enum mp_rc not_found(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return api_serve(req, res, ctx, find_nothing);
}

#define SESSIONS "/v1/checkout/sessions"

const struct mp_route sandbox_routes[] = {
	{"POST", SESSIONS, .handler = sessions_post, .body_bytes_max = BODY_BYTES_MAX},
	{"GET", SESSIONS, .handler = sessions_get, .body_bytes_max = LIST_BODY_BYTES_MAX},
	{"GET", SESSIONS "/{id}", .handler = session_get},
	{"POST", SESSIONS "/{id}/expire", .handler = session_expire},
	{"GET", "/v1/payment_intents", .handler = intents_get},
	{"GET", "/v1/payment_intents/{id}", .handler = intent_get},
	{"GET", "/v1/events", .handler = events_get},
	{"GET", "/v1/events/{id}", .handler = event_get},
	{"GET", "/v1/{a}", .handler = not_found},
	{"GET", "/v1/{a}/{b}", .handler = not_found},
	{"GET", "/v1/{a}/{b}/{c}", .handler = not_found},
	{"GET", "/v1/{a}/{b}/{c}/{d}", .handler = not_found},
	{"POST", "/v1/{a}", .handler = not_found},
	{"POST", "/v1/{a}/{b}", .handler = not_found},
	{"POST", "/v1/{a}/{b}/{c}", .handler = not_found},
	{"POST", "/v1/{a}/{b}/{c}/{d}", .handler = not_found},
	{"GET", "/pay/{id}", .handler = page_get},
	{"POST", "/pay/{id}", .handler = page_post},
	{"GET", "/sandbox/faults", .handler = faults_get},
	{"POST", "/sandbox/faults", .handler = faults_post},
	{"DELETE", "/sandbox/faults", .handler = faults_delete},
	{"POST", "/sandbox/async", .handler = async_post},
};

const size_t sandbox_routes_count = sizeof(sandbox_routes) / sizeof(sandbox_routes[0]);
