#include <stddef.h>

#include "payment.h"
#include "payment_events.h"
#include "payment_http.h"
#include "service/parts.h"

struct config {
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

#define FIELD(name) offsetof(struct config, name)

/* For requests that are answered at once, however many watch. */
#define CONNECTIONS_BESIDE 1536

/* A session is stored before it is opened: so long may opening it take, or clocks differ. */
#define SESSION_OPENING_S_MIN 300

static const struct mp_setting settings[] = {
	{"USER_URL", MP_SETTING_TEXT, NULL, FIELD(user_url),
		.help = "address of the user service, where payees are looked up"},
	{"TOKEN_URL", MP_SETTING_TEXT, NULL, FIELD(token_url),
		.help = "where this service gets its own access token"},
	{"CLIENT_ID", MP_SETTING_TEXT, "payment", FIELD(client_id), .help = "its name there"},
	{"CLIENT_SECRET", MP_SETTING_SECRET, NULL, FIELD(client_secret),
		.help = "its secret there"},
	{"STRIPE_API_BASE", MP_SETTING_TEXT, "https://api.stripe.com", FIELD(stripe_api_base),
		.help = "the payment provider: Stripe, or the sandbox"},
	{"STRIPE_SECRET_KEY", MP_SETTING_SECRET, NULL, FIELD(stripe_secret_key),
		.help = "key for the provider: sk_test_... or sk_live_... decides the mode"},
	{"STRIPE_WEBHOOK_SECRET", MP_SETTING_SECRET, NULL, FIELD(stripe_webhook_secret),
		.help = "secrets of the webhook endpoint, separated by commas while one is "
			"rotated"},
	{"REDRIVE_S", MP_SETTING_INT, "30", FIELD(redrive_s), .min = 1, .max = 3600,
		.help = "seconds after which a payment that stands still is driven again"},
	{"REDRIVES_MAX", MP_SETTING_INT, "10", FIELD(redrives_max), .min = 1, .max = 1000,
		.help = "re-drives that billing may leave unanswered before a person has to look"},
	{"SESSION_TTL_S", MP_SETTING_INT, "3600", FIELD(session_ttl_s),
		.min = STRIPE_SESSION_TTL_S_MIN + SESSION_OPENING_S_MIN,
		.max = STRIPE_SESSION_TTL_S_MAX - SESSION_OPENING_S_MIN,
		.help = "seconds that a payer has at the provider's page"},
	{"PROVIDER_TIMEOUT_MS", MP_SETTING_INT, "8000", FIELD(provider_timeout_ms), .min = 100,
		.max = 60000, .help = "milliseconds that a call to the provider may take"},
	{"LIVE_POLL_MS", MP_SETTING_INT, "1000", FIELD(live_poll_ms), .min = 50, .max = 10000,
		.help = "milliseconds after which watchers see what another replica wrote"},
};

/* Pauses are of five minutes at most, or of a few times REDRIVE_S. */
#define DUE_FAR_MS (15 * 60 * 1000)

static struct config config;

static struct {
	struct payment_app app;
	struct stripe_client *stripe;
	struct user_client *users;
	struct mp_consumer *consumer;
} parts;

static enum mp_rc open_stripe(char reterr[256])
{
	const struct stripe_client_config stripe = {
		.api_base = config.stripe_api_base,
		.secret_key = config.stripe_secret_key,
		.timeout_ms = (long)config.provider_timeout_ms,
	};

	enum mp_rc rc =
		stripe_secrets_parse(config.stripe_webhook_secret, &parts.app.webhook_secrets);
	if (rc != MP_OK)
		return mp_service_because(rc,
			"STRIPE_WEBHOOK_SECRET must be one to four secrets separated by commas.",
			reterr);
	rc = stripe_client_open(&stripe, &parts.stripe);
	if (rc == MP_INVALID)
		return mp_service_because(rc,
			"STRIPE_SECRET_KEY must begin with sk_test_, sk_live_, rk_test_ or "
			"rk_live_, and be of letters, digits and _ alone.",
			reterr);
	if (rc == MP_OK)
		parts.app.stripe = stripe_client_calls(parts.stripe);
	return mp_service_because(rc, "The provider's client does not open.", reterr);
}

static enum mp_rc open_users(char reterr[256])
{
	const struct user_client_config users = {
		.user_url = config.user_url,
		.token_url = config.token_url,
		.client_id = config.client_id,
		.client_secret = config.client_secret,
	};

