#include <stddef.h>
#include <stdint.h>

#include "auditor.h"
#include "service/parts.h"
#include "wallet.h"
#include "wallet_events.h"
#include "wallet_http.h"

#define COMMITTERS_SHARED 8
#define COMMITTERS_ALONE 2 /* one decides while the other's transaction is written */

struct config {
	int64_t psp_shards;
	int64_t batch_max;
	int64_t queue_max;
	int64_t cache_accounts;
	int64_t committers;
	int64_t audit_every_s;
	bool audit_only;
};

#define FIELD(name) offsetof(struct config, name)

static const struct mp_setting settings[] = {
	{"PSP_SHARDS", MP_SETTING_INT, "64", FIELD(psp_shards), .min = 1, .max = WALLET_SHARDS_MAX,
		.help = "accounts that the payment provider's one is spread over, per currency"},
	{"BATCH_MAX", MP_SETTING_INT, "256", FIELD(batch_max), .min = 1, .max = COMMITTER_BATCH_MAX,
		.help = "transfers written in one transaction, at most"},
	{"QUEUE_MAX", MP_SETTING_INT, "10000", FIELD(queue_max), .min = WALLET_TRANSFERS_MAX,
		.max = 1000000,
		.help = "transfers that may wait; beyond it requests are answered 503"},
	{"CACHE_ACCOUNTS", MP_SETTING_INT, "65536", FIELD(cache_accounts), .min = 1024,
		.max = 10000000, .help = "accounts kept in memory, about 200 bytes each"},
	{"COMMITTERS", MP_SETTING_INT, "0", FIELD(committers), .min = 0,
		.max = COMMITTER_THREADS_MAX,
		.help = "batches in flight at once; 0: 2 on rocksdb, 8 on dynamodb"},
	{"AUDIT_EVERY_S", MP_SETTING_INT, "0", FIELD(audit_every_s), .min = 0, .max = 604800,
		.help = "seconds between audits that nobody asks for, the first at the start; 0: "
			"none"},
	{"AUDIT_ONLY", MP_SETTING_BOOL, "false", FIELD(audit_only),
		.help = "tells no events: for a copy that only audits, and may not write"},
};

static struct config config;

static struct {
	struct mp_outbox *outbox;
	struct wallet *wallet;
	struct auditor *auditor;
} parts;

/* A write to a table far away takes its time, whatever is in it. */
static unsigned committers(const struct mp_store *store)
{
	if (config.committers > 0)
		return (unsigned)config.committers;
	return mp_store_is_shared(store) ? COMMITTERS_SHARED : COMMITTERS_ALONE;
}

static enum mp_rc open_wallet(struct mp_service *service)
{
	struct mp_store *store = mp_service_store(service);
	const struct wallet_config wallet = {
		.db = {.store = store, .outbox = parts.outbox},
		.currencies = mp_service_currencies(service),
		.psp_shards = (uint32_t)config.psp_shards,
		.committer =
			{
				.threads = committers(store),
				.alone = !mp_store_is_shared(store),
				.batch_max = (size_t)config.batch_max,
				.queue_max = (size_t)config.queue_max,
				.cache_accounts = (size_t)config.cache_accounts,
				.sink = mp_service_sink(service),
			},
	};

	return wallet_open(&wallet, &parts.wallet);
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	/* The encoder gets back what it was given, and only reads it. */
	void *currencies = (void *)(uintptr_t)mp_service_currencies(service);

	enum mp_rc rc = mp_service_outbox(service, wallet_event_encode, currencies, &parts.outbox);
	if (rc == MP_OK)
		rc = open_wallet(service);
	*out_app = parts.wallet;
	return mp_service_because(rc, "The wallet's parts do not open.", reterr);
}

static enum mp_rc run(struct mp_service *service, char reterr[256])
{
	enum mp_rc rc = config.audit_only ? MP_OK : mp_outbox_start(parts.outbox);

	if (rc != MP_OK)
		return mp_service_because(rc, "The outbox's relay does not start.", reterr);
	if (config.audit_every_s > 0)
		rc = auditor_open(parts.wallet, config.audit_every_s, &parts.auditor);
	return mp_service_because(rc, "The auditor does not start.", reterr);
}

/* An operator's audit runs in a handler. */
static void ending(void)
{
	if (parts.wallet != NULL)
		wallet_end_audits(parts.wallet);
}

static void stop(void)
{
	auditor_close(parts.auditor);
	wallet_close(parts.wallet);
	mp_outbox_close(parts.outbox);
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "wallet",
		.about = "the double-entry ledger: transfers, balances, statements, audit",
		.settings = settings,
		.settings_count = sizeof(settings) / sizeof(settings[0]),
		.config = &config,
		.routes = wallet_routes,
		.routes_count = wallet_routes_count,
		.start = start,
		.run = run,
		.ending = ending,
		.stop = stop,
	};

	return mp_service_main(argc, argv, &spec);
}
