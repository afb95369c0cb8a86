#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/thread.h"
#include "http_client/http_client.h"
#include "jwt/internal.h"

#define URL_MAX 512
#define ANSWER_BYTES_MAX (64 * 1024)
#define RETRY_MS_MIN 200
#define RETRY_MS_MAX 5000
#define WANTED_MS 5000 /* between a fetch and the next for an unknown kid */

struct mp_jwks {
	struct mp_jwt_keys *keys;
	struct mp_http_client *client;
	struct mp_arena *arena; /* the thread's own */
	char base_url[URL_MAX];
	char path[URL_MAX];
	int64_t interval_ms;
	int64_t wanted_ms;
	struct mp_sink sink;
	bool failing; /* the thread's own: a failure was told, a success not yet */

	pthread_mutex_t lock; /* guards wanted and stopping */
	pthread_cond_t wake;
	bool wanted; /* an unknown kid was seen */
	bool stopping;
	bool started;
	pthread_t thread;
};

/* "http://host:port" and "/path". */
static enum mp_rc split_url(const char *url, struct mp_jwks *jwks)
{
	const char *host = strstr(url, "://");
	const char *path = host == NULL ? NULL : strchr(host + 3, '/');

	if (path == NULL || path == host + 3 || (size_t)(path - url) >= sizeof(jwks->base_url))
		return MP_INVALID;
	memcpy(jwks->base_url, url, (size_t)(path - url)); /* zeroed by its owner */
	return mp_text_copy(jwks->path, sizeof(jwks->path), path) == MP_OK ? MP_OK : MP_INVALID;
}

/* One fetch; detail is a sentence for operators. */
static enum mp_rc fetch(struct mp_jwks *jwks, const char **out_detail)
{
	const struct mp_http_call call = {.method = "GET", .path = jwks->path};
	struct mp_http_answer answer = {0};
	char reason[160];
	json_t *json = NULL;

	enum mp_rc rc = mp_http_call(jwks->client, &call, jwks->arena, &answer);
	if (rc != MP_OK) {
		*out_detail = "the keys' address does not answer";
		return rc;
	}
	if (answer.status != 200) {
		*out_detail = "the keys' address answers something else than 200";
		return MP_UNAVAILABLE;
	}
	*out_detail = "what the keys' address answers is not a set of keys for ES256";
	rc = mp_json_parse(answer.body, answer.body_len, &json, reason);
	if (rc == MP_OK)
		rc = mp_jwt_keys_set(jwks->keys, json);
	json_decref(json);
	return rc;
}

static enum mp_rc fetch_and_tell(struct mp_jwks *jwks)
{
	const char *detail = "";
	enum mp_rc rc = fetch(jwks, &detail);

	if (rc != MP_OK && !jwks->failing)
		mp_sink_report(&jwks->sink, "jwks_failed", rc, detail);
	if (rc == MP_OK && jwks->failing)
		mp_sink_report(&jwks->sink, "jwks_fetched", rc, "");
	jwks->failing = rc != MP_OK;
	mp_arena_reset(jwks->arena);
	return rc;
}

