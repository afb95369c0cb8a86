#include "service/store_settings.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define FIELD(name) offsetof(struct store_settings, name)
#define TABLE_NAME_SIZE 256

/* AWS's own names where it has some: so its containers set them. */
const struct mp_setting store_settings_table[] = {
	{"TABLE_PREFIX", MP_SETTING_TEXT, "moneypal-", FIELD(table_prefix),
		.help = "of the DynamoDB tables' names; the service's name follows"},
	{"CREATE_TABLES", MP_SETTING_BOOL, "false", FIELD(create_tables),
		.help = "makes an absent DynamoDB table: for development only"},
	{"DYNAMODB_ENDPOINT", MP_SETTING_TEXT, "", FIELD(endpoint),
		.help = "http://host:port of a DynamoDB; AWS's own of the region when not set"},
	{"AWS_REGION", MP_SETTING_TEXT, "", FIELD(region),
		.help = "of the DynamoDB tables, such as eu-central-1"},
	{"AWS_ACCESS_KEY_ID", MP_SETTING_TEXT, "", FIELD(access_key_id),
		.help = "a key to sign with; without one the container's endpoint is asked"},
	{"AWS_SECRET_ACCESS_KEY", MP_SETTING_SECRET, "", FIELD(secret_access_key),
		.help = "the key's secret"},
	{"AWS_SESSION_TOKEN", MP_SETTING_SECRET, "", FIELD(session_token),
		.help = "of a key that ends"},
	{"AWS_CONTAINER_CREDENTIALS_FULL_URI", MP_SETTING_TEXT, "", FIELD(container_uri),
		.help = "hands out keys that are renewed (EKS Pod Identity, ECS)"},
	{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", MP_SETTING_TEXT, "", FIELD(container_token_file),
		.help = "its content goes there as Authorization"},
};
const size_t store_settings_count = sizeof(store_settings_table) / sizeof(store_settings_table[0]);

bool store_settings_check(const char *engine, const char *directory,
	const struct store_settings *settings, struct mp_buf *problems)
{
	bool dynamodb = strcmp(engine, "dynamodb") == 0;
	bool good = true;

	if (!dynamodb && directory[0] == '\0') {
		(void)mp_buf_adds(problems, "DATA_DIR is required with STORE=rocksdb: the folder "
					    "of this service's data.\n");
		good = false;
	}
	if (dynamodb && settings->region[0] == '\0') {
		(void)mp_buf_adds(problems, "AWS_REGION is required with STORE=dynamodb.\n");
		good = false;
	}
	return good;
}

static enum mp_rc table_name(
	const char *service, const struct store_settings *settings, char out_name[TABLE_NAME_SIZE])
{
	return mp_text_format(out_name, TABLE_NAME_SIZE, "%s%s", settings->table_prefix, service);
}

enum mp_rc store_settings_open(const char *engine, const char *directory, const char *service,
	const struct store_settings *settings, enum store_use use, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256])
{
	char table[TABLE_NAME_SIZE];

	if (table_name(service, settings, table) != MP_OK)
		table[0] = '\0'; /* refused by name, where one is needed */
	const struct mp_store_config config = {
		.engine = engine,
		.directory = directory,
		.table = table,
		.aws = {.region = settings->region,
			.endpoint = settings->endpoint,
			.access_key_id = settings->access_key_id,
			.secret_access_key = settings->secret_access_key,
			.session_token = settings->session_token,
			.container_uri = settings->container_uri,
			.container_token_file = settings->container_token_file},
		.create_table = settings->create_tables && use == STORE_SERVE,
		.existing = use == STORE_EXISTING,
		.read_only = use == STORE_READ,
	};
	return mp_store_open(&config, sink, out_store, reterr);
}

const char *store_settings_why(enum mp_rc rc)
{
	if (rc == MP_CORRUPT)
		return "it is damaged; restore the last backup (docs/BACKUP.md)";
	if (rc == MP_NOMEM)
		return "there is not enough memory";
	return "the folder of DATA_DIR, or the table, does not answer now; see that it is there, "
	       "then try again";
}

void store_settings_print_table(
	const char *service, const struct store_settings *settings, struct mp_buf *out)
{
	char table[TABLE_NAME_SIZE];

	if (table_name(service, settings, table) == MP_OK)
		mp_store_print_table(table, out);
	else
		out->rc = MP_TOO_LARGE;
}
