#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "email_message.h"

/*
 * Mails of what people call themselves and write. The input's lines are the address, four names,
 * the description and the reason: whatever they are, the message has its own header fields and no
 * other, each once, in ASCII lines that end in CRLF.
 */

#define MESSAGE_BYTES_MAX (128u * 1024)
#define LINE_COLUMNS_MAX 998

static const struct email_sender sender = {"MoneyPal", "fuzz@moneypal.test"};

/* The next line of the input, cut to what fits. */
static void take_line(const char **at, size_t *left, char *out, size_t out_size)
{
	const char *end = *left == 0 ? NULL : memchr(*at, '\n', *left);
	size_t len = end == NULL ? *left : (size_t)(end - *at);
	size_t kept = len < out_size - 1 ? len : out_size - 1;

	if (kept > 0)
		memcpy(out, *at, kept);
	out[kept] = '\0';
	len += end != NULL;
	*at += len;
	*left -= len;
}

/* Each line of the header is the next of these fields, or goes on with the last. */
static void check_header(const char *at)
{
	static const char *const fields[] = {"From: ", "To: ", "Subject: ", "Date: ",
		"Message-ID: ", "MIME-Version: ", "Content-Type: ", "Auto-Submitted: "};
	unsigned seen = 0;

	while (strncmp(at, "\r\n", 2) != 0) {
		size_t i = 0;
		while (i < sizeof(fields) / sizeof(fields[0]) &&
			strncmp(at, fields[i], strlen(fields[i])) != 0)
			i++;
		FUZZ_CHECK(i < sizeof(fields) / sizeof(fields[0]) || *at == ' ' || *at == '\t');
		FUZZ_CHECK(i == sizeof(fields) / sizeof(fields[0]) || (seen & 1u << i) == 0);
		seen |= i < sizeof(fields) / sizeof(fields[0]) ? 1u << i : 0;
		at = strstr(at, "\r\n");
		FUZZ_CHECK(at != NULL);
		at += 2;
	}
}

static void check_lines(const char *text, size_t len)
{
	size_t column = 0;

	FUZZ_CHECK(len >= 2 && memcmp(text + len - 2, "\r\n", 2) == 0);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n') {
			i++;
			column = 0;
			continue;
		}
		FUZZ_CHECK(text[i] == '\t' || (text[i] >= ' ' && text[i] <= '~'));
		FUZZ_CHECK(++column <= LINE_COLUMNS_MAX);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	struct email_contact to = {.version = 1}, other = {.version = 1};
	struct email_mail mail = {.notice = {.event_time_ms = 1795309323000,
					  .amount = "30.00",
					  .currency = "USD",
					  .invoice_no = "INV-202611-ABCDEFGH"}};
	struct mp_buf out;

	take_line(&at, &size, to.address, sizeof(to.address));
	take_line(&at, &size, to.first_name, sizeof(to.first_name));
	take_line(&at, &size, to.last_name, sizeof(to.last_name));
	take_line(&at, &size, other.first_name, sizeof(other.first_name));
	take_line(&at, &size, other.last_name, sizeof(other.last_name));
	take_line(&at, &size, mail.notice.description, sizeof(mail.notice.description));
	take_line(&at, &size, mail.notice.reason, sizeof(mail.notice.reason));
	FUZZ_CHECK(mp_id_parse("01890a5d-ac96-774b-bcce-b302099a8057", &mail.id));
	mail.notice.payment_id = mail.id;

	for (unsigned i = 0; i < EMAIL_TEMPLATE_COUNT; i++) {
		const struct email_parties parties = {.recipient = &to,
			.other = &other,
			.from = &sender,
			.public_url = "http://fuzz"};

		mail.notice.template = (enum email_template)i;
		mp_buf_init(&out, MESSAGE_BYTES_MAX);
		enum mp_rc rc = email_message_write(&mail, &parties, &out);
		FUZZ_CHECK(rc == MP_OK || rc == MP_INVALID || rc == MP_TOO_LARGE);
		FUZZ_CHECK(rc != MP_OK || email_address_is_plain(to.address));
		if (rc == MP_OK) {
			check_lines(mp_buf_text(&out), out.len);
			check_header(mp_buf_text(&out));
		}
		mp_buf_done(&out);
	}
	return 0;
}