/* Waits until the next fetch is due; false when it is time to end. */
static bool wait_for_next(struct mp_jwks *jwks, int64_t fetched_at_ms, int64_t pause_ms)
{
	(void)pthread_mutex_lock(&jwks->lock);
	while (!jwks->stopping) {
		int64_t pause =
			jwks->wanted && pause_ms > jwks->wanted_ms ? jwks->wanted_ms : pause_ms;
		int64_t left_ms = fetched_at_ms + pause - mp_clock_mono_ms();

		if (left_ms <= 0)
			break;
		mp_cond_wait_ms(&jwks->wake, &jwks->lock, (long)left_ms);
	}
	bool go_on = !jwks->stopping;
	jwks->wanted = false;
	(void)pthread_mutex_unlock(&jwks->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct mp_jwks *jwks = arg;
	int64_t retry_ms = RETRY_MS_MIN;
	int64_t pause_ms;
	int64_t fetched_at_ms;

	do {
		enum mp_rc rc = fetch_and_tell(jwks);

		fetched_at_ms = mp_clock_mono_ms();
		pause_ms = rc == MP_OK ? jwks->interval_ms : retry_ms;
		retry_ms = rc == MP_OK ? RETRY_MS_MIN : retry_ms * 2;
		if (retry_ms > RETRY_MS_MAX)
			retry_ms = RETRY_MS_MAX;
	} while (wait_for_next(jwks, fetched_at_ms, pause_ms));
	return NULL;
}

static enum mp_rc open_parts(struct mp_jwks *jwks)
{
	const struct mp_http_client_config client = {
		.base_url = jwks->base_url, .answer_bytes_max = ANSWER_BYTES_MAX};

	enum mp_rc rc = mp_jwt_keys_new(&jwks->keys);
	if (rc == MP_OK)
		rc = mp_http_client_open(&client, &jwks->client);
	if (rc != MP_OK)
		return rc;
	jwks->arena = mp_arena_new(ANSWER_BYTES_MAX * 2);
	if (jwks->arena == NULL)
		return MP_NOMEM;
	rc = mp_thread_start(&jwks->thread, "jwks", run, jwks);
	jwks->started = rc == MP_OK;
	return rc;
}

enum mp_rc mp_jwks_open(
	const char *url, int interval_s, const struct mp_sink *sink, struct mp_jwks **out_jwks)
{
	return mp_jwks_open_paced(url, (int64_t)interval_s * 1000, WANTED_MS, sink, out_jwks);
}

enum mp_rc mp_jwks_open_paced(const char *url, int64_t interval_ms, int64_t wanted_ms,
	const struct mp_sink *sink, struct mp_jwks **out_jwks)
{
	struct mp_jwks *jwks = calloc(1, sizeof(*jwks));

	if (jwks == NULL)
		return MP_NOMEM;
	(void)pthread_mutex_init(&jwks->lock, NULL); /* cannot fail on Linux */
	mp_cond_init(&jwks->wake);
	jwks->interval_ms = interval_ms;
	jwks->wanted_ms = wanted_ms;
	if (sink != NULL)
		jwks->sink = *sink;

	enum mp_rc rc = split_url(url, jwks);
	if (rc == MP_OK)
		rc = open_parts(jwks);
	if (rc != MP_OK) {
		mp_jwks_close(jwks);
		return rc;
	}
	*out_jwks = jwks;
	return MP_OK;
}

void mp_jwks_close(struct mp_jwks *jwks)
{
	if (jwks == NULL)
		return;
	if (jwks->started) {
		(void)pthread_mutex_lock(&jwks->lock);
		jwks->stopping = true;
		(void)pthread_cond_signal(&jwks->wake);
		(void)pthread_mutex_unlock(&jwks->lock);
		(void)pthread_join(jwks->thread, NULL);
	}
	mp_http_client_close(jwks->client);
	mp_jwt_keys_free(jwks->keys);
	mp_arena_free(jwks->arena);
	(void)pthread_cond_destroy(&jwks->wake);
	(void)pthread_mutex_destroy(&jwks->lock);
	free(jwks);
}

static enum mp_rc verify_with_jwks(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	struct mp_jwks *jwks = ctx;
	enum mp_rc rc =
		mp_jwt_verify(jwks->keys, want, token, token_len, mp_clock_ms() / 1000, out);

	if (rc != MP_NOT_FOUND)
		return rc;
	/* Perhaps signed with a key newer than ours: whoever sent it may try again soon. */
	(void)pthread_mutex_lock(&jwks->lock);
	jwks->wanted = true;
	(void)pthread_cond_signal(&jwks->wake);
	(void)pthread_mutex_unlock(&jwks->lock);
	return MP_UNAUTHENTICATED;
}

struct mp_verifier mp_jwks_verifier(struct mp_jwks *jwks)
{
	return (struct mp_verifier){.verify = verify_with_jwks, .ctx = jwks};
}
