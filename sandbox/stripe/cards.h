#ifndef MP_SANDBOX_CARDS_H
#define MP_SANDBOX_CARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/* The provider's test cards, and what a form's fields must look like. Pure. */
struct card {
	const char *number; /* digits and spaces, as entered; "" when absent */
	const char *expiry; /* MM/YY */
	const char *cvc;
};

/* What is wrong with each field, one sentence for the person; NULL: nothing. */
struct card_problems {
	const char *number;
	const char *expiry;
	const char *cvc;
};

/* What the bank says. Literals. */
struct card_verdict {
	const char *code; /* NULL: the card is charged */
	const char *decline_code;
	const char *message;
};

/* MP_INVALID with problems when any field is malformed (now_ms tells what has expired). */
enum mp_rc card_judge(const struct card *card, int64_t now_ms, struct card_verdict *out_verdict,
	struct card_problems *reterr_problems) MP_MUST_CHECK;

/* The table for people, on the hosted page: NULL behind the last. */
const char *card_listed(size_t index, const char **out_what);

#endif
