#include "base/testing_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "email.h"
#include "http_client/http_client.h"
#include "store/fault.h"
#include "store/testing.h"
#include "testing_server.h"

#define NOW_MS 1795309323000
#define NOWHERE "smtp://127.0.0.1:1"

/* The rules over a real store and a real maildir, in a folder of the test's own. */
struct fixture {
	struct mp_test_folder folder;
	unsigned troubles; /* told */
	unsigned ends;	   /* of them */
	char told[EMAIL_ANSWER_SIZE];
	struct email_app app;
	struct email_sender from;
	struct mp_arena *arena;
};

static void write_down(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	struct fixture *f = ctx;

	(void)rc;
	if (strcmp(event, "mail_trouble") == 0) {
		f->troubles++;
		(void)snprintf(f->told, sizeof(f->told), "%s", detail);
	}
	f->ends += strcmp(event, "mail_trouble_over") == 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[256], reterr[256];

	assert_non_null(f);
	mp_test_folder_make(&f->folder);
	(void)snprintf(path, sizeof(path), "%s/data", f->folder.path);
	f->app.store = mp_fault_store_new(mp_test_store_open(path));
	assert_non_null(f->app.store);
	(void)snprintf(path, sizeof(path), "%s/mail", f->folder.path);
	assert_int_equal(maildir_open(path, &f->app.maildir, reterr), MP_OK);
	assert_true(email_sender_parse("MoneyPal <no-reply@example.com>", &f->from));
	f->app.from = &f->from;
	f->app.give_up_ms = 3600 * 1000;
	f->app.sink = (struct mp_sink){write_down, f};
	email_app_init(&f->app);
	mp_metric_set(f->app.in_trouble, 0);
	f->app.public_url = "http://127.0.0.1";
	const struct mp_due_config due = {.store = f->app.store,
		.kind = "mail",
		.threads = 1,
		.handler = email_send_due,
		.ctx = &f->app};
	assert_int_equal(mp_due_open(&due, &f->app.due), MP_OK);
	f->arena = mp_arena_new(16 << 20);
	assert_non_null(f->arena);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mp_due_close(f->app.due);
	maildir_close(f->app.maildir);
	smtp_close(f->app.smtp);
	email_app_done(&f->app);
	mp_store_close(f->app.store);
	mp_arena_free(f->arena);
	mp_test_folder_remove(&f->folder);
	free(f);
	return 0;
}

static struct email_contact contact(struct mp_id id, int64_t version, const char *address)
{
	struct email_contact c = {
		.user_id = id, .version = version, .first_name = "Ada", .last_name = "Client"};

	(void)snprintf(c.address, sizeof(c.address), "%s", address);
	return c;
}

static struct email_notice notice(struct mp_id recipient)
{
	struct email_notice n = {.template = EMAIL_WALLET_CREDITED,
		.recipient = recipient,
		.event_id = mp_id_new(NOW_MS),
		.event = "wallet.credited",
		.event_time_ms = NOW_MS,
		.payment_id = mp_id_new(NOW_MS),
		.amount = "30.00",
		.currency = "USD",
		.balance = "130.00"};

	return n;
}

static struct email_page list(struct fixture *f, struct mp_id user)
{
	struct email_page page;

	assert_int_equal(email_list(&f->app, f->arena, &user, NULL, 100, &page), MP_OK);
	return page;
}

static struct mp_due_result send_it(struct fixture *f, const struct email_notice *n)
{
	struct mp_id id = email_mail_id(n);

	return email_send_due(&f->app, f->arena, &id, 0, NOW_MS);
}

static bool lies_in_maildir(struct fixture *f, const struct email_notice *n)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/mail/new/%s", f->folder.path, email_mail_id(n).text);
	return access(path, R_OK) == 0;
}

static bool is_named(struct fixture *f, const char *folder, const char *mail_id, const char *more)
{
	char path[256];

	(void)snprintf(
		path, sizeof(path), "%s/mail/%s/%s%s", f->folder.path, folder, mail_id, more);
	return access(path, F_OK) == 0;
}

