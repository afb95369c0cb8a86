#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/testing_alloc.h"
#include "base/text.h"
#include "base/buf.h"
#include "base/clock.h"
#include "http_server/test_raw.h"
#include "log/log.h"
#include "store/testing.h"
#include "test_world.h"
#include "wallet_events.h"
#include "wallet_http.h"

#define ID1 "019370a0-0000-8000-8000-000000000001"
#define ID2 "019370a0-0000-8000-8000-000000000002"
#define ID3 "019370a0-0000-8000-8000-000000000003"
#define ADA "019370a0-0000-7000-8000-00000000000a"
#define BOB "019370a0-0000-7000-8000-00000000000b"
#define LEG(from, to, amount) "{\"from\":\"" from "\",\"to\":\"" to "\",\"amount\":\"" amount "\"}"
#define TRANSFER(id, legs) "{\"id\":\"" id "\",\"reason\":\"payment\",\"legs\":[" legs "]}"
#define FUND_ADA LEG("system:psp", "user:" ADA, "100.00")

static struct world world;
static struct mp_http_server *server;

/* Tokens say who comes: "transfer", "audit" and "operate" are services', others a user's id. */
static enum mp_rc verify(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	char text[64] = "";

	if (token_len >= sizeof(text))
		return MP_UNAUTHENTICATED;
	memcpy(text, token, token_len);
	bool is_service = strcmp(text, "transfer") == 0 || strcmp(text, "audit") == 0 ||
			  strcmp(text, "operate") == 0;
	if (is_service != (want == MP_AUTH_SERVICE))
		return MP_UNAUTHENTICATED;
	enum mp_rc rc = mp_text_copy(out->subject, sizeof(out->subject), text);
	if (rc == MP_OK && is_service)
		rc = mp_text_format(out->scopes, sizeof(out->scopes), "user:read %s:%s",
			strcmp(text, "operate") == 0 ? "operations" : "wallet",
			strcmp(text, "operate") == 0 ? "write" : text);
	return rc;
}

static int open_all(void **state)
{
	char reason[256] = "";
	struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = wallet_routes,
		.routes_count = wallet_routes_count,
		.verifier = {.verify = verify},
		.workers = 2,
	};

	world_open(&world, NULL);
	config.ctx = world.wallet;
	if (mp_http_server_open(&config, &server, reason) != MP_OK)
		fail_msg("%s", reason);
	return 0;
}

static int close_all(void **state)
{
	mp_http_server_close(server, 1000);
	world_close(&world);
	return 0;
}

