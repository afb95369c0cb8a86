#include "email_types.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const template_names[EMAIL_TEMPLATE_COUNT] = {
	[EMAIL_WALLET_CREDITED] = "wallet_credited",
	[EMAIL_BILL_PAID] = "bill_paid",
	[EMAIL_BILL_RECEIVED] = "bill_received",
	[EMAIL_PAYMENT_NEEDS_FUNDING] = "payment_needs_funding",
	[EMAIL_PAYMENT_EXPIRED] = "payment_expired",
	[EMAIL_PAYMENT_FAILED] = "payment_failed",
};

static const char *const state_names[EMAIL_STATE_COUNT] = {
	[EMAIL_PENDING] = "pending",
	[EMAIL_SENT] = "sent",
	[EMAIL_NO_ADDRESS] = "no_address",
	[EMAIL_FAILED] = "failed",
};

static bool find(const char *const *names, int count, const char *name, int *out_index)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			*out_index = i;
			return true;
		}
	}
	return false;
}

const char *email_template_name(enum email_template template)
{
	assert(template <EMAIL_TEMPLATE_COUNT);
	return template_names[template];
}

const char *email_state_name(enum email_state state)
{
	assert(state < EMAIL_STATE_COUNT);
	return state_names[state];
}

bool email_template_parse(const char *name, enum email_template *out)
{
	int index;

	if (!find(template_names, EMAIL_TEMPLATE_COUNT, name, &index))
		return false;
	*out = (enum email_template)index;
	return true;
}

bool email_state_parse(const char *name, enum email_state *out)
{
	int index;

	if (!find(state_names, EMAIL_STATE_COUNT, name, &index))
		return false;
	*out = (enum email_state)index;
	return true;
}

struct mp_id email_mail_id(const struct email_notice *notice)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "%s/%s/%s", notice->event_id.text,
		template_names[notice->template], notice->recipient.text);

	assert(len > 0 && (size_t)len < sizeof(text)); /* two ids and a name of ours */
	return mp_id_derive_text(mp_id_time_ms(&notice->event_id), "mail", text);
}
