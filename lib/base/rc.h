#ifndef MP_BASE_RC_H
#define MP_BASE_RC_H

/* The one result type. Every function that can fail returns it, and every result is read. */

#define MP_MUST_CHECK __attribute__((warn_unused_result))

enum mp_rc {
	MP_OK = 0,

	/* Refused, nothing changed: the caller's to mend. */
	MP_INVALID,	    /* an input breaks a rule */
	MP_UNAUTHENTICATED, /* no credentials, or not valid ones */
	MP_FORBIDDEN,	    /* valid credentials, but not for this */
	MP_NOT_FOUND,	    /* absent, or not the caller's to see */
	MP_CONFLICT,	    /* the state forbids it, or a known id came with other content */
	MP_TOO_LARGE,	    /* over a documented limit */
	MP_TOO_MANY,	    /* over a rate; later it will be served */

	/* Refused by a condition of the store, nothing written. */
	MP_EXISTS, /* insert: the item is there already */
	MP_STALE,  /* replace, remove, check: another version than expected; read again */

	/* Trouble. */
	MP_UNAVAILABLE, /* a part does not serve now; nothing was written */
	MP_UNKNOWN,	/* no answer: perhaps written; repeat with the same ids */
	MP_BUSY,	/* a bound of our own is reached; nothing was written */
	MP_NOMEM,	/* no memory; a store has written nothing */
	MP_CORRUPT,	/* stored or received data breaks its format */
	MP_BUG,		/* a rule of our own is broken */

	/* Not a failure. */
	MP_PENDING, /* the answer will be given later, by whoever took the request over */
};

/* A stable lower-case name for logs and metrics, such as "stale". Never NULL. Pure. */
const char *mp_rc_name(enum mp_rc rc);

/* True when the same call may succeed later: UNAVAILABLE, UNKNOWN, BUSY, NOMEM, TOO_MANY. Pure. */
int mp_rc_is_transient(enum mp_rc rc);

/*
 * Where background threads (relay, committer, reconnects) report what happened to them: given when
 * they are opened, called from any thread, must not block. detail is borrowed for the call.
 */
struct mp_sink {
	void (*report)(void *ctx, const char *event, enum mp_rc rc, const char *detail);
	void *ctx;
};

/* Reports to sink; a sink without a function drops it. */
void mp_sink_report(
	const struct mp_sink *sink, const char *event, enum mp_rc rc, const char *detail);

#endif
