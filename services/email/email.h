#ifndef MP_EMAIL_EMAIL_H
#define MP_EMAIL_EMAIL_H

#include "email_db.h"
#include "email_types.h"
#include "gate.h"
#include "maildir_client.h"
#include "metrics/metrics.h"
#include "smtp_client.h"

/*
 * The rules: who is told what, once. A notice is claimed in the log before anything is sent; a due
 * row drives the sending until the mail has ended. Threads: any, over one app.
 */
struct email_app {
	struct mp_store *store;
	struct mp_due *due; /* kind "mail": email_send_due */
	struct maildir *maildir;
	struct smtp_client *smtp; /* NULL: into the maildir */
	const struct email_sender *from;
	const char *public_url;
	int64_t answer_ms_max; /* after this an answer of the mail server comes no more */
	int64_t give_up_ms;    /* after the first try */
	struct mp_sink sink;
	struct gate gate;
	struct mp_metric *outcomes[EMAIL_STATE_COUNT];
	struct mp_metric *resent;
	struct mp_metric *in_trouble;
};

/* The parts that are not given: gate and metrics. */
void email_app_init(struct email_app *app);
void email_app_done(struct email_app *app);

/* A user's entry as the user service told it. Errors: the store's. */
enum mp_rc email_learn_contact(struct email_app *app, struct mp_arena *arena,
	const struct email_contact *contact) MP_MUST_CHECK;

/*
 * Claims a mail for each notice that has none yet; all are claimed when it returns MP_OK. Errors:
 * the store's; what was claimed before the error stays.
 */
enum mp_rc email_notify(struct email_app *app, struct mp_arena *arena,
	const struct email_notice *notices, size_t count, int64_t now_ms) MP_MUST_CHECK;

/*
 * Sends one mail of the log, or says when to try again (email_send.c). Into a maildir it comes
 * once. A mail server is given it again while its answers say "not taken"; after an answer that did
 * not come once more, and that is the last time.
 */
struct mp_due_result email_send_due(void *app, struct mp_arena *arena, const struct mp_id *mail_id,
	int64_t attempts, int64_t now_ms);

/* What an attempt leaves of a mail. */
struct email_after {
	enum email_state state;
	int64_t unanswered;
};

/*
 * unanswered: of the attempts before. handed_over: in this one. Once an answer did not come, the
 * mail may have arrived: it is handed over once more at most, and a refusal for good ends it. Pure.
 */
struct email_after email_after_answer(
	enum smtp_outcome outcome, int64_t unanswered, bool handed_over);

/* The notices to a user, newest first. */
enum mp_rc email_list(struct email_app *app, struct mp_arena *arena, const struct mp_id *user_id,
	const char *after, size_t limit, struct email_page *out_page) MP_MUST_CHECK;

#define EMAIL_SEARCH_MAX 500 /* mails that are looked through */

struct email_found {
	const struct email_mail *mails[EMAIL_SEARCH_MAX]; /* in the arena */
	size_t count;
	bool complete; /* false: there are more mails to the user, not looked through */
};

/*
 * The notices to a user about one payment, oldest first: among the first mails since it was made,
 * however many a busy payee got later. Errors: the store's.
 */
enum mp_rc email_find(struct email_app *app, struct mp_arena *arena, const struct mp_id *user_id,
	const struct mp_id *payment_id, struct email_found *out_found) MP_MUST_CHECK;

#endif
