#include "service/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing_folder.h"
#include "base/text.h"
#include "http_server/test_raw.h"

/*
 * A program on mp_service_main, run as a process: this test runs itself again with other arguments
 * and "SERVICE_UNDER_TEST" in its environment.
 */

/* --- the program --- */

struct own_config {
	const char *greeting;
	int64_t fail;
};

static struct own_config own;

static const struct mp_setting own_settings[] = {
	{"GREETING", MP_SETTING_TEXT, NULL, offsetof(struct own_config, greeting),
		.help = "what is said"},
	{"FAIL", MP_SETTING_INT, "0", offsetof(struct own_config, fail), .min = 0, .max = 2,
		.help = "1: start fails, 2: run fails"},
};

static enum mp_rc get_greeting(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_response_body(res, 200, "text/plain", own.greeting, strlen(own.greeting));
}

static enum mp_rc get_slow(struct mp_request *req, struct mp_response *res, void *ctx)
{
	(void)fputs("slow began\n", stderr);
	(void)usleep(300000);
	return get_greeting(req, res, ctx);
}

static atomic_bool is_ending;

/* Runs for minutes unless it is told that the end has come. */
static enum mp_rc get_endless(struct mp_request *req, struct mp_response *res, void *ctx)
{
	(void)fputs("endless began\n", stderr);
	for (int i = 0; i < 60000 && !atomic_load(&is_ending); i++)
		(void)usleep(1000);
	return MP_UNAVAILABLE;
}

static const struct mp_route own_routes[] = {
	{.method = "GET", .path = "/greeting", .handler = get_greeting, .flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/slow", .handler = get_slow},
	{.method = "GET", .path = "/endless", .handler = get_endless},
	{.method = "GET", .path = "/mine", .handler = get_greeting, .auth = MP_AUTH_USER},
};

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	*out_app = service;
	if (own.fail != 1)
		return MP_OK;
	(void)snprintf(reterr, 256, "start was told to fail");
	return MP_UNAVAILABLE;
}

static enum mp_rc run(struct mp_service *service, char reterr[256])
{
	if (own.fail != 2)
		return MP_OK;
	(void)snprintf(reterr, 256, "run was told to fail");
	return MP_UNAVAILABLE;
}

static void ending(void)
{
	atomic_store(&is_ending, true);
}

static void stop(void)
{
	(void)fputs("stop was called\n", stderr);
}

static const struct mp_service_spec spec = {
	.name = "test",
	.about = "what this test runs",
	.settings = own_settings,
	.settings_count = sizeof(own_settings) / sizeof(own_settings[0]),
	.config = &own,
	.routes = own_routes,
	.routes_count = sizeof(own_routes) / sizeof(own_routes[0]),
	.start = start,
	.run = run,
	.ending = ending,
	.stop = stop,
};

/* --- running it --- */

static struct mp_test_folder folder;

struct child {
	pid_t pid;
	int output; /* standard output and error together */
	char text[16384];
	size_t len;
};

/* settings: "NAME=value" each, behind a sound set. */
static void child_start(struct child *child, const char *argument, const char *const *settings)
{
	int ends[2];

	memset(child, 0, sizeof(*child));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (child->pid > 0) {
		(void)close(ends[1]);
		child->output = ends[0];
		return;
	}
	char data[MP_TEST_PATH_SIZE + 8];
	(void)snprintf(data, sizeof(data), "%s/data", folder.path);
	(void)dup2(ends[1], STDOUT_FILENO);
	(void)dup2(ends[1], STDERR_FILENO);
	(void)clearenv();
	(void)setenv("SERVICE_UNDER_TEST", "1", 1);
	(void)setenv("LISTEN", "127.0.0.1:0", 1);
	(void)setenv("DATA_DIR", data, 1);
	(void)setenv("PUBLIC_URL", "http://127.0.0.1:8080", 1);
	(void)setenv("AMQP_URL", "amqp://user:hidden-word@127.0.0.1:1/", 1);
	(void)setenv("JWKS_URL", "http://127.0.0.1:1/jwks.json", 1);
	(void)setenv("CURRENCIES", "USD:2:2:0.50", 1);
	(void)setenv("GREETING", "good day", 1);
	for (; settings != NULL && *settings != NULL; settings++) {
		char *copy = strdup(*settings);
		if (copy != NULL)
			(void)putenv(copy);
	}
	(void)execl("/proc/self/exe", "moneypal-test", argument, (char *)NULL);
	_exit(127);
}

