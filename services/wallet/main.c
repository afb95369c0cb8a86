#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "outbox/outbox.h"
#include "service/service.h"
#include "wallet.h"
#include "wallet_events.h"
#include "wallet_http.h"

#define COMMITTERS_SHARED 8
#define SETTING(field) offsetof(struct settings, field)

struct settings {
	int64_t psp_shards;
	int64_t batch_max;
	int64_t queue_max;
	int64_t cache_accounts;
	int64_t committers;
};

static struct settings settings;

static const struct mp_setting settings_table[] = {
	{"PSP_SHARDS", MP_SETTING_INT, "16", SETTING(psp_shards), 1, WALLET_SHARDS_MAX, NULL,
		"accounts that the payment provider's one is spread over, per currency"},
	{"BATCH_MAX", MP_SETTING_INT, "256", SETTING(batch_max), 1, COMMITTER_BATCH_MAX, NULL,
		"transfers written in one transaction, at most"},
	{"QUEUE_MAX", MP_SETTING_INT, "10000", SETTING(queue_max), WALLET_TRANSFERS_MAX, 1000000,
		NULL, "transfers that may wait; beyond it requests are answered 503"},
	{"CACHE_ACCOUNTS", MP_SETTING_INT, "16384", SETTING(cache_accounts), 1024, 10000000, NULL,
		"accounts kept in memory, about 200 bytes each"},
	{"COMMITTERS", MP_SETTING_INT, "0", SETTING(committers), 0, COMMITTER_THREADS_MAX, NULL,
		"batches in flight at once; 0: 1 on rocksdb, 8 on dynamodb"},
};

/* What start opened. The wallet is what handlers get. */
static struct {
	struct mp_outbox *outbox;
	struct wallet *wallet;
} parts;

static void stop(void *app)
{
	wallet_close(parts.wallet);
	mp_outbox_close(parts.outbox);
	parts.wallet = NULL;
	parts.outbox = NULL;
}

/* A write to a table far away takes its time, whatever is in it; RocksDB gathers by itself. */
static unsigned committers(const struct mp_store *store)
{
	if (settings.committers > 0)
		return (unsigned)settings.committers;
	return mp_store_is_shared(store) ? COMMITTERS_SHARED : 1;
}

static enum mp_rc open_parts(struct mp_service *service)
{
	const struct mp_currencies *currencies = mp_service_currencies(service);
	const struct mp_outbox_config outbox = {
		.store = mp_service_store(service),
		.source = "/moneypal/wallet",
		.amqp_url = mp_service_config(service)->amqp_url,
		.encode = wallet_event_encode,
		/* The encoder gets back what it was given, and only reads it. */
		.encode_ctx = (void *)(uintptr_t)currencies,
		.sink = mp_service_sink(service),
	};

	enum mp_rc rc = mp_outbox_open(&outbox, &parts.outbox);
	if (rc != MP_OK)
		return rc;
	const struct wallet_config wallet = {
		.db = {.store = mp_service_store(service), .outbox = parts.outbox},
		.currencies = currencies,
		.psp_shards = (uint32_t)settings.psp_shards,
		.committer =
			{
				.threads = committers(mp_service_store(service)),
				.batch_max = (size_t)settings.batch_max,
				.queue_max = (size_t)settings.queue_max,
				.cache_accounts = (size_t)settings.cache_accounts,
				.sink = mp_service_sink(service),
			},
	};
	return wallet_open(&wallet, &parts.wallet);
}

static void explain(char reterr[256], const char *what, enum mp_rc why)
{
	enum mp_rc fits = mp_text_format(reterr, 256, "%s: %s.", what, mp_rc_name(why));

	assert(fits == MP_OK);
	(void)fits;
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	enum mp_rc rc = open_parts(service);

	if (rc != MP_OK) {
		explain(reterr, "The wallet's parts do not open", rc);
		return rc;
	}
	*out_app = parts.wallet;
	return MP_OK;
}

static enum mp_rc run(void *app, char reterr[256])
{
	enum mp_rc rc = mp_outbox_start(parts.outbox);

	if (rc != MP_OK)
		explain(reterr, "The outbox's relay does not start", rc);
	return rc;
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "wallet",
		.settings = settings_table,
		.settings_count = sizeof(settings_table) / sizeof(settings_table[0]),
		.config = &settings,
		.routes = wallet_routes,
		.routes_count = wallet_routes_count,
		.start = start,
		.run = run,
		.stop = stop,
	};

	return mp_service_main(argc, argv, &spec);
}