	enum mp_rc rc = user_client_open(&users, &parts.users);
	if (rc == MP_OK)
		parts.app.users = user_client_calls(parts.users);
	return mp_service_because(rc, "The user service's client does not open.", reterr);
}

/* Two threads: a slow provider is waited for. */
static enum mp_rc open_due(struct mp_service *service, const char *kind, mp_due_handler handler,
	struct mp_due **out_due)
{
	const struct mp_due_config work = {
		.kind = kind,
		.far_ms = DUE_FAR_MS + 4 * parts.app.rules.redrive_ms,
		.threads = 2,
		.handler = handler,
		.ctx = &parts.app,
	};

	return mp_service_due(service, &work, out_due);
}

static enum mp_rc open_db(struct mp_service *service, char reterr[256])
{
	struct payment_app *app = &parts.app;
	struct payment_db *db = &app->db;

	db->store = mp_service_store(service);
	db->currencies = mp_service_currencies(service);
	enum mp_rc rc = mp_service_outbox(service, payment_event_encode, NULL, &db->outbox);
	if (rc == MP_OK)
		rc = open_due(service, "event", provider_event_due, &db->events);
	if (rc == MP_OK)
		rc = open_due(service, "session", provider_sessions_due, &db->sessions);
	if (rc == MP_OK)
		rc = open_due(service, "payment", payment_redrive_due, &db->redrive);
	if (rc == MP_OK)
		rc = live_open(db, config.live_poll_ms, &app->live);
	return mp_service_because(rc, "Payment's parts do not open.", reterr);
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	const struct mp_service_config *common = mp_service_config(service);
	struct payment_app *app = &parts.app;

	*out_app = app;
	app->public_url = common->public_url;
	app->provider_timeout_ms = config.provider_timeout_ms;
	app->provider_waiting_max = common->workers > 4 ? (int)(common->workers / 4) : 1;
	app->rules = (struct payment_rules){
		.session_ttl_s = config.session_ttl_s,
		.session_opening_s = STRIPE_SESSION_TTL_S_MIN + config.provider_timeout_ms / 1000,
		.redrive_ms = config.redrive_s * 1000,
		.redrives_max = config.redrives_max,
	};
	payment_app_init(app);
	enum mp_rc rc = open_stripe(reterr);
	if (rc == MP_OK)
		rc = open_users(reterr);
	if (rc == MP_OK)
		rc = open_db(service, reterr);
	return rc;
}

static enum mp_rc run(struct mp_service *service, char reterr[256])
{
	const struct payment_db *db = &parts.app.db;

	enum mp_rc rc = mp_outbox_start(db->outbox);
	if (rc == MP_OK)
		rc = mp_due_start(db->events);
	if (rc == MP_OK)
		rc = mp_due_start(db->sessions);
	if (rc == MP_OK)
		rc = mp_due_start(db->redrive);
	if (rc == MP_OK)
		rc = live_start(parts.app.live);
	if (rc == MP_OK)
		rc = mp_service_consume(
			service, MP_QUEUE_PAYMENT, payment_handle, &parts.app, &parts.consumer);
	return mp_service_because(rc, "Payment's threads do not start.", reterr);
}

static void stop(void)
{
	mp_consumer_close(parts.consumer);
	mp_due_close(parts.app.db.redrive);
	mp_due_close(parts.app.db.sessions);
	mp_due_close(parts.app.db.events);
	live_close(parts.app.live); /* behind whoever commits */
	mp_outbox_close(parts.app.db.outbox);
	stripe_client_close(parts.stripe);
	user_client_close(parts.users);
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "payment",
		.about = "payments, and what the payment provider says of them",
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
