#ifndef MP_PAYMENT_PAYMENT_TYPES_H
#define MP_PAYMENT_PAYMENT_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/rc.h"
#include "money/money.h"

/*
 * What a payment is made of. Amounts are minor units of the payment's currency. Texts are borrowed
 * from the arena that the record was read or built in.
 */

#define PAYMENT_DESCRIPTION_CHARS_MAX 200 /* code points */
#define PAYMENT_REASON_BYTES_MAX 200
#define PAYMENT_URL_BYTES_MAX 2048
#define PROVIDER_ID_BYTES_MAX 255

/* A person can ask for so many attempts; each costs a few rows. */
#define PAYMENT_ATTEMPTS_MAX 99

/* Declines are noted up to here; whoever tries cards without end fills no store. */
#define PAYMENT_ROWS_FOR_DECLINES 200

enum payment_state {
	PAYMENT_CREATED,	   /* a session is wanted, its page is not open yet */
	PAYMENT_AWAITING_PROVIDER, /* the provider's page is open: the payer's turn */
	PAYMENT_SETTLING,	   /* billing was told and moves the money */
	PAYMENT_REQUIRES_FUNDING,  /* the wallet was too empty: the rest is to be charged */
	PAYMENT_CLOSING,	   /* ends as `ending` says, once the bill is void */
	PAYMENT_SUCCEEDED,
	PAYMENT_CANCELED,
	PAYMENT_EXPIRED,
	PAYMENT_FAILED,
	PAYMENT_REVIEW, /* a person has to look: see reviewed_from */
	PAYMENT_STATES
};

enum payment_source {
	PAYMENT_FROM_WALLET,
	PAYMENT_FROM_CARD,
};

/* What settles the current attempt. */
enum attempt_kind {
	ATTEMPT_WALLET,	 /* billing was asked by payment.requested */
	ATTEMPT_SESSION, /* a session of the provider, then payment.captured */
};

struct payment {
	struct mp_id id;
	struct mp_id paid_by;
	struct mp_id paid_to; /* none: a top-up */
	int64_t amount_minor;
	const struct mp_currency *currency;
	enum payment_source source; /* as its payer chose last */
	const char *description;    /* NULL: none */
	int64_t created_at_ms;

	enum payment_state state;
	int64_t state_at_ms;	   /* when it came into this state: its event's time */
	enum payment_state ending; /* CLOSING, or reviewed from it: CANCELED, EXPIRED or FAILED */
	/*
	 * REVIEW: SETTLING or CLOSING when billing did not answer, however often it was told; its
	 * answer still counts. CREATED when the provider's figures are not ours.
	 */
	enum payment_state reviewed_from;
	const char *reason; /* why it ends or ended otherwise than hoped; NULL: none */

	int64_t attempt; /* the current one; only ever grows, from 1 */
	enum attempt_kind attempt_kind;
	int64_t session_attempt;       /* whose session is the payer's to pay; 0: none */
	bool cancel_wanted;	       /* done as soon as the provider has ended the session */
	const char *checkout_url;      /* of session_attempt, once open; NULL: none to pay */
	int64_t checkout_minor;	       /* what it charges */
	int64_t checkout_expires_at_s; /* when it ends */
	int64_t captures_unsettled;    /* captured, and not yet told to be in the wallet */
	int64_t sessions_processing;   /* of any attempt: their money is still on its way */
	int64_t timeline_count;
	const char *trace; /* traceparent of the request that made it; NULL: none */
	int64_t version;   /* of the record as read; 0: not written yet */
};

enum session_state {
	SESSION_WANTED, /* to be opened, or opened and the answer lost */
	SESSION_OPEN,
	SESSION_PROCESSING, /* the payer is done, the money is still on its way */
	SESSION_PAID,
	SESSION_EXPIRED,
	SESSION_FAILED,
	SESSION_STATES
};

/* One session with the provider: all that its opening needs is stored before it is asked for. */
struct payment_attempt {
	int64_t number;
	int64_t amount_minor;
	int64_t expires_at_s;
	enum session_state state;
	const char *session_id;	   /* NULL until known */
	const char *decline_event; /* the last decline that was noted; NULL: none */
	int64_t version;	   /* 0: not written yet */
	bool changed;
	struct payment_attempt *next;
};

/* Money that arrived at the provider, once for each PaymentIntent. */
struct payment_capture {
	const char *payment_intent;
	int64_t amount_minor;
	int64_t attempt; /* which it settles; 0: it only funds the wallet */
	int64_t captured_at_ms;
	bool settled;	 /* billing has told that it is in the wallet */
	int64_t version; /* 0: not written yet */
	bool changed;
	struct payment_capture *next;
};

/* A line of what happened, for people. */
struct payment_row {
	int64_t seq; /* from 1 */
	int64_t at_ms;
	const char *service; /* who did it: payment, billing, provider, wallet */
	const char *event;
	const char *detail;
	bool payer_only; /* tells of the payer's wallet or card: not the payee's to see */
	struct payment_row *next;
};

