#ifndef MP_MPCTL_SETTINGS_H
#define MP_MPCTL_SETTINGS_H

#include "base/buf.h"
#include "base/rc.h"

/* From the environment, as the services' are; a command loads those that it needs. */
struct mpctl_settings {
	/* MPCTL_NEEDS_SERVICES */
	const char *user_url;
	const char *wallet_url;
	const char *payment_url;
	const char *billing_url;
	const char *email_url;
	const char *token_url;
	const char *client_id;
	const char *client_secret;

	/* MPCTL_NEEDS_BROKER */
	const char *amqp_url;

	unsigned loaded;
};

/* MP_INVALID: every wrong setting stands in problems, a sentence a line. MP_NOMEM. */
enum mp_rc mpctl_settings_load(
	unsigned needs, struct mpctl_settings *settings, struct mp_buf *problems) MP_MUST_CHECK;
void mpctl_settings_done(struct mpctl_settings *settings);
void mpctl_settings_print_help(struct mp_buf *out);

#endif
