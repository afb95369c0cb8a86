#include "amount.h"

#include <string.h>

#include "base/text.h"
#include "money/money.h"

bool mpctl_read_amount(const char *text, int64_t *out_minor, int *out_digits)
{
	const char *point = text == NULL ? NULL : strchr(text, '.');
	char joined[MP_AMOUNT_TEXT_SIZE] = "";
	size_t len = text == NULL ? 0 : strlen(text);

	if (len == 0 || len >= sizeof(joined))
		return false;
	size_t whole = point != NULL ? (size_t)(point - text) : len;
	memcpy(joined, text, whole);
	if (point != NULL)
		memcpy(joined + whole, point + 1, len - whole);
	*out_digits = point != NULL ? (int)(len - whole - 1) : 0;
	return mp_text_to_int(joined, out_minor) == MP_OK;
}

const char *mpctl_write_amount(struct mp_arena *arena, int64_t minor, int digits)
{
	const struct mp_currency currency = {.exponent = digits};
	char text[MP_AMOUNT_TEXT_SIZE];

	mp_money_format(minor, &currency, text);
	return mp_arena_strdup(arena, text);
}
