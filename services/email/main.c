#include <stddef.h>
#include <stdlib.h>

#include "email.h"
#include "email_events.h"
#include "email_http.h"
#include "service/service.h"

struct email_config {
	const char *maildir;
	const char *mail_from;
	int64_t senders;
};

static struct email_config config;

static const struct mp_setting settings[] = {
	{"MAILDIR", MP_SETTING_TEXT, NULL, offsetof(struct email_config, maildir), 0, 0, NULL,
		"folder that mails are delivered to"},
	{"MAIL_FROM", MP_SETTING_TEXT, NULL, offsetof(struct email_config, mail_from), 0, 0, NULL,
		"sender of all mails, as \"Name <address>\""},
	{"MAIL_SENDERS", MP_SETTING_INT, "4", offsetof(struct email_config, senders), 1, 64, NULL,
		"threads that send mails"},
};

/* The running parts; app comes first, since handlers are given the parts as their app. */
struct parts {
	struct email_app app;
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
	mp_due_close(parts->app.due);
	maildir_close(parts->app.maildir);
	free(parts);
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
	parts->app.from = config.mail_from;
	parts->app.public_url = common->public_url;
	rc = maildir_open(config.maildir, &parts->app.maildir, reterr);
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
