#include "fuzz.h"

#include <string.h>

#include "money/money.h"

/* Amounts, as people and services write them: read exactly, or refused with a reason. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

static void check_amount(const char *text, const struct mp_currency *currency)
{
	char written[MP_AMOUNT_TEXT_SIZE];
	struct mp_money money = {.minor = -1};
	struct mp_money again = {.minor = -1};
	const char *reason = NULL;
	int64_t provider;
	int64_t back;

	enum mp_rc rc = mp_money_parse(text, currency, &money, &reason);
	FUZZ_CHECK(rc == MP_OK || (rc == MP_INVALID && reason != NULL && money.minor == -1));
	if (rc != MP_OK)
		return;
	FUZZ_CHECK(money.minor >= 0);
	mp_money_format(money.minor, currency, written);
	FUZZ_CHECK(mp_money_parse(written, currency, &again, &reason) == MP_OK);
	FUZZ_CHECK(again.minor == money.minor);
	if (mp_money_to_provider(money.minor, currency, &provider) == MP_OK) {
		FUZZ_CHECK(mp_money_from_provider(provider, currency, &back) == MP_OK);
		FUZZ_CHECK(back == money.minor);
	}
	if (mp_money_chargeable(money.minor, currency, &back) == MP_OK) {
		FUZZ_CHECK(back >= money.minor && back >= currency->provider_minimum_minor);
		if (mp_money_to_provider(back, currency, &provider) == MP_OK)
			FUZZ_CHECK(provider > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input;

	fuzz_split(data, size, &input);
	for (size_t i = 0; i < fuzz_currencies->count; i++)
		check_amount(input.line, &fuzz_currencies->items[i]);
	return 0;
}