/* Calls, and parses the answer into *out_json (borrowed until the next call). */
static int call(const char *method, const char *path, const char *token, const char *body,
	json_t **out_json)
{
	static struct raw raw;
	static struct raw_answer answer;
	static json_t *last;
	struct mp_buf request;
	char reason[160];

	mp_buf_init(&request, 512u * 1024);
	(void)mp_buf_addf(&request,
		"%s %s HTTP/1.1\r\nHost: wallet\r\nConnection: close\r\nAuthorization: Bearer "
		"%s\r\n",
		method, path, token);
	if (body != NULL)
		(void)mp_buf_addf(&request,
			"Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
	(void)mp_buf_addf(&request, "\r\n%s", body != NULL ? body : "");
	assert_int_equal(mp_buf_rc(&request), MP_OK);
	raw_open(&raw, mp_http_server_port(server));
	raw_send_bytes(&raw, request.data, request.len);
	assert_true(raw_read(&raw, &answer));
	raw_close(&raw);
	mp_buf_done(&request);

	json_decref(last);
	last = NULL;
	if (mp_json_parse(answer.body, answer.body_len, &last, reason) != MP_OK)
		fail_msg("%s: %s", reason, answer.body);
	*out_json = last;
	return answer.status;
}

static void assert_text(const json_t *json, const char *name, const char *expected)
{
	const json_t *value = json_object_get(json, name);

	assert_non_null(value);
	if (expected == NULL)
		assert_true(json_is_null(value));
	else
		assert_string_equal(json_string_value(value), expected);
}

static void post(const char *body, const char *outcome)
{
	json_t *json;

	assert_int_equal(call("POST", "/v1/transfers", "transfer", body, &json), 200);
	assert_text(json, "outcome", outcome);
}

static void a_transfer_is_answered_with_its_outcome(void **state)
{
	json_t *json;

	assert_int_equal(
		call("POST", "/v1/transfers", "transfer", TRANSFER(ID1, FUND_ADA), &json), 200);
	assert_int_equal(json_object_size(json), 6);
	assert_text(json, "id", ID1);
	assert_text(json, "outcome", "posted");
	assert_text(json, "refusal", NULL);
	assert_text(json, "currency", "USD");
	assert_text(json, "shortfall", NULL);
	char date[MP_TIME_TEXT_SIZE];
	assert_int_equal(
		mp_text_copy(date, sizeof(date), json_string_value(json_object_get(json, "date"))),
		MP_OK);

	assert_int_equal(call("POST", "/v1/transfers", "transfer",
				 TRANSFER(ID2, LEG("user:" ADA, "user:" BOB, "230.5")), &json),
		200);
	assert_text(json, "outcome", "refused");
	assert_text(json, "refusal", "insufficient_funds");
	assert_text(json, "shortfall", "130.50");

	/* the same again, and another under the same id */
	assert_int_equal(
		call("POST", "/v1/transfers", "transfer", TRANSFER(ID1, FUND_ADA), &json), 200);
	assert_text(json, "outcome", "posted");
	assert_text(json, "date", date);
	assert_int_equal(call("POST", "/v1/transfers", "transfer",
				 TRANSFER(ID1, LEG("system:psp", "user:" ADA, "100.01")), &json),
		409);
	assert_text(json, "type", "/problems/transfer_conflict");
}

static void a_batch_is_answered_one_by_one(void **state)
{
	json_t *json;

	post(TRANSFER(ID3, FUND_ADA), "posted");
	assert_int_equal(call("POST", "/v1/transfers/batch", "transfer",
				 "{\"transfers\":[" TRANSFER(
					 ID1, LEG("user:" ADA, "user:" BOB, "30")) "," TRANSFER(ID2,
					 LEG("user:" ADA, "user:" BOB, "70.01")) "," TRANSFER(ID3,
					 LEG("user:" ADA, "user:" BOB, "1")) "," TRANSFER(ID1,
					 LEG("user:" ADA, "user:" BOB, "30.00")) "]}",
				 &json),
		200);
	const json_t *items = json_object_get(json, "items");
	assert_int_equal(json_array_size(items), 4);
	assert_text(json_array_get(items, 0), "outcome", "posted");
	assert_text(json_array_get(items, 1), "outcome", "refused");
	assert_text(json_array_get(items, 1), "shortfall", "0.01");
	assert_text(json_array_get(items, 2), "outcome", "conflict");
	assert_text(json_array_get(items, 2), "id", ID3);
	assert_text(json_array_get(items, 2), "date", NULL);
	assert_text(json_array_get(items, 3), "outcome", "posted");
}

/* Each row's body is wrong in the fields named, and in no others. */
static const struct {
	const char *body;
	const char *fields; /* in the order told, separated by spaces */
} malformed[] = {
	{"{}", "id reason legs"},
	{"{\"id\":1,\"reason\":\"Pay\",\"legs\":[],\"payment_id\":\"x\",\"more\":1}",
		"id reason legs payment_id more"},
	{TRANSFER(ID1, ""), "legs"},
	{TRANSFER(ID1, "1"), "legs[0]"},
	{TRANSFER(ID1, "{}"), "legs[0].from legs[0].to legs[0].amount"},
	{TRANSFER(ID1, FUND_ADA "," LEG("user:x", "system:fees", "0")),
		"legs[1].from legs[1].to legs[1].amount"},
	{TRANSFER(ID1, LEG("system:psp/1", "user:" ADA, "1.001")), "legs[0].from legs[0].amount"},
	{TRANSFER(ID1, LEG("user:" ADA, "user:" ADA, "1")), "legs[0].to"},
	{TRANSFER(ID1, LEG("system:psp", "system:psp", "1")), "legs[0].to"},
	{TRANSFER(ID1, LEG("system:psp", "user:" ADA, "-1")), "legs[0].amount"},
	{TRANSFER(ID1, LEG("system:psp", "user:" ADA, "1e3")), "legs[0].amount"},
	{TRANSFER(ID1, LEG("system:psp", "user:" ADA, "92233720368547758.08")), "legs[0].amount"},
	{"{\"id\":\"" ID1 "\",\"currency\":\"EUR\",\"reason\":\"payment\",\"legs\":[" FUND_ADA "]}",
		"currency"},
	{"{\"id\":\"" ID1 "\",\"currency\":\"\",\"reason\":\"payment\",\"legs\":[" FUND_ADA "]}",
		"currency"},
	{"{\"id\":\"" ID1 "\",\"currency\":\"JPY\",\"reason\":\"payment\",\"legs\":[" FUND_ADA "]}",
		"legs[0].amount"},
	{"{\"id\":\"" ID1 "\",\"reason\":\"payment\",\"legs\":[{\"from\":\"system:psp\","
	 "\"to\":\"user:" ADA "\",\"amount\":12}]}",
		"legs[0].amount"},
};

static bool fields_are(const json_t *problem, const char *prefix, const char *expected)
{
	char told[512] = "";
	const json_t *errors = json_object_get(problem, "errors");
	size_t len = 0;

	for (size_t i = 0; i < json_array_size(errors); i++) {
		const char *field =
			json_string_value(json_object_get(json_array_get(errors, i), "field"));
		if (strncmp(field, prefix, strlen(prefix)) != 0 ||
			mp_text_format(told + len, sizeof(told) - len, "%s%s", len > 0 ? " " : "",
				field + strlen(prefix)) != MP_OK)
			return false;
		len = strlen(told);
	}
	if (strcmp(told, expected) == 0)
		return true;
	print_error("told: %s\nnot:  %s\n", told, expected);
	return false;
}

static void every_wrong_field_is_named_and_nothing_is_done(void **state)
{
	int failures = 0;
	json_t *json;

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		char batch[2048];
		assert_int_equal(mp_text_format(batch, sizeof(batch), "{\"transfers\":[%s,%s]}",
					 TRANSFER(ID2, FUND_ADA), malformed[i].body),
			MP_OK);
		int status = call("POST", "/v1/transfers", "transfer", malformed[i].body, &json);
		if (status != 422 || !fields_are(json, "", malformed[i].fields)) {
			print_error("%d for %s\n", status, malformed[i].body);
			failures++;
		}
		status = call("POST", "/v1/transfers/batch", "transfer", batch, &json);
		const char *dot = malformed[i].fields[0] != '\0' ? "transfers[1]." : "";
		if (status != 422 || !fields_are(json, dot, malformed[i].fields)) {
			print_error("%d in a batch for %s\n", status, malformed[i].body);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	assert_int_equal(call("GET", "/v1/transfers/" ID2, "audit", NULL, &json), 404);
	assert_int_equal(
		call("POST", "/v1/transfers/batch", "transfer", "{\"transfers\":[]}", &json), 422);
	assert_true(fields_are(json, "", "transfers"));
}

static void a_full_batch_of_full_transfers_fits(void **state)
{
	struct mp_buf body;
	json_t *json;

	mp_buf_init(&body, WALLET_BATCH_BYTES_MAX);
	(void)mp_buf_adds(&body, "{\"transfers\":[");
	for (int i = 0; i < WALLET_TRANSFERS_MAX; i++) {
		(void)mp_buf_addf(&body,
			"%s{\"id\":\"019370a0-0000-8000-8000-0000000001%02x\","
			"\"currency\":\"USD\",\"reason\":\"a_reason_with_thirty_two_letters\","
			"\"payment_id\":\"" ID1 "\",\"bill_id\":\"" ID2 "\",\"legs\":[",
			i > 0 ? "," : "", i);
		for (int leg = 0; leg < WALLET_LEGS_MAX; leg++)
			(void)mp_buf_addf(&body,
				"%s" LEG("system:psp", "user:" ADA, "1234567890.12"),
				leg > 0 ? "," : "");
		(void)mp_buf_adds(&body, "]}");
	}
	(void)mp_buf_adds(&body, "]}");
	assert_int_equal(mp_buf_rc(&body), MP_OK);
	assert_int_equal(
		call("POST", "/v1/transfers/batch", "transfer", mp_buf_text(&body), &json), 200);
	const json_t *items = json_object_get(json, "items");
	assert_int_equal(json_array_size(items), WALLET_TRANSFERS_MAX);
	for (size_t i = 0; i < WALLET_TRANSFERS_MAX; i++)
		assert_text(json_array_get(items, i), "outcome", "posted");
	mp_buf_done(&body);
	world_assert_sound(&world);
}

static void every_route_wants_its_own_kind_of_token(void **state)
{
	static const struct {
		const char *method, *path, *token;
		int status;
	} rows[] = {
		{"POST", "/v1/transfers", ADA, 401},
		{"POST", "/v1/transfers", "audit", 403},
		{"POST", "/v1/transfers/batch", ADA, 401},
		{"POST", "/v1/transfers/batch", "audit", 403},
		{"GET", "/v1/transfers/" ID1, ADA, 401},
		{"GET", "/v1/transfers/" ID1, "audit", 404},
		{"GET", "/v1/transfers/" ID1, "transfer", 404},
		{"GET", "/v1/transfers/one", "transfer", 404},
		{"POST", "/v1/operations/republish", ADA, 401},
		{"POST", "/v1/operations/republish", "audit", 403},
		{"POST", "/v1/operations/republish", "operate", 422},
		{"GET", "/v1/audit", ADA, 401},
		{"GET", "/v1/audit", "transfer", 403},
		{"GET", "/v1/audit", "audit", 200},
		{"GET", "/v1/wallets/me", "transfer", 401},
		{"GET", "/v1/wallets/me/all", "transfer", 401},
		{"GET", "/v1/wallets/me/entries", "transfer", 401},
		{"GET", "/v1/wallets/me", "not-an-id", 401},
		{"GET", "/v1/wallets/me", ADA, 200},
	};
	int failures = 0;
	json_t *json;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = call(rows[i].method, rows[i].path, rows[i].token,
			strcmp(rows[i].method, "POST") == 0 ? "{}" : NULL, &json);
		if (status != rows[i].status) {
			print_error("%s %s as %s: %d\n", rows[i].method, rows[i].path,
				rows[i].token, status);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void a_record_is_told_in_the_callers_words(void **state)
{
	json_t *json;

	post("{\"id\":\"" ID1 "\",\"currency\":\"USD\",\"reason\":\"funding\",\"payment_id\":\"" ID2
	     "\",\"bill_id\":null,\"legs\":[" FUND_ADA "]}",
		"posted");
	assert_int_equal(call("GET", "/v1/transfers/" ID1, "audit", NULL, &json), 200);
	assert_text(json, "outcome", "posted");
	assert_text(json, "reason", "funding");
	assert_text(json, "payment_id", ID2);
	assert_text(json, "bill_id", NULL);
	const json_t *leg = json_array_get(json_object_get(json, "legs"), 0);
	assert_text(leg, "from", "system:psp");
	assert_text(leg, "to", "user:" ADA);
	assert_text(leg, "amount", "100.00");
}

static void balances_and_statements_are_the_callers_own(void **state)
{
	json_t *json;

	post(TRANSFER(ID1, FUND_ADA), "posted");
	post(TRANSFER(ID2, LEG("user:" ADA, "user:" BOB, "30")), "posted");
	assert_int_equal(call("GET", "/v1/wallets/me", ADA, NULL, &json), 200);
	assert_int_equal(json_object_size(json), 3);
	assert_text(json, "userID", ADA);
	assert_text(json, "currency", "USD");
	assert_text(json, "amount", "70.00");
	assert_int_equal(call("GET", "/v1/wallets/me?currency=JPY", ADA, NULL, &json), 200);
	assert_text(json, "amount", "0");
	assert_int_equal(call("GET", "/v1/wallets/me?currency=EUR", ADA, NULL, &json), 422);

	assert_int_equal(call("GET", "/v1/wallets/me/entries?limit=1", ADA, NULL, &json), 200);
	const json_t *entry = json_array_get(json_object_get(json, "items"), 0);
	assert_int_equal(json_object_size(entry), 9);
	assert_int_equal(json_integer_value(json_object_get(entry, "seq")), 2);
	assert_text(entry, "amount", "-30.00");
	assert_text(entry, "balance_after", "70.00");
	assert_text(entry, "counterparty", BOB);
	assert_text(entry, "payment_id", NULL);
	char path[256];
	assert_int_equal(
		mp_text_format(path, sizeof(path), "/v1/wallets/me/entries?limit=1&cursor=%s",
			json_string_value(json_object_get(json, "next_cursor"))),
		MP_OK);
	assert_int_equal(call("GET", path, ADA, NULL, &json), 200);
	entry = json_array_get(json_object_get(json, "items"), 0);
	assert_text(entry, "amount", "100.00");
	assert_text(entry, "counterparty", "system:psp");
	assert_text(json, "next_cursor", NULL);
	assert_int_equal(
		call("GET", "/v1/wallets/me/entries?limit=0&cursor=x", ADA, NULL, &json), 422);

	post("{\"id\":\"" ID3 "\",\"currency\":\"JPY\",\"reason\":\"funding\",\"legs\":[" LEG(
		     "system:psp", "user:" ADA, "700") "]}",
		"posted");
	assert_int_equal(call("GET", "/v1/wallets/me/all", ADA, NULL, &json), 200);
	const json_t *items = json_object_get(json, "items");
	assert_int_equal(json_array_size(items), 2);
	assert_text(json_array_get(items, 0), "amount", "70.00");
	assert_text(json_array_get(items, 1), "currency", "JPY");
	assert_text(json_array_get(items, 1), "amount", "700");
	assert_int_equal(call("GET", "/v1/wallets/me/all", BOB, NULL, &json), 200);
	assert_int_equal(json_array_size(json_object_get(json, "items")), 1);
}

static void the_audit_reports(void **state)
{
	json_t *json;

	post(TRANSFER(ID1, FUND_ADA), "posted");
	assert_int_equal(call("GET", "/v1/audit", "audit", NULL, &json), 200);
	assert_int_equal(json_integer_value(json_object_get(json, "accounts")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "entries")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "transfers")), 1);
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_text(json_array_get(json_object_get(json, "currencies"), 0), "total", "0.00");
	assert_int_equal(json_array_size(json_object_get(json, "problems")), 0);
	/* Nothing was there at the last midnight; by the year 2100 all is. */
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json, "head"), "entries")), 0);
	assert_int_equal(
		call("GET", "/v1/audit?head_until=2100-01-01T00:00:00Z", "audit", NULL, &json),
		200);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json, "head"), "entries")), 2);
	assert_text(json_object_get(json, "head"), "until", "2100-01-01T00:00:00.000Z");
	assert_int_equal(call("GET", "/v1/audit?head_until=yesterday", "audit", NULL, &json), 422);
}

