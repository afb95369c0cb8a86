#include "order.h"

#include <ctype.h>
#include <string.h>

#include "currency.h"

#define EXPIRES_S_MIN (30 * 60)
#define EXPIRES_S_MAX (24 * 60 * 60)
#define QUANTITY_MAX 999999
#define PAYMENT_METHODS_MAX 8

/* --- line items --- */

static void read_currency(struct form *form, size_t index, struct session *session)
{
	const char *name = form_name(form, "line_items[%zu][price_data][currency]", index);
	const char *code = form_text_required(form, name, 16);

	if (code == NULL)
		return;
	if (stripe_currency_find(code) == NULL) {
		form->rc = stripe_refuse(form->error, NULL, name,
			"Invalid currency: %.16s. This sandbox knows the currencies in its table "
			"only.",
			code);
		return;
	}
	char lower[4] = "";
	for (size_t i = 0; i < 3; i++)
		lower[i] = (char)tolower((unsigned char)code[i]);
	if (index == 0)
		memcpy(session->currency, lower, sizeof(lower));
	else if (strcmp(session->currency, lower) != 0)
		form_refuse(form, NULL, name,
			"All line items of a Checkout Session must have the same currency.");
}

/* Checked: what the provider would not charge never gets as far as an overflow. */
static void add_to_total(
	struct form *form, size_t index, const struct line_item *item, struct session *session)
{
	int64_t line;

	if (__builtin_mul_overflow(item->unit_amount, item->quantity, &line) ||
		mp_minor_add(session->amount_total, line, &session->amount_total) != MP_OK ||
		session->amount_total > STRIPE_AMOUNT_MAX)
		form_refuse(form, "amount_too_large", form_name(form, "line_items[%zu]", index),
			"The Checkout Session's total amount must be no more than 99999999 in the "
			"currency's smallest unit.");
}

static void read_item(struct form *form, size_t index, struct session *session)
{
	struct line_item *item = &session->items[index];
	const char *amount = form_name(form, "line_items[%zu][price_data][unit_amount]", index);

	read_currency(form, index, session);
	item->name = form_text_required(form,
		form_name(form, "line_items[%zu][price_data][product_data][name]", index), 250);
	item->description = form_text(form,
		form_name(form, "line_items[%zu][price_data][product_data][description]", index),
		500);
	if (!form_int(form, amount, 0, STRIPE_AMOUNT_MAX, &item->unit_amount) && form->rc == MP_OK)
		form->rc = stripe_refuse(form->error, "parameter_missing", amount,
			"Missing required param: %s.", amount);
	item->quantity = 1;
	if (!form_int(form, form_name(form, "line_items[%zu][quantity]", index), 1, QUANTITY_MAX,
		    &item->quantity) &&
		form->rc == MP_OK)
		form_refuse(form, "parameter_missing",
			form_name(form, "line_items[%zu][quantity]", index),
			"Quantity is required. Add `quantity` to the line item.");
	if (form->rc == MP_OK)
		add_to_total(form, index, item, session);
}

static void read_items(struct form *form, struct session *session)
{
	size_t count = form_array_count(form, "line_items");

	if (count == 0)
		form_refuse(form, "parameter_missing", "line_items",
			"You must provide at least one line item in `payment` mode.");
	else if (count > LINE_ITEMS_MAX)
		form_refuse(form, NULL, "line_items", "There can be at most 100 line items.");
	if (form->rc != MP_OK)
		return;
	session->items = mp_arena_array(form->arena, count, sizeof(*session->items));
	session->items_count = count;
	if (session->items == NULL)
		form->rc = MP_NOMEM;
	for (size_t i = 0; i < count && form->rc == MP_OK; i++)
		read_item(form, i, session);
}

static void check_total(struct form *form, const struct session *session)
{
	const struct stripe_currency *currency = stripe_currency_find(session->currency);
	char least[STRIPE_AMOUNT_TEXT_SIZE];

	if (form->rc != MP_OK)
		return;
	if (session->amount_total < currency->minimum_amount) {
		stripe_amount_format(currency->minimum_amount, currency->code, least);
		form->rc = stripe_refuse(form->error, "amount_too_small", NULL,
			"The Checkout Session's total amount must be at least %s.", least);
	} else if (session->amount_total % currency->step != 0) {
		form->rc = stripe_refuse(form->error, "parameter_invalid_integer",
			"line_items[0][price_data][unit_amount]",
			"Amounts in %s must be divisible by %lld.", currency->code,
			(long long)currency->step);
	}
}

/* --- the rest --- */

static void read_mode(struct form *form)
{
	const char *mode = form_text_required(form, "mode", 40);
	const char *ui_mode = form_text(form, "ui_mode", 40);

	if (mode != NULL && strcmp(mode, "payment") != 0)
		form_refuse(form, NULL, "mode", "Invalid mode: this sandbox has payment only.");
	if (ui_mode != NULL && strcmp(ui_mode, "hosted") != 0)
		form_refuse(
			form, NULL, "ui_mode", "Invalid ui_mode: this sandbox has hosted only.");
}

static void read_payment_methods(struct form *form)
{
	size_t count = form_array_count(form, "payment_method_types");

	for (size_t i = 0; i < count && i < PAYMENT_METHODS_MAX; i++) {
		const char *name = form_name(form, "payment_method_types[%zu]", i);
		const char *method = form_text(form, name, 40);

		if (method != NULL && strcmp(method, "card") != 0 &&
			strcmp(method, "customer_balance") != 0)
			form_refuse(form, NULL, name,
				"Invalid payment method: this sandbox has card and "
				"customer_balance.");
	}
}

static void read_expiry(struct form *form, int64_t now_s, struct session *session)
{
	session->expires_at_s = now_s + EXPIRES_S_MAX;
	if (!form_int(form, "expires_at", 0, INT64_MAX, &session->expires_at_s))
		return;
	if (session->expires_at_s < now_s + EXPIRES_S_MIN)
		form_refuse(form, NULL, "expires_at",
			"The `expires_at` timestamp must be at least 30 minutes from Checkout "
			"Session creation.");
	else if (session->expires_at_s > now_s + EXPIRES_S_MAX)
		form_refuse(form, NULL, "expires_at",
			"The `expires_at` timestamp must be less than 24 hours from Checkout "
			"Session creation.");
}

enum mp_rc order_read(struct form *form, int64_t now_s, struct session *out)
{
	struct session session = {.status = SESSION_OPEN};

	read_mode(form);
	read_items(form, &session);
	check_total(form, &session);
	session.success_url = form_url(form, "success_url", true);
	session.cancel_url = form_url(form, "cancel_url", false);
	read_expiry(form, now_s, &session);
	session.client_reference_id = form_text(form, "client_reference_id", 200);
	session.customer_email = form_text(form, "customer_email", 254);
	form_metadata(form, "metadata", &session.metadata);
	form_metadata(form, "payment_intent_data[metadata]", &session.intent_metadata);
	session.intent_description = form_text(form, "payment_intent_data[description]", 1000);
	read_payment_methods(form);
	(void)form_text(form, "locale", 16);
	(void)form_text(form, "submit_type", 16);
	form_off(form, "automatic_tax[enabled]");
	form_off(form, "adaptive_pricing[enabled]");
	form_off(form, "allow_promotion_codes");
	enum mp_rc rc = form_end(form);
	if (rc == MP_OK)
		*out = session;
	return rc;
}
