#include "settings.h"

#include <stddef.h>
#include <string.h>

#include "config/config.h"
#include "mpctl.h"

#define FIELD(name) offsetof(struct mpctl_settings, name)

static const struct mp_setting services[] = {
	{"USER_URL", MP_SETTING_TEXT, "http://127.0.0.1:8081", FIELD(user_url),
		.help = "the user service"},
	{"WALLET_URL", MP_SETTING_TEXT, "http://127.0.0.1:8082", FIELD(wallet_url),
		.help = "the wallet service"},
	{"PAYMENT_URL", MP_SETTING_TEXT, "http://127.0.0.1:8083", FIELD(payment_url),
		.help = "the payment service"},
	{"BILLING_URL", MP_SETTING_TEXT, "http://127.0.0.1:8084", FIELD(billing_url),
		.help = "the billing service"},
	{"EMAIL_URL", MP_SETTING_TEXT, "http://127.0.0.1:8085", FIELD(email_url),
		.help = "the email service"},
	{"TOKEN_URL", MP_SETTING_TEXT, "http://127.0.0.1:8081/oauth/token", FIELD(token_url),
		.help = "where mpctl gets its token"},
	{"CLIENT_ID", MP_SETTING_TEXT, "mpctl", FIELD(client_id), .help = "its name there"},
	{"CLIENT_SECRET", MP_SETTING_SECRET, NULL, FIELD(client_secret),
		.help = "its secret there"},
};

static const struct mp_setting broker[] = {
	{"AMQP_URL", MP_SETTING_SECRET, NULL, FIELD(amqp_url),
		.help = "RabbitMQ, as amqp://user:password@host:port/vhost"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct group {
	unsigned need;
	const struct mp_setting *settings;
	size_t count;
} groups[] = {
	{MPCTL_NEEDS_SERVICES, services, COUNT(services)},
	{MPCTL_NEEDS_BROKER, broker, COUNT(broker)},
};

static bool is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

static enum mp_rc check_urls(const struct mpctl_settings *settings, struct mp_buf *problems)
{
	const struct {
		const char *name;
		const char *url;
	} urls[] = {
		{"USER_URL", settings->user_url},
		{"WALLET_URL", settings->wallet_url},
		{"PAYMENT_URL", settings->payment_url},
		{"BILLING_URL", settings->billing_url},
		{"EMAIL_URL", settings->email_url},
		{"TOKEN_URL", settings->token_url},
	};
	enum mp_rc rc = MP_OK;

	for (size_t i = 0; i < COUNT(urls); i++) {
		if (is_url(urls[i].url))
			continue;
		(void)mp_buf_addf(
			problems, "%s must begin with http:// or https://.\n", urls[i].name);
		rc = MP_INVALID;
	}
	return rc;
}

enum mp_rc mpctl_settings_load(
	unsigned needs, struct mpctl_settings *settings, struct mp_buf *problems)
{
	enum mp_rc result = MP_OK;

	for (size_t i = 0; i < COUNT(groups); i++) {
		if ((needs & groups[i].need) == 0)
			continue;
		enum mp_rc rc =
			mp_config_load(groups[i].settings, groups[i].count, settings, problems);
		if (rc == MP_OK)
			settings->loaded |= groups[i].need;
		if (rc == MP_OK && groups[i].need == MPCTL_NEEDS_SERVICES)
			rc = check_urls(settings, problems);
		if (result == MP_OK)
			result = rc;
	}
	return result;
}

void mpctl_settings_done(struct mpctl_settings *settings)
{
	for (size_t i = 0; i < COUNT(groups); i++) {
		if ((settings->loaded & groups[i].need) != 0)
			mp_config_done(groups[i].settings, groups[i].count, settings);
	}
	settings->loaded = 0;
}

void mpctl_settings_print_help(struct mp_buf *out)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < COUNT(groups); i++)
			mp_config_print_help(groups[i].settings, groups[i].count, pass == 0, out);
	}
}
