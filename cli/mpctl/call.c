#include "call.h"

#include <stdlib.h>
#include <string.h>

#include "http_client/http_client.h"
#include "http_client/service_token.h"

#define CALL_TIMEOUT_MS 60000
#define ANSWER_BYTES_MAX (16u * 1024 * 1024)
#define CALL_ARENA_BYTES (40u * 1024 * 1024)

struct mpctl_calls {
	struct mp_http_client *clients[PEERS];
	const char *urls[PEERS]; /* the settings' */
	const char *token_url;
	struct mp_service_token *token;
	struct mp_arena *arena; /* of one call */
};

const char *mpctl_peer_name(enum mpctl_peer peer)
{
	static const char *const names[PEERS] = {"user", "wallet", "payment", "billing", "email"};

	return names[peer];
}

enum mp_rc mpctl_calls_open(const struct mpctl_settings *settings, struct mpctl_calls **out_calls)
{
	struct mpctl_calls *calls = calloc(1, sizeof(*calls));

	if (calls == NULL)
		return MP_NOMEM;
	calls->urls[PEER_USER] = settings->user_url;
	calls->urls[PEER_WALLET] = settings->wallet_url;
	calls->urls[PEER_PAYMENT] = settings->payment_url;
	calls->urls[PEER_BILLING] = settings->billing_url;
	calls->urls[PEER_EMAIL] = settings->email_url;
	calls->token_url = settings->token_url;
	calls->arena = mp_arena_new(CALL_ARENA_BYTES);

	enum mp_rc rc = calls->arena != NULL ? MP_OK : MP_NOMEM;
	for (size_t i = 0; rc == MP_OK && i < PEERS; i++) {
		const struct mp_http_client_config config = {
			.base_url = calls->urls[i],
			.timeout_ms = CALL_TIMEOUT_MS,
			.answer_bytes_max = ANSWER_BYTES_MAX,
		};
		rc = mp_http_client_open(&config, &calls->clients[i]);
	}
	if (rc == MP_OK)
		rc = mp_service_token_open(settings->token_url, settings->client_id,
			settings->client_secret, &calls->token);
	if (rc != MP_OK) {
		mpctl_calls_close(calls);
		return rc;
	}
	*out_calls = calls;
	return MP_OK;
}

void mpctl_calls_close(struct mpctl_calls *calls)
{
	if (calls == NULL)
		return;
	for (size_t i = 0; i < PEERS; i++)
		mp_http_client_close(calls->clients[i]);
	mp_service_token_close(calls->token);
	mp_arena_free(calls->arena);
	free(calls);
}

enum mpctl_exit mpctl_not_of_this_version(
	const struct mpctl *ctl, enum mpctl_peer peer, const char *what)
{
	mpctl_say("The %s service at %s has no %s: check that address, or update the service to "
		  "version %s, mpctl's own.",
		mpctl_peer_name(peer), ctl->calls->urls[peer], what, MP_VERSION);
	return MPCTL_TROUBLE;
}

static enum mpctl_exit get_token(struct mpctl_calls *calls, char token[MP_TOKEN_TEXT_MAX])
{
	enum mp_rc rc = mp_service_token_get(calls->token, token, MP_TOKEN_TEXT_MAX);

	if (rc == MP_OK)
		return MPCTL_DONE;
	if (rc == MP_FORBIDDEN)
		mpctl_say("The user service refuses this client: CLIENT_ID and CLIENT_SECRET must "
			  "be those of its CLIENTS_FILE.");
	else
		mpctl_say("No token can be had from %s: is the user service running, and is "
			  "TOKEN_URL right?",
			calls->token_url);
	return MPCTL_TROUBLE;
}

/* A problem's own sentence, where there is one. */
static void say_refused(enum mpctl_peer peer, const char *path, const struct mp_http_answer *answer)
{
	char reason[160];
	json_t *json = NULL;
	const char *detail = NULL;

	if (mp_json_parse(answer->body, answer->body_len, &json, reason) == MP_OK)
		detail = json_string_value(json_object_get(json, "detail"));
	if (answer->status == 403)
		mpctl_say("The %s service does not let this client do that: its scopes are in the "
			  "user service's CLIENTS_FILE.",
			mpctl_peer_name(peer));
	else
		mpctl_say("The %s service answered %ld to %s: %s", mpctl_peer_name(peer),
			answer->status, path,
			detail != NULL ? detail : "its log says more about it.");
	json_decref(json);
}

static enum mpctl_exit take_answer(enum mpctl_peer peer, const char *path,
	const struct mp_http_answer *answer, json_t **out_json)
{
	char reason[160];

	if (answer->status == 404 || answer->status == 409)
		return MPCTL_NO;
	if (answer->status < 200 || answer->status > 299) {
		say_refused(peer, path, answer);
		return MPCTL_TROUBLE;
	}
	if (mp_json_parse(answer->body, answer->body_len, out_json, reason) == MP_OK)
		return MPCTL_DONE;
	mpctl_say("The %s service's answer is not JSON (%s): is its address right?",
		mpctl_peer_name(peer), reason);
	return MPCTL_TROUBLE;
}

enum mpctl_exit mpctl_call(struct mpctl *ctl, enum mpctl_peer peer, const char *method,
	const char *path, json_t *body, json_t **out_json)
{
	struct mpctl_calls *calls = ctl->calls;
	char token[MP_TOKEN_TEXT_MAX];
	struct mp_http_answer answer;
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	const struct mp_http_call call = {
		.method = method,
		.path = path,
		.content_type = text != NULL ? "application/json" : NULL,
		.body = text,
		.body_len = text != NULL ? strlen(text) : 0,
		.bearer = token,
	};

	enum mpctl_exit result = get_token(calls, token);
	if (result == MPCTL_DONE) {
		mp_arena_reset(calls->arena);
		enum mp_rc rc = mp_http_call(calls->clients[peer], &call, calls->arena, &answer);
		if (rc == MP_OK) {
			result = take_answer(peer, path, &answer, out_json);
		} else {
			mpctl_say("The %s service at %s does not answer (%s): is it running, and "
				  "is its address right?",
				mpctl_peer_name(peer), calls->urls[peer], mp_rc_name(rc));
			result = MPCTL_TROUBLE;
		}
	}
	free(text);
	explicit_bzero(token, sizeof(token));
	return result;
}

enum mpctl_exit mpctl_get(
	struct mpctl *ctl, enum mpctl_peer peer, const char *path, json_t **out_json)
{
	return mpctl_call(ctl, peer, "GET", path, NULL, out_json);
}
