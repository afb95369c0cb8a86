#ifndef MP_MPCTL_PAYMENT_H
#define MP_MPCTL_PAYMENT_H

#include "call.h"
#include "table.h"

/*
 * One payment across the services: payment.c asks for it and prints its parts, payment_words.c says
 * what they mean. Texts live in the run's arena.
 */
struct chain {
	struct mpctl *ctl;
	struct mp_id id;
	json_t *payment;
	json_t *bill;	   /* NULL: there is none, or nobody says */
	json_t *transfers; /* the wallet's, and our "kind"; one that is not made has no "outcome" */
	json_t *mails;	   /* and our "to" */
	bool mails_cut;	   /* one of the two got more than email looks through */
	bool wallet_silent;
	struct table dead; /* letters about it */
	size_t dead_count;
	enum mpctl_exit result; /* the worst so far */
};

/* "" where there is none. */
const char *chain_text(const json_t *json, const char *name);

/* An amount of json with the payment's currency; "" where there is none. */
const char *chain_amount(struct chain *chain, const json_t *json, const char *name);

/* "0.25 s", "4 min", "3 days". */
const char *chain_duration(struct mp_arena *arena, int64_t ms);

/* Each a phrase; NULL where there is nothing to say. */
const char *chain_waits_for(struct chain *chain);
const char *chain_money(struct chain *chain);  /* where it is */
const char *chain_advice(struct chain *chain); /* what the operator may do */

#endif
