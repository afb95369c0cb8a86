#include "email_message.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "email_mime.h"

/*
 * A mail is a subject, a few paragraphs and one link; text and HTML are two renderings of the same
 * words. {name} is replaced from the notice; a paragraph whose value is empty is left out.
 */
struct words {
	const char *subject;
	const char *paragraphs[4];
	const char *link;
};

static const struct words all_words[EMAIL_TEMPLATE_COUNT] = {
	[EMAIL_WALLET_CREDITED] = {"{amount} has arrived in your wallet",
		{"Your payment has arrived, and {amount} was added to your wallet.",
			"Your balance is now {balance}."},
		"See the payment"},
	[EMAIL_BILL_PAID] = {"You paid {amount} to {other}",
		{"You paid {amount} to {other}. The invoice is {invoice_no}.", "For: {description}",
			"The money was taken from your wallet."},
		"See the payment"},
	[EMAIL_BILL_RECEIVED] = {"{other} paid you {amount}",
		{"{other} paid you {amount} for invoice {invoice_no}.", "For: {description}",
			"The money is in your wallet."},
		"See the payment"},
	[EMAIL_PAYMENT_NEEDS_FUNDING] = {"Your payment of {amount} needs {shortfall} more",
		{"You want to pay {amount} to {other}, and your wallet lacks {shortfall}.",
			"Nobody was paid yet, and the money that you added so far is in your "
			"wallet. Add the missing amount, and the payment goes on by itself."},
		"Complete the payment"},
	[EMAIL_PAYMENT_EXPIRED] = {"Your payment of {amount} has expired",
		{"Your payment of {amount} was not completed in time, and has ended.",
			"{other} was not paid. What was added to your wallet stays there.",
			"You can start it again at any time."},
		"See the payment"},
	[EMAIL_PAYMENT_FAILED] = {"Your payment of {amount} failed",
		{"Your payment of {amount} could not be completed, and has ended.", "{reason}",
			"{other} was not paid. What was added to your wallet stays there.",
			"You can start it again at any time."},
		"See the payment"},
};

/* Nothing for a top-up, which has no other party. */
static void add_other(
	struct mp_buf *out, const struct email_notice *notice, const struct email_contact *contact)
{
	if (mp_id_is_none(&notice->other))
		return;
	if (contact == NULL || contact->first_name[0] == '\0')
		mp_buf_adds(out, "another user");
	else
		mp_buf_addf(out, "%s %s", contact->first_name, contact->last_name);
}

static void add_money(struct mp_buf *out, const char *amount, const struct email_notice *notice)
{
	if (amount[0] != '\0')
		mp_buf_addf(out, "%s %s", amount, notice->currency);
}

/* The value of {name}; nothing for one that the notice does not have. */
static void add_value(struct mp_buf *out, const char *name, size_t len,
	const struct email_notice *notice, const struct email_parties *parties)
{
#define IS(literal) (len == sizeof(literal) - 1 && memcmp(name, literal, len) == 0)
	if (IS("amount"))
		add_money(out, notice->amount, notice);
	else if (IS("balance"))
		add_money(out, notice->balance, notice);
	else if (IS("shortfall"))
		add_money(out, notice->shortfall, notice);
	else if (IS("invoice_no"))
		mp_buf_adds(out, notice->invoice_no);
	else if (IS("description"))
		mp_buf_adds(out, notice->description);
	else if (IS("reason"))
		mp_buf_adds(out, notice->reason);
	else if (IS("other"))
		add_other(out, notice, parties->other);
	else
		assert(!"a name in all_words that add_value does not know");
#undef IS
}

/* Fills words in; *out_empty: some value was empty. */
static void fill(struct mp_buf *out, const char *words, const struct email_notice *notice,
	const struct email_parties *parties, bool *out_empty)
{
	*out_empty = false;
	while (*words != '\0') {
		size_t plain = strcspn(words, "{");
		mp_buf_add(out, words, plain);
		words += plain;
		if (*words != '{')
			break;
		const char *end = strchr(words, '}');
		assert(end != NULL);
		size_t before = out->len;
		add_value(out, words + 1, (size_t)(end - words - 1), notice, parties);
		if (out->len == before)
			*out_empty = true;
		words = end + 1;
	}
}

static enum mp_rc write_subject(
	const struct email_mail *mail, const struct email_parties *parties, struct mp_buf *out)
{
	bool empty;

	fill(out, all_words[mail->notice.template].subject, &mail->notice, parties, &empty);
	return mp_buf_rc(out);
}

static void write_text(struct mp_buf *out, const struct email_mail *mail,
	const struct email_parties *parties, const char *link)
{
	const struct words *words = &all_words[mail->notice.template];

	mp_buf_addf(out, "Hello %s,\n\n", parties->recipient->first_name);
	for (size_t i = 0; i < 4 && words->paragraphs[i] != NULL; i++) {
		struct mp_buf paragraph;
		bool empty;

		mp_buf_init(&paragraph, 4096);
		fill(&paragraph, words->paragraphs[i], &mail->notice, parties, &empty);
		if (!empty)
			mp_buf_addf(out, "%s\n\n", mp_buf_text(&paragraph));
		mp_buf_done(&paragraph);
	}
	mp_buf_addf(out, "%s: %s\n", words->link, link);
}

