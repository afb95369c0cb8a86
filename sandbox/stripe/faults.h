#ifndef MP_SANDBOX_FAULTS_H
#define MP_SANDBOX_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/rc.h"

/*
 * Trouble on request. A fault strikes `count` times, the oldest that fits first. They are kept in
 * memory: a restart ends them. Threads: any.
 */
#define FAULTS_MAX 64
#define FAULT_COUNT_MAX 1000000
#define FAULT_DELAY_MS_MAX 30000
#define FAULT_PATH_SIZE 128
#define FAULT_TYPE_SIZE 64

enum fault_kind {
	FAULT_REQUEST, /* of the API */
	FAULT_WEBHOOK, /* of one event's first delivery */
	FAULT_SESSION, /* in the answer to GET /v1/checkout/sessions/{id} */
};

enum fault_webhook {
	WEBHOOK_DROP,		 /* never sent */
	WEBHOOK_DUPLICATE,	 /* sent twice */
	WEBHOOK_REORDER,	 /* sent behind the next one, or after 5 s */
	WEBHOOK_DELAY,		 /* sent after delay_ms */
	WEBHOOK_WRONG_SIGNATURE, /* sent once with a wrong signature; a repeat is right */
	WEBHOOK_HOLD,		 /* sent when the faults are cleared */
};
#define FAULT_WEBHOOK_NAMES "drop|duplicate|reorder|delay|wrong_signature|hold"

enum fault_session {
	SESSION_AMOUNT_MISMATCH,
	SESSION_CURRENCY_MISMATCH,
};
#define FAULT_SESSION_NAMES "amount_mismatch|currency_mismatch"

struct fault {
	enum fault_kind kind;
	int64_t count; /* how often it still strikes */
	int64_t delay_ms;
	/* FAULT_REQUEST, FAULT_SESSION */
	char path[FAULT_PATH_SIZE]; /* "*": anything within one segment; "": any (FAULT_SESSION) */
	/* FAULT_REQUEST */
	char method[8];	 /* "": any */
	unsigned status; /* 0: the right one */
	bool after;	 /* the request has its effect first */
	bool drop;	 /* the connection ends without an answer */
	bool keep;	 /* the status is kept under the Idempotency-Key */
	/* FAULT_WEBHOOK */
	enum fault_webhook webhook;
	char type[FAULT_TYPE_SIZE]; /* of the event; "": any */
	/* FAULT_SESSION */
	enum fault_session session;
};

struct faults;

/* NULL without memory. */
struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* MP_TOO_MANY when FAULTS_MAX are there already. */
enum mp_rc faults_add(struct faults *faults, const struct fault *fault) MP_MUST_CHECK;

/* Copies those that still strike; returns how many. */
size_t faults_list(struct faults *faults, struct fault out[FAULTS_MAX]);

/* Each of these takes one strike; false when nothing fits. */
bool faults_take_request(
	struct faults *faults, const char *method, const char *path, struct fault *out);
bool faults_take_webhook(struct faults *faults, const char *event_type, struct fault *out);
bool faults_take_session(struct faults *faults, const char *path, struct fault *out);

/* Waits, but not any longer once the faults are cleared. */
void faults_wait(struct faults *faults, int64_t delay_ms);

/* --- deliveries that wait --- */

#define FAULTS_KEPT_MAX 256

/* Keeps an event for faults_clear (hold). MP_TOO_MANY when FAULTS_KEPT_MAX are kept. */
enum mp_rc faults_hold(struct faults *faults, const struct mp_id *event) MP_MUST_CHECK;

/* Keeps one event until another has been delivered; false when one is kept already. */
bool faults_put_aside(struct faults *faults, const struct mp_id *event);

/*
 * When one was sent: the one put aside, to be sent behind it. None is aside from then on; false
 * when none was, or its own row has sent it.
 */
bool faults_take_aside(struct faults *faults, const struct mp_id *sent, struct mp_id *out_event);

/*
 * Ends all faults and waits; the held events are the caller's to deliver, the one put aside its own
 * row's. Returns how many.
 */
size_t faults_clear(struct faults *faults, struct mp_id out_held[FAULTS_KEPT_MAX]);

#endif
