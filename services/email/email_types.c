#include "email_types.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define LOCAL_PART_MAX 64

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
	[EMAIL_DEFERRED] = "deferred",
	[EMAIL_REFUSED] = "refused",
	[EMAIL_UNKNOWN] = "unknown",
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

bool email_address_is_plain(const char *address)
{
	const char *at = strchr(address, '@');
	size_t len = strlen(address);

	if (at == NULL || at == address || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
		at - address > LOCAL_PART_MAX || len >= EMAIL_ADDRESS_SIZE)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (address[i] <= ' ' || address[i] > '~' ||
			strchr("<>()[],;:\"\\", address[i]) != NULL)
			return false;
	}
	return true;
}

bool email_sender_parse(const char *text, struct email_sender *out)
{
	struct email_sender sender = {0};
	size_t len = strlen(text);
	const char *open = strchr(text, '<');

	if (mp_text_has_control(text) || !mp_text_is_utf8(text, len))
		return false;
	if (open == NULL) {
		if (mp_text_copy(sender.address, sizeof(sender.address), text) != MP_OK)
			return false;
	} else {
		const char *end = open;

		while (end > text && end[-1] == ' ')
			end--;
		if (text[len - 1] != '>' ||
			mp_text_format(sender.name, sizeof(sender.name), "%.*s", (int)(end - text),
				text) != MP_OK ||
			mp_text_format(sender.address, sizeof(sender.address), "%.*s",
				(int)(text + len - open - 2), open + 1) != MP_OK)
			return false;
	}
	if (!email_address_is_plain(sender.address))
		return false;
	*out = sender;
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
