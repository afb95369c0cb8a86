#ifndef MP_BILLING_RULES_H
#define MP_BILLING_RULES_H

#include "billing_types.h"

/* What billing decides, as pure functions: no clock, no I/O. */

enum bill_step {
	BILL_STEP_NONE,	  /* no bill is concerned */
	BILL_STEP_SETTLE, /* write settling(attempt of the order), then ask for its transfer */
	BILL_STEP_RESUME, /* it is settling: ask for its transfer again, the ids make it the same */
	BILL_STEP_VOID,	  /* write void, and tell it */
	BILL_STEP_TELL, /* an order that the state does not expect: tell the latest outcome again */
};

/*
 * What an order does to a bill; NULL: there is none yet. An attempt only ever acts after the
 * recorded refusal of the one before, and never twice.
 */
enum bill_step bill_decide(const struct bill *bill, const struct billing_order *order);

/* The bill that an order is about, as it is when it is new: state and attempt are not set. */
void bill_from_order(const struct billing_order *order, struct bill *out);

/* The bill's id: one for each payment. */
struct mp_id bill_id_of(const struct mp_id *payment_id);

/* F's id: one for each of the provider's PaymentIntents. */
struct mp_id funding_id_of(const struct billing_order *order);

/* S(n)'s id: one for each payment and attempt. */
struct mp_id settlement_id_of(const struct mp_id *payment_id, int64_t attempt);

/*
 * "INV-<yyyymm>-<8 base32>": the month of date_ms, and 40 bits of the bill's id. salt 0 first; a
 * number that is taken by another bill goes on to salt 1, 2, ...
 */
void bill_invoice_no(const struct bill *bill, int salt, char out_text[BILLING_INVOICE_SIZE]);

/* The bill after its transfer's outcome. TRANSFER_REFUSED is not an outcome of S: a bug. */
void bill_apply(struct bill *bill, const struct billing_transfer *settlement);

#endif
