#ifndef MP_SANDBOX_CURRENCY_H
#define MP_SANDBOX_CURRENCY_H

#include <stdint.h>

#include "money/money.h"

/* The provider's own rules of currencies: not a deployment's choice, so a table here. */
struct stripe_currency {
	const char *code;	/* lower case */
	int exponent;		/* of its integer amounts */
	int64_t minimum_amount; /* of a charge */
	int64_t step;		/* amounts are multiples of it */
};

#define STRIPE_AMOUNT_MAX 99999999

/* Takes either case; NULL when the provider does not know it. */
const struct stripe_currency *stripe_currency_find(const char *code);

/* "130.00 USD". */
#define STRIPE_AMOUNT_TEXT_SIZE (MP_AMOUNT_TEXT_SIZE + 8)
void stripe_amount_format(int64_t amount, const char *code, char out_text[STRIPE_AMOUNT_TEXT_SIZE]);

#endif
