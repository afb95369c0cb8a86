#include <stddef.h>
#include <stdlib.h>

#include "base/text.h"
#include "http_client/http_client.h"
#include "payment.h"
#include "payment_events.h"
#include "payment_http.h"
#include "service/service.h"

struct payment_config {
	const char *user_url;
	const char *token_url;
	const char *client_id;
	const char *client_secret;
	const char *stripe_api_base;
	const char *stripe_secret_key;
	const char *stripe_webhook_secret;
	int64_t redrive_s;
	int64_t redrives_max;
	int64_t session_ttl_s;
	int64_t provider_timeout_ms;
	int64_t live_poll_ms;
};

static struct payment_config config;

#define FIELD(name) offsetof(struct payment_config, name)

/* For requests that are answered at once, however many watch. */
#define CONNECTIONS_BESIDE 1024

/* A session is stored before it is opened: so long may opening it take, or clocks differ. */
#define SESSION_OPENING_S_MIN 300

static const struct mp_setting settings[] = {
	{"USER_URL", MP_SETTING_TEXT, NULL, FIELD(user_url), 0, 0, NULL,
		"address of the user service, where payees are looked up"},
	{"TOKEN_URL", MP_SETTING_TEXT, NULL, FIELD(token_url), 0, 0, NULL,
		"where this service gets its own access token"},
	{"CLIENT_ID", MP_SETTING_TEXT, "payment", FIELD(client_id), 0, 0, NULL, "its name there"},
	{"CLIENT_SECRET", MP_SETTING_SECRET, NULL, FIELD(client_secret), 0, 0, NULL,
		"its secret there"},
	{"STRIPE_API_BASE", MP_SETTING_TEXT, "https://api.stripe.com", FIELD(stripe_api_base), 0, 0,
		NULL, "the payment provider: Stripe, or the sandbox"},
	{"STRIPE_SECRET_KEY", MP_SETTING_SECRET, NULL, FIELD(stripe_secret_key), 0, 0, NULL,
		"key for the provider: sk_test_... or sk_live_... decides the mode"},
	{"STRIPE_WEBHOOK_SECRET", MP_SETTING_SECRET, NULL, FIELD(stripe_webhook_secret), 0, 0, NULL,
		"secrets of the webhook endpoint, separated by commas while one is rotated"},
	{"REDRIVE_S", MP_SETTING_INT, "30", FIELD(redrive_s), 1, 3600, NULL,
		"seconds after which a payment that stands still is driven again"},
	{"REDRIVES_MAX", MP_SETTING_INT, "10", FIELD(redrives_max), 1, 1000, NULL,
		"re-drives that billing may leave unanswered before a person has to look"},
	{"SESSION_TTL_S", MP_SETTING_INT, "3600", FIELD(session_ttl_s),
		STRIPE_SESSION_TTL_S_MIN + SESSION_OPENING_S_MIN,
		STRIPE_SESSION_TTL_S_MAX - SESSION_OPENING_S_MIN, NULL,
		"seconds that a payer has at the provider's page"},
	{"PROVIDER_TIMEOUT_MS", MP_SETTING_INT, "8000", FIELD(provider_timeout_ms), 100, 60000,
		NULL, "milliseconds that a call to the provider may take"},
	{"LIVE_POLL_MS", MP_SETTING_INT, "1000", FIELD(live_poll_ms), 50, 10000, NULL,
		"milliseconds after which watchers see what another replica wrote"},
};

/* The running parts; app first: it is what every handler gets. */
struct parts {
	struct payment_app app;
	struct stripe_client *stripe;
	struct user_client *users;
	struct mp_consumer *consumer;
	const char *amqp_url;
	struct mp_sink sink;
};

static void stop(void *app)
{
	struct parts *parts = app;

	if (parts == NULL)
		return;
	mp_consumer_close(parts->consumer);
	mp_due_close(parts->app.db.redrive);
	mp_due_close(parts->app.db.sessions);
	mp_due_close(parts->app.db.events);
	live_close(parts->app.live); /* behind whoever commits */
	mp_outbox_close(parts->app.db.outbox);
	stripe_client_close(parts->stripe);
	user_client_close(parts->users);
	free(parts);
}

static enum mp_rc open_clients(struct parts *parts, char reterr[256])
{
	const struct stripe_client_config stripe = {
		.api_base = config.stripe_api_base,
		.secret_key = config.stripe_secret_key,
		.timeout_ms = (long)config.provider_timeout_ms,
	};
	const struct user_client_config users = {
		.user_url = config.user_url,
		.token_url = config.token_url,
		.client_id = config.client_id,
		.client_secret = config.client_secret,
	};
	const char *sentence = "";