static void write_html_paragraphs(
	struct mp_buf *out, const struct email_mail *mail, const struct email_parties *parties)
{
	const struct words *words = &all_words[mail->notice.template];

	for (size_t i = 0; i < 4 && words->paragraphs[i] != NULL; i++) {
		struct mp_buf paragraph;
		bool empty;

		mp_buf_init(&paragraph, 4096);
		fill(&paragraph, words->paragraphs[i], &mail->notice, parties, &empty);
		if (!empty) {
			mp_buf_adds(out, "<p>");
			email_mime_html(out, mp_buf_text(&paragraph));
			mp_buf_adds(out, "</p>\n");
		}
		mp_buf_done(&paragraph);
	}
}

static void write_html(struct mp_buf *out, const struct email_mail *mail,
	const struct email_parties *parties, const char *link)
{
	mp_buf_adds(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			 "<meta name=\"viewport\" content=\"width=device-width\"></head>\n"
			 "<body style=\"font: 16px/1.5 sans-serif; color: #1a1b1e; margin: 0 auto; "
			 "max-width: 34em; padding: 1em\">\n<p>Hello ");
	email_mime_html(out, parties->recipient->first_name);
	mp_buf_adds(out, ",</p>\n");
	write_html_paragraphs(out, mail, parties);
	mp_buf_adds(out, "<p><a href=\"");
	email_mime_html(out, link);
	mp_buf_adds(out, "\" style=\"background: #1864ab; border-radius: 6px; color: #ffffff; "
			 "display: inline-block; padding: 0.6em 1.2em; text-decoration: none\">");
	email_mime_html(out, all_words[mail->notice.template].link);
	mp_buf_adds(out, "</a></p>\n</body></html>\n");
}

static void write_part(struct mp_buf *out, const struct email_mail *mail, const char *type,
	const struct mp_buf *body)
{
	mp_buf_addf(out,
		"--=_%s\r\nContent-Type: %s; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
		mail->id.text, type);
	email_mime_quoted_printable(out, mp_buf_text(body));
	mp_buf_adds(out, "\r\n");
}

static void write_headers(struct mp_buf *out, const struct email_mail *mail,
	const struct email_parties *parties, const char *subject)
{
	const struct email_contact *to = parties->recipient;
	const struct email_sender *from = parties->from;
	char name[sizeof(to->first_name) + sizeof(to->last_name)];

	if (mp_text_format(name, sizeof(name), "%s %s", to->first_name, to->last_name) != MP_OK)
		out->rc = MP_TOO_LARGE;
	mp_buf_adds(out, "From: ");
	email_mime_mailbox(out, from->name, from->address);
	mp_buf_adds(out, "\r\nTo: ");
	email_mime_mailbox(out, name, to->address);
	mp_buf_adds(out, "\r\nSubject: ");
	email_mime_header_text(out, subject);
	mp_buf_adds(out, "\r\nDate: ");
	email_mime_date(out, mail->notice.event_time_ms);
	mp_buf_addf(out, "\r\nMessage-ID: <%s%s>\r\n", mail->id.text, strchr(from->address, '@'));
	mp_buf_addf(out,
		"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/alternative;\r\n boundary=\"=_%s\"\r\n\r\n",
		mail->id.text);
}

static bool fits_a_header(const struct email_parties *parties)
{
	const struct email_contact *to = parties->recipient;

	return email_address_is_plain(to->address) && !mp_text_has_control(to->first_name) &&
	       !mp_text_has_control(to->last_name) &&
	       email_address_is_plain(parties->from->address) &&
	       !mp_text_has_control(parties->from->name);
}

enum mp_rc email_message_write(
	const struct email_mail *mail, const struct email_parties *parties, struct mp_buf *out)
{
	struct mp_buf subject, text, html;
	char link[512];
	enum mp_rc rc;

	if (!fits_a_header(parties))
		return MP_INVALID;
	rc = mp_text_format(link, sizeof(link), "%s/payments/%s", parties->public_url,
		mail->notice.payment_id.text);
	if (rc != MP_OK)
		return rc;
	mp_buf_init(&subject, 1024);
	mp_buf_init(&text, 16384);
	mp_buf_init(&html, 32768);
	rc = write_subject(mail, parties, &subject);
	if (rc == MP_OK && mp_text_has_control(mp_buf_text(&subject)))
		rc = MP_INVALID;
	write_text(&text, mail, parties, link);
	write_html(&html, mail, parties, link);
	if (rc == MP_OK)
		rc = mp_buf_rc(&text) != MP_OK ? mp_buf_rc(&text) : mp_buf_rc(&html);
	if (rc == MP_OK) {
		write_headers(out, mail, parties, mp_buf_text(&subject));
		write_part(out, mail, "text/plain", &text);
		write_part(out, mail, "text/html", &html);
		mp_buf_addf(out, "--=_%s--\r\n", mail->id.text);
		rc = mp_buf_rc(out);
	}
	mp_buf_done(&subject);
	mp_buf_done(&text);
	mp_buf_done(&html);
	return rc;
}
