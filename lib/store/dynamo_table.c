#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/dynamo.h"

/*
 * Every service's table is the same but for its name: a partition key and a sort key, both text, no
 * secondary index, paid by request, and items that end by themselves.
 */
#define TABLE_SHAPE                                                                                \
	"\"KeySchema\":[{\"AttributeName\":\"" DYNAMO_KEY_PARTITION                                \
	"\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"" DYNAMO_KEY_SORT                           \
	"\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":"                 \
	"\"" DYNAMO_KEY_PARTITION                                                                  \
	"\",\"AttributeType\":\"S\"},{\"AttributeName\":\"" DYNAMO_KEY_SORT                        \
	"\",\"AttributeType\":\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\""
#define TABLE_TTL                                                                                  \
	"\"TimeToLiveSpecification\":{\"AttributeName\":\"" DYNAMO_EXPIRES "\",\"Enabled\":true}"

#define ACTIVE_WAIT_MS 200
#define REASON_SIZE 256

void mp_store_print_table(const char *table, struct mp_buf *out)
{
	(void)mp_buf_adds(out, "{\"TableName\":");
	mp_dynamo_add_text(out, table);
	(void)mp_buf_adds(out, "," TABLE_SHAPE "," TABLE_TTL "}\n");
}

/* Sends {"TableName": ..., more}. The answer stays in the call. */
static enum mp_rc table_request(struct dynamo_call *call, const char *operation, const char *more)
{
	mp_buf_clear(&call->body);
	(void)mp_buf_adds(&call->body, "{\"TableName\":");
	mp_dynamo_add_text(&call->body, call->db->table);
	(void)mp_buf_adds(&call->body, more);
	(void)mp_buf_adds(&call->body, "}");
	return mp_dynamo_send(call, operation, DYNAMO_AGAIN);
}

/* --- what is there --- */

static const char *type_of(const json_t *table, const char *attribute)
{
	const json_t *definitions = json_object_get(table, "AttributeDefinitions");
	const json_t *definition;
	size_t i;

	json_array_foreach(definitions, i, definition)
	{
		const char *name = json_string_value(json_object_get(definition, "AttributeName"));
		if (name != NULL && strcmp(name, attribute) == 0)
			return json_string_value(json_object_get(definition, "AttributeType"));
	}
	return NULL;
}

static bool key_is(const json_t *table, size_t at, const char *expected)
{
	const json_t *key = json_array_get(json_object_get(table, "KeySchema"), at);
	const char *name = json_string_value(json_object_get(key, "AttributeName"));
	const char *type = name == NULL ? NULL : type_of(table, name);

	return type != NULL && strcmp(name, expected) == 0 && strcmp(type, "S") == 0;
}

static enum mp_rc check_shape(struct dynamo_call *call, char reterr[REASON_SIZE])
{
	const json_t *table = json_object_get(call->answer, "Table");
	size_t keys_count = json_array_size(json_object_get(table, "KeySchema"));

	if (keys_count == 2 && key_is(table, 0, DYNAMO_KEY_PARTITION) &&
		key_is(table, 1, DYNAMO_KEY_SORT))
		return MP_OK;
	mp_store_say(reterr, REASON_SIZE,
		"The table %s has another key schema than partition key " DYNAMO_KEY_PARTITION
		" (S) and sort key " DYNAMO_KEY_SORT " (S): it is not ours.",
		call->db->table);
	return MP_INVALID;
}

/* Expired items are filtered all the same: without it, they only stay and are paid for. */
static void check_ttl(struct dynamo_call *call)
{
	if (table_request(call, "DescribeTimeToLive", "") != MP_OK)
		return; /* not everyone may ask */
	const json_t *ttl = json_object_get(call->answer, "TimeToLiveDescription");
	const char *name = json_string_value(json_object_get(ttl, "AttributeName"));
	const char *status = json_string_value(json_object_get(ttl, "TimeToLiveStatus"));
	if (name == NULL || status == NULL || strcmp(name, DYNAMO_EXPIRES) != 0 ||
		(strcmp(status, "ENABLED") != 0 && strcmp(status, "ENABLING") != 0))
		mp_sink_report(&call->db->sink, "table_without_ttl", MP_OK,
			"the table's time to live is not on " DYNAMO_EXPIRES
			": expired items are paid for until somebody removes them");
}

/* --- making it --- */

static bool is_active(const struct dynamo_call *call)
{
	const json_t *table = json_object_get(call->answer, "Table");
	const char *status = json_string_value(json_object_get(table, "TableStatus"));

	return status != NULL && strcmp(status, "CREATING") != 0;
}

static enum mp_rc create_table(struct dynamo_call *call)
{
	enum mp_rc rc = table_request(call, "CreateTable", "," TABLE_SHAPE);

	/* Another replica may be making it at the same moment. */
	if (rc == MP_BUG && strcmp(call->error, "ResourceInUseException") == 0)
		rc = MP_OK;
	while (rc == MP_OK) {
		rc = table_request(call, "DescribeTable", "");
		if (rc == MP_OK && is_active(call))
			break;
		if (rc == MP_OK && !mp_dynamo_wait(call, ACTIVE_WAIT_MS, ACTIVE_WAIT_MS))
			rc = MP_UNAVAILABLE;
	}
	if (rc != MP_OK)
		return rc;
	/* Refused while another replica sets it, or when it is set: described afterwards. */
	rc = table_request(call, "UpdateTimeToLive", "," TABLE_TTL);
	return rc == MP_INVALID || rc == MP_OK ? table_request(call, "DescribeTable", "") : rc;
}

static enum mp_rc explain(struct dynamo_call *call, enum mp_rc rc, char reterr[REASON_SIZE])
{
	struct mp_dynamo *db = call->db;

	if (rc == MP_NOT_FOUND)
		mp_store_say(reterr, REASON_SIZE,
			"There is no table %s at %s (CREATE_TABLES=true makes it in development).",
			db->table, db->endpoint);
	else
		mp_dynamo_trouble_text(db, reterr, REASON_SIZE);
	if (reterr[0] == '\0')
		mp_store_say(reterr, REASON_SIZE, "The table %s could not be verified (%s).",
			db->table, mp_rc_name(rc));
	return rc == MP_NOT_FOUND || rc == MP_BUG ? MP_INVALID : rc;
}

enum mp_rc mp_dynamo_table_verify(struct mp_dynamo *db, bool create, char reterr[REASON_SIZE])
{
	struct dynamo_call call;
	enum mp_rc rc = mp_dynamo_call_begin(&call, db);

	if (rc == MP_OK)
		rc = table_request(&call, "DescribeTable", "");
	if (rc == MP_NOT_FOUND && create)
		rc = create_table(&call);
	if (rc != MP_OK)
		rc = explain(&call, rc, reterr);
	else
		rc = check_shape(&call, reterr);
	if (rc == MP_OK)
		check_ttl(&call);
	mp_dynamo_call_done(&call);
	return rc == MP_UNKNOWN ? MP_UNAVAILABLE : rc;
}
