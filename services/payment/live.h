#ifndef MP_PAYMENT_LIVE_H
#define MP_PAYMENT_LIVE_H

#include "payment_db.h"

/*
 * Payments watched while they change. One thread serves every listener: it reads the watched
 * payments' records in batches, at once after a commit of this process and every poll_ms for those
 * of its replicas, and where a version is new, the rows of the timeline behind what was told.
 * Nothing is kept but who listens: the stored rows are the source, and whoever comes back names the
 * last row that he has seen.
 *
 * A listener is told rows in order, none twice, those up to a record's before that record. It ends
 * when the payment has ended and all of it was told, when its token has or its reader has signed
 * out, or when its reader has gone.
 *
 * Threads: any, but for live_work.
 */
struct live;

#define LIVE_LISTENERS_MAX 2000
#define LIVE_LISTENERS_OF_USER_MAX 5 /* in this process */
#define LIVE_BEAT_MS 15000
#define LIVE_SIGNED_OUT_MS 5000 /* how often each is asked about; every replica asks for its own */

enum live_end {
	LIVE_END_PAYMENT, /* there is nothing more to tell */
	LIVE_END_TOKEN,	  /* come back with a new one */
	LIVE_END_SESSION, /* its reader signed out */
	LIVE_END_READER,  /* nobody reads any more */
	LIVE_END_CLOSED,  /* the service stops */
	LIVE_ENDS
};

/*
 * Who is told. Called by one thread at a time, but is_there by any; none may block. What is given
 * is borrowed. MP_BUSY: there is no room now, the same comes again within poll_ms; any other
 * failure ends the listener.
 */
struct live_reader {
	enum mp_rc (*row)(void *ctx, const struct payment_row *row);
	enum mp_rc (*payment)(void *ctx, const struct payment *payment); /* each new version */
	enum mp_rc (*beat)(void *ctx); /* after LIVE_BEAT_MS of silence */
	bool (*is_there)(void *ctx);
	void (*end)(void *ctx, enum live_end why); /* the last call: frees ctx */
	void *ctx;
};

struct live_order {
	struct mp_id user;
	struct mp_id session; /* the token's */
	struct mp_id payment_id;
	bool for_payer;	       /* the payee is not told what is the payer's alone */
	int64_t last_seq;      /* rows up to here are known to the reader; 0: none */
	int64_t expires_at_ms; /* of the token */
	struct live_reader reader;
};

/* poll_ms: how late a commit of another replica may be seen. MP_NOMEM. */
enum mp_rc live_open(struct payment_db *db, int64_t poll_ms, struct live **out_live) MP_MUST_CHECK;
enum mp_rc live_start(struct live *live) MP_MUST_CHECK; /* its thread. MP_UNAVAILABLE */
void live_close(struct live *live);			/* ends every listener. Takes NULL */

/*
 * From now on the reader is told. MP_TOO_MANY: the user has LIVE_LISTENERS_OF_USER_MAX; MP_BUSY:
 * there are LIVE_LISTENERS_MAX; MP_NOMEM. The reader is the caller's still then.
 */
enum mp_rc live_listen(struct live *live, const struct live_order *order) MP_MUST_CHECK;

/* A payment was written by this process. Cheap where nobody listens. NULL: nothing. */
void live_changed(struct live *live, const struct mp_id *payment_id);

/* One round, as the thread does it, for tests without it: wall clock, and the monotonic one. */
void live_work(struct live *live, int64_t now_ms, int64_t mono_ms);

#endif