/* Reads until text stands in the output; false at its end. */
static bool child_says(struct child *child, const char *text)
{
	while (strstr(child->text, text) == NULL) {
		ssize_t got = read(child->output, child->text + child->len,
			sizeof(child->text) - 1 - child->len);
		if (got <= 0)
			return false;
		child->len += (size_t)got;
		child->text[child->len] = '\0';
	}
	return true;
}

static int child_end(struct child *child)
{
	int status = 0;

	(void)child_says(child, "\x01"); /* reads to the end */
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	(void)close(child->output);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_once(struct child *child, const char *argument, const char *const *settings)
{
	child_start(child, argument, settings);
	return child_end(child);
}

static uint16_t child_port(struct child *child)
{
	char digits[8] = "";
	int64_t port = 0;

	if (!child_says(child, "\"event\":\"listening\"") || !child_says(child, "\"port\":"))
		fail_msg("not listening: %s", child->text);
	const char *at = strstr(child->text, "\"port\":") + strlen("\"port\":");
	memcpy(digits, at, strspn(at, "0123456789"));
	assert_int_equal(mp_text_to_int(digits, &port), MP_OK);
	return (uint16_t)port;
}

static void assert_has(const struct child *child, const char *text)
{
	if (strstr(child->text, text) == NULL)
		fail_msg("\"%s\" is not in: %s", text, child->text);
}

/* --- tests --- */

/* Well-formed, of a key that nobody has. */
#define BEARER                                                                                     \
	"Authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsifQ"             \
	".e30.c2lnbmF0dXJl\r\n"

static void arguments_are_answered(void **state)
{
	struct child child;

	assert_int_equal(run_once(&child, "--help", NULL), 0);
	assert_has(&child, "moneypal-test");
	assert_has(&child, "LISTEN");
	assert_has(&child, "AMQP_URL_FILE");
	assert_has(&child, "GREETING (required)");
	assert_null(strstr(child.text, "hidden-word"));
	assert_int_equal(run_once(&child, "--version", NULL), 0);
	assert_string_equal(child.text, "moneypal-test " MP_VERSION "\n");
	assert_int_equal(run_once(&child, "--check-config", NULL), 0);
	assert_int_equal(run_once(&child, "--what", NULL), 2);
	assert_has(&child, "--what");
}

static void every_wrong_setting_is_told_at_once(void **state)
{
	static const char *const wrong[] = {"LISTEN=nowhere", "PUBLIC_URL=ftp://x", "WORKERS=0",
		"CURRENCIES=USD", "JWKS_URL=x", "FAIL=three", "STORE=paper", NULL};
	static const char *const values[] = {"LISTEN=nowhere", "PUBLIC_URL=ftp://x", NULL};
	static const char *const names[] = {"LISTEN: ", "PUBLIC_URL must", "WORKERS must",
		"CURRENCIES: ", "JWKS_URL must", "FAIL must", "STORE must"};
	struct child child;

	assert_int_equal(run_once(&child, NULL, wrong), 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_has(&child, names[i]);
	assert_int_equal(run_once(&child, "--check-config", wrong), 2);
	assert_int_equal(run_once(&child, "--check-config", values), 2);
}

static void engines_ask_for_their_settings(void **state)
{
	static const char *const no_folder[] = {"DATA_DIR=", NULL};
	static const char *const no_region[] = {"STORE=dynamodb", "DATA_DIR=", NULL};
	static const char *const right[] = {
		"STORE=dynamodb", "DATA_DIR=", "AWS_REGION=eu-central-1", NULL};
	static const char *const no_keys[] = {"STORE=dynamodb", "AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=", "AWS_CONTAINER_CREDENTIALS_FULL_URI=", NULL};
	struct child child;

	assert_int_equal(run_once(&child, "--check-config", no_folder), 2);
	assert_has(&child, "DATA_DIR is required with STORE=rocksdb: ");
	assert_int_equal(run_once(&child, "--check-config", no_region), 2);
	assert_has(&child, "AWS_REGION is required with STORE=dynamodb.");
	assert_int_equal(run_once(&child, "--check-config", right), 0);
	assert_int_equal(run_once(&child, NULL, no_keys), 1);
	assert_has(&child, "There are no AWS credentials");
}

static void the_table_is_printed(void **state)
{
	static const char *const prefix[] = {"TABLE_PREFIX=staging-", "PUBLIC_URL=", NULL};
	struct child child;

	assert_int_equal(run_once(&child, "--print-table", prefix), 0);
	assert_has(&child, "\"TableName\":\"staging-test\"");
	assert_has(&child, "\"AttributeName\":\"expires_at\"");
}

static void the_public_url_is_an_origin(void **state)
{
	static const char *const wrong[] = {"http://127.0.0.1:8080/", "https://pay.example.com/app",
		"https://pay.example.com?x", "https://pay.example.com#x", "https://me@example.com",
		"https://"};
	static const char *const right[] = {
		"https://pay.example.com", "http://[::1]:8080", "http://localhost"};
	struct child child;
	char setting[80];
	const char *const settings[] = {setting, NULL};
	int faults = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(setting, sizeof(setting), "PUBLIC_URL=%s", wrong[i]);
		faults +=
			mp_wrong(run_once(&child, "--check-config", settings) == 2 &&
					 strstr(child.text, "PUBLIC_URL must be an origin") != NULL,
				"%s is taken", wrong[i]);
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		(void)snprintf(setting, sizeof(setting), "PUBLIC_URL=%s", right[i]);
		faults += mp_wrong(run_once(&child, "--check-config", settings) == 0,
			"%s is refused", right[i]);
	}
	assert_int_equal(faults, 0);
}

static void a_service_serves_until_it_is_told_to_stop(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	static struct raw_answer answer;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct child child;
		child_start(&child, NULL, NULL);
		uint16_t port = child_port(&child);
		assert_int_equal(raw_call(port, "GET", "/readyz", "", "", &answer), 200);
		assert_int_equal(raw_call(port, "GET", "/greeting", "", "", &answer), 200);
		assert_string_equal(answer.body, "good day");
		/* no keys are known: nobody answers at JWKS_URL */
		assert_int_equal(raw_call(port, "GET", "/mine", BEARER, "", &answer), 503);
		assert_int_equal(kill(child.pid, signals[i]), 0);
		assert_int_equal(child_end(&child), 0);
		assert_has(&child, "stop was called\n");
		assert_has(&child, "\"event\":\"stopped\"");
		assert_null(strstr(child.text, "hidden-word"));
	}
}

