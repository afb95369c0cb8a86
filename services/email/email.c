#include "email.h"

#include "base/buf.h"
#include "base/text.h"
#include "email_message.h"

#define MESSAGE_BYTES_MAX 131072

enum mp_rc email_learn_contact(
	struct email_app *app, struct mp_arena *arena, const struct email_contact *contact)
{
	return email_db_contact_put(app->store, arena, contact);
}

enum mp_rc email_list(struct email_app *app, struct mp_arena *arena, const struct mp_id *user_id,
	const char *after, size_t limit, struct email_page *out_page)
{
	return email_db_list(app->store, arena, user_id, after, limit, out_page);
}

/* A notice claimed before refuses the whole transaction: then each is claimed alone. */
static enum mp_rc claim_one_by_one(
	struct email_app *app, struct mp_arena *arena, const struct email_mail *mails, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum mp_rc rc = email_db_claim(app->store, arena, app->due, &mails[i], 1);
		if (rc != MP_OK && rc != MP_EXISTS)
			return rc;
	}
	return MP_OK;
}

enum mp_rc email_notify(struct email_app *app, struct mp_arena *arena,
	const struct email_notice *notices, size_t count, int64_t now_ms)
{
	struct email_mail *mails = mp_arena_array(arena, count, sizeof(*mails));
	size_t claim_max = email_db_claim_max(app->store);

	if (mails == NULL && count > 0)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++) {
		mails[i].id = email_mail_id(&notices[i]);
		mails[i].notice = notices[i];
		mails[i].state = EMAIL_PENDING;
		mails[i].created_ms = mails[i].changed_ms = now_ms;
	}
	for (size_t start = 0; start < count; start += claim_max) {
		size_t part = count - start < claim_max ? count - start : claim_max;
		enum mp_rc rc = email_db_claim(app->store, arena, app->due, &mails[start], part);
		if (rc == MP_EXISTS || rc == MP_INVALID) /* known, or twice in this batch */
			rc = claim_one_by_one(app, arena, &mails[start], part);
		if (rc != MP_OK)
			return rc;
	}
	mp_due_wake(app->due);
	return MP_OK;
}

/* Composes and delivers; MP_INVALID and MP_TOO_LARGE are for good. */
static enum mp_rc deliver(struct email_app *app, const struct email_mail *mail,
	const struct email_contact *recipient, const struct email_contact *other)
{
	const struct email_parties parties = {
		.recipient = recipient,
		.other = other,
		.from = app->from,
		.public_url = app->public_url,
	};
	struct mp_buf message;
	enum mp_rc rc;

	mp_buf_init(&message, MESSAGE_BYTES_MAX);
	rc = email_message_write(mail, &parties, &message);
	if (rc == MP_OK)
		rc = maildir_deliver(app->maildir, mail->id.text, message.data, message.len);
	mp_buf_done(&message);
	return rc;
}

/* The state that this attempt ends in; MP_OK tells that it has ended. */
static enum mp_rc attempt(struct email_app *app, struct mp_arena *arena, struct email_mail *mail)
{
	struct email_contact recipient, other;
	const struct email_contact *known_other = NULL;
	enum mp_rc rc = email_db_contact(app->store, arena, &mail->notice.recipient, &recipient);

	if (rc != MP_OK) /* MP_NOT_FOUND too: the address is still on its way */
		return rc;
	if (recipient.address[0] == '\0') {
		mail->state = EMAIL_NO_ADDRESS;
		return MP_OK;
	}
	if (!mp_id_is_none(&mail->notice.other)) {
		rc = email_db_contact(app->store, arena, &mail->notice.other, &other);
		if (rc == MP_OK)
			known_other = &other;
		else if (rc != MP_NOT_FOUND)
			return rc;
	}
	mail->attempts++;
	rc = deliver(app, mail, &recipient, known_other);
	if (rc == MP_INVALID || rc == MP_TOO_LARGE) {
		mail->state = EMAIL_FAILED;
		return MP_OK;
	}
	if (rc == MP_OK) {
		mail->state = EMAIL_SENT;
		rc = mp_text_copy(mail->address, sizeof(mail->address), recipient.address);
	}
	return rc;
}

struct mp_due_result email_send_due(void *ctx, struct mp_arena *arena, const struct mp_id *mail_id,
	int64_t attempts, int64_t now_ms)
{
	static const struct mp_due_result done = {.done = true};
	const struct mp_due_result again = {.again_at_ms = now_ms + mp_due_backoff_ms(attempts)};
	struct email_app *app = ctx;
	struct email_mail mail;
	enum mp_rc rc = email_db_mail(app->store, arena, mail_id, &mail);

	if (rc != MP_OK)
		return again;
	if (mail.state != EMAIL_PENDING)
		return done;
	if (attempt(app, arena, &mail) != MP_OK)
		return again;
	mail.changed_ms = now_ms;
	/* Lost here, the mail is delivered again under its id, which the maildir has already. */
	rc = email_db_mail_replace(app->store, arena, &mail);
	return rc == MP_OK ? done : again;
}
