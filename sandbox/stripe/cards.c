#include "cards.h"

#include <string.h>

#include "base/clock.h"

#define DIGITS_MIN 13
#define DIGITS_MAX 19

static const struct test_card {
	const char *number; /* as people write it */
	const char *what;
	struct card_verdict verdict;
} cards[] = {
	{"4242 4242 4242 4242", "is charged", {NULL, NULL, NULL}},
	{"4000 0000 0000 0002", "is declined",
		{"card_declined", "generic_decline", "Your card was declined."}},
	{"4000 0000 0000 9995", "has insufficient funds",
		{"card_declined", "insufficient_funds", "Your card has insufficient funds."}},
	{"4000 0000 0000 0069", "has expired", {"expired_card", NULL, "Your card has expired."}},
	{"4000 0000 0000 0127", "has a wrong security code",
		{"incorrect_cvc", NULL, "Your card's security code is incorrect."}},
	{"4000 0000 0000 0119", "cannot be processed now",
		{"processing_error", NULL,
			"An error occurred while processing your card. Try again in a little "
			"bit."}},
	{"5555 5555 5555 4444", "is charged (Mastercard)", {NULL, NULL, NULL}},
	{"3782 822463 10005", "is charged (American Express)", {NULL, NULL, NULL}},
};

static const struct card_verdict not_a_test_card = {"card_declined", "test_mode_live_card",
	"Your card was declined. Your request was in test mode, but used a non test card."};

const char *card_listed(size_t index, const char **out_what)
{
	if (index >= sizeof(cards) / sizeof(cards[0]))
		return NULL;
	*out_what = cards[index].what;
	return cards[index].number;
}

/* The digits alone; 0 when there is anything but digits, spaces and hyphens. */
static size_t digits_of(const char *text, char out[DIGITS_MAX + 1])
{
	size_t count = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '-')
			continue;
		if (*text < '0' || *text > '9' || count == DIGITS_MAX)
			return 0;
		out[count++] = *text;
	}
	out[count] = '\0';
	return count;
}

/* Luhn's sum (ISO/IEC 7812). */
static bool sum_is_right(const char *digits, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < count; i++) {
		int digit = digits[count - 1 - i] - '0';
		if (i % 2 == 1)
			digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	return sum % 10 == 0;
}

static const char *number_problem(const char *digits, size_t count)
{
	if (count == 0)
		return "Enter the number on the card.";
	if (count < DIGITS_MIN)
		return "Your card number is incomplete.";
	return sum_is_right(digits, count) ? NULL : "Your card number is invalid.";
}

/* "12/34", "12 / 34", "1234" or "12/2034": month and year. */
static bool read_expiry(const char *text, int *out_year_month)
{
	char digits[7];
	size_t count = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' || (*text == '/' && count == 2))
			continue;
		if (*text < '0' || *text > '9' || count == sizeof(digits) - 1)
			return false;
		digits[count++] = *text;
	}
	if (count != 4 && count != 6)
		return false;
	int month = (digits[0] - '0') * 10 + digits[1] - '0';
	int year = count == 4 ? 20 : (digits[2] - '0') * 10 + digits[3] - '0';
	year = year * 100 + (digits[count - 2] - '0') * 10 + digits[count - 1] - '0';
	*out_year_month = year * 100 + month;
	return month >= 1 && month <= 12;
}

static const char *expiry_problem(const char *text, int64_t now_ms)
{
	int year_month;

	if (!read_expiry(text, &year_month))
		return "Enter month and year as MM/YY.";
	return year_month < mp_time_month(now_ms) ? "This card has expired." : NULL;
}

static const char *cvc_problem(const char *text)
{
	size_t len = strlen(text);

	if (strspn(text, "0123456789") != len || len < 3 || len > 4)
		return "Enter the 3 or 4 digits of the security code.";
	return NULL;
}

enum mp_rc card_judge(const struct card *card, int64_t now_ms, struct card_verdict *out_verdict,
	struct card_problems *reterr_problems)
{
	char digits[DIGITS_MAX + 1];
	char listed[DIGITS_MAX + 1];
	size_t count = digits_of(card->number, digits);
	struct card_problems problems = {
		.number = number_problem(digits, count),
		.expiry = expiry_problem(card->expiry, now_ms),
		.cvc = cvc_problem(card->cvc),
	};

	if (problems.number != NULL || problems.expiry != NULL || problems.cvc != NULL) {
		*reterr_problems = problems;
		return MP_INVALID;
	}
	for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++) {
		if (digits_of(cards[i].number, listed) == count && strcmp(listed, digits) == 0) {
			*out_verdict = cards[i].verdict;
			return MP_OK;
		}
	}
	*out_verdict = not_a_test_card;
	return MP_OK;
}