/* A request that is in its handler, which says that it began. */
static void start_and_ask(struct child *child, struct raw *raw, const char *path)
{
	char text[80];

	child_start(child, NULL, NULL);
	raw_open(raw, child_port(child));
	(void)snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	raw_send(raw, text);
	(void)snprintf(text, sizeof(text), "%s began", path);
	assert_true(child_says(child, text));
}

static void running_requests_are_answered_before_the_end(void **state)
{
	static struct raw_answer answer;
	struct child child;
	struct raw raw;

	start_and_ask(&child, &raw, "slow");
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	assert_true(raw_read(&raw, &answer));
	assert_int_equal(answer.status, 200);
	raw_close(&raw);
	assert_int_equal(child_end(&child), 0);
}

/* At once: when the time for running requests is over a supervisor has little patience left. */
static void requests_of_minutes_are_ended(void **state)
{
	static struct raw_answer answer;
	struct child child;
	struct raw raw;

	start_and_ask(&child, &raw, "endless");
	int64_t told_ms = mp_clock_mono_ms();
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	assert_true(raw_read(&raw, &answer));
	assert_int_equal(answer.status, 503);
	raw_close(&raw);
	assert_int_equal(child_end(&child), 0);
	assert_true(mp_clock_mono_ms() - told_ms < 10000);
}

