#ifndef MP_EMAIL_TYPES_H
#define MP_EMAIL_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

#define EMAIL_ADDRESS_SIZE 255
#define EMAIL_ANSWER_SIZE 256
#define EMAIL_UNANSWERED_MAX 2 /* the first time, and once more */

/* An entry of the address book, as the user service told it last. */
struct email_contact {
	struct mp_id user_id;
	int64_t version; /* of the user's record: an older one never overwrites a newer one */
	char first_name[257];
	char last_name[257];
	char address[EMAIL_ADDRESS_SIZE]; /* "" when the user gave none */
};

enum email_template {
	EMAIL_WALLET_CREDITED,
	EMAIL_BILL_PAID,     /* to the client */
	EMAIL_BILL_RECEIVED, /* to the provider */
	EMAIL_PAYMENT_NEEDS_FUNDING,
	EMAIL_PAYMENT_EXPIRED,
	EMAIL_PAYMENT_FAILED,
	EMAIL_TEMPLATE_COUNT,
};

/*
 *	pending ──────────────┬─ taken ─────────────> sent
 *	   │                  ├─ refused, 5xx ──────> refused
 *	   └─ no address      ├─ given up ──────────> failed
 *	         v            ├─ not now ───────────> deferred ── tried again
 *	     no_address       └─ unanswered ────────> unknown  ── sent once more, then left
 */
enum email_state {
	EMAIL_PENDING, /* claimed; waits for its turn, or for the recipient's address */
	EMAIL_SENT,
	EMAIL_NO_ADDRESS, /* the user has none: the notice stands in the log alone */
	EMAIL_FAILED,	  /* cannot be written as a message, or was deferred for too long */
	EMAIL_DEFERRED,	  /* not taken so far; tried again later */
	EMAIL_REFUSED,	  /* by the mail server, for good */
	EMAIL_UNKNOWN,	  /* handed over at least once without an answer: perhaps it has arrived */
	EMAIL_STATE_COUNT,
};

/* What one event tells one person. */
struct email_notice {
	enum email_template template;
	struct mp_id recipient; /* user */
	struct mp_id event_id;
	char event[32]; /* its type */
	int64_t event_time_ms;
	struct mp_id payment_id;
	struct mp_id other; /* the other party, or none */
	char amount[24];    /* decimal */
	char currency[4];
	char balance[24];      /* decimal, or "" */
	char shortfall[24];    /* decimal, or "" */
	char invoice_no[24];   /* or "" */
	char description[801]; /* the payer's words, or "" (200 characters of UTF-8) */
	char reason[801];      /* why it failed, or "" */
	char traceparent[56];  /* of the event, or "" */
};

/* A row of the mail log. */
struct email_mail {
	struct mp_id id; /* of event, template and recipient: the same notice is one mail */
	int64_t version;
	struct email_notice notice;
	enum email_state state;
	int64_t attempts;
	int64_t created_ms;
	int64_t changed_ms;
	char address[EMAIL_ADDRESS_SIZE]; /* where it went; "" before */
	int64_t first_try_ms;		  /* 0: not tried yet */
	int64_t unanswered;		  /* times it was handed over and no answer is known;
					     EMAIL_UNANSWERED_MAX: it is not sent any more */
	int64_t hold_until_ms;		  /* an answer may still come: nobody sends it until then */
	char answer[EMAIL_ANSWER_SIZE];	  /* the mail server's last words about it, or "" */
};

/* Who mails come from. */
struct email_sender {
	char name[257]; /* or "" */
	char address[EMAIL_ADDRESS_SIZE];
};

const char *email_template_name(enum email_template template);
const char *email_state_name(enum email_state state);

/* False when no template or state has the name. */
bool email_template_parse(const char *name, enum email_template *out);
bool email_state_parse(const char *name, enum email_state *out);

/*
 * True for what may stand in an envelope and between a header's angle brackets: printable ASCII
 * without any character that means something there, one '@', lengths as RFC 5321 has them. Pure.
 */
bool email_address_is_plain(const char *address);

/* Reads "Name <address>" or "address". False when it is neither. Pure. */
bool email_sender_parse(const char *text, struct email_sender *out);

/* The mail's id follows from event, template and recipient. Pure. */
struct mp_id email_mail_id(const struct email_notice *notice);

#endif
