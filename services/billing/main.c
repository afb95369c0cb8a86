#include <stddef.h>
#include <stdlib.h>

#include "billing.h"
#include "billing_events.h"
#include "billing_http.h"
#include "service/service.h"
#include "wallet_client.h"

struct billing_config {
	const char *wallet_url;
	const char *token_url;
	const char *client_id;
	const char *client_secret;
	int64_t redrive_s;
};

static struct billing_config config;

static const struct mp_setting settings[] = {
	{"WALLET_URL", MP_SETTING_TEXT, NULL, offsetof(struct billing_config, wallet_url), 0, 0,
		NULL, "the wallet service"},
	{"TOKEN_URL", MP_SETTING_TEXT, NULL, offsetof(struct billing_config, token_url), 0, 0, NULL,
		"where this service gets its token"},
	{"CLIENT_ID", MP_SETTING_TEXT, "billing", offsetof(struct billing_config, client_id), 0, 0,
		NULL, "this service's name there"},
	{"CLIENT_SECRET", MP_SETTING_SECRET, NULL, offsetof(struct billing_config, client_secret),
		0, 0, NULL, "this service's secret there"},
	{"REDRIVE_S", MP_SETTING_INT, "30", offsetof(struct billing_config, redrive_s), 1, 86400,
		NULL, "seconds after which a bill that has not ended is looked at again"},
};

/* The running parts; app comes first, since handlers are given the parts as their app. */
struct parts {
	struct billing_app app;
	struct wallet_client *wallet;
	struct mp_consumer *consumer;
	const char *amqp_url;
};

static enum mp_rc transfer(
	void *wallet, struct mp_arena *arena, struct billing_transfer *transfers, size_t count)
{
	return wallet_client_transfer(wallet, arena, transfers, count);
}

static void stop(void *app)
{
	struct parts *parts = app;

	if (parts == NULL)
		return;
	mp_consumer_close(parts->consumer);
	mp_due_close(parts->app.db.due);
	mp_outbox_close(parts->app.db.outbox);
	wallet_client_close(parts->wallet);
	free(parts);
}

static enum mp_rc open_rows(struct mp_service *service, struct parts *parts)
{
	const struct mp_outbox_config outbox = {
		.store = mp_service_store(service),
		.source = "/moneypal/billing",
		.amqp_url = parts->amqp_url,
		.sink = mp_service_sink(service),
	};
	const struct mp_due_config due = {
		.store = mp_service_store(service),
		.kind = "bill",
		.threads = 1,
		.handler = billing_redrive,
		.ctx = &parts->app,
		.sink = mp_service_sink(service),
	};
	enum mp_rc rc = mp_outbox_open(&outbox, &parts->app.db.outbox);

	return rc == MP_OK ? mp_due_open(&due, &parts->app.db.due) : rc;
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	const struct wallet_client_config wallet = {
		.wallet_url = config.wallet_url,
		.token_url = config.token_url,
		.client_id = config.client_id,
		.client_secret = config.client_secret,
		.currencies = mp_service_currencies(service),
	};
	struct parts *parts = calloc(1, sizeof(*parts));
	enum mp_rc rc;

	(void)reterr; /* nothing to add to the result's name */
	if (parts == NULL)
		return MP_NOMEM;
	*out_app = parts; /* closed by stop from here on, whatever happens */
	parts->amqp_url = mp_service_config(service)->amqp_url;
	parts->app.db.store = mp_service_store(service);
	parts->app.db.currencies = mp_service_currencies(service);
	parts->app.db.redrive_ms = config.redrive_s * 1000;
	parts->app.sink = mp_service_sink(service);
	rc = wallet_client_open(&wallet, &parts->wallet);
	parts->app.transfer = transfer;
	parts->app.wallet = parts->wallet;
	return rc == MP_OK ? open_rows(service, parts) : rc;
}

static enum mp_rc run(void *app, char reterr[256])
{
	struct parts *parts = app;
	enum mp_rc rc = mp_outbox_start(parts->app.db.outbox);

	(void)reterr;
	if (rc == MP_OK)
		rc = mp_due_start(parts->app.db.due);
	if (rc == MP_OK)
		rc = mp_consumer_open(parts->amqp_url, MP_QUEUE_BILLING, billing_handle,
			&parts->app, &parts->app.sink, &parts->consumer);
	return rc;
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "billing",
		.settings = settings,
		.settings_count = sizeof(settings) / sizeof(settings[0]),
		.config = &config,
		.routes = billing_routes,
		.routes_count = billing_routes_count,
		.start = start,
		.run = run,
		.stop = stop,
	};

	return mp_service_main(argc, argv, &spec);
}
