#include "email.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/trace.h"
#include "email_message.h"
#include "log/log.h"

#define MESSAGE_BYTES_MAX 131072
#define TROUBLE_WAIT_MS_MAX (600 * 1000) /* then the server is asked again, however long it lasts */

/* One mail on its way, this time. */
struct sending {
	struct email_app *app;
	struct mp_arena *arena;
	struct email_mail *mail;
	int64_t now_ms;
	int64_t began_mono_ms; /* at now_ms */
	bool handed_over;
};

void email_app_init(struct email_app *app)
{
	static const char *const labels[EMAIL_STATE_COUNT] = {
		[EMAIL_SENT] = "outcome=\"sent\"",
		[EMAIL_NO_ADDRESS] = "outcome=\"no_address\"",
		[EMAIL_FAILED] = "outcome=\"failed\"",
		[EMAIL_DEFERRED] = "outcome=\"deferred\"",
		[EMAIL_REFUSED] = "outcome=\"refused\"",
		[EMAIL_UNKNOWN] = "outcome=\"unknown\"",
	};

	gate_init(&app->gate);
	for (size_t i = 0; i < EMAIL_STATE_COUNT; i++) {
		if (labels[i] != NULL)
			app->outcomes[i] = mp_counter("moneypal_mail_attempts_total", labels[i],
				"Attempts to send a mail, by the state that they left it in");
	}
	app->resent = mp_counter("moneypal_mails_resent_total", NULL,
		"Mails handed over once more because no answer had come");
	app->in_trouble = mp_gauge(
		"moneypal_mail_trouble", NULL, "1 while the mail server takes nothing from us");
}

void email_app_done(struct email_app *app)
{
	gate_done(&app->gate);
}

static int64_t time_now_ms(const struct sending *sending)
{
	return sending->now_ms + mp_clock_mono_ms() - sending->began_mono_ms;
}

/* --- the mail server --- */

/*
 * The mail server is about to get the message. Recorded first: until its answer is known, whatever
 * happens to us, the mail may have arrived.
 */
static enum mp_rc before_message(void *ctx)
{
	struct sending *sending = ctx;
	struct email_mail *mail = sending->mail;

	mail->state = EMAIL_UNKNOWN;
	mail->unanswered++;
	/* From now on, not from the beginning: logging on to a slow server takes its time. */
	mail->hold_until_ms = time_now_ms(sending) + sending->app->answer_ms_max;
	mail->changed_ms = sending->now_ms;
	sending->handed_over = true;
	enum mp_rc rc = email_db_mail_replace(sending->app->store, sending->arena, mail);
	if (rc == MP_OK && mail->unanswered > 1)
		mp_metric_add(sending->app->resent, 1);
	/* Whatever is wrong with the store is wrong for a while, not with the mail. */
	return rc == MP_OK || rc == MP_STALE ? rc : MP_UNAVAILABLE;
}

/* kind: the same as long as the trouble is. */
static void tell_trouble(const struct sending *sending, const char *kind, const char *words)
{
	struct email_app *app = sending->app;

	if (gate_trouble(&app->gate, time_now_ms(sending), kind))
		mp_sink_report(&app->sink, "mail_trouble", MP_UNAVAILABLE, words);
}

static void tell_no_trouble(struct email_app *app)
{
	if (gate_pass(&app->gate))
		mp_sink_report(&app->sink, "mail_trouble_over", MP_OK, "");
	mp_metric_set(app->in_trouble, 0);
}

/* What the answer says of the server. */
static void tell_server(const struct sending *sending, const struct smtp_answer *answer)
{
	struct email_app *app = sending->app;
	char kind[32];

	if (answer->outcome != SMTP_TROUBLE && answer->outcome != SMTP_UNKNOWN) {
		tell_no_trouble(app);
		return;
	}
	/* The server's words may be others at every try, as with an id of its queue in them. */
	(void)snprintf(kind, sizeof(kind), "%d %d", (int)answer->outcome, answer->code);
	tell_trouble(sending, answer->code != 0 ? kind : answer->words, answer->words);
	/* Silent with a whole message is not down, and no mail may be left to say so later. */
	mp_metric_set(app->in_trouble, answer->outcome == SMTP_TROUBLE);
}

struct email_after email_after_answer(
	enum smtp_outcome outcome, int64_t unanswered, bool handed_over)
{
	if (outcome == SMTP_TAKEN)
		return (struct email_after){EMAIL_SENT, unanswered};
	if (outcome == SMTP_UNKNOWN)
		return (struct email_after){EMAIL_UNKNOWN, unanswered + 1};
	if (unanswered > 0) { /* an earlier one may have arrived */
		bool ends = handed_over || outcome == SMTP_REFUSED;
		return (struct email_after){
			EMAIL_UNKNOWN, ends ? EMAIL_UNANSWERED_MAX : unanswered};
	}
	return (struct email_after){outcome == SMTP_REFUSED ? EMAIL_REFUSED : EMAIL_DEFERRED, 0};
}

