#include "testing_server.h"

#include "base/crypto.h"
#include "gate.h"
#include "http_client/http_client.h"
#include "smtp_client.h"

#define MESSAGE "Subject: x\r\n\r\n.\r\n..\r\n.end\r\n"

static struct smtp_client *open_client(const char *url)
{
	const struct smtp_config config = {.url = url,
		.user = "",
		.password = "",
		.ca_file = "",
		.plain_text = true,
		.timeout_ms = 5000};
	struct smtp_client *client = NULL;
	char reterr[256];

	assert_int_equal(smtp_open(&config, &client, reterr), MP_OK);
	return client;
}

static enum mp_rc count_call(void *ctx)
{
	++*(int *)ctx;
	return MP_OK;
}

static enum mp_rc fail_call(void *ctx)
{
	(void)ctx;
	return MP_UNAVAILABLE;
}

static struct smtp_mail a_mail(int *calls)
{
	return (struct smtp_mail){.from = "no-reply@example.com",
		.to = "ada@example.com",
		.message = MESSAGE,
		.len = sizeof(MESSAGE) - 1,
		.before_message = count_call,
		.ctx = calls};
}

static void every_answer_has_one_outcome(void **state)
{
	static const struct {
		struct smtp_script script;
		enum smtp_outcome outcome;
		const char *words; /* somewhere in the answer */
		int calls;	   /* of before_message */
		int code;	   /* the server's, when it says no */
	} rows[] = {
		{{0}, SMTP_TAKEN, "250 taken", 1, 0},
		{{.greeting = SMTP_CUT}, SMTP_TROUBLE, "was not reached", 0, 0},
		{{.greeting = "554 go away"}, SMTP_TROUBLE, "", 0, 554},
		{{.greeting = "421 busy"}, SMTP_TROUBLE, "", 0, 421},
		{{.hello = SMTP_CUT}, SMTP_TROUBLE, "was not reached", 0, 0},
		{{.sender = "550 who are you"}, SMTP_TROUBLE, "550 who are you", 0, 550},
		{{.sender = "451 later"}, SMTP_TROUBLE, "451 later", 0, 451},
		{{.sender = "530 5.7.0 log on"}, SMTP_TROUBLE, "530 5.7.0 log on", 0, 530},
		{{.recipient = "451 later"}, SMTP_DEFERRED, "451 later", 0, 451},
		{{.recipient = "550-no such\r\n550 mailbox"}, SMTP_REFUSED, "550-no such mailbox",
			0, 550},
		{{.recipient = "530 log on"}, SMTP_TROUBLE, "530 log on", 0, 530},
		{{.recipient = "421 closing"}, SMTP_TROUBLE, "421 closing", 0, 421},
		{{.recipient = SMTP_CUT}, SMTP_TROUBLE, "was not reached", 0, 0},
		{{.recipient = "nonsense"}, SMTP_TROUBLE, "", 0, 0},
		{{.data = "452 full"}, SMTP_DEFERRED, "452 full", 0, 452},
		{{.data = "554 no"}, SMTP_REFUSED, "554 no", 0, 554},
		{{.data = SMTP_CUT}, SMTP_TROUBLE, "was not reached", 0, 0},
		{{.end = "451 later"}, SMTP_DEFERRED, "451 later", 1, 451},
		{{.end = "552 spam\x07\x1b[31m\xc3\xa9"}, SMTP_REFUSED, "552 spam[31m", 1, 552},
		{{.end = "421 closing"}, SMTP_TROUBLE, "421 closing", 1, 421},
		{{.end = SMTP_CUT}, SMTP_UNKNOWN, "did not answer", 1, 0},
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_answer answer = {0};
		struct smtp_server server;
		char url[64];
		int calls = 0;
		struct smtp_mail mail = a_mail(&calls);

		smtp_server_start(&server, &rows[i].script, url);
		struct smtp_client *client = open_client(url);
		enum mp_rc rc = smtp_send(client, &mail, &answer);
		smtp_close(client);
		smtp_server_stop(&server);
		if (rc != MP_OK || answer.outcome != rows[i].outcome || calls != rows[i].calls ||
			answer.code != rows[i].code ||
			strstr(answer.words, rows[i].words) == NULL) {
			print_error("row %zu: rc %d outcome %d calls %d code %d: %s\n", i, rc,
				answer.outcome, calls, answer.code, answer.words);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

/* A server that takes everything, our client on it, and a mail. */
struct post {
	struct smtp_server server;
	struct smtp_client *client;
	struct smtp_mail mail;
	int calls; /* of before_message */
};

static void post_open(struct post *post)
{
	static const struct smtp_script good = {0};
	char url[64];

	smtp_server_start(&post->server, &good, url);
	post->client = open_client(url);
	post->calls = 0;
	post->mail = a_mail(&post->calls);
}

/* What the server was given can be looked at afterwards. */
static void post_close(struct post *post)
{
	smtp_close(post->client);
	smtp_server_stop(&post->server);
}

static void a_line_of_a_dot_does_not_end_the_message(void **state)
{
	struct smtp_answer answer;
	struct post post;

	(void)state;
	post_open(&post);
	for (int i = 0; i < 3; i++)
		assert_int_equal(smtp_send(post.client, &post.mail, &answer), MP_OK);
	post_close(&post);
	assert_string_equal(post.server.message, "Subject: x\r\n\r\n..\r\n...\r\n..end\r\n");
	assert_int_equal(atomic_load(&post.server.connections), 1); /* kept */
	assert_non_null(strstr(post.server.commands, "EHLO test.example\r\n"));
	assert_non_null(strstr(post.server.commands, "MAIL FROM:<no-reply@example.com>"));
	assert_non_null(strstr(post.server.commands, "RCPT TO:<ada@example.com>\r\n"));
	assert_non_null(strstr(post.server.commands, "QUIT\r\n"));
}

static void what_cannot_be_recorded_is_not_sent(void **state)
{
	struct smtp_answer answer;
	struct post post;

	(void)state;
	post_open(&post);
	post.mail.before_message = fail_call;
	assert_int_equal(smtp_send(post.client, &post.mail, &answer), MP_UNAVAILABLE);
	post_close(&post);
	assert_string_equal(post.server.message, "");
}

static void nothing_is_sent_once_it_stops(void **state)
{
	struct smtp_answer answer;
	struct post post;

	(void)state;
	post_open(&post);
	smtp_stop(post.client);
	assert_int_equal(smtp_send(post.client, &post.mail, &answer), MP_UNAVAILABLE);
	assert_int_equal(post.calls, 0);
	post_close(&post);
}

static void nothing_breaks_out_of_the_envelope_or_the_message(void **state)
{
	static char long_line[1100];
	const struct {
		const char *from;
		const char *to;
		const char *message;
	} rows[] = {
		{"a@b\r\nRCPT TO:<eve@b>", "c@d", MESSAGE},
		{"a@b", "c@d\r\nDATA", MESSAGE},
		{"a@b", "c@d\n", MESSAGE},
		{"a@b", "c@d> SIZE=1", MESSAGE},
		{"a@b", "<c@d>", MESSAGE},
		{"a@b", "c@d,e@f", MESSAGE},
		{"a@b", "\"c\"@d", MESSAGE},
		{"a@b", "zo\xc3\xab@d", MESSAGE},
		{"a@b", "c@m\xc3\xbcll", MESSAGE},
		{"a@b", "c@d@e", MESSAGE},
		{"a@b", "@d", MESSAGE},
		{"a@b", "c@", MESSAGE},
		{"a@b", "nobody", MESSAGE},
		{"a@b", "", MESSAGE},
		{"", "c@d", MESSAGE},
		{"a@b", "0123456789012345678901234567890123456789012345678901234567890123456789@d",
			MESSAGE},
		{"a@b", "c@d", "no end of line"},
		{"a@b", "c@d", "a bare\nline feed\r\n"},
		{"a@b", "c@d", "a bare\rreturn\r\n"},
		{"a@b", "c@d", "not ascii \xc3\xab\r\n"},
		{"a@b", "c@d", "control \x01\r\n"},
		{"a@b", "c@d", long_line},
	};
	int failures = 0;

	(void)state;
	memset(long_line, 'x', sizeof(long_line) - 3);
	memcpy(long_line + sizeof(long_line) - 3, "\r\n", 3);
	struct smtp_client *client = open_client("smtp://127.0.0.1:1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_answer answer;
		int calls = 0;
		struct smtp_mail mail = {.from = rows[i].from,
			.to = rows[i].to,
			.message = rows[i].message,
			.len = strlen(rows[i].message),
			.before_message = count_call,
			.ctx = &calls};
		if (smtp_send(client, &mail, &answer) != MP_INVALID) {
			print_error("row %zu was sent\n", i);
			failures++;
		}
	}
	smtp_close(client);
	assert_int_equal(failures, 0);
}

static void settings_that_would_leak_are_refused(void **state)
{
	static const struct {
		const char *url;
		const char *user;
		const char *password;
		bool plain_text;
		enum mp_rc rc;
	} rows[] = {
		{"smtp://host:25", "", "", true, MP_OK},
		{"smtp://host:587", "u", "p", false, MP_OK},
		{"smtps://host", "u", "p", true, MP_OK}, /* TLS from the start */
		{"smtp://host:25", "u", "p", true, MP_INVALID},
		{"smtp://host:587", "u", "", false, MP_INVALID},
		{"smtp://host:587", "", "p", false, MP_INVALID},
		{"smtp://u:p@host", "", "", false, MP_INVALID},
		{"http://host", "", "", false, MP_INVALID},
		{"host:25", "", "", false, MP_INVALID},
		{"smtp://host\r\nx", "", "", false, MP_INVALID},
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct smtp_config config = {.url = rows[i].url,
			.user = rows[i].user,
			.password = rows[i].password,
			.ca_file = "",
			.plain_text = rows[i].plain_text,
			.timeout_ms = 1000};
		struct smtp_client *client = NULL;
		char reterr[256] = "";

		enum mp_rc rc = smtp_open(&config, &client, reterr);
		if (rc != rows[i].rc || (rc != MP_OK) != (reterr[0] != '\0')) {
			print_error("row %zu: rc %d %s\n", i, rc, reterr);
			failures++;
		}
		smtp_close(client);
	}
	assert_int_equal(failures, 0);
}

static void the_gate_closes_longer_and_tells_each_trouble_once(void **state)
{
	struct gate gate;
	int64_t now_ms = 1000000;

	(void)state;
	gate_init(&gate);
	assert_int_equal(gate_closed_until_ms(&gate, now_ms), 0);
	assert_true(gate_trouble(&gate, now_ms, "down"));
	assert_int_equal(gate_closed_until_ms(&gate, now_ms), now_ms + 1000);
	/* What was under way already is the same trouble. */
	assert_false(gate_trouble(&gate, now_ms + 10, "down"));
	assert_int_equal(gate_closed_until_ms(&gate, now_ms + 10), now_ms + 1000);
	for (int64_t pause_ms = 2000; pause_ms <= 32000; pause_ms *= 2) {
		now_ms = gate_closed_until_ms(&gate, now_ms);
		assert_int_equal(gate_closed_until_ms(&gate, now_ms), 0);
		assert_false(gate_trouble(&gate, now_ms, "down"));
		assert_int_equal(gate_closed_until_ms(&gate, now_ms), now_ms + pause_ms);
	}
	now_ms += 100000;
	assert_true(gate_trouble(&gate, now_ms, "no log-on"));
	assert_int_equal(gate_closed_until_ms(&gate, now_ms), now_ms + 60000);
	assert_int_equal(gate_closed_until_ms(&gate, now_ms - 3600000), 0); /* a clock set back */
	assert_true(gate_pass(&gate));
	assert_false(gate_pass(&gate));
	assert_int_equal(gate_closed_until_ms(&gate, now_ms), 0);
	gate_done(&gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_one_outcome),
		cmocka_unit_test(a_line_of_a_dot_does_not_end_the_message),
		cmocka_unit_test(what_cannot_be_recorded_is_not_sent),
		cmocka_unit_test(nothing_is_sent_once_it_stops),
		cmocka_unit_test(nothing_breaks_out_of_the_envelope_or_the_message),
		cmocka_unit_test(settings_that_would_leak_are_refused),
		cmocka_unit_test(the_gate_closes_longer_and_tells_each_trouble_once),
	};

	if (mp_crypto_init() != MP_OK || mp_http_client_global_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
