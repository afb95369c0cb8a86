#include "api.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "keys.h"
#include "objects.h"

#define KEY_CHARS_MAX 255
#define FORM_TYPE "application/x-www-form-urlencoded"
#define REQUEST_ID_SIZE 24

/* --- the secret key --- */

static enum mp_rc basic_of(const char *secret_key, char *out, size_t out_size)
{
	static const char scheme[] = "Basic ";
	const size_t scheme_len = sizeof(scheme) - 1;
	char user[256];

	enum mp_rc rc = mp_text_format(user, sizeof(user), "%s:", secret_key);
	if (rc != MP_OK)
		return rc;
	size_t len = strlen(user);
	size_t padded_len = (len + 2) / 3 * 4;
	if (scheme_len + padded_len >= out_size)
		return MP_TOO_LARGE;
	memcpy(out, scheme, scheme_len);
	memset(out + scheme_len, '=', padded_len);
	out[scheme_len + padded_len] = '\0';
	char *text = out + scheme_len;
	mp_base64url(user, len, text, padded_len + 1);
	size_t text_len = strlen(text);
	memset(text + text_len, '=', padded_len - text_len);
	for (size_t i = 0; i < text_len; i++) {
		if (text[i] == '-')
			text[i] = '+';
		else if (text[i] == '_')
			text[i] = '/';
	}
	return MP_OK;
}

enum mp_rc api_init(struct app *app)
{
	return basic_of(app->secret_key, app->basic, sizeof(app->basic));
}

bool api_knows_caller(const struct app *app, struct mp_request *req)
{
	static const char scheme[] = "Bearer ";
	const size_t scheme_len = sizeof(scheme) - 1;
	const char *given = mp_request_header(req, "Authorization");

	if (given == NULL)
		return false;
	if (strncasecmp(given, scheme, scheme_len) == 0)
		return mp_equal_secret(given + scheme_len, strlen(given + scheme_len),
			app->secret_key, strlen(app->secret_key));
	return mp_equal_secret(given, strlen(given), app->basic, strlen(app->basic));
}

static enum mp_rc check_caller(const struct app *app, struct api_call *call)
{
	if (api_knows_caller(app, call->req))
		return MP_OK;
	bool given = mp_request_header(call->req, "Authorization") != NULL;
	(void)stripe_refuse(&call->error, NULL, NULL, "%s",
		given ? "Invalid API Key provided."
		      : "You did not provide an API key. You need to provide your API key in the "
			"Authorization header, using Bearer auth.");
	call->error.status = 401;
	return MP_UNAUTHENTICATED;
}

/* --- the form --- */

static enum mp_rc read_body(struct api_call *call)
{
	const char *type = mp_request_header(call->req, "Content-Type");
	size_t len;
	const char *body = mp_request_body(call->req, &len);

	if (len > 0 && (type == NULL || strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE)) != 0))
		return stripe_refuse(&call->error, NULL, NULL,
			"Invalid request: the body must be sent as " FORM_TYPE ".");
	form_decode(&call->form, body, len);
	return call->form.rc;
}

static enum mp_rc read_form(struct api_call *call)
{
	const char *value;
	const char *name;

	form_begin(&call->form, call->arena, &call->error);
	for (size_t i = 0; (name = mp_request_query_at(call->req, i, &value)) != NULL; i++)
		form_add(&call->form, name, value);
	return call->form.rc != MP_OK ? call->form.rc : read_body(call);
}

/* --- the Idempotency-Key --- */

static const char *digest_of(struct api_call *call)
{
	uint8_t parts[3][MP_SHA256_BYTES];
	const char *method = mp_request_method(call->req);
	const char *path = mp_request_path(call->req);
	char hex[MP_SHA256_HEX_SIZE];
	size_t len;
	const char *body = mp_request_body(call->req, &len);

	mp_sha256(method, strlen(method), parts[0]);
	mp_sha256(path, strlen(path), parts[1]);
	mp_sha256(body, len, parts[2]);
	mp_sha256_hex(parts, sizeof(parts), hex);
	return mp_arena_strdup(call->arena, hex);
}

static enum mp_rc read_key(struct api_call *call)
{
	const char *key = mp_request_header(call->req, "Idempotency-Key");

	if (key == NULL || strcmp(mp_request_method(call->req), "POST") != 0)
		return MP_OK;
	size_t len = strlen(key);
	if (len == 0 || len > KEY_CHARS_MAX || !mp_text_is_utf8(key, len)) {
		(void)stripe_refuse(
			&call->error, NULL, NULL, "Idempotency keys have 1 to 255 characters.");
		call->error.type = "idempotency_error";
		return MP_INVALID;
	}
	call->cause.key = mp_arena_strdup(call->arena, key);
	call->cause.digest = digest_of(call);
	return call->cause.key == NULL || call->cause.digest == NULL ? MP_NOMEM : MP_OK;
}

static enum mp_rc replay(
	struct api_call *call, struct mp_response *res, const struct answer *answer)
{
	if (strcmp(answer->digest, call->cause.digest) != 0) {
		(void)stripe_refuse(&call->error, NULL, NULL,
			"Keys for idempotent requests can only be used with the same parameters "
			"they were first used with. Try using a key other than '%.255s' if you "
			"meant to execute a different request.",
			answer->key);
		call->error.type = "idempotency_error";
		return MP_INVALID;
	}
	call->answer = answer->body;
	call->error.status = (unsigned)answer->status;
	enum mp_rc rc = mp_response_header(res, "Idempotent-Replayed", "true");
	if (rc == MP_OK)
		rc = mp_response_header(res, "Original-Request", answer->request_id);
	return rc == MP_OK && answer->status != 0 ? MP_UNAVAILABLE : rc;
}

