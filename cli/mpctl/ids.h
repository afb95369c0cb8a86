#ifndef MP_MPCTL_IDS_H
#define MP_MPCTL_IDS_H

#include "base/id.h"

/* The ids of transfers, as billing makes them (services/billing/billing_rules.c). Pure. */

/* F: a captured amount into the payer's wallet. */
struct mp_id mpctl_funding_id(const struct mp_id *payment_id, const char *payment_intent);

/* S(n): the payer's wallet to the payee's. */
struct mp_id mpctl_settlement_id(const struct mp_id *payment_id, int64_t attempt);

#endif
