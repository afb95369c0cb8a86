#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "json/json.h"

struct mp_store_config world_config(const struct world *w)
{
	return (struct mp_store_config){.engine = "dynamodb",
		.table = w->table,
		.aws = {.region = "eu-central-1",
			.endpoint = getenv("PROXY_ENDPOINT"),
			.access_key_id = "GIVEN",
			.secret_access_key = "secret"},
		.create_table = true,
		.deadline_ms = DEADLINE_MS};
}

static struct mp_http_client *client_of(const char *url)
{
	const struct mp_http_client_config config = {.base_url = url};
	struct mp_http_client *client = NULL;

	return mp_http_client_open(&config, &client) == MP_OK ? client : NULL;
}

static struct mp_store *store_of(const struct mp_store_config *config)
{
	struct mp_store *store = NULL;
	char error[256];

	if (mp_store_open(config, NULL, &store, error) != MP_OK)
		print_error("%s\n", error);
	return store;
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct mp_store_config config;

	if (w == NULL)
		return -1;
	*state = w;
	(void)snprintf(w->table, sizeof(w->table), "faults-%016llx",
		(unsigned long long)mp_random_number());
	w->arena = mp_arena_new(16u << 20);
	w->control = client_of(getenv("PROXY_ENDPOINT"));
	w->direct = client_of(getenv("DYNAMODB_ENDPOINT"));
	config = world_config(w);
	config.aws.endpoint = getenv("DYNAMODB_ENDPOINT");
	config.deadline_ms = 30000;
	w->truth = store_of(&config);
	if (w->control == NULL || w->direct == NULL || w->truth == NULL)
		return -1;
	proxy_say(w, "");
	config = world_config(w);
	w->store = store_of(&config);
	config.deadline_ms = HASTY_MS;
	w->hasty = store_of(&config);
	proxy_say(w, "");
	return w->store == NULL || w->hasty == NULL ? -1 : 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	mp_store_close(w->store);
	mp_store_close(w->hasty);
	mp_store_close(w->truth);
	mp_http_client_close(w->control);
	mp_http_client_close(w->direct);
	mp_arena_free(w->arena);
	free(w);
	return 0;
}

static void post(struct world *w, const char *path, const char *text)
{
	const struct mp_http_call call = {.method = "POST",
		.path = path,
		.content_type = "text/plain",
		.body = text,
		.body_len = strlen(text)};
	struct mp_http_answer answer;

	assert_int_equal(mp_http_call(w->control, &call, w->arena, &answer), MP_OK);
	assert_int_equal(answer.status, 200);
}

void proxy_say(struct world *w, const char *faults)
{
	post(w, "/control", "");
	if (faults[0] != '\0')
		post(w, "/control", faults);
}

void proxy_credentials(struct world *w, const char *token, int seconds, int status)
{
	const char *text = mp_arena_printf(w->arena, "%s %d %d", token, seconds, status);

	assert_non_null(text);
	post(w, "/credentials", text);
}

const char *proxy_log(struct world *w)
{
	const struct mp_http_call call = {.method = "GET", .path = "/control"};
	struct mp_http_answer answer;

	assert_int_equal(mp_http_call(w->control, &call, w->arena, &answer), MP_OK);
	return answer.body;
}

int proxy_count(struct world *w, const char *operation)
{
	const char *at = proxy_log(w);
	int count = 0;

	for (; (at = strstr(at, operation)) != NULL; at += strlen(operation))
		count++;
	return count;
}

struct mp_item *make_item(struct mp_arena *arena, const char *pk, const char *sk, int64_t n)
{
	struct mp_item *item = mp_item_new(arena, pk, sk, 1);

	mp_map_set_int(mp_item_attrs(item), "n", n);
	return item;
}

enum mp_rc insert_one(struct world *w, const char *sk, int64_t n)
{
	struct mp_txn txn;

	mp_txn_begin(&txn, w->store, w->arena);
	mp_txn_insert(&txn, make_item(w->arena, "P", sk, n));
	return mp_txn_commit(&txn, NULL);
}

bool is_there(struct world *w, const char *sk)
{
	struct mp_item *item;
	enum mp_rc rc = mp_store_get(w->truth, "P", sk, w->arena, &item);

	assert_true(rc == MP_OK || rc == MP_NOT_FOUND);
	return rc == MP_OK;
}

int main(void)
{
	if (mp_crypto_init() != MP_OK || mp_http_client_global_init() != MP_OK ||
		getenv("PROXY_ENDPOINT") == NULL)
		return 1;
	mp_json_init();
	return run_fault_tests() + run_open_tests() + run_credential_tests() == 0 ? 0 : 1;
}
