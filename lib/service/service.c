#include "service/service.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "http_client/http_client.h"
#include "json/json.h"
#include "log/log.h"
#include "metrics/process.h"
#include "service/backup.h"
#include "service/health.h"
#include "service/store_settings.h"
#include "store/move.h"

#define EXIT_WRONG_USE 2
#define DRAIN_MS 3000
#define JWKS_INTERVAL_S 60
#define FILES_MIN 4096 /* connections, the engine's files, and room */
#define STORE_LOOK_MS 5000

#define FIELD(name) offsetof(struct mp_service_config, name)

static const struct mp_setting common_settings[] = {
	{"LISTEN", MP_SETTING_TEXT, "127.0.0.1:0", FIELD(listen),
		.help = "address and port to listen on"},
	{"DATA_DIR", MP_SETTING_TEXT, "", FIELD(data_dir),
		.help = "folder of the embedded engine, made when absent; required with "
			"STORE=rocksdb"},
	{"BACKUP_DIR", MP_SETTING_TEXT, "", FIELD(backup_dir),
		.help = "folder for the copies that mpctl backup asks for; none are made without "
			"it"},
	{"STORE", MP_SETTING_CHOICE, "rocksdb", FIELD(store), .choices = "rocksdb|dynamodb",
		.help = "storage engine"},
	{"STORE_WAIT_S", MP_SETTING_INT, "50", FIELD(store_wait_s), .min = 0, .max = 3600,
		.help = "seconds that a start waits for a DynamoDB that is away"},
	{"LOG_LEVEL", MP_SETTING_CHOICE, "info", FIELD(log_level),
		.choices = "debug|info|warn|error", .help = "least level that is logged"},
	{"PUBLIC_URL", MP_SETTING_TEXT, NULL, FIELD(public_url),
		.help = "the gateway's address, as people see it"},
	{"WORKERS", MP_SETTING_INT, "16", FIELD(workers), .min = 1, .max = 256,
		.help = "threads for requests that may wait"},
};

