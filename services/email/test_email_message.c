#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/testing.h"
#include "base/text.h"
#include "email_message.h"
#include "email_mime.h"

static struct email_mail settled_mail(void)
{
	struct email_mail mail = {.notice = {.template = EMAIL_BILL_PAID,
					  .event_time_ms = 1795309323000,
					  .amount = "30.00",
					  .currency = "USD",
					  .invoice_no = "INV-202611-ABCDEFGH"}};

	(void)mp_id_parse("01890a5d-ac96-774b-bcce-b302099a8057", &mail.id);
	(void)mp_id_parse("01890a5d-ac96-774b-bcce-b302099a8058", &mail.notice.payment_id);
	(void)mp_id_parse("01890a5d-ac96-774b-bcce-b302099a8059", &mail.notice.other);
	return mail;
}

static struct email_contact contact(const char *first, const char *last, const char *address)
{
	struct email_contact c = {.version = 1};

	assert_int_equal(mp_text_copy(c.first_name, sizeof(c.first_name), first), MP_OK);
	assert_int_equal(mp_text_copy(c.last_name, sizeof(c.last_name), last), MP_OK);
	assert_int_equal(mp_text_copy(c.address, sizeof(c.address), address), MP_OK);
	return c;
}

/* Writes the message of mail; the text is the caller's to release with mp_buf_done. */
static enum mp_rc write_message(const struct email_mail *mail, const struct email_contact *to,
	const struct email_contact *other, struct mp_buf *out)
{
	const struct email_sender from = {.name = "MoneyPal", .address = "no-reply@example.com"};
	const struct email_parties parties = {.recipient = to,
		.other = other,
		.from = &from,
		.public_url = "https://pay.example.com"};

	mp_buf_init(out, 131072);
	return email_message_write(mail, &parties, out);
}

static void quoted_printable_follows_rfc_2045(void **state)
{
	static const struct {
		const char *text;
		const char *encoded;
	} rows[] = {
		{"plain words", "plain words"},
		{"a=b", "a=3Db"},
		{"caf\xc3\xa9", "caf=C3=A9"},
		{"line \nnext", "line=20\r\nnext"},
		{"end ", "end=20"},
		{"tab\t", "tab=09"},
		{".\n..\nend.", "=2E\r\n=2E.\r\nend."},
		{"a\rb", "a=0Db"},
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mp_buf out;

		mp_buf_init(&out, 1000);
		email_mime_quoted_printable(&out, rows[i].text);
		if (strcmp(mp_buf_text(&out), rows[i].encoded) != 0) {
			print_error("row %zu: %s\n", i, mp_buf_text(&out));
			failures++;
		}
		mp_buf_done(&out);
	}
	assert_int_equal(failures, 0);
}

