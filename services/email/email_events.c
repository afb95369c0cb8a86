#include "email_events.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "email.h"

/* Each handler reads one event into notices; MP_INVALID: not as its contract says. */
#define NOTICES_PER_EVENT_MAX 2

struct notices {
	struct email_notice *items;
	size_t *owner; /* index of each one's delivery */
	size_t count;
	size_t capacity;
};

static enum mp_rc read_contact(const struct mp_event *event, struct email_contact *out)
{
	struct mp_json_reader r;
	const char *first_name = "";
	const char *last_name = "";
	const char *address = NULL;
	struct email_contact contact = {0};
	enum mp_rc rc;

	mp_json_read_begin(&r, event->data, "", NULL);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_id(&r, "user_id", &contact.user_id);
	mp_json_read_int(&r, "version", 1, INT64_MAX, &contact.version);
	mp_json_read_text(&r, "first_name", 1, sizeof(contact.first_name) - 1, &first_name);
	mp_json_read_text(&r, "last_name", 1, sizeof(contact.last_name) - 1, &last_name);
	mp_json_read_optional(&r);
	mp_json_read_text_or_null(&r, "email", 1, sizeof(contact.address) - 1, &address);
	rc = mp_json_read_end(&r);
	if (rc == MP_OK)
		rc = mp_text_copy(contact.first_name, sizeof(contact.first_name), first_name);
	if (rc == MP_OK)
		rc = mp_text_copy(contact.last_name, sizeof(contact.last_name), last_name);
	if (rc == MP_OK)
		rc = mp_text_copy(contact.address, sizeof(contact.address), address);
	if (rc == MP_OK)
		*out = contact;
	return rc;
}

static void copy_text(struct mp_json_reader *r, const char *name, char *out, size_t out_size)
{
	const char *text = "";

	mp_json_read_text(r, name, 0, out_size - 1, &text);
	if (mp_text_copy(out, out_size, text) != MP_OK)
		mp_json_read_refuse(r, name, "is too long");
}

static void copy_text_or_null(struct mp_json_reader *r, const char *name, char *out, size_t size)
{
	const char *text = NULL;

	mp_json_read_optional(r);
	mp_json_read_text_or_null(r, name, 0, size - 1, &text);
	if (mp_text_copy(out, size, text) != MP_OK)
		mp_json_read_refuse(r, name, "is too long");
}

static enum mp_rc add(struct notices *notices, size_t owner, const struct mp_event *event,
	const struct email_notice *notice)
{
	struct email_notice *added;

	if (notices->count == notices->capacity)
		return MP_TOO_LARGE;
	added = &notices->items[notices->count];
	*added = *notice;
	added->event_id = event->id;
	added->event_time_ms = event->time_ms;
	notices->owner[notices->count++] = owner;
	return mp_text_copy(added->event, sizeof(added->event), event->type);
}

/* wallet.credited: a funding is told; a payment is told as its bill. */
static enum mp_rc on_credited(struct notices *notices, size_t owner, const struct mp_event *event)
{
	struct mp_json_reader r, credit;
	struct email_notice notice = {.template = EMAIL_WALLET_CREDITED};
	const char *reason = "";
	const json_t *credits = NULL;
	int64_t seq;

	mp_json_read_begin(&r, event->data, "", NULL);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_text(&r, "reason", 1, 32, &reason);
	copy_text(&r, "currency", notice.currency, sizeof(notice.currency));
	mp_json_read_optional(&r);
	mp_json_read_id_or_null(&r, "payment_id", &notice.payment_id);
	mp_json_read_array(&r, "credits", 1, 16, &credits);
	enum mp_rc rc = mp_json_read_end(&r);
	if (rc != MP_OK || strcmp(reason, "funding") != 0)
		return rc;
	/* A funding has one leg, to the payer: its first credit is the one to tell. */
	mp_json_read_begin(&credit, json_array_get(credits, 0), "credits[0].", NULL);
	mp_json_read_ignore_unknown(&credit);
	mp_json_read_id(&credit, "user_id", &notice.recipient);
	copy_text(&credit, "amount", notice.amount, sizeof(notice.amount));
	copy_text(&credit, "balance_after", notice.balance, sizeof(notice.balance));
	mp_json_read_int(&credit, "seq", 1, INT64_MAX, &seq);
	rc = mp_json_read_end(&credit);
	return rc == MP_OK ? add(notices, owner, event, &notice) : rc;
}

static void read_bill(struct mp_json_reader *r, struct email_notice *notice, struct mp_id *client,
	struct mp_id *provider)
{
	mp_json_read_ignore_unknown(r);
	mp_json_read_id(r, "payment_id", &notice->payment_id);
	mp_json_read_id(r, "user_id", client);
	mp_json_read_id(r, "provider_id", provider);
	copy_text(r, "invoice_no", notice->invoice_no, sizeof(notice->invoice_no));
	copy_text(r, "bill_amount", notice->amount, sizeof(notice->amount));
	copy_text(r, "currency", notice->currency, sizeof(notice->currency));
	copy_text_or_null(r, "description", notice->description, sizeof(notice->description));
}

