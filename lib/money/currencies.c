#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "money/money.h"

/* The CURRENCIES setting: "USD:2:2:0.50,JPY:0:0:50". */

#define EXPONENT_MAX 4
/*
 * The provider charges currencies of three decimals in steps of ten only, so its integers of them
 * cannot stand for every amount.
 */
#define PROVIDER_EXPONENT_MAX 2
#define ENTRY_SIZE 48
#define FIELDS 4
#define REASON_SIZE 160

struct entry {
	char text[ENTRY_SIZE]; /* cut into its fields */
	const char *fields[FIELDS];
};

static enum mp_rc refuse(char reterr[REASON_SIZE], const char *code, const char *reason)
{
	/* Both fit: a code is shorter than an entry, a reason is one of ours. */
	if (mp_text_format(reterr, REASON_SIZE, "\"%s\": %s", code, reason) != MP_OK)
		return MP_BUG;
	return MP_INVALID;
}

/* The part of text up to the comma or the end, cut at its colons; false when it is not four. */
static bool entry_cut(const char *text, size_t len, struct entry *out)
{
	size_t count = 0;

	if (len >= sizeof(out->text))
		return false;
	memcpy(out->text, text, len);
	out->text[len] = '\0';
	for (char *at = out->text; at != NULL;) {
		if (count == FIELDS)
			return false;
		out->fields[count++] = at;
		at = strchr(at, ':');
		if (at != NULL)
			*at++ = '\0';
	}
	return count == FIELDS;
}

static bool is_code(const char *text)
{
	for (size_t i = 0; i < 3; i++) {
		if (text[i] < 'A' || text[i] > 'Z')
			return false;
	}
	return text[3] == '\0';
}

static bool read_exponent(const char *text, int max, int *out)
{
	if (text[0] < '0' || text[0] > '0' + max || text[1] != '\0')
		return false;
	*out = text[0] - '0';
	return true;
}

static enum mp_rc entry_read(
	const struct entry *entry, struct mp_currency *out, char reterr[REASON_SIZE])
{
	const char *code = entry->fields[0];
	const char *reason;
	struct mp_money minimum;
	struct mp_currency currency = {0};

	if (!is_code(code))
		return refuse(reterr, code, "a code is three capital letters, such as USD");
	memcpy(currency.code, code, sizeof(currency.code));
	if (!read_exponent(entry->fields[1], EXPONENT_MAX, &currency.exponent))
		return refuse(reterr, code, "the ISO exponent (second) is 0 to 4");
	if (!read_exponent(entry->fields[2], PROVIDER_EXPONENT_MAX, &currency.provider_exponent))
		return refuse(reterr, code, "the provider's exponent (third) is 0 to 2");
	if (mp_money_parse(entry->fields[3], &currency, &minimum, &reason) != MP_OK)
		return refuse(reterr, code,
			"the provider's minimum charge (fourth) is a decimal amount of this "
			"currency");
	currency.provider_minimum_minor = minimum.minor;
	*out = currency;
	return MP_OK;
}

static enum mp_rc currencies_add(
	struct mp_currencies *currencies, const char *text, size_t len, char reterr[REASON_SIZE])
{
	struct entry entry;
	struct mp_currency currency;

	if (!entry_cut(text, len, &entry))
		return refuse(reterr, "CURRENCIES",
			"each currency is CODE:EXPONENT:PROVIDER_EXPONENT:MINIMUM, with commas "
			"between them");
	enum mp_rc rc = entry_read(&entry, &currency, reterr);
	if (rc != MP_OK)
		return rc;
	if (currencies->count > 0 && mp_currencies_find(currencies, currency.code) != NULL)
		return refuse(reterr, currency.code, "stands there twice");
	if (currencies->count == MP_CURRENCIES_MAX)
		return refuse(reterr, currency.code, "at most 32 currencies are allowed");
	currencies->items[currencies->count++] = currency;
	return MP_OK;
}

enum mp_rc mp_currencies_parse(const char *text, struct mp_currencies *out, char reterr[160])
{
	struct mp_currencies currencies = {0};

	if (text == NULL)
		text = "";
	for (;;) {
		size_t len = strcspn(text, ",");
		enum mp_rc rc = currencies_add(&currencies, text, len, reterr);
		if (rc != MP_OK)
			return rc;
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	*out = currencies;
	return MP_OK;
}

const struct mp_currency *mp_currencies_find(
	const struct mp_currencies *currencies, const char *code)
{
	if (code == NULL || code[0] == '\0')
		return currencies->count > 0 ? &currencies->items[0] : NULL;
	for (size_t i = 0; i < currencies->count; i++) {
		if (strcmp(currencies->items[i].code, code) == 0)
			return &currencies->items[i];
	}
	return NULL;
}

void mp_currencies_tell(
	const struct mp_currencies *currencies, char out_text[MP_CURRENCIES_TEXT_SIZE])
{
	static const char head[] = "must be one of: ";
	size_t len = sizeof(head) - 1;

	static_assert(sizeof(head) + MP_CURRENCIES_MAX * 5 <= MP_CURRENCIES_TEXT_SIZE, "all fit");
	memcpy(out_text, head, sizeof(head));
	for (size_t i = 0; i < currencies->count; i++) {
		enum mp_rc fits = mp_text_format(out_text + len, MP_CURRENCIES_TEXT_SIZE - len,
			"%s%.3s", i > 0 ? ", " : "", currencies->items[i].code);
		assert(fits == MP_OK);
		len += strlen(out_text + len);
	}
}
