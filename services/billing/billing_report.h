#ifndef MP_BILLING_REPORT_H
#define MP_BILLING_REPORT_H

#include "base/arena.h"
#include "base/rc.h"
#include "billing_types.h"

/*
 * A user's money by month, currency and counterparty: sums of settled bills and of fundings, to the
 * cent. A bill and the funding that paid for it count in the same month, that of their payment.
 * Pure: the caller reads the rows and adds them.
 */
struct report_sums {
	int64_t paid_minor;	/* bills that the user paid */
	int64_t received_minor; /* bills that were paid to the user */
	int64_t funded_minor;	/* captured at the payment provider */
	int64_t count;		/* of bills and fundings */
};

/* One group; what a list does not group by is zeroed. */
struct report_row {
	int month; /* yyyymm, UTC */
	char currency[4];
	struct mp_id counterparty; /* none for fundings */
	struct report_sums sums;
};

struct report_list {
	struct report_row *rows; /* in the arena, in order of month, currency, counterparty */
	size_t count;
	size_t capacity;
};

struct billing_report {
	struct mp_arena *arena;
	struct mp_id user_id;
	struct report_list detail;	   /* by month, currency and counterparty */
	struct report_list months;	   /* by month and currency */
	struct report_list counterparties; /* by currency and counterparty, fundings left out */
	struct report_list totals;	   /* by currency */
};

#define REPORT_ROWS_MAX 10000	      /* groups of one list; more is MP_TOO_LARGE */
#define REPORT_ARENA_BYTES (8u << 20) /* holds them all */
#define REPORT_MONTHS_MAX 13
#define REPORTS_MAX 2 /* made at once: a large one takes some 20 MiB until it is answered */

void billing_report_begin(
	struct billing_report *report, struct mp_arena *arena, const struct mp_id *user_id);

/* A bill that is not settled adds nothing. MP_TOO_LARGE, MP_NOMEM, MP_INVALID (overflow). */
enum mp_rc billing_report_add_bill(
	struct billing_report *report, const struct bill *bill) MP_MUST_CHECK;
enum mp_rc billing_report_add_funding(
	struct billing_report *report, const struct billing_funding *funding) MP_MUST_CHECK;

/* How many months from..to has, both included, as yyyymm; 0 when to is before from. */
int billing_report_months(int from, int to);

/* The month before or after by so many. */
int billing_report_month_add(int month, int months);

/* The first millisecond of a month, UTC. */
int64_t billing_report_month_start_ms(int month);

#endif