/* Repeated before it is recorded, also when a reader has looked at it meanwhile, or deleted it. */
static void a_mail_delivered_before_a_crash_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct mp_id id = mp_id_new(NOW_MS);
	char in_new[256], in_cur[256], text[16] = "", why[256];

	assert_int_equal(maildir_deliver(f->app.maildir, id.text, "first", 5, why), MP_OK);
	(void)snprintf(in_new, sizeof(in_new), "%s/mail/new/%s", f->folder.path, id.text);
	(void)snprintf(in_cur, sizeof(in_cur), "%s/mail/cur/%s:2,S", f->folder.path, id.text);
	assert_int_equal(maildir_deliver(f->app.maildir, id.text, "2nd", 3, why), MP_OK);
	assert_int_equal(rename(in_new, in_cur), 0);
	assert_int_equal(maildir_deliver(f->app.maildir, id.text, "3rd", 3, why), MP_OK);
	assert_false(is_named(f, "new", id.text, ""));
	FILE *file = fopen(in_cur, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "first");
	assert_int_equal(unlink(in_cur), 0);
	assert_int_equal(maildir_deliver(f->app.maildir, id.text, "4th", 3, why), MP_OK);
	assert_false(is_named(f, "new", id.text, ""));
	maildir_forget(f->app.maildir, id.text);
	assert_false(is_named(f, "tmp", id.text, "") || is_named(f, "tmp", id.text, ".sent"));
}

/* Each state of the names in tmp/ that a crash can leave before the delivery. */
static void what_a_crash_left_half_written_is_written_anew(void **state)
{
	struct fixture *f = *state;

	for (int has_second_name = 0; has_second_name <= 1; has_second_name++) {
		struct mp_id id = mp_id_new(NOW_MS + has_second_name);
		char path[256], second[264], text[16] = "", why[256];

		(void)snprintf(path, sizeof(path), "%s/mail/tmp/%s", f->folder.path, id.text);
		(void)snprintf(second, sizeof(second), "%s.sent", path);
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		assert_true(fputs("ha", file) >= 0);
		assert_int_equal(fclose(file), 0);
		if (has_second_name)
			assert_int_equal(link(path, second), 0);
		assert_int_equal(maildir_deliver(f->app.maildir, id.text, "whole", 5, why), MP_OK);
		(void)snprintf(path, sizeof(path), "%s/mail/new/%s", f->folder.path, id.text);
		file = fopen(path, "r");
		assert_non_null(file);
		assert_non_null(fgets(text, sizeof(text), file));
		assert_int_equal(fclose(file), 0);
		assert_string_equal(text, "whole");
	}
}

static void an_older_contact_never_overwrites_a_newer_one(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_contact newer = contact(user, 3, "new@example.com");
	struct email_contact older = contact(user, 2, "old@example.com");
	struct email_contact seen;

	assert_int_equal(email_learn_contact(&f->app, f->arena, &newer), MP_OK);
	assert_int_equal(email_learn_contact(&f->app, f->arena, &older), MP_OK);
	assert_int_equal(email_db_contact(f->app.store, f->arena, &user, &seen), MP_OK);
	assert_string_equal(seen.address, "new@example.com");
	newer = contact(user, 4, "");
	assert_int_equal(email_learn_contact(&f->app, f->arena, &newer), MP_OK);
	assert_int_equal(email_db_contact(f->app.store, f->arena, &user, &seen), MP_OK);
	assert_string_equal(seen.address, "");
}

static void the_same_notice_is_one_mail_however_often_it_comes(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice two[] = {notice(user), notice(user)};
	struct email_notice twice[] = {two[0], two[0], two[1]};

	assert_int_equal(email_notify(&f->app, f->arena, two, 1, NOW_MS), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, two, 2, NOW_MS), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, twice, 3, NOW_MS), MP_OK);
	assert_int_equal(list(f, user).count, 2);
}

static void a_mail_waits_for_its_address_then_is_delivered_once(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice n = notice(user);
	struct email_contact c = contact(user, 1, "ada@example.com");

	assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
	struct mp_due_result result = send_it(f, &n);
	assert_false(result.done);
	assert_true(result.again_at_ms > NOW_MS);
	assert_int_equal(list(f, user).mails[0].state, EMAIL_PENDING);
	assert_int_equal(email_learn_contact(&f->app, f->arena, &c), MP_OK);
	assert_true(send_it(f, &n).done);
	assert_true(lies_in_maildir(f, &n));
	assert_true(send_it(f, &n).done);
	struct email_page page = list(f, user);
	assert_int_equal(page.mails[0].state, EMAIL_SENT);
	assert_int_equal(page.mails[0].attempts, 1);
	assert_string_equal(page.mails[0].address, "ada@example.com");
}

