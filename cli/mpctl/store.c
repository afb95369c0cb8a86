#include "store.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "config/config.h"

struct where {
	const char *engine;
	const char *directory;
};

static const struct mp_setting where_table[] = {
	{"STORE", MP_SETTING_CHOICE, "rocksdb", offsetof(struct where, engine),
		.choices = "rocksdb|dynamodb", .help = "the engine"},
	{"DATA_DIR", MP_SETTING_TEXT, "", offsetof(struct where, directory),
		.help = "the service's folder, with STORE=rocksdb"},
};
#define WHERE_COUNT (sizeof(where_table) / sizeof(where_table[0]))

static bool is_service(const char *name)
{
	for (int peer = 0; peer < PEERS; peer++) {
		if (strcmp(mpctl_peer_name((enum mpctl_peer)peer), name) == 0)
			return true;
	}
	mpctl_say("There is no service %s; user, wallet, payment, billing and email are.", name);
	return false;
}

static enum mpctl_exit open_at(const char *service, const struct where *where,
	const struct store_settings *settings, enum store_use use, struct mp_store **out_store)
{
	char reason[256] = "";
	enum mp_rc rc = store_settings_open(
		where->engine, where->directory, service, settings, use, NULL, out_store, reason);

	if (rc == MP_OK)
		return MPCTL_DONE;
	mpctl_say("%s", reason);
	return rc == MP_INVALID ? MPCTL_NO : MPCTL_TROUBLE;
}

static bool load(struct where *where, struct store_settings *settings)
{
	struct mp_buf problems;

	mp_buf_init(&problems, 65536);
	bool loaded = mp_config_load(where_table, WHERE_COUNT, where, &problems) == MP_OK;
	if (loaded && mp_config_load(store_settings_table, store_settings_count, settings,
			      &problems) != MP_OK) {
		mp_config_done(where_table, WHERE_COUNT, where);
		loaded = false;
	}
	if (loaded && !store_settings_check(where->engine, where->directory, settings, &problems)) {
		mp_config_done(where_table, WHERE_COUNT, where);
		mp_config_done(store_settings_table, store_settings_count, settings);
		loaded = false;
	}
	if (!loaded)
		(void)fputs(mp_buf_text(&problems), stderr);
	mp_buf_done(&problems);
	return loaded;
}

enum mpctl_exit mpctl_store_open(
	const char *service, enum store_use use, struct mp_store **out_store)
{
	struct where where;
	struct store_settings settings;

	if (!is_service(service) || !load(&where, &settings))
		return MPCTL_WRONG_USE;
	enum mpctl_exit result = open_at(service, &where, &settings, use, out_store);
	mp_config_done(where_table, WHERE_COUNT, &where);
	mp_config_done(store_settings_table, store_settings_count, &settings);
	return result;
}