/* Of what a standalone program does without. */
static const struct mp_setting shared_settings[] = {
	{"CURRENCIES", MP_SETTING_TEXT, "USD:2:2:0.50", FIELD(currencies_text),
		.help = "allowed currencies, see docs/MONEY.md; the first is the default"},
	{"AMQP_URL", MP_SETTING_SECRET, NULL, FIELD(amqp_url),
		.help = "RabbitMQ, as amqp://user:password@host:port/vhost, or amqps:// the same"},
	{"JWKS_URL", MP_SETTING_TEXT, NULL, FIELD(jwks_url),
		.help = "the user service's public keys"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The tables of one program, and where their values go. */
struct tables {
	struct table {
		const struct mp_setting *settings;
		size_t count;
		void *target;
		bool loaded;
	} items[4];
	size_t count;
};

struct mp_service {
	const struct mp_service_spec *spec;
	struct mp_service_config config;
	char source[48];
	struct store_settings store_settings;
	struct tables tables;
	struct mp_currencies currencies;
	struct mp_route *routes; /* the service's own, and those that all have; owned */
	struct mp_store *store;
	struct mp_jwks *jwks;
	struct mp_http_server *server;
	void *app;
	sigset_t signals;
};

const struct mp_service_config *mp_service_config(const struct mp_service *service)
{
	return &service->config;
}

const char *mp_service_source(const struct mp_service *service)
{
	return service->source;
}

struct mp_store *mp_service_store(struct mp_service *service)
{
	return service->store;
}

const struct mp_currencies *mp_service_currencies(struct mp_service *service)
{
	return &service->currencies;
}

struct mp_sink mp_service_sink(struct mp_service *service)
{
	(void)service; /* one log a process */
	return mp_log_sink();
}

/* --- settings --- */

static void add_table(
	struct tables *tables, const struct mp_setting *settings, size_t count, void *target)
{
	tables->items[tables->count++] =
		(struct table){.settings = settings, .count = count, .target = target};
}

static void collect_tables(struct mp_service *service)
{
	const struct mp_service_spec *spec = service->spec;

	add_table(&service->tables, common_settings, COUNT(common_settings), &service->config);
	add_table(&service->tables, store_settings_table, store_settings_count,
		&service->store_settings);
	if (!spec->standalone)
		add_table(&service->tables, shared_settings, COUNT(shared_settings),
			&service->config);
	add_table(&service->tables, spec->settings, spec->settings_count, spec->config);
}

static void release_settings(struct tables *tables)
{
	for (size_t i = 0; i < tables->count; i++) {
		struct table *table = &tables->items[i];
		if (table->loaded)
			mp_config_done(table->settings, table->count, table->target);
		table->loaded = false;
	}
}

/* A table with a wrong setting gives none of its values; the others are told about all the same. */
static const char *value_of(const char *loaded, const char *name)
{
	return loaded != NULL ? loaded : getenv(name);
}

static bool check_url(const char *loaded, const char *name, struct mp_buf *problems)
{
	const char *url = value_of(loaded, name);

	if (url == NULL || strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0)
		return true;
	(void)mp_buf_addf(problems, "%s must begin with http:// or https://.\n", name);
	return false;
}

/*
 * A browser's Origin has no path and no slash at its end: with one here every call with the cookie
 * would be refused.
 */
static bool check_origin(const char *loaded, struct mp_buf *problems)
{
	const char *url = value_of(loaded, "PUBLIC_URL");
	const char *host = url == NULL ? NULL : strstr(url, "://");

	if (host == NULL || (host[3] != '\0' && strpbrk(host + 3, "/?#@ ") == NULL))
		return true; /* check_url tells what has no scheme */
	(void)mp_buf_addf(problems, "PUBLIC_URL must be an origin only, such as "
				    "https://pay.example.com, without a path or a / at its end.\n");
	return false;
}

static bool check_listen(const char *loaded, struct mp_buf *problems)
{
	const char *listen = value_of(loaded, "LISTEN");
	char reason[256];

	if (listen == NULL || mp_http_listen_check(listen, reason) == MP_OK)
		return true;
	(void)mp_buf_addf(problems, "LISTEN: %s.\n", reason);
	return false;
}

static bool check_currencies(struct mp_service *service, struct mp_buf *problems)
{
	const char *text = value_of(service->config.currencies_text, "CURRENCIES");
	char reason[160];

	if (text == NULL || mp_currencies_parse(text, &service->currencies, reason) == MP_OK)
		return true;
	(void)mp_buf_addf(problems, "CURRENCIES: %s.\n", reason);
	return false;
}

/* What a setting's type cannot say. */
static enum mp_rc check_values(struct mp_service *service, struct mp_buf *problems)
{
	const struct mp_service_config *config = &service->config;
	bool good = check_listen(config->listen, problems);

	good = check_url(config->public_url, "PUBLIC_URL", problems) && good;
	good = check_origin(config->public_url, problems) && good;
	if (config->store != NULL && service->store_settings.region != NULL)
		good = store_settings_check(config->store, config->data_dir,
			       &service->store_settings, problems) &&
		       good;
	if (!service->spec->standalone) {
		good = check_url(config->jwks_url, "JWKS_URL", problems) && good;
		good = check_currencies(service, problems) && good;
	}
	return good ? MP_OK : MP_INVALID;
}

/* Loads every table and checks every value, so that all that is wrong is told at once. */
static enum mp_rc load_settings(struct mp_service *service, struct mp_buf *problems)
{
	enum mp_rc result = MP_OK;

	for (size_t i = 0; i < service->tables.count; i++) {
		struct table *table = &service->tables.items[i];
		enum mp_rc rc =
			mp_config_load(table->settings, table->count, table->target, problems);
		table->loaded = rc == MP_OK;
		if (rc != MP_OK)
			result = rc;
	}
	enum mp_rc checked = check_values(service, problems);
	if (result == MP_OK)
		result = checked;
	if (result != MP_OK)
		release_settings(&service->tables);
	return result;
}

static int check_settings(struct mp_service *service)
{
	struct mp_buf problems;
	enum mp_rc rc;

	mp_buf_init(&problems, 65536);
	rc = load_settings(service, &problems);
	if (rc != MP_OK) {
		const char *text = mp_buf_text(&problems);
		(void)fprintf(stderr, "%s", text[0] != '\0' ? text : "The settings need memory.\n");
	}
	mp_buf_done(&problems);
	return rc == MP_OK ? EXIT_SUCCESS : EXIT_WRONG_USE;
}

static void print_help(const struct mp_service *service)
{
	struct mp_buf out;

	mp_buf_init(&out, 65536);
	mp_buf_addf(&out,
		"moneypal-%s: %s\n\n"
		"Usage: moneypal-%s [--help | --version | --check-config | --print-table | "
		"--health]\n\n"
		"  --check-config  says what is wrong with the settings, and opens nothing\n"
		"  --print-table   its DynamoDB table, as CreateTable takes it\n"
		"  --health        exits 0 when the service that runs with these settings is "
		"ready\n"
		"\n"
		"Runs until SIGTERM, SIGINT or SIGHUP. Its settings come from the environment; a "
		"secret\n"
		"NAME may come from the file that NAME_FILE names. Those without a default "
		"first:\n\n",
		service->spec->name, service->spec->about, service->spec->name);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < service->tables.count; i++)
			mp_config_print_help(service->tables.items[i].settings,
				service->tables.items[i].count, pass == 0, &out);
	}
	(void)fputs(mp_buf_text(&out), stdout);
	mp_buf_done(&out);
}