static void a_store_that_cannot_write_is_told_and_repeatable(void **state)
{
	json_t *json;

	mp_fault_store_arm(world.store, 1, false);
	assert_int_equal(
		call("POST", "/v1/transfers", "transfer", TRANSFER(ID1, FUND_ADA), &json), 503);
	assert_text(json, "type", "/problems/unavailable");
	post(TRANSFER(ID1, FUND_ADA), "posted");
	assert_int_equal(call("GET", "/v1/wallets/me", ADA, NULL, &json), 200);
	assert_text(json, "amount", "100.00");
}

/* --- the event --- */

/* The data map of the one outbox row there is. */
static const struct mp_map *outbox_data(void)
{
	const struct mp_map *data = NULL;
	const char *cursor = NULL;
	struct mp_page page;

	do {
		assert_int_equal(
			mp_store_scan(world.store, 0, 1, cursor, 1000, world.arena, &page, &cursor),
			MP_OK);
		for (size_t i = 0; i < page.count; i++) {
			if (strncmp(page.items[i]->pk, "OUTBOX#", 7) != 0)
				continue;
			assert_null(data);
			data = mp_map_get(&page.items[i]->attrs, "data")->as.map;
		}
	} while (cursor != NULL);
	assert_non_null(data);
	return data;
}