static void take_answer(struct sending *sending, const struct smtp_answer *answer)
{
	struct email_mail *mail = sending->mail;
	int64_t unanswered_before = mail->unanswered - (sending->handed_over ? 1 : 0);
	const struct email_after after =
		email_after_answer(answer->outcome, unanswered_before, sending->handed_over);

	tell_server(sending, answer);
	if (answer->outcome != SMTP_TROUBLE)
		memcpy(mail->answer, answer->words, sizeof(mail->answer));
	mail->state = after.state;
	mail->unanswered = after.unanswered;
}

static enum mp_rc send_by_smtp(struct sending *sending, const struct email_contact *recipient,
	const struct mp_buf *message)
{
	const struct smtp_mail mail = {
		.from = sending->app->from->address,
		.to = recipient->address,
		.message = mp_buf_text(message),
		.len = message->len,
		.before_message = before_message,
		.ctx = sending,
	};
	struct smtp_answer answer;
	enum mp_rc rc = smtp_send(sending->app->smtp, &mail, &answer);

	if (rc == MP_OK)
		take_answer(sending, &answer);
	return rc;
}

/* --- one attempt --- */

static enum mp_rc deliver(struct sending *sending, const struct email_contact *recipient,
	const struct mp_buf *message)
{
	struct email_app *app = sending->app;
	struct email_mail *mail = sending->mail;
	char why[256];

	if (app->smtp != NULL)
		return send_by_smtp(sending, recipient, message);
	enum mp_rc rc =
		maildir_deliver(app->maildir, mail->id.text, message->data, message->len, why);
	if (rc != MP_OK && rc != MP_UNAVAILABLE)
		return rc;
	mail->state = rc == MP_OK ? EMAIL_SENT : EMAIL_DEFERRED;
	if (rc == MP_OK) {
		tell_no_trouble(app);
	} else {
		tell_trouble(sending, why, why);
		mp_metric_set(app->in_trouble, 1);
	}
	return MP_OK;
}

static enum mp_rc compose_and_deliver(struct sending *sending,
	const struct email_contact *recipient, const struct email_contact *other)
{
	const struct email_parties parties = {
		.recipient = recipient,
		.other = other,
		.from = sending->app->from,
		.public_url = sending->app->public_url,
	};
	struct mp_buf message;
	enum mp_rc rc;

	mp_buf_init(&message, MESSAGE_BYTES_MAX);
	rc = email_message_write(sending->mail, &parties, &message);
	if (rc == MP_OK)
		rc = deliver(sending, recipient, &message);
	mp_buf_done(&message);
	return rc;
}

/* MP_OK: the mail's new state is to be recorded. */
static enum mp_rc attempt(struct sending *sending)
{
	struct mp_store *store = sending->app->store;
	struct email_mail *mail = sending->mail;
	struct email_contact recipient, other;
	const struct email_contact *known_other = NULL;
	enum mp_rc rc =
		email_db_contact(store, sending->arena, &mail->notice.recipient, &recipient);

	if (rc != MP_OK) /* MP_NOT_FOUND too: the address is still on its way */
		return rc;
	if (recipient.address[0] == '\0') {
		mail->state = EMAIL_NO_ADDRESS;
		return MP_OK;
	}
	if (!mp_id_is_none(&mail->notice.other)) {
		rc = email_db_contact(store, sending->arena, &mail->notice.other, &other);
		if (rc == MP_OK)
			known_other = &other;
		else if (rc != MP_NOT_FOUND)
			return rc;
	}
	mail->attempts++;
	if (mail->first_try_ms == 0)
		mail->first_try_ms = sending->now_ms;
	rc = mp_text_copy(mail->address, sizeof(mail->address), recipient.address);
	if (rc == MP_OK)
		rc = compose_and_deliver(sending, &recipient, known_other);
	if (rc == MP_INVALID || rc == MP_TOO_LARGE) { /* it never becomes a message */
		mail->state = EMAIL_FAILED;
		rc = MP_OK;
	}
	return rc;
}

/* --- the due row --- */

/* Much longer than an answer may take is a clock that was set back since, not one that is ahead. */
static bool is_held(const struct email_app *app, const struct email_mail *mail, int64_t now_ms)
{
	return now_ms < mail->hold_until_ms &&
	       mail->hold_until_ms - now_ms <= 2 * app->answer_ms_max;
}

