#include <stddef.h>
#include <string.h>

#include "api.h"
#include "keys.h"
#include "sandbox_http.h"
#include "service/parts.h"
#include "webhook.h"

#define WEBHOOK_THREADS 4

struct config {
	const char *environment;
	const char *secret_key;
	const char *webhook_secret;
	const char *webhook_url;
	const char *webhook_events;
	int64_t transfer_s;
};

#define FIELD(name) offsetof(struct config, name)

static const struct mp_setting settings[] = {
	{"ENVIRONMENT", MP_SETTING_CHOICE, "development", FIELD(environment),
		.choices = "development|test|production",
		.help = "where this runs; refuses to start in production"},
	{"STRIPE_SECRET_KEY", MP_SETTING_SECRET, NULL, FIELD(secret_key),
		.help = "the key that callers show; begins with sk_test_"},
	{"STRIPE_WEBHOOK_SECRET", MP_SETTING_SECRET, NULL, FIELD(webhook_secret),
		.help = "signs events; several, separated by commas, sign side by side"},
	{"WEBHOOK_URL", MP_SETTING_TEXT, "", FIELD(webhook_url),
		.help = "where events are sent; empty: nowhere"},
	{"WEBHOOK_EVENTS", MP_SETTING_TEXT,
		"checkout.session.completed,checkout.session.expired,"
		"checkout.session.async_payment_succeeded,checkout.session.async_payment_failed,"
		"payment_intent.payment_failed",
		FIELD(webhook_events), .help = "types that are sent, separated by commas; *: all"},
	{"TRANSFER_S", MP_SETTING_INT, "30", FIELD(transfer_s), .min = 1, .max = 604800,
		.help = "how long a bank transfer takes, in seconds"},
};

static struct config config;

static struct app app;

/* Never where it could be taken for the provider itself. */
static enum mp_rc check_place(char reterr[256])
{
	if (strcmp(config.environment, "production") == 0)
		return mp_service_because(MP_INVALID,
			"ENVIRONMENT is production: this is a sandbox, it moves no money.", reterr);
	if (strncmp(config.secret_key, "sk_test_", 8) != 0)
		return mp_service_because(MP_INVALID,
			"STRIPE_SECRET_KEY does not begin with sk_test_: a sandbox takes test keys "
			"only.",
			reterr);
	return MP_OK;
}

static enum mp_rc open_webhook(struct mp_service *service, char reterr[256])
{
	struct sandbox *sandbox = &app.sandbox;
	const struct webhook_config webhook = {
		.sandbox = sandbox,
		.url = config.webhook_url,
		.secrets = config.webhook_secret,
	};

	if (config.webhook_url[0] == '\0')
		return MP_OK;
	enum mp_rc rc = webhook_open(&webhook, &app.webhook);
	if (rc != MP_OK)
		return mp_service_because(rc,
			"WEBHOOK_URL is an http or https address, STRIPE_WEBHOOK_SECRET one to "
			"eight secrets with commas between them.",
			reterr);
	sandbox->webhook_events = config.webhook_events;
	const struct mp_due_config telling = {.kind = "webhook",
		.threads = WEBHOOK_THREADS,
		.handler = webhook_due,
		.ctx = app.webhook};
	rc = mp_service_due(service, &telling, &sandbox->webhooks);
	return mp_service_because(rc, "There is no memory for the webhooks.", reterr);
}

static enum mp_rc open_due(struct mp_service *service)
{
	struct sandbox *sandbox = &app.sandbox;

	const struct mp_due_config expiring = {
		.kind = "expiry", .threads = 1, .handler = checkout_expiry_due, .ctx = sandbox};
	const struct mp_due_config transferring = {
		.kind = "transfer", .threads = 1, .handler = checkout_transfer_due, .ctx = sandbox};
	enum mp_rc rc = mp_service_due(service, &expiring, &sandbox->expiries);

	if (rc == MP_OK)
		rc = mp_service_due(service, &transferring, &sandbox->transfers);
	return rc;
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	struct sandbox *sandbox = &app.sandbox;
	enum mp_rc rc = check_place(reterr);

	*out_app = &app;
	if (rc != MP_OK)
		return rc;
	sandbox->store = mp_service_store(service);
	sandbox->public_url = mp_service_config(service)->public_url;
	sandbox->transfer_ms = config.transfer_s * 1000;
	sandbox->faults = faults_new();
	sandbox->keys = keys_new();
	app.secret_key = config.secret_key;
	if (api_init(&app) != MP_OK)
		return mp_service_because(MP_INVALID, "STRIPE_SECRET_KEY is too long.", reterr);
	if (sandbox->faults == NULL || sandbox->keys == NULL || open_due(service) != MP_OK)
		return mp_service_because(
			MP_NOMEM, "There is no memory for the sandbox's parts.", reterr);
	return open_webhook(service, reterr);
}

static enum mp_rc run(struct mp_service *service, char reterr[256])
{
	enum mp_rc rc = mp_due_start(app.sandbox.expiries);

	if (rc == MP_OK)
		rc = mp_due_start(app.sandbox.transfers);
	if (rc == MP_OK && app.sandbox.webhooks != NULL)
		rc = mp_due_start(app.sandbox.webhooks);
	return mp_service_because(rc, "The sandbox's threads do not start.", reterr);
}

static void stop(void)
{
	mp_due_close(app.sandbox.expiries);
	mp_due_close(app.sandbox.transfers);
	mp_due_close(app.sandbox.webhooks);
	webhook_close(app.webhook);
	faults_free(app.sandbox.faults);
	keys_free(app.sandbox.keys);
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "sandbox-stripe",
		.about = "the payment provider of development and tests, never of production",
		.settings = settings,
		.settings_count = sizeof(settings) / sizeof(settings[0]),
		.config = &config,
		.routes = sandbox_routes,
		.routes_count = sandbox_routes_count,
		.standalone = true,
		.start = start,
		.run = run,
		.stop = stop,
	};

	return mp_service_main(argc, argv, &spec);
}