/* Sends a request while allocations fail from the nth on. False: no answer. */
static bool call_without_memory(
	long nth, const char *path, const char *body, struct raw_answer *answer)
{
	static struct raw raw;
	char request[1024];

	assert_int_equal(
		mp_text_format(request, sizeof(request),
			"POST %s HTTP/1.1\r\nHost: wallet\r\nAuthorization: Bearer transfer\r\n"
			"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			path, strlen(body), body),
		MP_OK);
	raw_open(&raw, mp_http_server_port(server));
	mp_alloc_fail_after(nth);
	raw_send(&raw, request);
	bool answered = raw_read(&raw, answer);
	mp_alloc_fail_never();
	raw_close(&raw);
	return answered;
}

/* Whatever has no memory: "busy" says that nothing was done. The number of unknown outcomes. */
static int assert_truth_without_memory(
	const char *path, const char *before, const char *behind, int first_id)
{
	static struct raw_answer answer;
	bool answered = false;
	int unknown = 0;
	json_t *json;

	for (long n = 0; !answered || answer.status != 200; n++) {
		char body[512];
		char record[96];

		assert_int_equal(
			mp_text_format(body, sizeof(body),
				"%s" TRANSFER("019370a0-0000-8000-8000-%012ld", FUND_ADA) "%s",
				before, first_id + n, behind),
			MP_OK);
		assert_int_equal(
			mp_text_format(record, sizeof(record),
				"/v1/transfers/019370a0-0000-8000-8000-%012ld", first_id + n),
			MP_OK);
		answered = call_without_memory(n, path, body, &answer);
		if (!answered || answer.status == 200)
			continue;
		assert_int_equal(answer.status, 503);
		if (strstr(answer.body, "/problems/unknown_outcome") != NULL)
			unknown++;
		else
			assert_int_equal(call("GET", record, "audit", NULL, &json), 404);
	}
	return unknown;
}

static void what_was_done_is_never_denied_for_lack_of_memory(void **state)
{
	assert_true(assert_truth_without_memory("/v1/transfers", "", "", 1000) > 0);
	assert_true(assert_truth_without_memory(
			    "/v1/transfers/batch", "{\"transfers\":[", "]}", 2000) > 0);
	world_assert_sound(&world);
}

static void one_event_tells_all_credits_of_a_transfer(void **state)
{
	json_t *data = NULL;
	json_t *json;

	/* refused ones and those that credit no user tell nothing */
	post(TRANSFER(ID2, LEG("user:" ADA, "user:" BOB, "1")), "refused");
	post("{\"id\":\"" ID1 "\",\"reason\":\"funding\",\"payment_id\":\"" ID3
	     "\",\"legs\":[" FUND_ADA "," LEG("user:" ADA, "user:" BOB, "30") "]}",
		"posted");
	post(TRANSFER(ID3, LEG("user:" ADA, "system:psp", "1.5")), "posted");
	assert_int_equal(
		wallet_event_encode("wallet.credited", outbox_data(), &data, &world.currencies),
		MP_OK);
	assert_int_equal(json_object_size(data), 6);
	assert_text(data, "transfer_id", ID1);
	assert_text(data, "currency", "USD");
	assert_text(data, "reason", "funding");
	assert_text(data, "payment_id", ID3);
	assert_true(json_is_string(json_object_get(data, "date")));
	const json_t *credits = json_object_get(data, "credits");
	assert_int_equal(json_array_size(credits), 2);
	json = json_array_get(credits, 0);
	assert_text(json, "user_id", ADA);
	assert_text(json, "amount", "100.00");
	assert_text(json, "balance_after", "100.00");
	assert_int_equal(json_integer_value(json_object_get(json, "seq")), 1);
	json = json_array_get(credits, 1);
	assert_text(json, "user_id", BOB);
	assert_text(json, "amount", "30.00");
	assert_text(json, "balance_after", "30.00");
	json_decref(data);
}

/* All pages of what the user is told again. */
static int64_t republish(const char *user, const char *from)
{
	const char *cursor = NULL;
	int64_t told = 0;
	json_t *json;

	do {
		const char *body = mp_arena_printf(world.arena,
			"{\"user_id\":\"%s\",\"from\":\"%s\",\"cursor\":%s%s%s}", user, from,
			cursor != NULL ? "\"" : "", cursor != NULL ? cursor : "null",
			cursor != NULL ? "\"" : "");
		assert_int_equal(
			call("POST", "/v1/operations/republish", "operate", body, &json), 200);
		told += json_integer_value(json_object_get(json, "told"));
		cursor = mp_arena_strdup(
			world.arena, json_string_value(json_object_get(json, "next_cursor")));
	} while (cursor != NULL);
	return told;
}

static void what_was_credited_is_told_again_as_it_was(void **state)
{
	json_t *first = NULL;
	json_t *again = NULL;
	json_t *json;

	post("{\"id\":\"" ID1 "\",\"reason\":\"funding\",\"payment_id\":\"" ID3
	     "\",\"legs\":[" FUND_ADA "," LEG("user:" ADA, "user:" BOB, "30") "]}",
		"posted");
	assert_int_equal(
		wallet_event_encode("wallet.credited", outbox_data(), &first, &world.currencies),
		MP_OK);
	for (char digit = '1'; digit <= '9'; digit++) { /* told as their bills */
		char id[] = ID2;
		id[sizeof(id) - 3] = digit;
		post(mp_arena_printf(
			     world.arena, TRANSFER("%s", LEG("user:" ADA, "user:" BOB, "1")), id),
			"posted");
	}
	mp_test_erase(world.store, world.arena, "OUTBOX#");

	assert_int_equal(republish(ADA, "2999-01-01T00:00:00Z"), 0);
	assert_int_equal(republish(ADA, "2020-01-01T00:00:00Z"), 1);
	assert_int_equal(republish(BOB, "2020-01-01T00:00:00Z"), 1); /* the same event */
	assert_int_equal(republish(ID1, "2020-01-01T00:00:00Z"), 0); /* has no wallet */
	assert_int_equal(
		wallet_event_encode("wallet.credited", outbox_data(), &again, &world.currencies),
		MP_OK);
	assert_true(json_equal(first, again));
	json_decref(first);
	json_decref(again);
	static const char *const cursors[] = {"USD", "USD:", "USD:-1", "EUR:1", "USD:x"};
	for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
		const char *body = mp_arena_printf(world.arena,
			"{\"user_id\":\"" ADA "\",\"from\":\"2020-01-01T00:00:00Z\","
			"\"cursor\":\"%s\"}",
			cursors[i]);
		assert_int_equal(
			call("POST", "/v1/operations/republish", "operate", body, &json), 422);
	}
}

int main(void)
{
#define HTTP_TEST(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
	const struct CMUnitTest tests[] = {
		HTTP_TEST(a_transfer_is_answered_with_its_outcome),
		HTTP_TEST(a_batch_is_answered_one_by_one),
		HTTP_TEST(every_wrong_field_is_named_and_nothing_is_done),
		HTTP_TEST(a_full_batch_of_full_transfers_fits),
		HTTP_TEST(every_route_wants_its_own_kind_of_token),
		HTTP_TEST(a_record_is_told_in_the_callers_words),
		HTTP_TEST(balances_and_statements_are_the_callers_own),
		HTTP_TEST(the_audit_reports),
		HTTP_TEST(a_store_that_cannot_write_is_told_and_repeatable),
		HTTP_TEST(what_was_done_is_never_denied_for_lack_of_memory),
		HTTP_TEST(one_event_tells_all_credits_of_a_transfer),
		HTTP_TEST(what_was_credited_is_told_again_as_it_was),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	mp_json_init();
	mp_log_init("test", "error");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
