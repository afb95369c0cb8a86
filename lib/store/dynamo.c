#include "store/dynamo.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/store.h"

#define DEADLINE_MS_USUAL 6000
#define READY_DEADLINE_MS 1000
#define CONNECT_TIMEOUT_MS 1000
#define ANSWER_BYTES_MAX (24u << 20) /* 16 MB of items as JSON, with room for escapes */
#define TXN_OPS_MAX 100
#define REASON_SIZE 256
/* A row that nobody writes: reading it proves that the table can be read. */
#define READY_PK "READY"

/* --- whether it serves --- */

static enum mp_rc ready(void *data, char reterr[160])
{
	struct mp_dynamo *db = data;
	struct dynamo_call call;
	enum mp_rc rc = mp_dynamo_call_begin(&call, db);

	call.deadline_mono_ms = mp_clock_mono_ms() + READY_DEADLINE_MS;
	if (rc == MP_OK) {
		(void)mp_buf_adds(&call.body, "{\"ConsistentRead\":true,\"TableName\":");
		mp_dynamo_add_text(&call.body, db->table);
		(void)mp_buf_adds(&call.body, ",\"Key\":");
		mp_dynamo_add_key(&call.body, READY_PK, READY_PK);
		(void)mp_buf_adds(&call.body, "}");
		rc = mp_dynamo_send(&call, "GetItem", DYNAMO_READ);
	}
	mp_dynamo_call_done(&call);
	if (rc == MP_OK)
		return MP_OK;
	mp_dynamo_trouble_text(db, reterr, 160);
	if (reterr[0] == '\0')
		mp_store_say(reterr, 160, "The table %s cannot be read now.", db->table);
	return MP_UNAVAILABLE;
}

/* --- opening and closing --- */

static void dynamo_close(void *data)
{
	struct mp_dynamo *db = data;

	if (db == NULL)
		return;
	mp_http_client_close(db->http);
	mp_credentials_close(db->credentials);
	(void)pthread_mutex_destroy(&db->lock);
	free(db->endpoint);
	free(db->host);
	free(db->region);
	free(db->table);
	free(db);
}

static bool is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* AWS's own endpoint of a region. */
static char *regional_endpoint(const char *region)
{
	struct mp_buf url;
	char *text = NULL;
	size_t len;

	mp_buf_init(&url, 256);
	(void)mp_buf_addf(&url, "https://dynamodb.%s.amazonaws.com%s", region,
		strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
	if (mp_buf_take(&url, &text, &len) != MP_OK)
		text = NULL;
	mp_buf_done(&url);
	return text;
}

char *mp_dynamo_host(const char *endpoint)
{
	bool tls = strncmp(endpoint, "https://", 8) == 0;
	const char *host = endpoint + (tls ? 8 : 7);
	const char *port = strrchr(host, ':');
	size_t len = strlen(host);

	if (port != NULL && strcmp(port, tls ? ":443" : ":80") == 0)
		len = (size_t)(port - host);
	return strndup(host, len);
}

/* Names only: no path, no user, nothing that a header could be broken with. */
static bool endpoint_is_valid(const char *endpoint)
{
	const char *host = strncmp(endpoint, "https://", 8) == 0  ? endpoint + 8
			   : strncmp(endpoint, "http://", 7) == 0 ? endpoint + 7
								  : "";

	return host[0] != '\0' && host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
						    "TUVWXYZ0123456789.-:[]")] == '\0';
}

/* As DynamoDB has it; also what a JSON name needs no escapes for. */
static bool name_is_valid(const char *name, size_t min, size_t max)
{
	size_t len = strlen(name);

	return len >= min && len <= max &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "_.-")] == '\0';
}

static enum mp_rc check_config(const struct mp_store_config *config, char reterr[REASON_SIZE])
{
	const char *region = config->aws.region;

	if (!is_given(config->table) || !name_is_valid(config->table, 3, 255))
		mp_store_say(reterr, REASON_SIZE,
			"\"%s\" is no name for a DynamoDB table: 3 to 255 of letters, digits, "
			"dot, dash and underscore.",
			config->table == NULL ? "" : config->table);
	else if (!is_given(region) || !name_is_valid(region, 1, 64))
		mp_store_say(reterr, REASON_SIZE,
			"AWS_REGION must be set for DynamoDB, such as eu-central-1.");
	else if (is_given(config->aws.endpoint) && !endpoint_is_valid(config->aws.endpoint))
		mp_store_say(reterr, REASON_SIZE,
			"DYNAMODB_ENDPOINT must be http://host:port or https://host, without a "
			"path.");
	else
		return MP_OK;
	return MP_INVALID;
}