static void quoted_printable_lines_are_at_most_76_columns(void **state)
{
	struct mp_buf out;
	char text[1001];

	(void)state;
	memset(text, '=', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	mp_buf_init(&out, 10000);
	email_mime_quoted_printable(&out, text);
	for (const char *line = mp_buf_text(&out); *line != '\0';) {
		size_t len = strcspn(line, "\r");

		assert_true(len <= 76);
		line += len;
		line += strspn(line, "\r\n");
	}
	mp_buf_done(&out);
}

static void header_text_is_encoded_words_cut_between_characters(void **state)
{
	struct mp_buf out;

	(void)state;
	mp_buf_init(&out, 1000);
	email_mime_header_text(&out, "You paid 30.00");
	assert_string_equal(mp_buf_text(&out), "You paid 30.00");
	mp_buf_clear(&out);
	email_mime_header_text(&out, "Zo\xc3\xab");
	assert_string_equal(mp_buf_text(&out), "=?UTF-8?B?Wm/Dqw==?=");
	mp_buf_clear(&out);
	/* 16 characters of 3 bytes: 13 fit into the first word */
	email_mime_header_text(&out,
		"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
		"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
		"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
	assert_non_null(strstr(mp_buf_text(&out), "?=\r\n =?UTF-8?B?4oKs4oKs4oKs?="));
	mp_buf_clear(&out);
	email_mime_header_text(&out, "=?not a word");
	assert_null(strstr(mp_buf_text(&out), "=?not"));
	mp_buf_done(&out);
}

static void a_message_has_text_and_html_of_the_same_words(void **state)
{
	struct email_mail mail = settled_mail();
	struct email_contact ada = contact("Ada", "Client", "ada@example.com");
	struct email_contact bob = contact("Bob <b>", "O'Hara", "bob@example.com");
	struct mp_buf out;

	(void)state;
	assert_int_equal(write_message(&mail, &ada, &bob, &out), MP_OK);
	const char *text = mp_buf_text(&out);
	assert_non_null(strstr(text, "To: \"Ada Client\" <ada@example.com>\r\n"));
	assert_non_null(strstr(text, "Subject: You paid 30.00 USD to Bob <b> O'Hara\r\n"));
	assert_non_null(
		strstr(text, "Message-ID: <01890a5d-ac96-774b-bcce-b302099a8057@example.com>\r\n"));
	assert_non_null(strstr(text, "Date: Sun, 22 Nov 2026 "));
	assert_non_null(strstr(text, "INV-202611-ABCDEFGH"));
	assert_non_null(strstr(text, "Bob &lt;b&gt; O&#39;Hara"));
	assert_null(strstr(text, "For:")); /* no description: the paragraph is left out */
	for (const char *p = strchr(text, '\n'); p != NULL; p = strchr(p + 1, '\n'))
		assert_int_equal(p[-1], '\r');
	mp_buf_done(&out);
}

static void the_other_party_may_be_unknown(void **state)
{
	struct email_mail mail = settled_mail();
	struct email_contact ada = contact("Ada", "Client", "ada@example.com");
	struct mp_buf out;

	(void)state;
	assert_int_equal(write_message(&mail, &ada, NULL, &out), MP_OK);
	assert_non_null(strstr(mp_buf_text(&out), "Subject: You paid 30.00 USD to another user"));
	mp_buf_done(&out);
}

static void nothing_breaks_out_of_a_header(void **state)
{
	static const struct {
		const char *first_name;
		const char *address;
	} rows[] = {
		{"Ada\r\nBcc: eve@example.com", "ada@example.com"},
		{"Ada\n", "ada@example.com"},
		{"Ada", "ada@example.com\r\nBcc: eve@example.com"},
		{"Ada", "ada@example.com>,<eve@example.com"},
		{"Ada", "ada@example.com, eve@example.com"},
		{"Ada", "no address"},
		{"Ada", "zo\xc3\xab@example.com"},
		{"Ada", "ada@example.com@example.com"},
		{"Ada\x7f", "ada@example.com"},
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct email_mail mail = settled_mail();
		struct email_contact to = contact(rows[i].first_name, "X", rows[i].address);
		struct mp_buf out;

		if (write_message(&mail, &to, NULL, &out) != MP_INVALID || out.len != 0) {
			print_error("row %zu was written\n", i);
			failures++;
		}
		mp_buf_done(&out);
	}
	assert_int_equal(failures, 0);
}

static void senders_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		const char *name; /* NULL: refused */
		const char *address;
	} rows[] = {
		{"MoneyPal <no-reply@example.com>", "MoneyPal", "no-reply@example.com"},
		{"M\xc3\xbcller & Co  <a@b>", "M\xc3\xbcller & Co", "a@b"},
		{"no-reply@localhost", "", "no-reply@localhost"},
		{"<a@b>", "", "a@b"},
		{"", NULL, NULL},
		{"MoneyPal", NULL, NULL},
		{"MoneyPal <a@b", NULL, NULL},
		{"MoneyPal <a@b> x", NULL, NULL},
		{"MoneyPal <a@b>>", NULL, NULL},
		{"Money\r\nBcc: <a@b>", NULL, NULL},
		{"\xff <a@b>", NULL, NULL},
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct email_sender sender;
		bool good = email_sender_parse(rows[i].text, &sender);

		if (good != (rows[i].name != NULL) ||
			(good && (strcmp(sender.name, rows[i].name) != 0 ||
					 strcmp(sender.address, rows[i].address) != 0))) {
			print_error("row %zu\n", i);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

static void no_line_of_a_header_is_too_long(void **state)
{
	struct email_mail mail = settled_mail();
	char name[257], address[255];
	struct mp_buf out;

	(void)state;
	memset(name, 'N', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(address, 'a', sizeof(address) - 1);
	address[60] = '@';
	address[sizeof(address) - 1] = '\0';
	struct email_contact long_names = contact(name, name, address);
	assert_int_equal(write_message(&mail, &long_names, &long_names, &out), MP_OK);
	for (const char *line = mp_buf_text(&out); *line != '\0'; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\r");
		assert_true(
			len <= 78 || (line[0] == ' ' && line[1] == '<')); /* the address alone */
	}
	mp_buf_done(&out);
}

/* The payer's card may have been charged before: true whether it was or not. */
static void where_the_money_is_is_said_truly(void **state)
{
#define ADDED "Bob Provider was not paid. What was added to your wallet stays there."
	static const struct {
		enum email_template template;
		bool top_up;
		const char *text;
	} rows[] = {
		{EMAIL_PAYMENT_NEEDS_FUNDING, false,
			"Hello Ada,\n\nYou want to pay 30.00 USD to Bob Provider, and your wallet "
			"lacks 5.00 USD.\n\nNobody was paid yet, and the money that you added so "
			"far "
			"is in your wallet. Add the missing amount, and the payment goes on by "
			"itself.\n\nComplete the payment:"},
		{EMAIL_PAYMENT_EXPIRED, false,
			"Hello Ada,\n\nYour payment of 30.00 USD was not completed in time, and "
			"has "
			"ended.\n\n" ADDED "\n\nYou can start it again at any time.\n\nSee the "
			"payment:"},
		{EMAIL_PAYMENT_EXPIRED, true,
			"Hello Ada,\n\nYour payment of 30.00 USD was not completed in time, and "
			"has "
			"ended.\n\nYou can start it again at any time.\n\nSee the payment:"},
		{EMAIL_PAYMENT_FAILED, false,
			"Hello Ada,\n\nYour payment of 30.00 USD could not be completed, and has "
			"ended.\n\n" ADDED "\n\nYou can start it again at any time.\n\nSee the "
			"payment:"},
	};
	struct email_contact ada = contact("Ada", "Client", "ada@example.com");
	struct email_contact bob = contact("Bob", "Provider", "bob@example.com");
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct email_mail mail = settled_mail();
		struct mp_buf out, encoded;

		mail.notice.template = rows[i].template;
		assert_int_equal(mp_text_copy(mail.notice.shortfall, 24, "5.00"), MP_OK);
		if (rows[i].top_up)
			mail.notice.other = (struct mp_id){""};
		assert_int_equal(write_message(&mail, &ada, &bob, &out), MP_OK);
		mp_buf_init(&encoded, 4096);
		email_mime_quoted_printable(&encoded, rows[i].text);
		wrong += mp_wrong(strstr(mp_buf_text(&out), mp_buf_text(&encoded)) != NULL,
			"row %zu: %s", i, mp_buf_text(&out));
		mp_buf_done(&encoded);
		mp_buf_done(&out);
	}
	assert_int_equal(wrong, 0);
#undef ADDED
}

static void every_template_says_all_its_words(void **state)
{
	struct email_contact ada = contact("Ada", "Client", "ada@example.com");

	(void)state;
	for (int t = 0; t < EMAIL_TEMPLATE_COUNT; t++) {
		struct email_mail mail = settled_mail();
		struct mp_buf out;

		mail.notice.template = (enum email_template)t;
		assert_int_equal(write_message(&mail, &ada, &ada, &out), MP_OK);
		assert_null(strchr(mp_buf_text(&out), '{'));
		assert_non_null(strstr(mp_buf_text(&out), "/payments/01890a5d"));
		mp_buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoted_printable_follows_rfc_2045),
		cmocka_unit_test(quoted_printable_lines_are_at_most_76_columns),
		cmocka_unit_test(header_text_is_encoded_words_cut_between_characters),
		cmocka_unit_test(a_message_has_text_and_html_of_the_same_words),
		cmocka_unit_test(the_other_party_may_be_unknown),
		cmocka_unit_test(nothing_breaks_out_of_a_header),
		cmocka_unit_test(senders_are_read_or_refused),
		cmocka_unit_test(no_line_of_a_header_is_too_long),
		cmocka_unit_test(where_the_money_is_is_said_truly),
		cmocka_unit_test(every_template_says_all_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
