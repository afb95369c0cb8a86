#include <stddef.h>
#include <string.h>

#include "email.h"
#include "email_events.h"
#include "email_http.h"
#include "service/parts.h"

#define ANSWER_MARGIN_MS 2000

struct config {
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

#define FIELD(name) offsetof(struct config, name)

static const struct mp_setting settings[] = {
	{"MAILDIR", MP_SETTING_TEXT, "", FIELD(maildir),
		.help = "folder that mails are delivered to, when there is no SMTP_URL"},
	{"SMTP_URL", MP_SETTING_TEXT, "", FIELD(smtp_url),
		.help = "mail server, as smtp://host:port or smtps://host:port"},
	{"SMTP_TLS", MP_SETTING_CHOICE, "required", FIELD(smtp_tls), .choices = "required|off",
		.help = "of smtp://: STARTTLS or nothing is sent, or no TLS at all"},
	{"SMTP_USER", MP_SETTING_SECRET, "", FIELD(smtp_user),
		.help = "who logs on to the mail server"},
	{"SMTP_PASSWORD", MP_SETTING_SECRET, "", FIELD(smtp_password), .help = "of SMTP_USER"},
	{"SMTP_CA_FILE", MP_SETTING_TEXT, "", FIELD(smtp_ca_file),
		.help = "certificates to trust instead of the system's"},
	{"SMTP_TIMEOUT_MS", MP_SETTING_INT, "60000", FIELD(smtp_timeout_ms), .min = 100,
		.max = 600000, .help = "the longest that sending one mail may take"},
	{"MAIL_FROM", MP_SETTING_TEXT, NULL, FIELD(mail_from),
		.help = "sender of all mails, as \"Name <address>\""},
	{"MAIL_SENDERS", MP_SETTING_INT, "4", FIELD(senders), .min = 1, .max = 64,
		.help = "threads that send mails"},
	{"MAIL_GIVE_UP_HOURS", MP_SETTING_INT, "48", FIELD(give_up_hours), .min = 1, .max = 720,
		.help = "how long after its first try a mail is tried again"},
};

static struct config config;

static struct {
	struct email_app app;
	struct email_sender from;
	struct mp_consumer *consumer;
} parts;

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

	if ((config.smtp_url[0] == '\0') == (config.maildir[0] == '\0'))
		return mp_service_because(
			MP_INVALID, "One of SMTP_URL and MAILDIR is required, not both.", reterr);
	if (config.smtp_url[0] == '\0')
		return maildir_open(config.maildir, &app->maildir, reterr);
	app->answer_ms_max = config.smtp_timeout_ms + ANSWER_MARGIN_MS;
	return smtp_open(&smtp, &app->smtp, reterr);
}

static enum mp_rc start(struct mp_service *service, void **out_app, char reterr[256])
{
	struct email_app *app = &parts.app;

	*out_app = app;
	app->store = mp_service_store(service);
	app->from = &parts.from;
	app->public_url = mp_service_config(service)->public_url;
	app->sink = mp_service_sink(service);
	app->give_up_ms = config.give_up_hours * 3600 * 1000;
	email_app_init(app);
	if (!email_sender_parse(config.mail_from, &parts.from))
		return mp_service_because(
			MP_INVALID, "MAIL_FROM must be an address, or \"Name <address>\".", reterr);
	enum mp_rc rc = open_way(app, reterr);
	if (rc != MP_OK)
		return rc;
	const struct mp_due_config sending = {
		.kind = "mail",
		.far_ms = 2 * MP_DUE_BACKOFF_MS_MAX,
		.threads = (unsigned)config.senders,
		.handler = email_send_due,
		.ctx = app,
	};
	rc = mp_service_due(service, &sending, &app->due);
	return mp_service_because(rc, "There is no memory for the mails to send.", reterr);
}

static enum mp_rc run(struct mp_service *service, char reterr[256])
{
	enum mp_rc rc = mp_due_start(parts.app.due);

	if (rc == MP_OK)
		rc = mp_service_consume(
			service, MP_QUEUE_EMAIL, email_handle, &parts.app, &parts.consumer);
	return mp_service_because(rc, "Email's threads do not start.", reterr);
}

static void stop(void)
{
	mp_consumer_close(parts.consumer);
	smtp_stop(parts.app.smtp);
	mp_due_close(parts.app.due);
	smtp_close(parts.app.smtp);
	maildir_close(parts.app.maildir);
	email_app_done(&parts.app);
}

int main(int argc, char **argv)
{
	const struct mp_service_spec spec = {
		.name = "email",
		.about = "tells people, once, and keeps the log",
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
