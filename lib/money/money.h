#ifndef MP_MONEY_MONEY_H
#define MP_MONEY_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/*
 * Money is an int64 count of a currency's minor units, never a float. Outside, an amount is a
 * decimal string ("12.50") beside an ISO 4217 code. See docs/MONEY.md.
 */
struct mp_money {
	int64_t minor;
	char currency[4]; /* ISO 4217, upper case */
};

struct mp_currency {
	char code[4];
	int exponent;			/* ISO 4217: digits after the point, 0..4 */
	int provider_exponent;		/* the payment provider's integer amounts': 0..2 */
	int64_t provider_minimum_minor; /* smallest charge, in our minor units */
};

#define MP_CURRENCIES_MAX 32
#define MP_AMOUNT_TEXT_SIZE 24 /* sign, 19 digits, point, NUL */

/* What a deployment allows; the first is the default. Read-only after parse, so any thread. */
struct mp_currencies {
	struct mp_currency items[MP_CURRENCIES_MAX];
	size_t count;
};

/*
 * Reads the CURRENCIES setting: "USD:2:2:0.50,JPY:0:0:50" (code, ISO exponent, provider's exponent,
 * provider's minimum charge). MP_INVALID with the reason in reterr (size 160).
 */
enum mp_rc mp_currencies_parse(
	const char *text, struct mp_currencies *out, char reterr[160]) MP_MUST_CHECK;

/* NULL when the deployment does not allow the code. NULL or "" finds the default. Borrowed. */
const struct mp_currency *mp_currencies_find(
	const struct mp_currencies *currencies, const char *code);

/* "must be one of: USD, EUR": the sentence about a code that is none of them. All of them fit. */
#define MP_CURRENCIES_TEXT_SIZE 192
void mp_currencies_tell(
	const struct mp_currencies *currencies, char out_text[MP_CURRENCIES_TEXT_SIZE]);

/*
 * "12", "12.5", "12.50" with at most the currency's digits; no sign, space, exponent or leading
 * zeros beyond one. MP_INVALID with reterr_reason a static half sentence: MP_MONEY_NOT_DECIMAL,
 * "has more than 2 decimals", "is too large".
 */
#define MP_MONEY_NOT_DECIMAL "is not a decimal number"
enum mp_rc mp_money_parse(const char *text, const struct mp_currency *currency,
	struct mp_money *out, const char **reterr_reason) MP_MUST_CHECK;

/* Always all of the currency's digits: "12.50", "-0.05", "700". */
void mp_money_format(
	int64_t minor, const struct mp_currency *currency, char out_text[MP_AMOUNT_TEXT_SIZE]);

/* Checked arithmetic on minor units. MP_INVALID on overflow (out untouched). */
enum mp_rc mp_minor_add(int64_t a, int64_t b, int64_t *out) MP_MUST_CHECK;
enum mp_rc mp_minor_sub(int64_t a, int64_t b, int64_t *out) MP_MUST_CHECK;

/*
 * To and from the provider's integer amount. MP_INVALID when it overflows or would not be exact
 * (a provider with fewer digits than ours).
 */
enum mp_rc mp_money_to_provider(
	int64_t minor, const struct mp_currency *currency, int64_t *out) MP_MUST_CHECK;
enum mp_rc mp_money_from_provider(
	int64_t amount, const struct mp_currency *currency, int64_t *out) MP_MUST_CHECK;

/* The minor units that amounts for the provider are multiples of: 1 unless it has fewer digits. */
int64_t mp_money_provider_step(const struct mp_currency *currency);

/*
 * The smallest amount at least minor that the provider can charge: at least its minimum, and exact
 * in its exponent. MP_INVALID on overflow.
 */
enum mp_rc mp_money_chargeable(
	int64_t minor, const struct mp_currency *currency, int64_t *out) MP_MUST_CHECK;

#endif
