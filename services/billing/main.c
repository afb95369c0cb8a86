#include <stddef.h>

#include "billing.h"
#include "billing_events.h"
#include "billing_http.h"
#include "service/parts.h"
#include "wallet_client.h"

struct config {
	const char *wallet_url;
	const char *token_url;
	const char *client_id;
	const char *client_secret;
	int64_t redrive_s;
};

#define FIELD(name) offsetof(struct config, name)

static const struct mp_setting settings[] = {
	{"WALLET_URL", MP_SETTING_TEXT, NULL, FIELD(wallet_url), .help = "the wallet service"},
	{"TOKEN_URL", MP_SETTING_TEXT, NULL, FIELD(token_url),
		.help = "where this service gets its own access token"},
	{"CLIENT_ID", MP_SETTING_TEXT, "billing", FIELD(client_id), .help = "its name there"},
	{"CLIENT_SECRET", MP_SETTING_SECRET, NULL, FIELD(client_secret),
		.help = "its secret there"},
	{"REDRIVE_S", MP_SETTING_INT, "30", FIELD(redrive_s), .min = 1, .max = 86400,
		.help = "seconds after which a bill that has not ended is looked at again"},
};

static struct config config;

static struct {
	struct billing_app app;
	struct wallet_client *wallet;
	struct mp_consumer *consumer;
} parts;

static enum mp_rc transfer(
	void *wallet, struct mp_arena *arena, struct billing_transfer *transfers, size_t count)
{
	return wallet_client_transfer(wallet, arena, transfers, count);
}

static enum mp_rc open_wallet(struct mp_service *service)
{
	const struct wallet_client_config wallet = {
		.wallet_url = config.wallet_url,
		.token_url = config.token_url,
		.client_id = config.client_id,
		.client_secret = config.client_secret,
		.currencies = mp_service_currencies(service),
	};

	enum mp_rc rc = wallet_client_open(&wallet, &parts.wallet);
	parts.app.transfer = transfer;
	parts.app.wallet = parts.wallet;
	return rc;
}

static enum mp_rc open_db(struct mp_service *service)
{
	struct billing_db *db = &parts.app.db;

	db->store = mp_service_store(service);
	db->currencies = mp_service_currencies(service);
	db->redrive_ms = config.redrive_s * 1000;
	const struct mp_due_config redrive = {
		.kind = "bill",
		.far_ms = 2 * MP_DUE_BACKOFF_MS_MAX + db->redrive_ms,
		.threads = 1,
		.handler = billing_redrive,
		.ctx = &parts.app,
	};
	enum mp_rc rc = mp_service_outbox(service, NULL, NULL, &db->outbox);
	if (rc == MP_OK)
		rc = mp_service_due(service, &redrive, &db->due);
	return rc;
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	*out_app = &parts.app;
	parts.app.sink = mp_service_sink(service);
	enum mp_rc rc = open_wallet(service);
	if (rc == MP_OK)
		rc = open_db(service);
	return mp_service_because(rc, "Billing's parts do not open.", reterr);
}

static enum mp_rc run(struct mp_service *service, char reterr[256])
{
	enum mp_rc rc = mp_outbox_start(parts.app.db.outbox);

	if (rc == MP_OK)
		rc = mp_due_start(parts.app.db.due);
	if (rc == MP_OK)
		rc = mp_service_consume(
			service, MP_QUEUE_BILLING, billing_handle, &parts.app, &parts.consumer);
	return mp_service_because(rc, "Billing's threads do not start.", reterr);
}

static void stop(void)
{
	mp_consumer_close(parts.consumer);
	mp_due_close(parts.app.db.due);
	mp_outbox_close(parts.app.db.outbox);
	wallet_client_close(parts.wallet);
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "billing",
		.about = "bills; decides and orders every movement of money",
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
