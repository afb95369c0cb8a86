#include "checkout.h"

#include <assert.h>
#include <string.h>

#include "ids.h"
#include "objects.h"

#define EVENTS_MAX 2
#define TRIES_MAX 10
#define SESSION_EVENTS "checkout.session."

/* What one step changes. intent NULL: none. */
struct change {
	struct session *session;
	struct intent *intent;
	const char *events[EVENTS_MAX + 1]; /* types; NULL behind the last */
	const struct cause *cause;	    /* or NULL */
	bool awaits_transfer;
};

bool checkout_is_open(const struct session *session, int64_t now_ms)
{
	return session->status == SESSION_OPEN && now_ms / 1000 < session->expires_at_s;
}

bool checkout_is_sent(const struct sandbox *sandbox, const char *event_type)
{
	const char *types = sandbox->webhook_events;
	size_t type_len = strlen(event_type);

	while (types != NULL && *types != '\0') {
		size_t len = strcspn(types, ",");
		if ((len == 1 && types[0] == '*') ||
			(len == type_len && memcmp(types, event_type, len) == 0))
			return true;
		types += len + (types[len] == ',');
	}
	return false;
}

/* --- committing --- */

static void add_event(struct sandbox *sandbox, struct mp_txn *txn, const struct change *change,
	const char *type, int64_t now_ms)
{
	bool of_session = strncmp(type, SESSION_EVENTS, strlen(SESSION_EVENTS)) == 0;
	struct event event = {
		.id = mp_id_new(now_ms),
		.type = type,
		.pending = checkout_is_sent(sandbox, type),
	};

	event.object = json_to_text(
		txn->arena, of_session ? session_to_json(change->session, sandbox->public_url)
				       : intent_to_json(change->intent));
	if (event.object == NULL)
		txn->rc = MP_NOMEM; /* commit tells it */
	if (change->cause != NULL) {
		event.request_id = change->cause->request_id;
		event.request_key = change->cause->key;
	}
	db_event_put(txn, &event);
	if (event.pending)
		mp_due_add(sandbox->webhooks, txn, &event.id, now_ms);
}

static enum mp_rc commit(struct sandbox *sandbox, const struct change *change,
	const char *answer_body, struct mp_arena *arena, int64_t now_ms)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, sandbox->store, arena);
	db_session_put(&txn, change->session);
	if (change->session->version == 0)
		mp_due_add(sandbox->expiries, &txn, &change->session->id,
			change->session->expires_at_s * 1000);
	if (change->intent != NULL)
		db_intent_put(&txn, change->intent);
	for (size_t i = 0; change->events[i] != NULL; i++)
		add_event(sandbox, &txn, change, change->events[i], now_ms);
	if (change->awaits_transfer)
		mp_due_add(sandbox->transfers, &txn, &change->session->id,
			now_ms + sandbox->transfer_ms);
	if (change->cause != NULL) {
		const struct answer answer = {
			.key = change->cause->key,
			.digest = change->cause->digest,
			.body = answer_body,
			.request_id = change->cause->request_id,
		};
		db_answer_put(&txn, &answer, now_ms);
	}
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	if (rc == MP_OK && change->events[0] != NULL && sandbox->webhooks != NULL)
		mp_due_wake(sandbox->webhooks);
	return rc;
}

static const char *answer_of(
	const struct sandbox *sandbox, const struct session *session, struct mp_arena *arena)
{
	return json_to_text(arena, session_to_json(session, sandbox->public_url));
}

/* A step is read, decided and written again when another came between. */
static bool goes_again(enum mp_rc rc, int tries)
{
	return rc == MP_STALE && tries < TRIES_MAX;
}

/* --- creating and ending --- */

enum mp_rc checkout_create(struct sandbox *sandbox, const struct cause *cause,
	const struct session *order, struct mp_id id, struct mp_arena *arena, int64_t now_ms,
	const char **out_answer)
{
	struct session session = *order;
	const struct change change = {.session = &session, .cause = cause};

	session.id = id;
	const char *answer = answer_of(sandbox, &session, arena);
	if (answer == NULL)
		return MP_NOMEM;
	enum mp_rc rc = commit(sandbox, &change, answer, arena, now_ms);
	if (rc == MP_OK)
		*out_answer = answer;
	return rc;
}