/* --- the process --- */

/* main alone handles signals: blocked here, before any thread starts, and waited for in serve. */
static void take_signals(struct mp_service *service)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigemptyset(&service->signals);
	(void)sigaddset(&service->signals, SIGTERM);
	(void)sigaddset(&service->signals, SIGINT);
	(void)sigaddset(&service->signals, SIGHUP); /* a closed terminal */
	(void)pthread_sigmask(SIG_BLOCK, &service->signals, NULL);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* what it was stays, and is told when too low */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_MIN)
		mp_log(MP_LOG_WARN, "few_files_allowed", MP_INT("allowed", (int64_t)limit.rlim_cur),
			MP_INT("wanted", FILES_MIN));
}

static enum mp_rc init_libraries(void)
{
	enum mp_rc rc = mp_crypto_init();

	if (rc == MP_OK)
		rc = mp_http_client_global_init();
	mp_json_init();
	return rc;
}

static enum mp_rc ready(void *ctx, char reterr[160])
{
	struct mp_service *service = ctx;

	return mp_store_ready(service->store, reterr);
}

static enum mp_rc open_engine(struct mp_service *service, char reterr[256])
{
	struct mp_sink sink = mp_service_sink(service);

	return store_settings_open(service->config.store, service->config.data_dir,
		service->spec->name, &service->store_settings, STORE_SERVE, &sink, &service->store,
		reterr);
}

