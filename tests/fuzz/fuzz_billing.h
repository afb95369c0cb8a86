#ifndef MP_FUZZ_BILLING_H
#define MP_FUZZ_BILLING_H

#include "billing.h"
#include "fuzz.h"

/* Billing on an empty store; the wallet has money for every second transfer. */

static enum mp_rc fuzz_transfer(
	void *wallet, struct mp_arena *arena, struct billing_transfer *transfers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		FUZZ_CHECK(transfers[i].amount.minor > 0);
		transfers[i].outcome = transfers[i].funding || transfers[i].amount.minor % 2 == 0
					       ? TRANSFER_POSTED
					       : TRANSFER_UNFUNDED;
		transfers[i].shortfall_minor = transfers[i].outcome == TRANSFER_UNFUNDED;
	}
	return MP_OK;
}

static inline void fuzz_billing_open(struct billing_app *app)
{
	app->db.store = fuzz_store();
	app->db.outbox = fuzz_outbox(app->db.store);
	app->db.due = fuzz_due(app->db.store, "bill");
	app->db.currencies = fuzz_currencies;
	app->db.redrive_ms = 1000;
	app->transfer = fuzz_transfer;
}

#endif
