#include "currency.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/*
 * As in the provider's documentation; where it names no minimum, about half a US dollar. Amounts of
 * three decimals end in a zero; ISK and UGX have two decimals there that must be zero.
 */
static const struct stripe_currency currencies[] = {
	{"aed", 2, 200, 1},
	{"aud", 2, 50, 1},
	{"bgn", 2, 100, 1},
	{"bhd", 3, 200, 10},
	{"bif", 0, 1500, 1},
	{"brl", 2, 50, 1},
	{"cad", 2, 50, 1},
	{"chf", 2, 50, 1},
	{"clp", 0, 500, 1},
	{"cny", 2, 400, 1},
	{"czk", 2, 1500, 1},
	{"djf", 0, 100, 1},
	{"dkk", 2, 250, 1},
	{"eur", 2, 50, 1},
	{"gbp", 2, 30, 1},
	{"gnf", 0, 5000, 1},
	{"hkd", 2, 400, 1},
	{"huf", 2, 17500, 1},
	{"idr", 2, 1000000, 1},
	{"ils", 2, 200, 1},
	{"inr", 2, 50, 1},
	{"isk", 2, 10000, 100},
	{"jod", 3, 500, 10},
	{"jpy", 0, 50, 1},
	{"kmf", 0, 250, 1},
	{"krw", 0, 700, 1},
	{"kwd", 3, 200, 10},
	{"mga", 0, 2500, 1},
	{"mxn", 2, 1000, 1},
	{"myr", 2, 200, 1},
	{"nok", 2, 300, 1},
	{"nzd", 2, 50, 1},
	{"omr", 3, 200, 10},
	{"php", 2, 3000, 1},
	{"pln", 2, 200, 1},
	{"pyg", 0, 4000, 1},
	{"ron", 2, 200, 1},
	{"rwf", 0, 800, 1},
	{"sek", 2, 300, 1},
	{"sgd", 2, 50, 1},
	{"thb", 2, 1000, 1},
	{"tnd", 3, 2000, 10},
	{"try", 2, 2500, 1},
	{"twd", 2, 2000, 1},
	{"ugx", 2, 200000, 100},
	{"usd", 2, 50, 1},
	{"vnd", 0, 15000, 1},
	{"vuv", 0, 70, 1},
	{"xaf", 0, 350, 1},
	{"xof", 0, 350, 1},
	{"xpf", 0, 60, 1},
	{"zar", 2, 1000, 1},
};

const struct stripe_currency *stripe_currency_find(const char *code)
{
	for (size_t i = 0; i < sizeof(currencies) / sizeof(currencies[0]); i++) {
		if (strcasecmp(currencies[i].code, code) == 0)
			return &currencies[i];
	}
	return NULL;
}

void stripe_amount_format(int64_t amount, const char *code, char out_text[STRIPE_AMOUNT_TEXT_SIZE])
{
	const struct stripe_currency *currency = stripe_currency_find(code);
	struct mp_currency shown = {.exponent = currency == NULL ? 0 : currency->exponent};
	char number[MP_AMOUNT_TEXT_SIZE];
	char upper[4] = "";

	for (size_t i = 0; i < 3 && code[i] != '\0'; i++)
		upper[i] = (char)toupper((unsigned char)code[i]);
	mp_money_format(amount, &shown, number);
	enum mp_rc rc = mp_text_format(out_text, STRIPE_AMOUNT_TEXT_SIZE, "%s %s", number, upper);
	assert(rc == MP_OK);
}
