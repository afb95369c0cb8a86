#include "money/money.h"

#include <assert.h>
#include <string.h>

#define EXPONENT_MAX 4 /* of ISO 4217's currencies in use */

static const int64_t powers_of_ten[EXPONENT_MAX + 1] = {1, 10, 100, 1000, 10000};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int64_t power_of_ten(int exponent)
{
	assert(exponent >= 0 && exponent <= EXPONENT_MAX);
	return powers_of_ten[exponent];
}

static const char *too_precise(int exponent)
{
	static const char *const reasons[EXPONENT_MAX + 1] = {
		"has decimals, and this currency has none",
		"has more than 1 decimal",
		"has more than 2 decimals",
		"has more than 3 decimals",
		"has more than 4 decimals",
	};

	assert(exponent >= 0 && exponent <= EXPONENT_MAX);
	return reasons[exponent];
}

/* "12.50": digits, and behind a point at least one more. */
static bool is_decimal(const char *text)
{
	const char *at = text;

	if (!is_digit(*at) || (at[0] == '0' && is_digit(at[1])))
		return false;
	while (is_digit(*at))
		at++;
	if (*at == '\0')
		return true;
	if (*at != '.' || !is_digit(at[1]))
		return false;
	at++;
	while (is_digit(*at))
		at++;
	return *at == '\0';
}

/* One more digit on the right. */
static bool append_digit(int64_t *minor, char digit)
{
	return !__builtin_mul_overflow(*minor, (int64_t)10, minor) &&
	       !__builtin_add_overflow(*minor, (int64_t)(digit - '0'), minor);
}

/* The minor units of a text that is_decimal and has at most exponent decimals; false: too large. */
static bool decimal_to_minor(const char *text, int exponent, int64_t *out_minor)
{
	int64_t minor = 0;
	const char *at = text;

	for (; is_digit(*at); at++) {
		if (!append_digit(&minor, *at))
			return false;
	}
	if (*at == '.')
		at++;
	for (int i = 0; i < exponent; i++) {
		if (!append_digit(&minor, *at == '\0' ? '0' : *at))
			return false;
		if (*at != '\0')
			at++;
	}
	*out_minor = minor;
	return true;
}

enum mp_rc mp_money_parse(const char *text, const struct mp_currency *currency,
	struct mp_money *out, const char **reterr_reason)
{
	int64_t minor;

	assert(currency != NULL && out != NULL && reterr_reason != NULL);
	if (text == NULL || !is_decimal(text)) {
		*reterr_reason = MP_MONEY_NOT_DECIMAL;
		return MP_INVALID;
	}
	const char *point = strchr(text, '.');
	if (point != NULL && strlen(point + 1) > (size_t)currency->exponent) {
		*reterr_reason = too_precise(currency->exponent);
		return MP_INVALID;
	}
	if (!decimal_to_minor(text, currency->exponent, &minor)) {
		*reterr_reason = "is too large";
		return MP_INVALID;
	}
	out->minor = minor;
	memcpy(out->currency, currency->code, sizeof(out->currency));
	return MP_OK;
}

void mp_money_format(
	int64_t minor, const struct mp_currency *currency, char out_text[MP_AMOUNT_TEXT_SIZE])
{
	/* The smallest int64 has no positive twin of its type. */
	uint64_t rest = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
	char digits[MP_AMOUNT_TEXT_SIZE];
	char *at = digits + sizeof(digits) - 1;

	assert(currency->exponent >= 0 && currency->exponent <= EXPONENT_MAX);
	*at = '\0';
	for (int i = 0; i < currency->exponent; i++) {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (currency->exponent > 0)
		*--at = '.';
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (minor < 0)
		*--at = '-';
	memcpy(out_text, at, (size_t)(digits + sizeof(digits) - at));
}

enum mp_rc mp_minor_add(int64_t a, int64_t b, int64_t *out)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return MP_INVALID;
	*out = sum;
	return MP_OK;
}

enum mp_rc mp_minor_sub(int64_t a, int64_t b, int64_t *out)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return MP_INVALID;
	*out = difference;
	return MP_OK;
}

/* The same value counted in units of 10^-to instead of 10^-from, or MP_INVALID. */
static enum mp_rc rescale(int64_t amount, int from, int to, int64_t *out)
{
	if (to >= from) {
		int64_t scaled;
		if (__builtin_mul_overflow(amount, power_of_ten(to - from), &scaled))
			return MP_INVALID;
		*out = scaled;
		return MP_OK;
	}
	int64_t unit = power_of_ten(from - to);
	if (amount % unit != 0)
		return MP_INVALID;
	*out = amount / unit;
	return MP_OK;
}

enum mp_rc mp_money_to_provider(int64_t minor, const struct mp_currency *currency, int64_t *out)
{
	return rescale(minor, currency->exponent, currency->provider_exponent, out);
}

enum mp_rc mp_money_from_provider(int64_t amount, const struct mp_currency *currency, int64_t *out)
{
	return rescale(amount, currency->provider_exponent, currency->exponent, out);
}

int64_t mp_money_provider_step(const struct mp_currency *currency)
{
	int fewer_digits = currency->exponent - currency->provider_exponent;

	return power_of_ten(fewer_digits > 0 ? fewer_digits : 0);
}

enum mp_rc mp_money_chargeable(int64_t minor, const struct mp_currency *currency, int64_t *out)
{
	int64_t least =
		minor > currency->provider_minimum_minor ? minor : currency->provider_minimum_minor;
	int64_t step = mp_money_provider_step(currency);
	int64_t amount;

	assert(currency->provider_minimum_minor >= 0);
	int64_t rest = least % step;
	if (rest != 0 && __builtin_add_overflow(least, step - rest, &least))
		return MP_INVALID;
	if (mp_money_to_provider(least, currency, &amount) != MP_OK)
		return MP_INVALID;
	*out = least;
	return MP_OK;
}
