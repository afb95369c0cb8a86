#include "http_client/service_token.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "http_client/http_client.h"
#include "json/json.h"

#define ARENA_BYTES (64u * 1024)
#define ANSWER_BYTES_MAX (16u * 1024)
#define FETCH_TIMEOUT_MS 3000
#define EARLY_MS 60000 /* fetched anew so long before its end */
#define PAUSE_MS 1000  /* between two fetches, whatever comes of them */

struct mp_service_token {
	struct mp_http_client *client;
	char *form; /* credentials, ready to be sent */

	/* One thread fetches; others wait for it if they have no good token: they need the same. */
	pthread_mutex_t mutex;
	pthread_cond_t fetched;
	bool fetching;
	char text[MP_TOKEN_TEXT_MAX]; /* "": none */
	int64_t fresh_until_ms;
	int64_t ends_ms;
	int64_t fetched_ms; /* when the last fetch ended */
	enum mp_rc fetched_rc;
	bool ever_fetched;
};

static char *build_form(const char *client_id, const char *client_secret)
{
	struct mp_arena *arena = mp_arena_new(ARENA_BYTES);
	char *form = NULL;

	if (arena == NULL)
		return NULL;
	const char *id = mp_url_encode(arena, client_id);
	const char *secret = mp_url_encode(arena, client_secret);
	if (id != NULL && secret != NULL) {
		const char *text = mp_arena_printf(arena,
			"grant_type=client_credentials&client_id=%s&client_secret=%s", id, secret);
		form = text == NULL ? NULL : strdup(text);
	}
	mp_arena_free(arena);
	return form;
}

enum mp_rc mp_service_token_open(const char *token_url, const char *client_id,
	const char *client_secret, struct mp_service_token **out_token)
{
	const struct mp_http_client_config config = {
		.base_url = token_url,
		.timeout_ms = FETCH_TIMEOUT_MS,
		.answer_bytes_max = ANSWER_BYTES_MAX,
	};
	struct mp_service_token *token = calloc(1, sizeof(*token));

	if (token == NULL)
		return MP_NOMEM;
	(void)pthread_mutex_init(&token->mutex, NULL);
	(void)pthread_cond_init(&token->fetched, NULL);
	token->form = build_form(client_id, client_secret);
	enum mp_rc rc =
		token->form == NULL ? MP_NOMEM : mp_http_client_open(&config, &token->client);
	if (rc != MP_OK) {
		mp_service_token_close(token);
		return rc;
	}
	*out_token = token;
	return MP_OK;
}

void mp_service_token_close(struct mp_service_token *token)
{
	if (token == NULL)
		return;
	mp_http_client_close(token->client);
	if (token->form != NULL)
		explicit_bzero(token->form, strlen(token->form));
	free(token->form);
	explicit_bzero(token->text, sizeof(token->text));
	(void)pthread_cond_destroy(&token->fetched);
	(void)pthread_mutex_destroy(&token->mutex);
	free(token);
}

static enum mp_rc take_over(struct mp_service_token *token, const struct mp_http_answer *answer)
{
	struct mp_json_reader reader;
	const char *text = NULL;
	int64_t life_s = 0;
	char reason[160];
	json_t *json;

	if (mp_json_parse(answer->body, answer->body_len, &json, reason) != MP_OK)
		return MP_UNAVAILABLE;
	mp_json_read_begin(&reader, json, "", NULL);
	mp_json_read_ignore_unknown(&reader);
	mp_json_read_text(&reader, "access_token", 1, MP_TOKEN_TEXT_MAX - 1, &text);
	mp_json_read_int(&reader, "expires_in", 1, 30 * 86400, &life_s);
	enum mp_rc rc = mp_json_read_end(&reader) == MP_OK ? MP_OK : MP_UNAVAILABLE;
	if (rc == MP_OK)
		rc = mp_text_copy(token->text, sizeof(token->text), text);
	json_decref(json);
	if (rc != MP_OK)
		return rc;
	int64_t now_ms = mp_clock_mono_ms();
	token->ends_ms = now_ms + life_s * 1000;
	/* A token of a short life is used for half of it. */
	token->fresh_until_ms =
		token->ends_ms - (life_s * 500 < EARLY_MS ? life_s * 500 : EARLY_MS);
	return MP_OK;
}

static enum mp_rc ask(
	struct mp_service_token *token, struct mp_arena *arena, struct mp_http_answer *out_answer)
{
	const struct mp_http_call call = {
		.method = "POST",
		.path = "",
		.content_type = "application/x-www-form-urlencoded",
		.body = token->form,
		.body_len = strlen(token->form),
	};

	if (arena == NULL || mp_http_call(token->client, &call, arena, out_answer) != MP_OK)
		return MP_UNAVAILABLE; /* asking again does no harm, whatever became of this */
	if (out_answer->status == 200)
		return MP_OK;
	return out_answer->status == 400 || out_answer->status == 401 || out_answer->status == 403
		       ? MP_FORBIDDEN
		       : MP_UNAVAILABLE;
}

/* With the mutex held, which it leaves while it asks. */
static void fetch(struct mp_service_token *token)
{
	struct mp_http_answer answer;

	token->fetching = true;
	(void)pthread_mutex_unlock(&token->mutex);
	struct mp_arena *arena = mp_arena_new(ARENA_BYTES);
	enum mp_rc rc = ask(token, arena, &answer);
	(void)pthread_mutex_lock(&token->mutex);
	if (rc == MP_OK)
		rc = take_over(token, &answer);
	mp_arena_free(arena);
	token->fetching = false;
	token->fetched_rc = rc;
	token->fetched_ms = mp_clock_mono_ms();
	token->ever_fetched = true;
	(void)pthread_cond_broadcast(&token->fetched);
}

/* With the mutex held: the text is good, or the reason why there is none. */
static enum mp_rc renew(struct mp_service_token *token)
{
	for (;;) {
		int64_t now_ms = mp_clock_mono_ms();
		bool is_good = token->text[0] != '\0' && now_ms < token->ends_ms;
		bool is_due = !token->ever_fetched || now_ms - token->fetched_ms >= PAUSE_MS;

		/* While it is renewed, or the user service is away, the old one still serves. */
		if (is_good && (now_ms < token->fresh_until_ms || token->fetching || !is_due))
			return MP_OK;
		if (token->fetching)
			(void)pthread_cond_wait(&token->fetched, &token->mutex);
		else if (is_due)
			fetch(token);
		else
			return token->fetched_rc == MP_OK ? MP_UNAVAILABLE : token->fetched_rc;
	}
}

enum mp_rc mp_service_token_get(struct mp_service_token *token, char *out_text, size_t out_size)
{
	(void)pthread_mutex_lock(&token->mutex);
	enum mp_rc rc = renew(token);
	if (rc == MP_OK)
		rc = mp_text_copy(out_text, out_size, token->text);
	(void)pthread_mutex_unlock(&token->mutex);
	return rc;
}

void mp_service_token_drop(struct mp_service_token *token)
{
	(void)pthread_mutex_lock(&token->mutex);
	/* Many calls may be refused at once; one that was fetched after them stays. */
	if (token->ever_fetched && mp_clock_mono_ms() - token->fetched_ms >= PAUSE_MS)
		token->text[0] = '\0';
	(void)pthread_mutex_unlock(&token->mutex);
}
