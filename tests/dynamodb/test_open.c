#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "json/json.h"
#include "metrics/metrics.h"
#include "proxy.h"

/* What a start is refused for, in one sentence each; and the table as it is described. */

static bool is_refused(const struct mp_store_config *config, enum mp_rc expected, const char *words)
{
	struct mp_store *store = NULL;
	char error[256] = "";

	enum mp_rc rc = mp_store_open(config, NULL, &store, error);
	if (rc == expected && store == NULL && strstr(error, words) != NULL)
		return true;
	print_error("%s: \"%s\", not \"%s\"\n", mp_rc_name(rc), error, words);
	mp_store_close(store);
	return false;
}

static void a_wrong_start_is_refused_in_one_sentence(void **state)
{
	struct world *w = *state;
	struct mp_store_config rows[8];
	static const enum mp_rc rcs[] = {MP_UNAVAILABLE, MP_INVALID, MP_INVALID, MP_INVALID,
		MP_INVALID, MP_INVALID, MP_INVALID, MP_UNAVAILABLE};
	static const char *const words[] = {"http://127.0.0.1:1 cannot be reached",
		"There are no AWS credentials", "There is no table", "AWS_REGION must be set",
		"DYNAMODB_ENDPOINT must be", "is no name for a DynamoDB table",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI must be",
		"The container's endpoint gives no AWS credentials"};
	int failures = 0;

	for (size_t i = 0; i < 8; i++)
		rows[i] = world_config(w);
	rows[0].aws.endpoint = "http://127.0.0.1:1";
	rows[0].deadline_ms = HASTY_MS;
	rows[1].aws.access_key_id = "";
	rows[2].table = "nowhere";
	rows[2].create_table = false;
	rows[3].aws.region = "";
	rows[4].aws.endpoint = "http://127.0.0.1:1/path";
	rows[5].table = "no name";
	for (size_t i = 6; i < 8; i++) {
		rows[i].aws.access_key_id = NULL;
		rows[i].aws.secret_access_key = NULL;
		rows[i].deadline_ms = HASTY_MS;
		rows[i].aws.container_uri =
			i == 6 ? "http://example.com/keys" : "http://127.0.0.1:1/keys";
	}
	for (size_t i = 0; i < 8; i++)
		failures += !is_refused(&rows[i], rcs[i], words[i]);
	assert_int_equal(failures, 0);
}

static void make_table(struct world *w, const char *shape)
{
	const struct mp_http_header headers[] = {{"X-Amz-Target", "DynamoDB_20120810.CreateTable"},
		{"X-Amz-Date", "20261123T022250Z"},
		{"Authorization", "AWS4-HMAC-SHA256 Credential=x/20261123/eu-central-1/dynamodb/"
				  "aws4_request, SignedHeaders=host, Signature=0"}};
	const struct mp_http_call call = {.method = "POST",
		.path = "/",
		.content_type = "application/x-amz-json-1.0",
		.body = shape,
		.body_len = strlen(shape),
		.headers = headers,
		.headers_count = 3};
	struct mp_http_answer answer;

	assert_int_equal(mp_http_call(w->direct, &call, w->arena, &answer), MP_OK);
	assert_int_equal(answer.status, 200);
}

static void a_table_of_another_shape_is_refused(void **state)
{
	static const char *const shapes[] = {
		"[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"
		"[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}]",
		"[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"
		"[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}]",
		"[{\"AttributeName\":\"sk\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"pk\","
		"\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
		"\"AttributeType\":\"S\"},{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}]",
		"[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"sk\","
		"\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
		"\"AttributeType\":\"S\"},{\"AttributeName\":\"sk\",\"AttributeType\":\"N\"}]",
	};
	struct world *w = *state;
	struct mp_store_config config = world_config(w);
	int failures = 0;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		config.table = mp_arena_printf(w->arena, "%s-%zu", w->table, i);
		make_table(w, mp_arena_printf(w->arena,
				      "{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\","
				      "\"KeySchema\":%s}",
				      config.table, shapes[i]));
		failures += !is_refused(&config, MP_INVALID, "has another key schema");
	}
	assert_int_equal(failures, 0);
}

/* What is printed for a deployment makes the table that a service accepts. */
static void the_printed_table_is_the_one_that_is_accepted(void **state)
{
	struct world *w = *state;
	struct mp_store_config config = world_config(w);
	struct mp_store *store = NULL;
	struct mp_buf printed;
	char error[256];
	json_t *json;

	config.table = mp_arena_printf(w->arena, "%s-printed", w->table);
	config.create_table = false;
	mp_buf_init(&printed, 4096);
	mp_store_print_table(config.table, &printed);
	assert_int_equal(mp_json_parse(mp_buf_text(&printed), printed.len, &json, error), MP_OK);
	/* CreateTable itself takes no time to live: UpdateTimeToLive does. */
	assert_int_equal(json_object_del(json, "TimeToLiveSpecification"), 0);
	char *shape = json_dumps(json, 0);
	make_table(w, shape);
	assert_int_equal(mp_store_open(&config, NULL, &store, error), MP_OK);
	mp_store_close(store);
	free(shape);
	json_decref(json);
	mp_buf_done(&printed);
}

