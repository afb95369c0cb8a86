#ifndef MP_WALLET_FUNDINGS_H
#define MP_WALLET_FUNDINGS_H

#include "wallet_db.h"

/*
 * What moved between the payment provider's account and users in a time, for the comparison with
 * the provider's own books. Entries are found by their time in each shard, so a day costs a day,
 * however old it is. A page may be empty and not the last: one looks at a part of the shards only.
 */
struct fundings_query {
	int64_t from_ms;   /* inclusive, by the time of posting */
	int64_t to_ms;	   /* exclusive */
	const char *after; /* the page before's next; NULL: the first page */
	size_t limit;
};

struct fundings_page {
	const struct wallet_entry **entries; /* of system:psp: a credited user's is negative here */
	size_t count;
	const char *next; /* NULL: this was the last page */
};

/* Errors: MP_INVALID (after is none of ours), those of the store. Memory: the arena's. */
enum mp_rc fundings_read(const struct wallet_db *db, const struct mp_currencies *currencies,
	const struct fundings_query *query, struct mp_arena *arena,
	struct fundings_page *out_page) MP_MUST_CHECK;

#endif