enum payment_event_type {
	EVENT_PAYMENT_REQUESTED,
	EVENT_PAYMENT_CAPTURED,
	EVENT_PAYMENT_CANCELED,
	EVENT_PAYMENT_EXPIRED,
	EVENT_PAYMENT_FAILED,
	EVENT_TYPES
};

/* An event to tell; its other fields are the payment's. */
struct payment_event {
	enum payment_event_type type;
	struct mp_id id; /* the transition's own: the same however often it is told */
	int64_t at_ms;
	int64_t attempt;		       /* 0: null */
	const struct payment_capture *capture; /* PAYMENT_CAPTURED */
	struct payment_event *next;
};

/* A webhook of the provider, stored before it is answered. */
struct provider_event {
	const char *provider_id; /* "evt_..." */
	const char *type;
	const char *object_id; /* of the session or PaymentIntent it is about; NULL: another */
	int64_t created_at_s;
	int64_t received_at_ms;
	bool done;
	int64_t version;
};

/* What may happen to a payment. The comment names the fields of struct payment_input it brings. */
enum payment_input_kind {
	INPUT_SESSION_OPENED,	  /* attempt, session_id, url */
	INPUT_SESSION_REFUSED,	  /* attempt, text: the provider will not open it, ever */
	INPUT_SESSION_LATE,	  /* attempt: it could not be opened in time */
	INPUT_SESSION_PROCESSING, /* attempt */
	INPUT_SESSION_EXPIRED,	  /* attempt */
	INPUT_SESSION_FAILED,	  /* attempt: the money did not come after all */
	INPUT_DECLINED,		  /* attempt, event_id, text: a card was; the page stays open */
	INPUT_CAPTURED,		  /* attempt, payment_intent */
	INPUT_MISMATCH,		  /* attempt, text: paid, but not what we asked for */
	INPUT_BILL_SETTLED,	  /* attempt, text: the invoice number */
	INPUT_BILL_UNFUNDED,	  /* attempt, shortfall_minor */
	INPUT_BILL_VOIDED,	  /* text: the invoice number */
	INPUT_FUNDING_SETTLED,	  /* payment_intent */
	INPUT_UNANSWERED,	  /* attempt: billing was told about it again and again, in vain */
	INPUT_RETRY_WALLET,
	INPUT_RETRY_CARD,
	INPUT_CANCEL,
	INPUT_CLOSE, /* a person: other figures than ours were put right at the provider */
	INPUT_KINDS
};

struct payment_input {
	enum payment_input_kind kind;
	int64_t at_ms; /* when it happened */
	int64_t attempt;
	int64_t shortfall_minor;
	const char *session_id;
	const char *url;
	const char *payment_intent;
	const char *event_id;
	const char *text;
};

/* Durations that a deployment chooses. */
struct payment_rules {
	int64_t session_ttl_s;	   /* how long a payer may take */
	int64_t session_opening_s; /* opened with less than this left, the provider refuses */
	int64_t redrive_ms;	   /* a payment that stands still is looked at again */
	int64_t redrives_max;	   /* billing does not answer to so many: a person has to look */
};

/* Why a person has to look. */
enum payment_alarm {
	ALARM_NONE,
	ALARM_MISMATCH,	    /* the provider's figures are not ours */
	ALARM_UNANSWERED,   /* billing does not answer: its order may be a dead letter */
	ALARM_NOT_CREDITED, /* money that came late is not in the wallet: likewise */
	ALARM_PROVIDER,	    /* the provider does not know what it told us of: another account? */
	ALARMS
};

/* One payment's changes, made in memory (work.h) and written in one transaction (payment_db.h). */
struct payment_work {
	struct mp_arena *arena;
	const struct payment_rules *rules;
	int64_t now_ms;
	int64_t sessions_delay_ms; /* workers wait for the caller's own try */

	enum payment_state from; /* as it was; PAYMENT_STATES: new */
	struct payment payment;	 /* as it will be; version as it was read */
	bool changed;
	struct payment_attempt *attempts; /* loaded, changed, and new ones */
	struct payment_capture *captures;
	struct payment_row *rows; /* new ones, oldest first */
	struct payment_event *events;
	int64_t sessions_due_ms; /* a worker aligns the provider's sessions; 0: never */
	int64_t redrive_due_ms;	 /* a re-drive from then on; 0: none (there is one) */
	enum payment_alarm alarm;
	enum mp_rc rc; /* MP_NOMEM once anything could not be kept: do not write */
};

/* Stable names, for the API and the store. from_name: false for an unknown one. */
const char *payment_state_name(enum payment_state state);
bool payment_state_from_name(const char *name, enum payment_state *out_state);
const char *payment_source_name(enum payment_source source);
bool payment_source_from_name(const char *name, enum payment_source *out_source);
const char *attempt_kind_name(enum attempt_kind kind);
bool attempt_kind_from_name(const char *name, enum attempt_kind *out_kind);
const char *session_state_name(enum session_state state);
bool session_state_from_name(const char *name, enum session_state *out_state);
const char *payment_event_name(enum payment_event_type type);

#endif
