#ifndef MP_WALLET_AUDIT_INTERNAL_H
#define MP_WALLET_AUDIT_INTERNAL_H

#include "audit.h"
#include "audit_recent.h"

/*
 * What the files of the audit share:
 *	audit.c         the walk over accounts and transfers, the totals, the report
 *	audit_match.c   entries against transfers
 *	audit_recent.c  transfers of the last moments, which may be seen in part
 *
 * Entries and transfers are matched in one of two ways. The quick one gives each entry a print, a
 * keyed hash of all that it says, and each side of each posted leg the print of the entry that it
 * should have made; summed over all, they are equal. It reads everything once, and tells that
 * something is wrong, not what. The thorough one looks up every entry's transfer and every
 * transfer's entries, and names what does not match: it is run when the quick one is not content.
 */
#define AUDIT_PAGE_ITEMS 250
#define AUDIT_SALT_BYTES 16

struct audit {
	const struct wallet_db *db;
	const atomic_bool *is_canceled; /* or NULL */
	bool thorough;
	struct mp_arena *rows;	 /* a page of the walk */
	struct mp_arena *page;	 /* a page of an account's entries */
	struct mp_arena *lookup; /* what is looked up for a page */

	uint8_t salt[AUDIT_SALT_BYTES];
	audit_print prints; /* of entries, less those of legs; of what is not recent */
	struct audit_recent *recent;
	int64_t recent_from_ms;
	enum mp_rc recent_rc; /* why recent is not whole */

	__int128 sums[MP_CURRENCIES_MAX];
	struct mp_arena *report_arena;
	struct audit_report *report;
	bool problems;
};

/* A sentence for the report; the audit is not ok from then on. */
__attribute__((format(printf, 2, 3))) void audit_problem(
	struct audit *audit, const char *format, ...);

void audit_add_to_total(struct audit *audit, const char *currency, __int128 amount_minor);

/* One by one, of every account and of the whole table. */
void audit_match_entry(struct audit *audit, const struct wallet_entry *entry);
void audit_match_transfer(struct audit *audit, const struct wallet_transfer *transfer);

/* Thorough only: the transfers of some entries of one account; the entries of posted transfers. */
enum mp_rc audit_find_transfers(
	struct audit *audit, const struct wallet_entry *entries, size_t count) MP_MUST_CHECK;
enum mp_rc audit_find_entries(struct audit *audit, const struct wallet_transfer *const *transfers,
	size_t count) MP_MUST_CHECK;

/* At the end: what was recent and seen in part is looked up; prints must be equal. */
enum mp_rc audit_match_end(struct audit *audit) MP_MUST_CHECK;

#endif
