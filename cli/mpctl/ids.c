#include "ids.h"

struct mp_id mpctl_funding_id(const struct mp_id *payment_id, const char *payment_intent)
{
	return mp_id_derive_text(mp_id_time_ms(payment_id), "funding", payment_intent);
}

struct mp_id mpctl_settlement_id(const struct mp_id *payment_id, int64_t attempt)
{
	return mp_id_derive(payment_id, "settlement", attempt);
}