static bool is_too_old(const struct email_app *app, const struct email_mail *mail, int64_t now_ms)
{
	return mail->first_try_ms != 0 && now_ms - mail->first_try_ms >= app->give_up_ms;
}

static bool has_ended(const struct email_app *app, const struct email_mail *mail, int64_t now_ms)
{
	switch (mail->state) {
	case EMAIL_PENDING:
	case EMAIL_DEFERRED:
		return false;
	case EMAIL_UNKNOWN:
		return mail->unanswered >= EMAIL_UNANSWERED_MAX || is_too_old(app, mail, now_ms);
	case EMAIL_SENT:
	case EMAIL_NO_ADDRESS:
	case EMAIL_FAILED:
	case EMAIL_REFUSED:
	case EMAIL_STATE_COUNT:
		break;
	}
	return true;
}

static const struct mp_due_result done = {.done = true};

/* Also after a crash between the record and this. */
static struct mp_due_result end(struct email_app *app, const struct email_mail *mail)
{
	if (app->maildir != NULL)
		maildir_forget(app->maildir, mail->id.text);
	return done;
}

static struct mp_due_result again(int64_t now_ms, int64_t wait_ms, int64_t not_before_ms)
{
	int64_t at_ms = now_ms + wait_ms;

	return (struct mp_due_result){.again_at_ms = at_ms > not_before_ms ? at_ms : not_before_ms};
}

/* Its address is on its way, another replica has it, or the store is away; else it is told. */
static struct mp_due_result not_tried(
	const struct mp_id *mail_id, enum mp_rc rc, int64_t now_ms, int64_t wait_ms)
{
	if (rc != MP_NOT_FOUND && rc != MP_STALE && !mp_rc_is_transient(rc))
		mp_log(MP_LOG_WARN, "mail_not_tried", MP_TEXT("mail", mail_id->text), MP_RC(rc));
	return again(now_ms, wait_ms, 0);
}

struct mp_due_result email_send_due(void *ctx, struct mp_arena *arena, const struct mp_id *mail_id,
	int64_t attempts, int64_t now_ms)
{
	struct email_app *app = ctx;
	struct email_mail mail;
	struct sending sending = {
		.app = app,
		.arena = arena,
		.mail = &mail,
		.now_ms = now_ms,
		.began_mono_ms = mp_clock_mono_ms(),
	};
	int64_t wait_ms = mp_due_backoff_ms(attempts);
	int64_t short_wait_ms = wait_ms < TROUBLE_WAIT_MS_MAX ? wait_ms : TROUBLE_WAIT_MS_MAX;
	int64_t gate_ms = gate_closed_until_ms(&app->gate, now_ms);

	enum mp_rc rc = email_db_mail(app->store, arena, mail_id, &mail);
	if (rc != MP_OK)
		return not_tried(mail_id, rc, now_ms, wait_ms);
	if (mail.notice.traceparent[0] != '\0')
		mp_trace_begin(mail.notice.traceparent);
	/* Before all else: what another replica, or one that died, has in hand may go again. */
	if (is_held(app, &mail, now_ms))
		return again(now_ms, 0, mail.hold_until_ms);
	if (has_ended(app, &mail, now_ms))
		return end(app, &mail);
	if (gate_ms != 0)
		return again(now_ms, short_wait_ms, gate_ms);
	rc = attempt(&sending);
	now_ms = time_now_ms(&sending); /* a silent server takes its time */
	if (rc != MP_OK)
		return not_tried(mail_id, rc, now_ms, wait_ms);
	if (mail.state == EMAIL_DEFERRED && is_too_old(app, &mail, now_ms))
		mail.state = EMAIL_FAILED;
	mail.hold_until_ms = 0;
	mail.changed_ms = now_ms;
	mp_metric_add(app->outcomes[mail.state], 1);
	/*
	 * Lost here, the mail goes again: the maildir has it already, and a mail server's answer is
	 * as if it had not come.
	 */
	if (email_db_mail_replace(app->store, arena, &mail) != MP_OK)
		return again(now_ms, wait_ms, 0);
	mp_log(MP_LOG_INFO, "mail", MP_TEXT("mail", mail_id->text),
		MP_TEXT("template", email_template_name(mail.notice.template)),
		MP_TEXT("state", email_state_name(mail.state)),
		MP_TEXT("payment", mail.notice.payment_id.text));
	if (has_ended(app, &mail, now_ms))
		return end(app, &mail);
	gate_ms = gate_closed_until_ms(&app->gate, now_ms);
	return again(now_ms, gate_ms != 0 ? short_wait_ms : wait_ms, gate_ms);
}