static void without_an_address_the_notice_stands_in_the_log_alone(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice n = notice(user);
	struct email_contact c = contact(user, 1, "");

	assert_int_equal(email_learn_contact(&f->app, f->arena, &c), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
	assert_true(send_it(f, &n).done);
	assert_int_equal(list(f, user).mails[0].state, EMAIL_NO_ADDRESS);
	assert_false(lies_in_maildir(f, &n));
}

static void a_lost_answer_of_the_store_delivers_once(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice n = notice(user);
	struct email_contact c = contact(user, 1, "ada@example.com");

	assert_int_equal(email_learn_contact(&f->app, f->arena, &c), MP_OK);
	for (int after_effect = 0; after_effect < 2; after_effect++) {
		n.event_id = mp_id_new(NOW_MS);
		mp_fault_store_arm(f->app.store, 1, after_effect);
		assert_int_not_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
		assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
		mp_fault_store_arm(f->app.store, 1, after_effect);
		assert_false(send_it(f, &n).done);
		assert_true(send_it(f, &n).done);
		assert_true(lies_in_maildir(f, &n));
	}
	struct email_page page = list(f, user);
	assert_int_equal(page.count, 2);
	assert_int_equal(page.mails[0].state, EMAIL_SENT);
	assert_int_equal(page.mails[1].state, EMAIL_SENT);
}

static struct email_mail logged(struct fixture *f, const struct email_notice *n)
{
	struct mp_id id = email_mail_id(n);
	struct email_mail mail;

	assert_int_equal(email_db_mail(f->app.store, f->arena, &id, &mail), MP_OK);
	return mail;
}

/* From now on the fixture's mails go to this mail server. */
static void use_smtp(struct fixture *f, const char *url)
{
	const struct smtp_config config = {.url = url,
		.user = "",
		.password = "",
		.ca_file = "",
		.plain_text = true,
		.timeout_ms = 1000};
	char reterr[256];

	smtp_close(f->app.smtp);
	f->app.smtp = NULL;
	assert_int_equal(smtp_open(&config, &f->app.smtp, reterr), MP_OK);
	f->app.answer_ms_max = 3000;
}

static void what_is_deferred_for_too_long_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice n = notice(user), other = notice(user);
	struct email_contact c = contact(user, 1, "ada@example.com");
	struct mp_id id = email_mail_id(&n), other_id = email_mail_id(&other);
	int64_t now_ms = NOW_MS + 7200 * 1000; /* it waited for its address, which counts not */

	use_smtp(f, NOWHERE);
	assert_int_equal(email_learn_contact(&f->app, f->arena, &c), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, &other, 1, NOW_MS), MP_OK);
	struct mp_due_result result = email_send_due(&f->app, f->arena, &id, 0, now_ms);
	assert_false(result.done);
	assert_int_equal(logged(f, &n).state, EMAIL_DEFERRED);
	assert_int_equal(logged(f, &n).first_try_ms, now_ms);
	/* The gate is closed: others are not tried, and not counted as tried. */
	result = email_send_due(&f->app, f->arena, &other_id, 0, now_ms);
	assert_false(result.done);
	assert_true(result.again_at_ms >= now_ms + 1000);
	assert_int_equal(logged(f, &other).state, EMAIL_PENDING);
	result = email_send_due(&f->app, f->arena, &id, 1, now_ms + f->app.give_up_ms);
	assert_true(result.done);
	assert_int_equal(logged(f, &n).state, EMAIL_FAILED);
	assert_int_equal(logged(f, &n).attempts, 2);
}

