#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "email.h"
#include "email_events.h"
#include "email_http.h"
#include "service/service.h"

#define ANSWER_MARGIN_MS 2000

struct email_config {
	const char *maildir;
	const char *smtp_url;
	const char *smtp_tls;
	const char *smtp_user;
	const char *smtp_password;
	const char *smtp_ca_file;
	int64_t smtp_timeout_ms;
	const char *mail_from;
	int64_t senders;
	int64_t give_up_hours;
};

static struct email_config config;

static const struct mp_setting settings[] = {
	{"MAILDIR", MP_SETTING_TEXT, "", offsetof(struct email_config, maildir), 0, 0, NULL,
		"folder that mails are delivered to, when there is no SMTP_URL"},
	{"SMTP_URL", MP_SETTING_TEXT, "", offsetof(struct email_config, smtp_url), 0, 0, NULL,
		"mail server, as smtp://host:port or smtps://host:port"},
	{"SMTP_TLS", MP_SETTING_CHOICE, "required", offsetof(struct email_config, smtp_tls), 0, 0,
		"required|off", "of smtp://: STARTTLS or nothing is sent, or no TLS at all"},
	{"SMTP_USER", MP_SETTING_TEXT, "", offsetof(struct email_config, smtp_user), 0, 0, NULL,
		"who logs on to the mail server"},
	{"SMTP_PASSWORD", MP_SETTING_SECRET, "", offsetof(struct email_config, smtp_password), 0, 0,
		NULL, "of SMTP_USER"},
	{"SMTP_CA_FILE", MP_SETTING_TEXT, "", offsetof(struct email_config, smtp_ca_file), 0, 0,
		NULL, "certificates to trust instead of the system's"},
	{"SMTP_TIMEOUT_MS", MP_SETTING_INT, "60000", offsetof(struct email_config, smtp_timeout_ms),
		100, 600000, NULL, "the longest that sending one mail may take"},
	{"MAIL_FROM", MP_SETTING_TEXT, NULL, offsetof(struct email_config, mail_from), 0, 0, NULL,
		"sender of all mails, as \"Name <address>\""},
	{"MAIL_SENDERS", MP_SETTING_INT, "4", offsetof(struct email_config, senders), 1, 64, NULL,
		"threads that send mails"},
	{"MAIL_GIVE_UP_HOURS", MP_SETTING_INT, "48", offsetof(struct email_config, give_up_hours),
		1, 720, NULL, "how long after its first try a mail is tried again"},
};

/* The running parts; app comes first, since handlers are given the parts as their app. */
struct parts {
	struct email_app app;
	struct email_sender from;
	struct mp_consumer *consumer;
	const char *amqp_url;
	struct mp_sink sink;
};

static void stop(void *app)
{
	struct parts *parts = app;

	if (parts == NULL)
		return;
	mp_consumer_close(parts->consumer);
	smtp_stop(parts->app.smtp);
	mp_due_close(parts->app.due);
	smtp_close(parts->app.smtp);
	maildir_close(parts->app.maildir);
	email_app_done(&parts->app);
	free(parts);
}

/* Where mails go: to the mail server when there is one, otherwise into the maildir. */
static enum mp_rc open_way(struct email_app *app, char reterr[256])
{
	const struct smtp_config smtp = {
		.url = config.smtp_url,
		.user = config.smtp_user,
		.password = config.smtp_password,
		.ca_file = config.smtp_ca_file,
		.plain_text = strcmp(config.smtp_tls, "off") == 0,
		.timeout_ms = (long)config.smtp_timeout_ms,
	};

	if ((config.smtp_url[0] == '\0') == (config.maildir[0] == '\0')) {
		(void)snprintf(reterr, 256, "One of SMTP_URL and MAILDIR is required, not both.");
		return MP_INVALID;
	}
	if (config.smtp_url[0] == '\0')
		return maildir_open(config.maildir, &app->maildir, reterr);
	app->answer_ms_max = config.smtp_timeout_ms + ANSWER_MARGIN_MS;
	return smtp_open(&smtp, &app->smtp, reterr);
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	const struct mp_service_config *common = mp_service_config(service);
	struct parts *parts = calloc(1, sizeof(*parts));
	enum mp_rc rc;

	if (parts == NULL)
		return MP_NOMEM;
	*out_app = parts; /* closed by stop from here on, whatever happens */
	parts->amqp_url = common->amqp_url;
	parts->sink = mp_service_sink(service);
	parts->app.store = mp_service_store(service);
	parts->app.from = &parts->from;
	parts->app.public_url = common->public_url;
	parts->app.sink = parts->sink;
	parts->app.give_up_ms = config.give_up_hours * 3600 * 1000;
	email_app_init(&parts->app);
	if (!email_sender_parse(config.mail_from, &parts->from)) {
		(void)snprintf(reterr, 256, "MAIL_FROM must be an address, or \"Name <address>\".");
		return MP_INVALID;
	}
	rc = open_way(&parts->app, reterr);
	if (rc != MP_OK)
		return rc;
	const struct mp_due_config due = {
		.store = parts->app.store,
		.kind = "mail",
		.threads = (unsigned)config.senders,
		.handler = email_send_due,
		.ctx = &parts->app,
		.sink = parts->sink,
	};
	return mp_due_open(&due, &parts->app.due);
}

static enum mp_rc run(void *app, char reterr[256])
{
	struct parts *parts = app;
	enum mp_rc rc = mp_due_start(parts->app.due);

	(void)reterr; /* nothing to add to the result's name */
	if (rc == MP_OK)
		rc = mp_consumer_open(parts->amqp_url, MP_QUEUE_EMAIL, email_handle, &parts->app,
			&parts->sink, &parts->consumer);
	return rc;
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "email",
		.settings = settings,
		.settings_count = sizeof(settings) / sizeof(settings[0]),
		.config = &config,
		.routes = email_routes,
		.routes_count = email_routes_count,
		.start = start,
		.run = run,
		.stop = stop,
	};

	return mp_service_main(argc, argv, &spec);
}