/* Whether a signal asks for the end before that time. */
static bool is_stopped_before(struct mp_service *service, int64_t mono_ms)
{
	int64_t left_ms = mono_ms - mp_clock_mono_ms();
	struct timespec left = {0};

	if (left_ms > 0)
		left = (struct timespec){
			.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
	return sigtimedwait(&service->signals, NULL, &left) > 0;
}

/*
 * Where everything starts at once a database over the network may come later. What is wrong with a
 * table or a setting is told at once: waiting mends neither, nor a folder that another process has.
 */
static enum mp_rc await_engine(struct mp_service *service, char reterr[256])
{
	bool may_come = strcmp(service->config.store, "dynamodb") == 0;
	int64_t until_ms = mp_clock_mono_ms() + service->config.store_wait_s * 1000;

	for (;;) {
		int64_t next_look_ms = mp_clock_mono_ms() + STORE_LOOK_MS;
		enum mp_rc rc = open_engine(service, reterr);
		if (rc != MP_UNAVAILABLE || !may_come || next_look_ms > until_ms)
			return rc;
		mp_log(MP_LOG_WARN, "store_awaited", MP_RC(rc), MP_TEXT("reason", reterr));
		if (is_stopped_before(service, next_look_ms))
			return rc;
	}
}

static enum mp_rc open_store(struct mp_service *service, char reterr[256])
{
	enum mp_rc rc = await_engine(service, reterr);

	if (rc != MP_OK)
		return rc;
	rc = mp_move_check_finished(service->store);
	if (rc == MP_CONFLICT)
		(void)snprintf(reterr, 256,
			"The data is of an import that was not finished: call mpctl import again.");
	else if (rc != MP_OK)
		(void)snprintf(reterr, 256, "The data of %s cannot be read: %s.",
			service->spec->name, store_settings_why(rc));
	return rc;
}

/* The service's routes, and those of the operator's backups. MP_NOMEM. */
static enum mp_rc collect_routes(struct mp_service *service, size_t *out_count)
{
	size_t own = service->spec->routes_count;
	size_t all = own + (service->spec->standalone ? 0 : backup_routes_count);

	service->routes = calloc(all, sizeof(service->routes[0]));
	if (service->routes == NULL)
		return MP_NOMEM;
	memcpy(service->routes, service->spec->routes, own * sizeof(service->routes[0]));
	if (all > own)
		memcpy(service->routes + own, backup_routes,
			backup_routes_count * sizeof(service->routes[0]));
	backup_init(service->store, service->spec->name, service->config.backup_dir);
	*out_count = all;
	return MP_OK;
}

static enum mp_rc open_verifier(struct mp_service *service, struct mp_verifier *out_verifier)
{
	struct mp_sink sink = mp_service_sink(service);
	enum mp_rc rc;

	if (service->spec->verifier != NULL) {
		*out_verifier = service->spec->verifier();
		return MP_OK;
	}
	if (service->spec->standalone)
		return MP_OK;
	rc = mp_jwks_open(service->config.jwks_url, JWKS_INTERVAL_S, &sink, &service->jwks);
	if (rc == MP_OK)
		*out_verifier = mp_jwks_verifier(service->jwks);
	return rc;
}

static enum mp_rc open_server(struct mp_service *service, char reterr[256])
{
	struct mp_http_server_config server = {
		.listen = service->config.listen,
		.ctx = service->app,
		.origin = service->config.public_url,
		.network_threads = service->spec->network_threads,
		.connections_max = service->spec->connections_max,
		.workers = (unsigned)service->config.workers,
		.ready = ready,
		.ready_ctx = service,
		.sink = mp_service_sink(service),
	};
	enum mp_rc rc = open_verifier(service, &server.verifier);

	if (rc == MP_OK)
		rc = collect_routes(service, &server.routes_count);
	server.routes = service->routes;
	return rc == MP_OK ? mp_http_server_open(&server, &service->server, reterr) : rc;
}

static enum mp_rc open_parts(struct mp_service *service, char reterr[256])
{
	enum mp_rc rc = open_store(service, reterr);

	if (rc == MP_OK && service->spec->start != NULL)
		rc = service->spec->start(service, &service->app, reterr);
	if (rc == MP_OK)
		rc = open_server(service, reterr);
	if (rc == MP_OK && service->spec->run != NULL)
		rc = service->spec->run(service, reterr);
	return rc;
}

/* In the order of no more requests, no more work, no more data. Takes half-opened services. */
static void close_parts(struct mp_service *service)
{
	if (service->spec->ending != NULL)
		service->spec->ending();
	mp_http_server_close(service->server, DRAIN_MS);
	free(service->routes);
	if (service->spec->stop != NULL)
		service->spec->stop();
	mp_jwks_close(service->jwks);
	mp_store_close(service->store);
}

static int serve(struct mp_service *service)
{
	char reterr[256] = "";
	int number = 0;
	enum mp_rc rc = init_libraries();

	if (rc == MP_OK)
		rc = open_parts(service, reterr);
	if (rc == MP_OK) {
		mp_log(MP_LOG_INFO, "listening", MP_TEXT("address", service->config.listen),
			MP_INT("port", mp_http_server_port(service->server)),
			MP_TEXT("version", MP_VERSION));
		(void)sigwait(&service->signals, &number);
		mp_log(MP_LOG_INFO, "stopping", MP_INT("signal", number));
	}
	close_parts(service);
	if (rc != MP_OK)
		mp_log(MP_LOG_ERROR, "not_started", MP_RC(rc),
			MP_TEXT("reason", reterr[0] != '\0' ? reterr : "no memory or threads"));
	else
		mp_log(MP_LOG_INFO, "stopped", MP_RC(rc));
	return rc == MP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* For the code that makes a deployment's tables: needs no setting but TABLE_PREFIX. */
static int print_table(struct mp_service *service)
{
	struct mp_buf out;

	mp_buf_init(&out, 65536);
	enum mp_rc rc = mp_config_load(
		store_settings_table, store_settings_count, &service->store_settings, &out);
	if (rc == MP_OK) {
		store_settings_print_table(service->spec->name, &service->store_settings, &out);
		mp_config_done(
			store_settings_table, store_settings_count, &service->store_settings);
		rc = mp_buf_rc(&out);
	}
	(void)fputs(mp_buf_text(&out), rc == MP_OK ? stdout : stderr);
	mp_buf_done(&out);
	return rc == MP_OK ? EXIT_SUCCESS : EXIT_WRONG_USE;
}

static int load_and_serve(struct mp_service *service, bool check_only)
{
	int status = check_settings(service);

	if (status == EXIT_SUCCESS && check_only) {
		(void)puts("The settings are right.");
	} else if (status == EXIT_SUCCESS) {
		mp_log_init(service->spec->name, service->config.log_level);
		take_signals(service);
		raise_file_limit();
		status = serve(service);
	}
	release_settings(&service->tables);
	return status;
}

int mp_service_main(int argc, char **argv, const struct mp_service_spec *spec)
{
	struct mp_service service = {.spec = spec};
	const char *option = argc > 1 ? argv[1] : "";
	bool check_only = strcmp(option, "--check-config") == 0;

	mp_metrics_process_start();
	enum mp_rc fits =
		mp_text_format(service.source, sizeof(service.source), "/moneypal/%s", spec->name);
	assert(fits == MP_OK);
	(void)fits;
	collect_tables(&service);
	if (argc == 2 && strcmp(option, "--help") == 0) {
		print_help(&service);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(option, "--version") == 0) {
		(void)printf("moneypal-%s %s\n", spec->name, MP_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(option, "--print-table") == 0)
		return print_table(&service);
	if (argc == 2 && strcmp(option, "--health") == 0)
		return service_health();
	if (argc > 2 || (argc == 2 && !check_only)) {
		(void)fprintf(stderr,
			"moneypal-%s takes --help, --version, --check-config, --print-table or "
			"--health, not %s.\n",
			spec->name, argc > 2 ? argv[2] : option);
		return EXIT_WRONG_USE;
	}
	return load_and_serve(&service, check_only);
}