static void an_answer_is_waited_for_and_one_more_is_the_last(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice n = notice(user);
	struct email_contact c = contact(user, 1, "ada@example.com");

	use_smtp(f, NOWHERE);
	assert_int_equal(email_learn_contact(&f->app, f->arena, &c), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
	/* As a crash behind the message's first byte leaves it. */
	struct email_mail mail = logged(f, &n);
	mail.state = EMAIL_UNKNOWN;
	mail.unanswered = 1;
	mail.first_try_ms = NOW_MS;
	mail.hold_until_ms = NOW_MS + 3000;
	assert_int_equal(email_db_mail_replace(f->app.store, f->arena, &mail), MP_OK);
	assert_int_equal(send_it(f, &n).again_at_ms, NOW_MS + 3000);
	assert_int_equal(logged(f, &n).attempts, 0);
	/* The clock was set back: so long no answer takes, and so it is tried. */
	mail.hold_until_ms = NOW_MS + 3600 * 1000;
	assert_int_equal(email_db_mail_replace(f->app.store, f->arena, &mail), MP_OK);
	assert_true(send_it(f, &n).again_at_ms < NOW_MS + 10000);
	assert_int_equal(logged(f, &n).attempts, 1);
	/* A try that does not reach the server leaves it unknown, and is not the one more. */
	assert_false(email_send_due(&f->app, f->arena, &mail.id, 0, NOW_MS + 3000).done);
	assert_int_equal(logged(f, &n).state, EMAIL_UNKNOWN);
	assert_int_equal(logged(f, &n).unanswered, 1);
	mail = logged(f, &n);
	mail.unanswered = 2;
	assert_int_equal(email_db_mail_replace(f->app.store, f->arena, &mail), MP_OK);
	assert_true(email_send_due(&f->app, f->arena, &mail.id, 0, NOW_MS + 9000).done);
	assert_int_equal(logged(f, &n).state, EMAIL_UNKNOWN);
}

/* A mail to somebody whose address is known. */
static struct email_notice claimed(struct fixture *f)
{
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice n = notice(user);
	struct email_contact c = contact(user, 1, "ada@example.com");

	assert_int_equal(email_learn_contact(&f->app, f->arena, &c), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
	return n;
}

static struct mp_due_result send_at(struct fixture *f, const struct email_notice *n, int64_t now_ms)
{
	struct mp_id id = email_mail_id(n);

	return email_send_due(&f->app, f->arena, &id, 0, now_ms);
}

static void a_maildir_that_takes_nothing_is_told_and_waited_for(void **state)
{
	struct fixture *f = *state;
	struct email_notice n = claimed(f), other = claimed(f);
	char path[256], reterr[256];

	(void)snprintf(path, sizeof(path), "%s/mail/tmp", f->folder.path);
	assert_int_equal(rmdir(path), 0);
	assert_false(send_it(f, &n).done);
	assert_int_equal(logged(f, &n).state, EMAIL_DEFERRED);
	assert_int_equal(mp_metric_value(f->app.in_trouble), 1);
	assert_non_null(strstr(f->told, "making a file in tmp): No such file"));
	/* The others wait, and the same trouble is told once. */
	assert_true(send_it(f, &other).again_at_ms >= NOW_MS + 1000);
	assert_int_equal(logged(f, &other).state, EMAIL_PENDING);
	assert_false(send_at(f, &other, NOW_MS + 5000).done);
	assert_int_equal(f->troubles, 1);
	maildir_close(f->app.maildir);
	(void)snprintf(path, sizeof(path), "%s/mail", f->folder.path);
	assert_int_equal(maildir_open(path, &f->app.maildir, reterr), MP_OK);
	assert_true(send_at(f, &n, NOW_MS + 60000).done);
	assert_int_equal(logged(f, &n).state, EMAIL_SENT);
	assert_int_equal(mp_metric_value(f->app.in_trouble), 0);
	assert_int_equal(f->ends, 1);
}

static void what_was_handed_over_without_an_answer_goes_once_more_at_most(void **state)
{
	static const struct {
		enum smtp_outcome outcome;
		int64_t unanswered;
		bool handed_over;
		struct email_after after;
	} rows[] = {
		{SMTP_TAKEN, 0, true, {EMAIL_SENT, 0}},
		{SMTP_TAKEN, 1, true, {EMAIL_SENT, 1}},
		{SMTP_UNKNOWN, 0, true, {EMAIL_UNKNOWN, 1}},
		{SMTP_UNKNOWN, 1, true, {EMAIL_UNKNOWN, 2}},
		{SMTP_REFUSED, 0, false, {EMAIL_REFUSED, 0}},
		{SMTP_REFUSED, 0, true, {EMAIL_REFUSED, 0}},
		{SMTP_REFUSED, 1, false, {EMAIL_UNKNOWN, EMAIL_UNANSWERED_MAX}},
		{SMTP_REFUSED, 1, true, {EMAIL_UNKNOWN, EMAIL_UNANSWERED_MAX}},
		{SMTP_DEFERRED, 0, false, {EMAIL_DEFERRED, 0}},
		{SMTP_DEFERRED, 0, true, {EMAIL_DEFERRED, 0}},
		{SMTP_DEFERRED, 1, false, {EMAIL_UNKNOWN, 1}},
		{SMTP_DEFERRED, 1, true, {EMAIL_UNKNOWN, EMAIL_UNANSWERED_MAX}},
		{SMTP_TROUBLE, 0, false, {EMAIL_DEFERRED, 0}},
		{SMTP_TROUBLE, 0, true, {EMAIL_DEFERRED, 0}},
		{SMTP_TROUBLE, 1, false, {EMAIL_UNKNOWN, 1}},
		{SMTP_TROUBLE, 1, true, {EMAIL_UNKNOWN, EMAIL_UNANSWERED_MAX}},
	};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct email_after after = email_after_answer(
			rows[i].outcome, rows[i].unanswered, rows[i].handed_over);
		wrong += mp_wrong(after.state == rows[i].after.state &&
					  after.unanswered == rows[i].after.unanswered,
			"row %zu: state %d, %d unanswered", i, (int)after.state,
			(int)after.unanswered);
	}
	assert_int_equal(wrong, 0);
}

/* Refused, or deferred when it was handed over: nobody knows whether the first has arrived. */
static void the_one_more_is_the_last_whatever_is_answered(void **state)
{
	static const struct smtp_script scripts[] = {
		{.recipient = "550 no such mailbox"}, {.end = "554 spam"}, {.end = "451 later"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		int64_t resent = mp_metric_value(f->app.resent);
		struct email_notice n = claimed(f);
		struct email_mail mail = logged(f, &n);
		struct smtp_server server;
		char url[64];

		mail.state = EMAIL_UNKNOWN;
		mail.unanswered = 1;
		mail.first_try_ms = NOW_MS;
		assert_int_equal(email_db_mail_replace(f->app.store, f->arena, &mail), MP_OK);
		smtp_server_start(&server, &scripts[i], url);
		use_smtp(f, url);
		assert_true(send_it(f, &n).done);
		assert_int_equal(logged(f, &n).state, EMAIL_UNKNOWN);
		assert_true(send_at(f, &n, NOW_MS + 60000).done);
		assert_int_equal(logged(f, &n).attempts, 1);
		assert_int_equal(mp_metric_value(f->app.resent) - resent, i == 0 ? 0 : 1);
		use_smtp(f, NOWHERE); /* so that the server's connection ends */
		smtp_server_stop(&server);
	}
}

static void a_server_that_is_silent_is_left_alone_from_then_on(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* the kernel connects, nobody accepts */
	socklen_t len = sizeof(address);
	struct fixture *f = *state;
	struct email_notice n = claimed(f), other = claimed(f);
	char url[64];

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", ntohs(address.sin_port));
	use_smtp(f, url);
	/* It takes the second of SMTP_TIMEOUT_MS; the gate is closed for one more. */
	assert_true(send_it(f, &n).again_at_ms >= NOW_MS + 2000);
	assert_true(send_at(f, &other, NOW_MS + 1900).again_at_ms >= NOW_MS + 2000);
	assert_int_equal(logged(f, &other).attempts, 0);
	(void)close(fd);
}

static void silence_behind_a_message_leaves_no_alarm(void **state)
{
	static const struct smtp_script silent = {.end = SMTP_CUT};
	struct fixture *f = *state;
	struct email_notice n = claimed(f);
	struct smtp_server server;
	char url[64];

	use_smtp(f, NOWHERE);
	assert_false(send_it(f, &n).done);
	assert_int_equal(mp_metric_value(f->app.in_trouble), 1);
	smtp_server_start(&server, &silent, url);
	use_smtp(f, url);
	assert_false(send_at(f, &n, NOW_MS + 10000).done);
	/* All the same the others wait. */
	assert_true(gate_closed_until_ms(&f->app.gate, NOW_MS + 10000) != 0);
	assert_true(send_at(f, &n, NOW_MS + 60000).done);
	assert_int_equal(logged(f, &n).state, EMAIL_UNKNOWN);
	assert_int_equal(mp_metric_value(f->app.in_trouble), 0);
	smtp_server_stop(&server);
}

static void a_trouble_in_ever_new_words_is_told_once(void **state)
{
	static const struct smtp_script scripts[] = {{.sender = "451 later, as 4bQ7 is told"},
		{.sender = "451 later, as 4bQ8 is told"}, {.sender = "550 you never"}};
	struct fixture *f = *state;
	struct email_notice n = claimed(f);

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct smtp_server server;
		char url[64];

		smtp_server_start(&server, &scripts[i], url);
		use_smtp(f, url);
		assert_false(send_at(f, &n, NOW_MS + (int64_t)i * 100000).done);
		assert_int_equal(logged(f, &n).attempts, i + 1);
		assert_int_equal(f->troubles, i < 2 ? 1 : 2);
		use_smtp(f, NOWHERE);
		smtp_server_stop(&server);
	}
	assert_non_null(strstr(f->told, "550 you never"));
}

static void lists_go_page_by_page_newest_first(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_page page = {0};
	int64_t last_ms = INT64_MAX;
	size_t seen = 0;

	for (int i = 0; i < 7; i++) {
		struct email_notice n = notice(user);
		n.event_time_ms = NOW_MS + i;
		assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
	}
	do {
		assert_int_equal(email_list(&f->app, f->arena, &user, page.after, 3, &page), MP_OK);
		for (size_t i = 0; i < page.count; i++, seen++) {
			assert_true(page.mails[i].notice.event_time_ms < last_ms);
			last_ms = page.mails[i].notice.event_time_ms;
		}
	} while (page.after != NULL);
	assert_int_equal(seen, 7);
}

static void the_mails_of_a_payment_are_found_however_many_came_later(void **state)
{
	struct fixture *f = *state;
	struct mp_id user = mp_id_new(NOW_MS);
	struct email_notice n = notice(user), other = notice(user);
	struct email_found found;

	/* Before it, of it, then more than are looked through. */
	other.event_time_ms = NOW_MS - 100000;
	assert_int_equal(email_notify(&f->app, f->arena, &other, 1, NOW_MS), MP_OK);
	assert_int_equal(email_notify(&f->app, f->arena, &n, 1, NOW_MS), MP_OK);
	for (int i = 1; i < EMAIL_SEARCH_MAX + 20; i++) {
		mp_arena_reset(f->arena);
		if (i == EMAIL_SEARCH_MAX) {
			assert_int_equal(
				email_find(&f->app, f->arena, &user, &n.payment_id, &found), MP_OK);
			assert_true(found.complete);
			mp_arena_reset(f->arena);
		}
		other.event_id = mp_id_new(NOW_MS + i);
		other.event_time_ms = NOW_MS + i;
		assert_int_equal(email_notify(&f->app, f->arena, &other, 1, NOW_MS), MP_OK);
	}
	assert_int_equal(email_find(&f->app, f->arena, &user, &n.payment_id, &found), MP_OK);
	assert_int_equal(found.count, 1);
	assert_true(mp_id_equal(&found.mails[0]->notice.event_id, &n.event_id));
	assert_false(found.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_mail_delivered_before_a_crash_is_left_as_it_is),
		T(what_a_crash_left_half_written_is_written_anew),
		T(an_older_contact_never_overwrites_a_newer_one),
		T(the_same_notice_is_one_mail_however_often_it_comes),
		T(a_mail_waits_for_its_address_then_is_delivered_once),
		T(without_an_address_the_notice_stands_in_the_log_alone),
		T(a_lost_answer_of_the_store_delivers_once),
		T(what_is_deferred_for_too_long_is_given_up),
		T(an_answer_is_waited_for_and_one_more_is_the_last),
		T(a_maildir_that_takes_nothing_is_told_and_waited_for),
		cmocka_unit_test(what_was_handed_over_without_an_answer_goes_once_more_at_most),
		T(the_one_more_is_the_last_whatever_is_answered),
		T(a_server_that_is_silent_is_left_alone_from_then_on),
		T(silence_behind_a_message_leaves_no_alarm),
		T(a_trouble_in_ever_new_words_is_told_once),
		T(lists_go_page_by_page_newest_first),
		T(the_mails_of_a_payment_are_found_however_many_came_later),
#undef T
	};

	if (mp_crypto_init() != MP_OK || mp_http_client_global_init() != MP_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
