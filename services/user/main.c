#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "outbox/outbox.h"
#include "service/service.h"
#include "user_app.h"
#include "user_events.h"
#include "user_http.h"
#include "user_metrics.h"

#define HASHING_WAITING_MAX 32

struct user_config {
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

#define FIELD(name) offsetof(struct user_config, name)

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

static struct user_config config;

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

static enum mp_rc open_outbox(struct mp_service *service, struct user_app *app)
{
	const struct mp_outbox_config outbox = {
		.store = app->db.store,
		.source = "/moneypal/user",
		.amqp_url = mp_service_config(service)->amqp_url,
		.encode = user_event_encode,
		.sink = mp_service_sink(service),
	};

	return mp_outbox_open(&outbox, &app->db.outbox);
}

/* Passes a failure on with its sentence. */
static enum mp_rc because(enum mp_rc rc, const char *sentence, char reterr[256])
{
	return mp_text_copy(reterr, 256, sentence) == MP_OK ? rc : MP_BUG;
}

static enum mp_rc open_parts(struct mp_service *service, struct user_app *app, char reterr[256])
{
	const struct mp_sink sink = mp_service_sink(service);
	const unsigned hashing = config.hashing_max == 0 ? cores() : (unsigned)config.hashing_max;

	enum mp_rc rc = clients_load(config.clients_file, &app->clients, reterr);
	if (rc != MP_OK)
		return rc == MP_NOMEM ? because(rc, "no memory for the clients", reterr) : rc;
	rc = password_policy_init(
		&app->passwords, (size_t)config.argon2_mib, (unsigned)config.argon2_t);
	if (rc != MP_OK)
		return because(rc, "ARGON2_MIB, ARGON2_T: this machine cannot hash so", reterr);
	rc = tokens_open(
		app->db.store, &sink, config.key_rotation_h * 3600000, mp_clock_ms(), &app->tokens);
	if (rc != MP_OK)
		return because(rc, "cannot read or make the signing keys", reterr);
	rc = open_outbox(service, app);
	if (rc != MP_OK)
		return because(rc, "cannot open the outbox", reterr);
	rc = lane_open(hashing, HASHING_WAITING_MAX, &app->lane);
	return rc == MP_OK ? rc : because(rc, "cannot start the threads that hash", reterr);
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	struct user_app *app = calloc(1, sizeof(*app));

	if (app == NULL)
		return because(MP_NOMEM, "no memory", reterr);
	*out_app = app; /* half-built too: stop takes it */
	user_metrics_register();
	app->db.store = mp_service_store(service);
	app->throttle = (struct throttle_policy){
		.name = {config.name_tries, config.name_refill_s * 1000},
		.network = {config.network_tries, config.network_refill_s * 1000},
	};
	app->cookie_secure = !is_loopback_http(mp_service_config(service)->public_url);
	return open_parts(service, app, reterr);
}

static enum mp_rc run(void *arg, char reterr[256])
{
	struct user_app *app = arg;

	enum mp_rc rc = mp_outbox_start(app->db.outbox);
	if (rc != MP_OK)
		return because(rc, "cannot start the outbox's relay", reterr);
	rc = tokens_start(app->tokens);
	return rc == MP_OK ? rc : because(rc, "cannot start reading the signing keys", reterr);
}

static void stop(void *arg)
{
	struct user_app *app = arg;

	if (app == NULL)
		return;
	lane_close(app->lane); /* what it still runs uses all of the others */
	mp_outbox_close(app->db.outbox);
	tokens_close(app->tokens);
	clients_free(app->clients);
	free(app);
}

static struct mp_verifier verifier(void *arg)
{
	const struct user_app *app = arg;

	return tokens_verifier(app->tokens);
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "user",
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