static enum mp_rc run_once(struct api_call *call, struct mp_response *res, api_operation operation)
{
	struct answer answer;
	struct key_use use;

	if (call->cause.key == NULL)
		return operation(call);
	if (!keys_enter(call->sandbox->keys, call->cause.key, &use)) {
		(void)stripe_refuse(&call->error, "idempotency_key_in_use", NULL,
			"There is currently another in-progress request using this Idempotent Key. "
			"Please try again later.");
		call->error.type = "idempotency_error";
		call->error.status = 409;
		return MP_CONFLICT;
	}
	enum mp_rc rc = db_answer_get(call->sandbox->store, call->cause.key, call->arena, &answer);
	if (rc == MP_OK)
		rc = replay(call, res, &answer);
	else if (rc == MP_NOT_FOUND)
		rc = operation(call);
	keys_leave(call->sandbox->keys, &use);
	return rc;
}

/* --- faults --- */

static enum mp_rc fail(struct api_call *call, unsigned status)
{
	(void)stripe_refuse(&call->error, NULL, NULL,
		"An unexpected error occurred, as it was asked for at /sandbox/faults.");
	call->error.type = status >= 500 ? "api_error" : "invalid_request_error";
	call->error.status = status;
	call->answer = NULL;
	return MP_UNAVAILABLE;
}

/* As the provider does: the next request with this key gets the same failure. */
static enum mp_rc fail_and_keep(struct api_call *call)
{
	struct mp_txn txn;

	enum mp_rc failed = fail(call, call->kept_status);
	if (call->cause.key == NULL)
		return failed;
	const struct answer answer = {
		.key = call->cause.key,
		.digest = call->cause.digest,
		.body = json_to_text(call->arena, stripe_error_to_json(&call->error)),
		.request_id = call->cause.request_id,
		.status = call->kept_status,
	};
	mp_txn_begin(&txn, call->sandbox->store, call->arena);
	db_answer_put(&txn, &answer, call->now_ms);
	enum mp_rc rc = mp_txn_commit(&txn, NULL);
	return rc == MP_OK ? failed : rc;
}

static enum mp_rc run_with_faults(
	struct api_call *call, struct mp_response *res, api_operation operation)
{
	struct faults *faults = call->sandbox->faults;
	struct fault fault = {.kind = FAULT_REQUEST};
	bool struck = faults_take_request(
		faults, mp_request_method(call->req), mp_request_path(call->req), &fault);
	bool fails = struck && (fault.drop || fault.status != 0);
	enum mp_rc rc = MP_OK;

	if (struck && !fault.after)
		faults_wait(faults, fault.delay_ms);
	if (fails && fault.keep) {
		call->kept_status = fault.status;
		return run_once(call, res, fail_and_keep);
	}
	if (!fails || fault.after)
		rc = run_once(call, res, operation);
	if (struck && fault.after)
		faults_wait(faults, fault.delay_ms);
	if (struck && fault.drop)
		mp_response_hang_up(res);
	return fails ? fail(call, fault.drop ? 500 : fault.status) : rc;
}

/* --- answering --- */

enum mp_rc api_answer(struct api_call *call, json_t *json)
{
	call->answer = json_to_text(call->arena, json);
	return call->answer == NULL ? MP_NOMEM : MP_OK;
}

static enum mp_rc answer_error(struct api_call *call, struct mp_response *res, enum mp_rc rc)
{
	struct stripe_error *error = &call->error;

	if (error->status == 0) {
		bool later = mp_rc_is_transient(rc) || rc == MP_STALE;
		(void)stripe_refuse(error, later ? "lock_timeout" : NULL, NULL, "%s",
			later ? "This cannot be done now; try again."
			      : "Something is wrong here; it has been logged.");
		error->type = "api_error";
		error->status = later ? 503 : 500;
	}
	const char *text = call->answer; /* kept; otherwise there is none */
	if (text == NULL)
		text = json_to_text(call->arena, stripe_error_to_json(error));
	if (text == NULL)
		return MP_NOMEM;
	return mp_response_body(res, error->status, "application/json", text, strlen(text));
}

static enum mp_rc make_request_id(struct api_call *call, struct mp_response *res)
{
	char id[REQUEST_ID_SIZE];

	enum mp_rc rc = mp_text_format(
		id, sizeof(id), "req_%014llx", (unsigned long long)mp_random_number() >> 8);
	if (rc != MP_OK)
		return rc;
	call->cause.request_id = mp_arena_strdup(call->arena, id);
	if (call->cause.request_id == NULL)
		return MP_NOMEM;
	rc = mp_response_header(res, "Request-Id", id);
	if (rc == MP_OK)
		rc = mp_response_header(res, "Stripe-Version", STRIPE_API_VERSION);
	return rc;
}

enum mp_rc api_serve(
	struct mp_request *req, struct mp_response *res, struct app *app, api_operation operation)
{
	struct api_call call = {
		.sandbox = &app->sandbox,
		.req = req,
		.arena = mp_request_arena(req),
		.now_ms = mp_clock_ms(),
	};

	enum mp_rc rc = make_request_id(&call, res);
	if (rc != MP_OK)
		return rc;
	rc = check_caller(app, &call);
	if (rc == MP_OK)
		rc = read_form(&call);
	if (rc == MP_OK)
		rc = read_key(&call);
	if (rc == MP_OK)
		rc = run_with_faults(&call, res, operation);
	if (rc != MP_OK)
		return answer_error(&call, res, rc);
	return mp_response_body(res, 200, "application/json", call.answer, strlen(call.answer));
}