/* A session with a try that failed takes its intent with it. */
static enum mp_rc load_intent_to_cancel(struct sandbox *sandbox, const struct session *session,
	struct mp_arena *arena, struct change *change, struct intent *intent)
{
	if (mp_id_is_none(&session->intent))
		return MP_OK;
	enum mp_rc rc = db_intent_get(sandbox->store, &session->intent, arena, intent);
	if (rc != MP_OK)
		return rc;
	intent->status = INTENT_CANCELED;
	change->intent = intent;
	change->events[1] = "payment_intent.canceled";
	return MP_OK;
}

static enum mp_rc expire_once(struct sandbox *sandbox, const struct cause *cause,
	const struct mp_id *id, struct mp_arena *arena, int64_t now_ms, struct session *out,
	const char **out_answer)
{
	struct session session;
	struct intent intent;
	struct change change = {.session = &session, .cause = cause};

	enum mp_rc rc = db_session_get(sandbox->store, id, arena, &session);
	if (rc != MP_OK)
		return rc;
	if (session.status != SESSION_OPEN) {
		*out = session;
		return MP_CONFLICT;
	}
	change.events[0] = "checkout.session.expired";
	rc = load_intent_to_cancel(sandbox, &session, arena, &change, &intent);
	if (rc != MP_OK)
		return rc;
	session.status = SESSION_EXPIRED;
	const char *answer = answer_of(sandbox, &session, arena);
	rc = answer == NULL ? MP_NOMEM : commit(sandbox, &change, answer, arena, now_ms);
	if (rc == MP_OK) {
		*out = session;
		*out_answer = answer;
	}
	return rc;
}

enum mp_rc checkout_expire(struct sandbox *sandbox, const struct cause *cause,
	const struct mp_id *id, struct mp_arena *arena, int64_t now_ms, struct session *out,
	const char **out_answer)
{
	enum mp_rc rc;
	int tries = 0;

	do
		rc = expire_once(sandbox, cause, id, arena, now_ms, out, out_answer);
	while (goes_again(rc, ++tries));
	return rc;
}

/* --- paying --- */

/* The session's intent: the one of an earlier try, or a new one. */
static enum mp_rc load_intent(struct sandbox *sandbox, struct session *session,
	struct mp_arena *arena, int64_t now_ms, struct intent *out)
{
	if (!mp_id_is_none(&session->intent))
		return db_intent_get(sandbox->store, &session->intent, arena, out);
	*out = (struct intent){
		.id = mp_id_new(now_ms),
		.session = session->id,
		.amount = session->amount_total,
		.metadata = session->intent_metadata,
		.description = session->intent_description,
	};
	memcpy(out->currency, session->currency, sizeof(out->currency));
	session->intent = out->id;
	return MP_OK;
}

/* Reads a session that must be open, with its intent. */
static enum mp_rc load_open(struct sandbox *sandbox, const struct mp_id *id, struct mp_arena *arena,
	int64_t now_ms, struct session *out, struct intent *out_intent)
{
	struct session session;

	enum mp_rc rc = db_session_get(sandbox->store, id, arena, &session);
	if (rc != MP_OK)
		return rc;
	if (!checkout_is_open(&session, now_ms)) {
		*out = session;
		return MP_CONFLICT;
	}
	rc = load_intent(sandbox, &session, arena, now_ms, out_intent);
	if (rc == MP_OK)
		*out = session;
	return rc;
}

static void judge(struct change *change, const struct card_verdict *verdict)
{
	struct intent *intent = change->intent;

	intent->bank = false;
	intent->error_code = verdict->code;
	intent->decline_code = verdict->decline_code;
	intent->error_message = verdict->message;
	if (verdict->code != NULL) {
		intent->status = INTENT_REQUIRES_PAYMENT_METHOD;
		change->events[0] = "payment_intent.payment_failed";
		return;
	}
	intent->status = INTENT_SUCCEEDED;
	change->session->status = SESSION_COMPLETE;
	change->session->paid = true;
	change->events[0] = "payment_intent.succeeded";
	change->events[1] = "checkout.session.completed";
}

static enum mp_rc pay_card_once(struct sandbox *sandbox, const struct mp_id *id,
	const struct card_verdict *verdict, struct mp_arena *arena, int64_t now_ms,
	struct session *out)
{
	struct session session;
	struct intent intent;
	struct change change = {.session = &session, .intent = &intent};

	enum mp_rc rc = load_open(sandbox, id, arena, now_ms, &session, &intent);
	if (rc == MP_OK) {
		judge(&change, verdict);
		rc = commit(sandbox, &change, NULL, arena, now_ms);
	}
	if (rc == MP_OK || rc == MP_CONFLICT)
		*out = session;
	return rc;
}