#define ATTRIBUTE(name) mp_map_set_text(mp_item_attrs(item), name, "value of " name)

static void names_that_we_use_are_kept_apart(void **state)
{
	static const char *const names[] = {
		"pk", "sk", "version", "format", "expires_at", "_pk", "__version", "other"};
	struct world *w = *state;
	struct mp_item *item = make_item(w->arena, "P", "1", 1);
	struct mp_item *read;
	struct mp_txn txn;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		mp_map_set_text(mp_item_attrs(item), names[i], names[i]);
	for (int i = 0; i < 19; i++) { /* numbers with many zeros are written in full */
		int64_t number = 1;
		for (int power = 0; power < i; power++)
			number *= 10;
		mp_map_set_int(mp_item_attrs(item), mp_arena_printf(w->arena, "n%d", i), number);
	}
	mp_txn_begin(&txn, w->store, w->arena);
	mp_txn_insert(&txn, item);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);
	assert_int_equal(mp_store_get(w->store, "P", "1", w->arena, &read), MP_OK);
	assert_int_equal(read->attrs.count, item->attrs.count);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(mp_map_get(&read->attrs, names[i])->as.text, names[i]);
	assert_int_equal(mp_map_get(&read->attrs, "n18")->as.number, 1000000000000000000);
	assert_int_equal(read->version, 1);
	assert_int_equal(read->expires_at_s, 0);
}

/* A list of many empty maps weighs more with DynamoDB than its record does. */
static void an_item_over_400_kb_is_refused_here(void **state)
{
	struct world *w = *state;
	struct mp_item *item = make_item(w->arena, "P", "1", 1);
	struct mp_list *list = mp_map_set_list(mp_item_attrs(item), "list");
	struct mp_txn txn;

	for (int i = 0; i < 110000; i++)
		(void)mp_list_add_map(mp_item_attrs(item), list);
	proxy_say(w, "");
	mp_txn_begin(&txn, w->store, w->arena);
	mp_txn_insert(&txn, item);
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_TOO_LARGE);
	assert_string_equal(proxy_log(w), "");
}

/* A consistent read costs a unit for each 4 KB that it looks at, whatever it then gives back. */
static void read_units_are_counted(void **state)
{
	struct world *w = *state;
	struct mp_metric *units = mp_counter("moneypal_dynamodb_read_units_total", NULL, "");
	const struct mp_query query = {.pk = "P", .limit = 100};
	struct mp_item *large = make_item(w->arena, "L", "1", 1);
	struct mp_key keys[10];
	struct mp_item *items[10];
	struct mp_page page;
	struct mp_txn txn;
	char text[9001];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	mp_map_set_text(mp_item_attrs(large), "text", text);
	mp_txn_begin(&txn, w->store, w->arena);
	mp_txn_insert(&txn, large);
	for (int i = 0; i < 10; i++) {
		keys[i] = (struct mp_key){"P", mp_arena_printf(w->arena, "%d", i)};
		mp_txn_insert(&txn, make_item(w->arena, "P", keys[i].sk, i));
	}
	assert_int_equal(mp_txn_commit(&txn, NULL), MP_OK);

	int64_t before = mp_metric_value(units);
	assert_int_equal(mp_store_get(w->store, "P", "1", w->arena, &items[0]), MP_OK);
	assert_int_equal(mp_metric_value(units) - before, 1);
	assert_int_equal(mp_store_get(w->store, "L", "1", w->arena, &items[0]), MP_OK);
	assert_int_equal(mp_metric_value(units) - before, 1 + 3);
	assert_int_equal(mp_store_batch_get(w->store, keys, 10, w->arena, items), MP_OK);
	assert_int_equal(mp_metric_value(units) - before, 1 + 3 + 10);
	assert_int_equal(mp_store_query(w->store, &query, w->arena, &page), MP_OK);
	assert_int_equal(mp_metric_value(units) - before, 1 + 3 + 10 + 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int run_open_tests(void)
{
	const struct CMUnitTest tests[] = {
		T(a_wrong_start_is_refused_in_one_sentence),
		T(a_table_of_another_shape_is_refused),
		T(the_printed_table_is_the_one_that_is_accepted),
		T(names_that_we_use_are_kept_apart),
		T(an_item_over_400_kb_is_refused_here),
		T(read_units_are_counted),
	};

	return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