static enum mp_rc on_settled(struct notices *notices, size_t owner, const struct mp_event *event)
{
	struct mp_json_reader r;
	struct email_notice notice = {0};
	struct mp_id client = {0}, provider = {0};

	mp_json_read_begin(&r, event->data, "", NULL);
	read_bill(&r, &notice, &client, &provider);
	enum mp_rc rc = mp_json_read_end(&r);
	if (rc != MP_OK)
		return rc;
	notice.template = EMAIL_BILL_PAID;
	notice.recipient = client;
	notice.other = provider;
	rc = add(notices, owner, event, &notice);
	if (rc != MP_OK)
		return rc;
	notice.template = EMAIL_BILL_RECEIVED;
	notice.recipient = provider;
	notice.other = client;
	return add(notices, owner, event, &notice);
}

static enum mp_rc on_unfunded(struct notices *notices, size_t owner, const struct mp_event *event)
{
	struct mp_json_reader r;
	struct email_notice notice = {.template = EMAIL_PAYMENT_NEEDS_FUNDING};

	mp_json_read_begin(&r, event->data, "", NULL);
	read_bill(&r, &notice, &notice.recipient, &notice.other);
	copy_text(&r, "shortfall", notice.shortfall, sizeof(notice.shortfall));
	enum mp_rc rc = mp_json_read_end(&r);
	return rc == MP_OK ? add(notices, owner, event, &notice) : rc;
}

static enum mp_rc on_ended(struct notices *notices, size_t owner, const struct mp_event *event,
	enum email_template template)
{
	struct mp_json_reader r;
	struct email_notice notice = {.template = template};

	mp_json_read_begin(&r, event->data, "", NULL);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_id(&r, "payment_id", &notice.payment_id);
	mp_json_read_id(&r, "paid_by", &notice.recipient);
	mp_json_read_optional(&r);
	mp_json_read_id_or_null(&r, "paid_to", &notice.other);
	copy_text(&r, "payment_amount", notice.amount, sizeof(notice.amount));
	copy_text(&r, "currency", notice.currency, sizeof(notice.currency));
	copy_text_or_null(&r, "description", notice.description, sizeof(notice.description));
	copy_text_or_null(&r, "reason", notice.reason, sizeof(notice.reason));
	enum mp_rc rc = mp_json_read_end(&r);
	return rc == MP_OK ? add(notices, owner, event, &notice) : rc;
}

/* What an event wants; contacts are learnt at once, notices gathered for one transaction. */
static enum mp_rc take(struct email_app *app, struct mp_arena *arena, struct notices *notices,
	size_t owner, const struct mp_event *event)
{
	struct email_contact contact;

	if (strcmp(event->type, "user.registered") == 0 ||
		strcmp(event->type, "user.updated") == 0) {
		enum mp_rc rc = read_contact(event, &contact);
		return rc == MP_OK ? email_learn_contact(app, arena, &contact) : rc;
	}
	if (strcmp(event->type, "wallet.credited") == 0)
		return on_credited(notices, owner, event);
	if (strcmp(event->type, "bill.settled") == 0)
		return on_settled(notices, owner, event);
	if (strcmp(event->type, "bill.unfunded") == 0)
		return on_unfunded(notices, owner, event);
	if (strcmp(event->type, "payment.expired") == 0)
		return on_ended(notices, owner, event, EMAIL_PAYMENT_EXPIRED);
	if (strcmp(event->type, "payment.failed") == 0)
		return on_ended(notices, owner, event, EMAIL_PAYMENT_FAILED);
	if (strcmp(event->type, "payment.canceled") == 0)
		return MP_OK; /* its payer did it: nobody is told */
	return MP_INVALID;
}

static void judge(struct mp_delivery *delivery, enum mp_rc rc)
{
	if (rc == MP_OK) {
		delivery->verdict = MP_ACK;
	} else if (rc == MP_INVALID || rc == MP_CORRUPT) {
		delivery->verdict = MP_DEAD;
		(void)snprintf(delivery->reason, sizeof(delivery->reason),
			"%s %s is not as its contract says", delivery->event.type,
			delivery->event.id.text);
	} else {
		delivery->verdict = MP_RETRY;
	}
}

void email_handle(void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count)
{
	struct email_app *app = ctx;
	struct notices notices = {.capacity = count * NOTICES_PER_EVENT_MAX};
	enum mp_rc rc;

	notices.items = mp_arena_array(arena, notices.capacity, sizeof(*notices.items));
	notices.owner = mp_arena_array(arena, notices.capacity, sizeof(*notices.owner));
	if (notices.items == NULL || notices.owner == NULL)
		return; /* every verdict stays MP_RETRY */
	for (size_t i = 0; i < count; i++)
		judge(&deliveries[i], take(app, arena, &notices, i, &deliveries[i].event));
	if (notices.count == 0)
		return;
	for (size_t i = 0; i < notices.count; i++)
		memcpy(notices.items[i].traceparent, deliveries[notices.owner[i]].event.traceparent,
			sizeof(notices.items[i].traceparent));
	rc = email_notify(app, arena, notices.items, notices.count, mp_clock_ms());
	for (size_t i = 0; rc != MP_OK && i < notices.count; i++)
		deliveries[notices.owner[i]].verdict = MP_RETRY;
}
