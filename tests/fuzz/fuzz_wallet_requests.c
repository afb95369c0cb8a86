#include "fuzz.h"

#include "wallet_http.h"

/* Requests to the wallet. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct wallet_config config = {
		.psp_shards = 2,
		.committer = {.threads = 1,
			.batch_max = 16,
			.queue_max = 256,
			.cache_accounts = 64},
	};
	struct wallet *wallet = NULL;

	fuzz_begin();
	config.db.store = fuzz_store();
	config.db.outbox = fuzz_outbox(config.db.store);
	config.currencies = fuzz_currencies;
	FUZZ_CHECK(wallet_open(&config, &wallet) == MP_OK);
	fuzz_server_open(wallet_routes, wallet_routes_count, wallet);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_server_send(data, size, "");
	return 0;
}
