#ifndef MP_SERVICE_STORE_SETTINGS_H
#define MP_SERVICE_STORE_SETTINGS_H

#include "base/buf.h"
#include "config/config.h"
#include "store/store.h"

/* For lib/service and mpctl: the engines' settings, and the service's store that they open. */
struct store_settings {
	const char *table_prefix;
	const char *region;
	const char *endpoint;
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
	const char *container_uri;
	const char *container_token_file;
	bool create_tables;
};

extern const struct mp_setting store_settings_table[];
extern const size_t store_settings_count;

/* What the engine's name asks of the other settings, a sentence a line. False: something. */
bool store_settings_check(const char *engine, const char *directory,
	const struct store_settings *settings, struct mp_buf *problems);

enum store_use {
	STORE_SERVE,	/* alone with it, or beside replicas; made when absent, as settings say */
	STORE_EXISTING, /* the same, but never made */
	STORE_READ,	/* beside the process that uses it */
};

/* Errors as mp_store_open's. */
enum mp_rc store_settings_open(const char *engine, const char *directory, const char *service,
	const struct store_settings *settings, enum store_use use, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256]) MP_MUST_CHECK;

/* Why the data cannot be read, and what to do, as half a sentence: what a read failed with. */
const char *store_settings_why(enum mp_rc rc);

/* Adds the description of the service's table in DynamoDB. */
void store_settings_print_table(
	const char *service, const struct store_settings *settings, struct mp_buf *out);

#endif
