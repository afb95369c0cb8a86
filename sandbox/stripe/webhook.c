#include "webhook.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "http_client/http_client.h"
#include "ids.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "objects.h"

#define TIMEOUT_MS 10000
#define ANSWER_BYTES_MAX 65536
#define GIVE_UP_MS ((int64_t)3 * 24 * 3600 * 1000)
#define BACKOFF_MS_MAX 60000
#define ASIDE_MS_MAX 5000
#define HOLD_MS_MAX ((int64_t)3600 * 1000)
#define WRONG_SECRET "whsec_not_the_right_one"

struct webhook {
	struct sandbox *sandbox;
	struct mp_http_client *http;
	const char *secrets;
	struct mp_metric *taken;
	struct mp_metric *refused;
};

/* --- signatures --- */

static enum mp_rc add_signature(const char *secret, size_t secret_len,
	const struct mp_buf *signed_text, char out_header[WEBHOOK_SIGNATURE_SIZE])
{
	uint8_t mac[MP_SHA256_BYTES];
	char hex[MP_SHA256_HEX_SIZE];
	size_t len = strlen(out_header);

	mp_hmac_sha256(secret, secret_len, mp_buf_text(signed_text), signed_text->len, mac);
	mp_hex(mac, sizeof(mac), hex);
	return mp_text_format(out_header + len, WEBHOOK_SIGNATURE_SIZE - len, ",v1=%s", hex);
}

enum mp_rc webhook_sign(const char *secrets, int64_t at_s, const char *body, size_t body_len,
	char out_header[WEBHOOK_SIGNATURE_SIZE])
{
	struct mp_buf signed_text;

	mp_buf_init(&signed_text, body_len + 32);
	(void)mp_buf_addf(&signed_text, "%" PRId64 ".", at_s);
	(void)mp_buf_add(&signed_text, body, body_len);
	enum mp_rc rc = mp_buf_rc(&signed_text);
	if (rc == MP_OK)
		rc = mp_text_format(out_header, WEBHOOK_SIGNATURE_SIZE, "t=%" PRId64, at_s);
	while (rc == MP_OK && *secrets != '\0') {
		size_t len = strcspn(secrets, ",");
		rc = add_signature(secrets, len, &signed_text, out_header);
		secrets += len + (secrets[len] == ',');
	}
	mp_buf_done(&signed_text);
	return rc;
}

static bool secrets_are_right(const char *secrets)
{
	size_t count = 0;

	while (*secrets != '\0') {
		size_t len = strcspn(secrets, ",");
		if (len == 0 || ++count > WEBHOOK_SECRETS_MAX)
			return false;
		secrets += len;
		if (*secrets == ',' && *++secrets == '\0')
			return false;
	}
	return count > 0;
}

/* --- opening --- */

enum mp_rc webhook_open(const struct webhook_config *config, struct webhook **out_webhook)
{
	const char *help = "Deliveries of events.";
	const struct mp_http_client_config http = {
		.base_url = config->url,
		.timeout_ms = TIMEOUT_MS,
		.answer_bytes_max = ANSWER_BYTES_MAX,
	};

	if (!secrets_are_right(config->secrets))
		return MP_INVALID;
	struct webhook *webhook = calloc(1, sizeof(*webhook));
	if (webhook == NULL)
		return MP_NOMEM;
	webhook->sandbox = config->sandbox;
	webhook->secrets = config->secrets;
	webhook->taken = mp_counter("moneypal_sandbox_webhooks_total", "outcome=\"taken\"", help);
	webhook->refused =
		mp_counter("moneypal_sandbox_webhooks_total", "outcome=\"refused\"", help);
	enum mp_rc rc = mp_http_client_open(&http, &webhook->http);
	if (rc != MP_OK) {
		free(webhook);
		return rc;
	}
	*out_webhook = webhook;
	return MP_OK;
}

void webhook_close(struct webhook *webhook)
{
	if (webhook == NULL)
		return;
	mp_http_client_close(webhook->http);
	free(webhook);
}

/* --- sending --- */

static enum mp_rc post(struct webhook *webhook, const struct event *event, const char *secrets,
	struct mp_arena *arena, int64_t now_ms)
{
	char signature[WEBHOOK_SIGNATURE_SIZE];
	const struct mp_http_header headers[] = {{"Stripe-Signature", signature}};
	struct mp_http_answer answer = {.status = 0};
	const char *body = json_to_text(arena, event_to_json(event));

	if (body == NULL)
		return MP_NOMEM;
	const struct mp_http_call call = {
		.method = "POST",
		.path = "",
		.content_type = "application/json; charset=utf-8",
		.body = body,
		.body_len = strlen(body),
		.headers = headers,
		.headers_count = 1,
	};
	enum mp_rc rc = webhook_sign(secrets, now_ms / 1000, body, call.body_len, signature);
	if (rc == MP_OK)
		rc = mp_http_call(webhook->http, &call, arena, &answer);
	if (rc == MP_OK && (answer.status < 200 || answer.status > 299))
		rc = MP_UNAVAILABLE;
	mp_metric_add(rc == MP_OK ? webhook->taken : webhook->refused, 1);
	mp_log(rc == MP_OK ? MP_LOG_INFO : MP_LOG_WARN, "webhook", MP_TEXT("event", event->id.text),
		MP_TEXT("type", event->type), MP_INT("status", answer.status), MP_RC(rc));
	return rc;
}