enum mp_rc checkout_pay_card(struct sandbox *sandbox, const struct mp_id *id,
	const struct card_verdict *verdict, struct mp_arena *arena, int64_t now_ms,
	struct session *out)
{
	enum mp_rc rc;
	int tries = 0;

	do
		rc = pay_card_once(sandbox, id, verdict, arena, now_ms, out);
	while (goes_again(rc, ++tries));
	return rc;
}

static enum mp_rc pay_bank_once(struct sandbox *sandbox, const struct mp_id *id,
	struct mp_arena *arena, int64_t now_ms, struct session *out)
{
	struct session session;
	struct intent intent;
	struct change change = {
		.session = &session,
		.intent = &intent,
		.events = {"payment_intent.processing", "checkout.session.completed"},
		.awaits_transfer = true,
	};

	enum mp_rc rc = load_open(sandbox, id, arena, now_ms, &session, &intent);
	if (rc == MP_OK) {
		session.status = SESSION_COMPLETE;
		intent.status = INTENT_PROCESSING;
		intent.bank = true;
		intent.error_code = NULL;
		rc = commit(sandbox, &change, NULL, arena, now_ms);
	}
	if (rc == MP_OK || rc == MP_CONFLICT)
		*out = session;
	return rc;
}

enum mp_rc checkout_pay_bank(struct sandbox *sandbox, const struct mp_id *id,
	struct mp_arena *arena, int64_t now_ms, struct session *out)
{
	enum mp_rc rc;
	int tries = 0;

	do
		rc = pay_bank_once(sandbox, id, arena, now_ms, out);
	while (goes_again(rc, ++tries));
	return rc;
}

static void settle_transfer(struct change *change, bool arrived)
{
	struct intent *intent = change->intent;

	if (arrived) {
		intent->status = INTENT_SUCCEEDED;
		change->session->paid = true;
		change->events[0] = "payment_intent.succeeded";
		change->events[1] = "checkout.session.async_payment_succeeded";
		return;
	}
	intent->status = INTENT_REQUIRES_PAYMENT_METHOD;
	intent->error_code = "payment_intent_payment_attempt_failed";
	intent->error_message = "The bank transfer did not arrive.";
	change->events[0] = "payment_intent.payment_failed";
	change->events[1] = "checkout.session.async_payment_failed";
}

static enum mp_rc transfer_once(struct sandbox *sandbox, const struct mp_id *id, bool arrived,
	struct mp_arena *arena, int64_t now_ms, struct session *out)
{
	struct session session;
	struct intent intent = {.status = INTENT_CANCELED};
	struct change change = {.session = &session, .intent = &intent};

	enum mp_rc rc = db_session_get(sandbox->store, id, arena, &session);
	if (rc == MP_OK && !mp_id_is_none(&session.intent))
		rc = db_intent_get(sandbox->store, &session.intent, arena, &intent);
	if (rc != MP_OK)
		return rc;
	if (intent.status != INTENT_PROCESSING) {
		*out = session;
		return MP_CONFLICT;
	}
	settle_transfer(&change, arrived);
	rc = commit(sandbox, &change, NULL, arena, now_ms);
	if (rc == MP_OK)
		*out = session;
	return rc;
}

enum mp_rc checkout_transfer(struct sandbox *sandbox, const struct mp_id *id, bool arrived,
	struct mp_arena *arena, int64_t now_ms, struct session *out)
{
	enum mp_rc rc;
	int tries = 0;

	do
		rc = transfer_once(sandbox, id, arrived, arena, now_ms, out);
	while (goes_again(rc, ++tries));
	return rc;
}

/* --- work that is due --- */

/* What cannot be done any more is done. */
static struct mp_due_result result_of(enum mp_rc rc, int64_t attempts, int64_t now_ms)
{
	bool done = rc == MP_OK || rc == MP_CONFLICT || rc == MP_NOT_FOUND;

	return (struct mp_due_result){
		.done = done, .again_at_ms = now_ms + mp_due_backoff_ms(attempts)};
}

struct mp_due_result checkout_expiry_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct session session;
	const char *answer;

	return result_of(
		checkout_expire(ctx, NULL, id, arena, now_ms, &session, &answer), attempts, now_ms);
}

struct mp_due_result checkout_transfer_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct session session;

	return result_of(
		checkout_transfer(ctx, id, true, arena, now_ms, &session), attempts, now_ms);
}