static void what_does_not_start_says_why_and_ends(void **state)
{
	static const char *const start_fails[] = {"FAIL=1", NULL};
	static const char *const run_fails[] = {"FAIL=2", NULL};
	char taken[48];
	char other_data[MP_TEST_PATH_SIZE + 16];
	const char *const port_taken[] = {taken, other_data, NULL};
	struct child first;
	struct child child;

	assert_int_equal(run_once(&child, NULL, start_fails), 1);
	assert_has(&child, "start was told to fail");
	assert_has(&child, "stop was called");
	assert_int_equal(run_once(&child, NULL, run_fails), 1);
	assert_has(&child, "run was told to fail");
	assert_has(&child, "stop was called");

	child_start(&first, NULL, NULL);
	(void)snprintf(taken, sizeof(taken), "LISTEN=127.0.0.1:%u", (unsigned)child_port(&first));
	(void)snprintf(other_data, sizeof(other_data), "DATA_DIR=%s/other", folder.path);
	assert_int_equal(run_once(&child, NULL, NULL), 1); /* the same folder of data */
	assert_has(&child, "\"event\":\"not_started\"");
	assert_int_equal(run_once(&child, NULL, port_taken), 1);
	assert_has(&child, "Address already in use");
	assert_int_equal(kill(first.pid, SIGTERM), 0);
	assert_int_equal(child_end(&first), 0);
}

/*
 * 100 ms on a quiet machine (the bench measures it); here only that nothing waits in vain, which it
 * would do in every start.
 */
static void a_service_is_ready_soon(void **state)
{
	static struct raw_answer answer;
	struct child child;
	int64_t ready_ms = INT64_MAX;

	for (int i = 0; i < 5 && ready_ms >= 3000; i++) {
		int64_t began_ms = mp_clock_mono_ms();
		child_start(&child, NULL, NULL);
		assert_int_equal(
			raw_call(child_port(&child), "GET", "/readyz", "", "", &answer), 200);
		ready_ms = mp_clock_mono_ms() - began_ms;
		print_message("ready after %d ms\n", (int)ready_ms);
		assert_int_equal(kill(child.pid, SIGTERM), 0);
		assert_int_equal(child_end(&child), 0);
	}
	assert_true(ready_ms < 3000);
}

/* What a container without a shell asks: the program asks the one that runs. */
static void health_is_what_readyz_says(void **state)
{
	static const char *const nowhere[] = {"LISTEN=127.0.0.1:0", NULL};
	static const char *const nobody[] = {"LISTEN=127.0.0.1:1", NULL};
	char listen[48];
	const char *const there[] = {listen, NULL};
	struct child service;
	struct child child;

	assert_int_equal(run_once(&child, "--health", nowhere), 2);
	assert_has(&child, "--health needs a LISTEN");
	assert_int_equal(run_once(&child, "--health", nobody), 1);
	assert_has(&child, "http://127.0.0.1:1 does not answer");

	child_start(&service, NULL, NULL);
	(void)snprintf(listen, sizeof(listen), "LISTEN=0.0.0.0:%u", (unsigned)child_port(&service));
	assert_int_equal(run_once(&child, "--health", there), 0);
	assert_int_equal(kill(service.pid, SIGTERM), 0);
	assert_int_equal(child_end(&service), 0);
	assert_int_equal(run_once(&child, "--health", there), 1);
}

static int make_folder(void **state)
{
	mp_test_folder_make(&folder);
	return 0;
}

static int remove_folder(void **state)
{
	mp_test_folder_remove(&folder);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_are_answered),
		cmocka_unit_test(every_wrong_setting_is_told_at_once),
		cmocka_unit_test(the_public_url_is_an_origin),
		cmocka_unit_test(engines_ask_for_their_settings),
		cmocka_unit_test(the_table_is_printed),
		cmocka_unit_test(a_service_serves_until_it_is_told_to_stop),
		cmocka_unit_test(running_requests_are_answered_before_the_end),
		cmocka_unit_test(requests_of_minutes_are_ended),
		cmocka_unit_test(what_does_not_start_says_why_and_ends),
		cmocka_unit_test(a_service_is_ready_soon),
		cmocka_unit_test(health_is_what_readyz_says),
	};

	if (getenv("SERVICE_UNDER_TEST") != NULL)
		return mp_service_main(argc, argv, &spec);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