static void open_metrics(struct mp_dynamo *db)
{
	db->calls = mp_counter("moneypal_dynamodb_requests_total", NULL, "requests to DynamoDB");
	db->retries = mp_counter("moneypal_dynamodb_retries_total", NULL,
		"repetitions of requests, and of what they left over");
	db->conflicts = mp_counter("moneypal_dynamodb_conflicts_total", NULL,
		"answers that another transaction was faster");
	db->throttles = mp_counter(
		"moneypal_dynamodb_throttles_total", NULL, "answers that asked for less");
	db->unknowns = mp_counter(
		"moneypal_dynamodb_unknown_total", NULL, "writes that ended without an answer");
	db->write_units = mp_counter("moneypal_dynamodb_write_units_total", NULL,
		"write units, counted from the requests");
	db->read_units = mp_counter(
		"moneypal_dynamodb_read_units_total", NULL, "read units, as the answers told them");
}

static enum mp_rc open_http(struct mp_dynamo *db)
{
	const struct mp_http_client_config http = {
		.base_url = db->endpoint,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.timeout_ms = (long)db->deadline_ms,
		.answer_bytes_max = ANSWER_BYTES_MAX,
	};

	return mp_http_client_open(&http, &db->http);
}

static enum mp_rc open_parts(
	struct mp_dynamo *db, const struct mp_store_config *config, char reterr[REASON_SIZE])
{
	db->deadline_ms = config->deadline_ms > 0 ? config->deadline_ms : DEADLINE_MS_USUAL;
	db->endpoint = is_given(config->aws.endpoint) ? strdup(config->aws.endpoint)
						      : regional_endpoint(config->aws.region);
	db->region = strdup(config->aws.region);
	db->table = strdup(config->table);
	if (db->endpoint != NULL)
		db->host = mp_dynamo_host(db->endpoint);
	if (db->host == NULL || db->region == NULL || db->table == NULL)
		return MP_NOMEM;
	enum mp_rc rc = mp_credentials_open(&config->aws, &db->sink, &db->credentials, reterr);
	return rc == MP_OK ? open_http(db) : rc;
}

static const struct mp_store_engine dynamo_engine = {
	.name = "dynamodb",
	.txn_ops_max = TXN_OPS_MAX,
	.shared = true,
	.batch_get = mp_dynamo_batch_get,
	.query = mp_dynamo_query,
	.scan = mp_dynamo_scan,
	.commit = mp_dynamo_commit,
	.erase = mp_dynamo_erase,
	.ready = ready,
	.close = dynamo_close,
};

static enum mp_rc open_engine(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[REASON_SIZE])
{
	struct mp_store *store = NULL;
	struct mp_dynamo *db = calloc(1, sizeof(*db));

	if (db == NULL)
		return MP_NOMEM;
	(void)pthread_mutex_init(&db->lock, NULL);
	if (sink != NULL)
		db->sink = *sink;
	open_metrics(db);
	enum mp_rc rc = open_parts(db, config, reterr);
	if (rc == MP_OK)
		rc = mp_dynamo_table_verify(db, config->create_table, reterr);
	if (rc == MP_OK) {
		store = mp_store_new(&dynamo_engine, db);
		rc = store == NULL ? MP_NOMEM : MP_OK;
	}
	if (rc != MP_OK) {
		dynamo_close(db);
		return rc;
	}
	*out_store = store;
	return MP_OK;
}

enum mp_rc mp_dynamo_open(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[REASON_SIZE])
{
	char reason[REASON_SIZE] = "";
	enum mp_rc rc = check_config(config, reason);

	if (rc == MP_OK)
		rc = open_engine(config, sink, out_store, reason);
	if (rc != MP_OK)
		mp_store_say(reterr, REASON_SIZE, "%s",
			reason[0] != '\0' ? reason : "There is no memory for DynamoDB.");
	return rc;
}
