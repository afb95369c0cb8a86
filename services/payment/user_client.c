#include "user_client.h"

#include <pthread.h>
#include <stdlib.h>

#include "http_client/http_client.h"
#include "http_client/service_token.h"
#include "log/log.h"

#define FOUND_MAX 4096u /* direct-mapped: a newcomer takes the place of whoever was there */
#define USER_TIMEOUT_MS 3000

struct user_client {
	struct mp_http_client *http;
	struct mp_service_token *token;
	pthread_mutex_t lock; /* over found */
	struct mp_id found[FOUND_MAX];
};

/* The last digits of a UUID are random. */
static size_t place_of(const struct mp_id *id)
{
	size_t place = 0;
	for (size_t i = 28; i < 36; i++)
		place = place * 31 + (unsigned char)id->text[i];
	return place % FOUND_MAX;
}

static bool is_remembered(struct user_client *client, const struct mp_id *id)
{
	pthread_mutex_lock(&client->lock);
	bool found = mp_id_equal(&client->found[place_of(id)], id);
	pthread_mutex_unlock(&client->lock);
	return found;
}

static void remember(struct user_client *client, const struct mp_id *id)
{
	pthread_mutex_lock(&client->lock);
	client->found[place_of(id)] = *id;
	pthread_mutex_unlock(&client->lock);
}

static enum mp_rc ask(struct user_client *client, const struct mp_id *id, struct mp_arena *arena,
	long *out_status)
{
	char token[MP_TOKEN_TEXT_MAX];
	struct mp_http_answer answer;

	enum mp_rc rc = mp_service_token_get(client->token, token, sizeof(token));
	if (rc != MP_OK)
		return rc;
	const char *path = mp_arena_printf(arena, "/v1/users/%s", id->text);
	if (path == NULL)
		return MP_NOMEM;
	const struct mp_http_call call = {.method = "GET", .path = path, .bearer = token};
	rc = mp_http_call(client->http, &call, arena, &answer);
	if (rc == MP_OK)
		*out_status = answer.status;
	return rc;
}

static enum mp_rc user_exists(void *ctx, const struct mp_id *user_id, struct mp_arena *arena)
{
	struct user_client *client = ctx;
	long status = 0;

	if (is_remembered(client, user_id))
		return MP_OK;
	enum mp_rc rc = ask(client, user_id, arena, &status);
	if (rc == MP_OK && status == 401) { /* its keys have changed under our token */
		mp_service_token_drop(client->token);
		rc = ask(client, user_id, arena, &status);
	}
	if (rc == MP_OK && status == 200) {
		remember(client, user_id);
		return MP_OK;
	}
	if (rc == MP_OK && status == 404)
		return MP_NOT_FOUND;
	if (rc == MP_NOMEM)
		return rc;
	mp_log(MP_LOG_WARN, "user_service_unavailable", MP_RC(rc), MP_INT("status", status));
	return MP_UNAVAILABLE; /* it was a read: nothing is written, whatever happened */
}

enum mp_rc user_client_open(
	const struct user_client_config *config, struct user_client **out_client)
{
	const struct mp_http_client_config http = {
		.base_url = config->user_url,
		.timeout_ms = USER_TIMEOUT_MS,
	};

	struct user_client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		return MP_NOMEM;
	pthread_mutex_init(&client->lock, NULL);
	enum mp_rc rc = mp_http_client_open(&http, &client->http);
	if (rc == MP_OK)
		rc = mp_service_token_open(config->token_url, config->client_id,
			config->client_secret, &client->token);
	if (rc != MP_OK) {
		user_client_close(client);
		return rc;
	}
	*out_client = client;
	return MP_OK;
}

void user_client_close(struct user_client *client)
{
	if (client == NULL)
		return;
	if (client->token != NULL)
		mp_service_token_close(client->token);
	if (client->http != NULL)
		mp_http_client_close(client->http);
	pthread_mutex_destroy(&client->lock);
	free(client);
}

struct users user_client_calls(struct user_client *client)
{
	return (struct users){.exists = user_exists, .ctx = client};
}
