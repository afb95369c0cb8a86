#ifndef MP_WALLET_AUDIT_RECENT_H
#define MP_WALLET_AUDIT_RECENT_H

#include "wallet_types.h"

/*
 * For the audit: what was seen so far of each recent transfer, summed. One that comes to zero is
 * forgotten; those left at the end were seen in part.
 */
struct audit_recent;

typedef unsigned __int128 audit_print; /* sums of prints go round and round */

struct audit_partial {
	struct mp_id transfer_id;
	char currency[4];
	__int128 sum;	    /* of the amounts of its entries */
	audit_print prints; /* of its entries, less those of its legs */
};

/* NULL without memory. partials_max bounds its memory. */
struct audit_recent *audit_recent_new(size_t partials_max);
void audit_recent_free(struct audit_recent *recent);

/* MP_TOO_LARGE over the bound, MP_NOMEM. */
enum mp_rc audit_recent_add(struct audit_recent *recent, const struct mp_id *transfer_id,
	const char *currency, int64_t amount_minor, audit_print print) MP_MUST_CHECK;

/* The partials left, one by one: *cursor starts at 0. NULL after the last. */
const struct audit_partial *audit_recent_next(const struct audit_recent *recent, size_t *cursor);

#endif
