#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/parts.h"
#include "user_app.h"
#include "user_events.h"
#include "user_http.h"
#include "user_metrics.h"

#define HASHING_WAITING_MAX 32

struct config {
	const char *clients_file;
	int64_t argon2_mib;
	int64_t argon2_t;
	int64_t hashing_max;
	int64_t name_tries;
	int64_t name_refill_s;
	int64_t network_tries;
	int64_t network_refill_s;
	int64_t key_rotation_h;
};

#define FIELD(name) offsetof(struct config, name)

static const struct mp_setting settings[] = {
	{"CLIENTS_FILE", MP_SETTING_TEXT, NULL, FIELD(clients_file),
		.help = "JSON file of the services that may ask for tokens: secrets and scopes"},
	{"ARGON2_MIB", MP_SETTING_INT, "19", FIELD(argon2_mib), .min = 1, .max = 1024,
		.help = "memory of one password hash, in MiB"},
	{"ARGON2_T", MP_SETTING_INT, "2", FIELD(argon2_t), .min = 1, .max = 64,
		.help = "passes of one password hash"},
	{"HASHING_MAX", MP_SETTING_INT, "0", FIELD(hashing_max), .min = 0, .max = 256,
		.help = "password hashes computed at once; 0: as many as cores"},
	{"NAME_TRIES", MP_SETTING_INT, "10", FIELD(name_tries), .min = 1, .max = 1000000,
		.help = "wrong passwords for one name before its tries are slowed down"},
	{"NAME_REFILL_S", MP_SETTING_INT, "6", FIELD(name_refill_s), .min = 1, .max = 3600,
		.help = "then one try in so many seconds"},
	{"NETWORK_TRIES", MP_SETTING_INT, "100", FIELD(network_tries), .min = 1, .max = 1000000,
		.help = "wrong passwords from one network before its tries are slowed down"},
	{"NETWORK_REFILL_S", MP_SETTING_INT, "1", FIELD(network_refill_s), .min = 1, .max = 3600,
		.help = "then one try in so many seconds"},
	{"KEY_ROTATION_H", MP_SETTING_INT, "720", FIELD(key_rotation_h), .min = 0, .max = 87600,
		.help = "hours that a key signs tokens before the next one does; 0: by command "
			"only"},
};

static struct config config;

static struct user_app app;

static unsigned cores(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 1 ? 1 : online > 256 ? 256 : (unsigned)online;
}

/* The one place where a cookie may go without TLS is the machine itself. */
static bool is_loopback_http(const char *url)
{
	static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t len = strlen(hosts[i]);

		if (strncmp(url, hosts[i], len) == 0 && strchr(":/", url[len]) != NULL)
			return true; /* strchr finds the end of the text, too */
	}
	return false;
}

static enum mp_rc open_parts(struct mp_service *service, char reterr[256])
{
	const struct mp_sink sink = mp_service_sink(service);
	const unsigned hashing = config.hashing_max == 0 ? cores() : (unsigned)config.hashing_max;

	enum mp_rc rc = clients_load(config.clients_file, &app.clients, reterr);
	if (rc != MP_OK)
		return rc;
	rc = password_policy_init(
		&app.passwords, (size_t)config.argon2_mib, (unsigned)config.argon2_t);
	if (rc != MP_OK)
		return mp_service_because(
			rc, "ARGON2_MIB, ARGON2_T: this machine cannot hash so.", reterr);
	rc = tokens_open(
		app.db.store, &sink, config.key_rotation_h * 3600000, mp_clock_ms(), &app.tokens);
	if (rc != MP_OK)
		return mp_service_because(
			rc, "The signing keys can neither be read nor made.", reterr);
	rc = mp_service_outbox(service, user_event_encode, NULL, &app.db.outbox);
	if (rc == MP_OK)
		rc = lane_open(hashing, HASHING_WAITING_MAX, &app.lane);
	return mp_service_because(rc, "The user service's parts do not open.", reterr);
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	*out_app = &app;
	user_metrics_register();
	app.db.store = mp_service_store(service);
	app.throttle = (struct throttle_policy){
		.name = {config.name_tries, config.name_refill_s * 1000},
		.network = {config.network_tries, config.network_refill_s * 1000},
	};
	app.cookie_secure = !is_loopback_http(mp_service_config(service)->public_url);
	return open_parts(service, reterr);
}

static enum mp_rc run(struct mp_service *service, char reterr[256])
{
	enum mp_rc rc = mp_outbox_start(app.db.outbox);

	if (rc == MP_OK)
		rc = tokens_start(app.tokens);
	return mp_service_because(rc, "The user service's threads do not start.", reterr);
}

static void stop(void)
{
	lane_close(app.lane); /* what it still runs uses all of the others */
	mp_outbox_close(app.db.outbox);
	tokens_close(app.tokens);
	clients_free(app.clients);
}

static struct mp_verifier verifier(void)
{
	return tokens_verifier(app.tokens);
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "user",
		.about = "people, their sessions, and the keys of access tokens",
		.settings = settings,
		.settings_count = sizeof(settings) / sizeof(settings[0]),
		.config = &config,
		.routes = user_routes,
		.routes_count = user_routes_count,
		.start = start,
		.run = run,
		.stop = stop,
		.verifier = verifier,
	};

	return mp_service_main(argc, argv, &spec);
}