	enum mp_rc rc =
		stripe_secrets_parse(config.stripe_webhook_secret, &parts->app.webhook_secrets);
	if (rc != MP_OK)
		sentence = "STRIPE_WEBHOOK_SECRET must be one to four secrets separated by commas.";
	if (rc == MP_OK) {
		rc = stripe_client_open(&stripe, &parts->stripe);
		if (rc == MP_INVALID)
			sentence = "STRIPE_SECRET_KEY must begin with sk_test_, sk_live_, "
				   "rk_test_ or rk_live_.";
	}
	if (rc == MP_OK)
		rc = user_client_open(&users, &parts->users);
	if (rc != MP_OK)
		return mp_text_copy(reterr, 256, sentence) == MP_OK ? rc : MP_BUG;
	parts->app.stripe = stripe_client_calls(parts->stripe);
	parts->app.users = user_client_calls(parts->users);
	return MP_OK;
}

static enum mp_rc open_due(struct parts *parts, const char *kind, unsigned threads,
	mp_due_handler handler, struct mp_due **out_due)
{
	const struct mp_due_config due = {
		.store = parts->app.db.store,
		.kind = kind,
		.threads = threads,
		.handler = handler,
		.ctx = &parts->app,
		.sink = parts->sink,
	};

	return mp_due_open(&due, out_due);
}

static enum mp_rc open_db(struct parts *parts, struct mp_service *service)
{
	struct payment_db *db = &parts->app.db;

	db->store = mp_service_store(service);
	db->currencies = mp_service_currencies(service);
	const struct mp_outbox_config outbox = {
		.store = db->store,
		.source = "/moneypal/payment",
		.amqp_url = parts->amqp_url,
		.encode = payment_event_encode,
		.sink = parts->sink,
	};
	enum mp_rc rc = mp_outbox_open(&outbox, &db->outbox);
	/* Two threads where a slow provider is waited for, one for what only the store says. */
	if (rc == MP_OK)
		rc = open_due(parts, "event", 2, provider_event_due, &db->events);
	if (rc == MP_OK)
		rc = open_due(parts, "session", 2, provider_sessions_due, &db->sessions);
	if (rc == MP_OK)
		rc = open_due(parts, "payment", 2, payment_redrive_due, &db->redrive);
	if (rc == MP_OK)
		rc = live_open(db, config.live_poll_ms, &parts->app.live);
	return rc;
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	const struct mp_service_config *common = mp_service_config(service);
	struct parts *parts = calloc(1, sizeof(*parts));

	if (parts == NULL)
		return MP_NOMEM;
	*out_app = parts; /* closed by stop from here on, whatever happens */
	parts->amqp_url = common->amqp_url;
	parts->sink = mp_service_sink(service);
	parts->app.public_url = common->public_url;
	parts->app.provider_timeout_ms = config.provider_timeout_ms;
	parts->app.provider_waiting_max = common->workers > 4 ? (int)(common->workers / 4) : 1;
	parts->app.rules = (struct payment_rules){
		.session_ttl_s = config.session_ttl_s,
		.session_opening_s = STRIPE_SESSION_TTL_S_MIN + config.provider_timeout_ms / 1000,
		.redrive_ms = config.redrive_s * 1000,
		.redrives_max = config.redrives_max,
	};
	payment_app_init(&parts->app);
	enum mp_rc rc = open_clients(parts, reterr);
	if (rc == MP_OK)
		rc = open_db(parts, service);
	return rc;
}

static enum mp_rc run(void *app, char reterr[256])
{
	struct parts *parts = app;

	(void)reterr; /* nothing to add to the result's name */
	enum mp_rc rc = mp_outbox_start(parts->app.db.outbox);
	if (rc == MP_OK)
		rc = mp_due_start(parts->app.db.events);
	if (rc == MP_OK)
		rc = mp_due_start(parts->app.db.sessions);
	if (rc == MP_OK)
		rc = mp_due_start(parts->app.db.redrive);
	if (rc == MP_OK)
		rc = live_start(parts->app.live);
	if (rc == MP_OK)
		rc = mp_consumer_open(parts->amqp_url, MP_QUEUE_PAYMENT, payment_handle,
			&parts->app, &parts->sink, &parts->consumer);
	return rc;
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "payment",
		.settings = settings,
		.settings_count = sizeof(settings) / sizeof(settings[0]),
		.config = &config,
		.routes = payment_routes,
		.routes_count = payment_routes_count,
		.connections_max = LIVE_LISTENERS_MAX + CONNECTIONS_BESIDE,
		.start = start,
		.run = run,
		.stop = stop,
	};

	return mp_service_main(argc, argv, &spec);
}