/* Best effort: an event that was taken and not marked so is sent once more at most. */
static enum mp_rc mark_taken(struct webhook *webhook, struct event *event, struct mp_arena *arena)
{
	struct mp_txn txn;

	event->pending = false;
	mp_txn_begin(&txn, webhook->sandbox->store, arena);
	db_event_put(&txn, event);
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	return rc == MP_STALE ? MP_OK : rc; /* marked by whoever sent it at the same time */
}

static enum mp_rc deliver(struct webhook *webhook, struct event *event, const char *secrets,
	struct mp_arena *arena, int64_t now_ms)
{
	enum mp_rc rc = post(webhook, event, secrets, arena, now_ms);

	return rc == MP_OK ? mark_taken(webhook, event, arena) : rc;
}

/* The one that was put aside by a fault goes behind this one. Its own row sends it otherwise. */
static void deliver_aside(
	struct webhook *webhook, const struct mp_id *sent, struct mp_arena *arena, int64_t now_ms)
{
	struct event event;
	struct mp_id id;

	if (!faults_take_aside(webhook->sandbox->faults, sent, &id))
		return;
	enum mp_rc rc = db_event_get(webhook->sandbox->store, &id, arena, &event);
	if (rc == MP_OK && event.pending)
		rc = deliver(webhook, &event, webhook->secrets, arena, now_ms);
	if (rc != MP_OK)
		mp_log(MP_LOG_WARN, "webhook_aside", MP_TEXT("event", id.text), MP_RC(rc));
}

/* --- one piece of work --- */

int64_t webhook_backoff_ms(int64_t attempts)
{
	if (attempts < 0)
		attempts = 0;
	return attempts >= 6 ? BACKOFF_MS_MAX : (int64_t)1000 << attempts;
}

static struct mp_due_result done(void)
{
	return (struct mp_due_result){.done = true};
}

static struct mp_due_result again(int64_t at_ms)
{
	return (struct mp_due_result){.again_at_ms = at_ms};
}

static struct mp_due_result result_of(
	enum mp_rc rc, const struct event *event, int64_t attempts, int64_t now_ms)
{
	if (rc == MP_OK || now_ms - mp_id_time_ms(&event->id) > GIVE_UP_MS)
		return done();
	return again(now_ms + webhook_backoff_ms(attempts));
}

/* A fault that struck: what becomes of the delivery. */
static struct mp_due_result suffer(struct webhook *webhook, const struct fault *fault,
	struct event *event, struct mp_arena *arena, int64_t now_ms)
{
	struct faults *faults = webhook->sandbox->faults;
	const char *secrets = webhook->secrets;

	switch (fault->webhook) {
	case WEBHOOK_DROP:
		(void)mark_taken(webhook, event, arena); /* the row is gone in any case */
		return done();
	case WEBHOOK_DELAY:
		return again(now_ms + fault->delay_ms);
	case WEBHOOK_HOLD:
		if (faults_hold(faults, &event->id) == MP_OK)
			return again(now_ms + HOLD_MS_MAX);
		break;
	case WEBHOOK_REORDER:
		if (faults_put_aside(faults, &event->id))
			return again(now_ms + ASIDE_MS_MAX);
		break;
	case WEBHOOK_DUPLICATE:
		if (post(webhook, event, secrets, arena, now_ms) != MP_OK)
			return again(now_ms + webhook_backoff_ms(0));
		break;
	case WEBHOOK_WRONG_SIGNATURE:
		secrets = WRONG_SECRET;
		break;
	}
	enum mp_rc rc = deliver(webhook, event, secrets, arena, now_ms);
	return result_of(rc, event, 0, now_ms);
}

struct mp_due_result webhook_due(
	void *ctx, struct mp_arena *arena, const struct mp_id *id, int64_t attempts, int64_t now_ms)
{
	struct webhook *webhook = ctx;
	struct fault fault;
	struct event event;

	enum mp_rc rc = db_event_get(webhook->sandbox->store, id, arena, &event);
	if (rc == MP_NOT_FOUND || (rc == MP_OK && !event.pending))
		return done();
	if (rc != MP_OK)
		return again(now_ms + webhook_backoff_ms(attempts));
	if (attempts == 0 && faults_take_webhook(webhook->sandbox->faults, event.type, &fault))
		return suffer(webhook, &fault, &event, arena, now_ms);
	rc = deliver(webhook, &event, webhook->secrets, arena, now_ms);
	if (rc == MP_OK)
		deliver_aside(webhook, id, arena, now_ms);
	return result_of(rc, &event, attempts, now_ms);
}

enum mp_rc webhook_release(struct sandbox *sandbox, struct mp_arena *arena, int64_t now_ms)
{
	struct mp_id held[FAULTS_KEPT_MAX];
	size_t count = faults_clear(sandbox->faults, held);
	struct mp_txn txn;

	/* Their own rows, an hour ahead, will find them sent. */
	mp_txn_begin(&txn, sandbox->store, arena);
	for (size_t i = 0; i < count; i++)
		mp_due_add(sandbox->webhooks, &txn, &held[i], now_ms);
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	if (rc == MP_OK && count > 0)
		mp_due_wake(sandbox->webhooks);
	return rc;
}
