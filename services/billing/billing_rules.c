#include "billing_rules.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"

static const char *const state_names[BILL_STATE_COUNT] = {
	[BILL_SETTLING] = "settling",
	[BILL_UNFUNDED] = "unfunded",
	[BILL_SETTLED] = "settled",
	[BILL_VOID] = "void",
};

const char *bill_state_name(enum bill_state state)
{
	assert(state < BILL_STATE_COUNT);
	return state_names[state];
}

bool bill_state_parse(const char *name, enum bill_state *out)
{
	for (int i = 0; i < BILL_STATE_COUNT; i++) {
		if (strcmp(state_names[i], name) == 0) {
			*out = (enum bill_state)i;
			return true;
		}
	}
	return false;
}

static enum bill_step decide_settling(const struct bill *bill, int64_t attempt)
{
	if (bill == NULL)
		return BILL_STEP_SETTLE;
	switch (bill->state) {
	case BILL_SETTLING:
		return BILL_STEP_RESUME;
	case BILL_UNFUNDED:
		return attempt > bill->attempt ? BILL_STEP_SETTLE : BILL_STEP_TELL;
	case BILL_SETTLED:
	case BILL_VOID:
	case BILL_STATE_COUNT:
		break;
	}
	return BILL_STEP_TELL;
}

static enum bill_step decide_void(const struct bill *bill)
{
	if (bill == NULL || bill->state == BILL_UNFUNDED)
		return BILL_STEP_VOID;
	/* While settling, the outcome comes first; asked again after it, the answer is clear. */
	return bill->state == BILL_SETTLING ? BILL_STEP_RESUME : BILL_STEP_TELL;
}

enum bill_step bill_decide(const struct bill *bill, const struct billing_order *order)
{
	if (mp_id_is_none(&order->paid_to))
		return BILL_STEP_NONE; /* a top-up */
	if (order->kind == ORDER_VOID)
		return decide_void(bill);
	if (order->attempt == 0)
		return BILL_STEP_NONE; /* a capture that only funds */
	return decide_settling(bill, order->attempt);
}

void bill_from_order(const struct billing_order *order, struct bill *out)
{
	*out = (struct bill){
		.id = bill_id_of(&order->payment_id),
		.payment_id = order->payment_id,
		.user_id = order->paid_by,
		.provider_id = order->paid_to,
		.amount = order->amount,
		.date_ms = order->created_ms,
	};
	memcpy(out->description, order->description, sizeof(out->description));
	bill_invoice_no(out, 0, out->invoice_no);
}

struct mp_id bill_id_of(const struct mp_id *payment_id)
{
	return mp_id_derive(payment_id, "bill", 0);
}

struct mp_id funding_id_of(const struct billing_order *order)
{
	return mp_id_derive_text(
		mp_id_time_ms(&order->payment_id), "funding", order->payment_intent);
}

struct mp_id settlement_id_of(const struct mp_id *payment_id, int64_t attempt)
{
	return mp_id_derive(payment_id, "settlement", attempt);
}

void bill_invoice_no(const struct bill *bill, int salt, char out_text[BILLING_INVOICE_SIZE])
{
	/* Crockford's base32: no letter that is taken for a digit. */
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	struct mp_id id = mp_id_derive(&bill->id, "invoice", salt);
	uint8_t bytes[6];
	uint64_t bits = 0;
	char number[9];

	bool is_hex = mp_unhex(id.text + 24, sizeof(bytes), bytes); /* the id's last group */
	assert(is_hex);
	(void)is_hex;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bits = bits << 8 | bytes[i];
	for (size_t i = 0; i < 8; i++)
		number[i] = digits[bits >> (5 * i) & 31];
	number[8] = '\0';
	int len = snprintf(out_text, BILLING_INVOICE_SIZE, "INV-%06d-%s",
		mp_time_month(bill->date_ms), number);
	assert(len > 0 && len < BILLING_INVOICE_SIZE);
	(void)len;
}

void bill_apply(struct bill *bill, const struct billing_transfer *settlement)
{
	assert(bill->state == BILL_SETTLING && settlement->outcome != TRANSFER_REFUSED);
	bill->changed_ms = settlement->decided_ms;
	if (settlement->outcome == TRANSFER_POSTED) {
		bill->state = BILL_SETTLED;
		bill->shortfall_minor = 0;
		bill->transfer_id = settlement->id;
	} else {
		bill->state = BILL_UNFUNDED;
		bill->shortfall_minor = settlement->shortfall_minor;
	}
}
