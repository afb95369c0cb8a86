#ifndef MP_BILLING_TYPES_H
#define MP_BILLING_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "money/money.h"

#define BILLING_DESCRIPTION_SIZE 801 /* 200 characters of UTF-8 and a NUL */
#define BILLING_INVOICE_SIZE 24
#define BILLING_INTENT_SIZE 256

/*
 * A bill's life. Billing alone decides it; every step is guarded by the bill's version.
 *
 *	settling(n) ── S(n) posted ──> settled
 *	            ── S(n) refused ─> unfunded(n) ── attempt m > n ──> settling(m)
 *	                                           ── payment ended ──> void
 */
enum bill_state {
	BILL_SETTLING, /* attempt n's transfer S(n) is asked for, or about to be */
	BILL_UNFUNDED, /* S(n) was refused for lack of funds; nothing was moved */
	BILL_SETTLED,  /* S(n) was posted */
	BILL_VOID,     /* will never be paid */
	BILL_STATE_COUNT,
};

struct bill {
	struct mp_id id; /* derived from the payment's */
	int64_t version; /* the store's; 0: not stored yet */
	struct mp_id payment_id;
	struct mp_id user_id; /* the client, billed */
	struct mp_id provider_id;
	char invoice_no[BILLING_INVOICE_SIZE];
	struct mp_money amount;
	char description[BILLING_DESCRIPTION_SIZE];
	int64_t date_ms; /* the payment's */
	enum bill_state state;
	int64_t attempt;	  /* n: which S(n) the state is about; 0: none was made */
	int64_t shortfall_minor;  /* BILL_UNFUNDED: what the wallet lacked */
	struct mp_id transfer_id; /* BILL_SETTLED: S(n) */
	int64_t changed_ms;	  /* settled and unfunded: when the wallet decided it */
};

/* What an event of the payment service asks for. */
enum order_kind {
	ORDER_SETTLE, /* payment.requested: pay from the wallet */
	ORDER_FUND,   /* payment.captured: fund the wallet; with an attempt, settle then */
	ORDER_VOID,   /* payment.canceled, .expired, .failed */
};

struct billing_order {
	enum order_kind kind;
	int64_t attempt; /* 0: none (a capture that only funds) */
	struct mp_id payment_id;
	struct mp_id paid_by;
	struct mp_id paid_to;	/* none: a top-up */
	struct mp_money amount; /* what the bill is for */
	int64_t created_ms;	/* of the payment */
	char description[BILLING_DESCRIPTION_SIZE];
	char payment_intent[BILLING_INTENT_SIZE]; /* ORDER_FUND */
	int64_t captured_minor;
	int64_t captured_ms;
	const char *traceparent; /* of its event, borrowed; NULL: none */
};

/* A captured amount in the client's wallet: listed for reports, told by funding.settled. */
struct billing_funding {
	struct mp_id transfer_id; /* F */
	struct mp_id payment_id;
	struct mp_id paid_by;
	struct mp_money amount;
	int64_t date_ms;    /* of the capture */
	int64_t settled_ms; /* the wallet's time of the transfer: the event's, not stored */
	char payment_intent[BILLING_INTENT_SIZE];
};

enum transfer_outcome {
	TRANSFER_POSTED,
	TRANSFER_UNFUNDED, /* refused for lack of funds: shortfall_minor says how much */
	TRANSFER_REFUSED,  /* refused for another reason, or its id is known with other content */
};

/* One leg that the wallet is asked to move. */
struct billing_transfer {
	struct mp_id id;
	bool funding;	   /* F: system:psp -> to; otherwise S: from -> to */
	struct mp_id from; /* user; none for F */
	struct mp_id to;   /* user */
	struct mp_money amount;
	struct mp_id payment_id;
	struct mp_id bill_id;	       /* or none */
	enum transfer_outcome outcome; /* set by the wallet's answer, like what follows */
	int64_t shortfall_minor;
	int64_t decided_ms; /* the same at every repeat */
};

const char *bill_state_name(enum bill_state state);
bool bill_state_parse(const char *name, enum bill_state *out);

#endif
