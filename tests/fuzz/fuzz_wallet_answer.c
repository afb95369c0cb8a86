#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "wallet_client.h"

/*
 * The wallet's answers to billing, and the user service's to whoever wants a token. The input's
 * first line is the token's answer when it is not empty; the rest the wallet's.
 */
#define TOKEN "{\"access_token\":\"good\",\"token_type\":\"Bearer\",\"expires_in\":900}"

static struct wallet_client_config config;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char token_url[80];

	fuzz_begin();
	const char *url = fuzz_peer_open();
	FUZZ_CHECK(mp_text_format(token_url, sizeof(token_url), "%s/oauth/token", url) == MP_OK);
	config = (struct wallet_client_config){
		.wallet_url = url,
		.token_url = token_url,
		.client_id = "fuzz",
		.client_secret = "fuzz-secret-fuzz",
		.currencies = fuzz_currencies,
	};
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char token_path[] = "/oauth/token";
	struct wallet_client *client = NULL;
	struct fuzz_input input;
	struct billing_transfer transfers[2] = {
		{.id = {"0193f5a0-0000-8000-8000-000000000001"},
			.funding = true,
			.to = {"0193f5a0-0000-7000-8000-00000000000a"},
			.amount = {100, "USD"},
			.payment_id = {"0193f5a0-0000-7000-8000-0000000000aa"}},
		{.id = {"0193f5a0-0000-8000-8000-000000000002"},
			.from = {"0193f5a0-0000-7000-8000-00000000000a"},
			.to = {"0193f5a0-0000-7000-8000-00000000000b"},
			.amount = {50, "USD"},
			.payment_id = {"0193f5a0-0000-7000-8000-0000000000aa"}},
	};

	fuzz_split(data, size, &input);
	const char *token = input.line[0] != '\0' ? input.line : TOKEN;
	fuzz_peer_answer(token_path, "200 OK", token, strlen(token));
	fuzz_peer_answer(NULL, "200 OK", input.rest, input.rest_len);
	FUZZ_CHECK(wallet_client_open(&config, &client) == MP_OK);
	enum mp_rc rc = wallet_client_transfer(client, fuzz_arena(), transfers, 2);
	FUZZ_CHECK(rc == MP_OK || mp_rc_is_transient(rc) || rc == MP_INVALID);
	for (int i = 0; rc == MP_OK && i < 2; i++)
		FUZZ_CHECK(transfers[i].outcome != TRANSFER_UNFUNDED ||
			   transfers[i].shortfall_minor > 0);
	wallet_client_close(client);
	return 0;
}
