#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/dead.h"
#include "bus/topology.h"
#include "call.h"
#include "ids.h"
#include "table.h"

/* "Where is my money": one payment across the services, and what it waits for. */

struct chain {
	struct mpctl *ctl;
	struct mp_id id;
	json_t *payment;
	enum mpctl_exit result; /* the worst so far */
};

static const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text != NULL ? text : "";
}

/* An amount with its currency; "" where there is none. */
static const char *amount_of(struct chain *chain, const json_t *json, const char *name)
{
	const char *text = text_of(json, name);
	const char *currency = text_of(chain->payment, "currency");

	return text[0] == '\0' ? "" : mp_arena_printf(chain->ctl->arena, "%s %s", text, currency);
}

static void print_table(struct chain *chain, const char *title, struct table *table)
{
	(void)printf("\n%s\n", title);
	if (table_print(table, "  ") != MP_OK)
		chain->result = mpctl_no_memory();
}

/* GET path with the payment's id in it; NULL: not there, or told already. */
static json_t *ask(struct chain *chain, enum mpctl_peer peer, const char *path)
{
	json_t *json = NULL;

	if (path == NULL) {
		chain->result = mpctl_no_memory();
		return NULL;
	}
	enum mpctl_exit result = mpctl_get(chain->ctl, peer, path, &json);
	if (result == MPCTL_TROUBLE)
		chain->result = MPCTL_TROUBLE; /* the others are shown all the same */
	return result == MPCTL_DONE ? json : NULL;
}

/* --- what it waits for --- */

static const struct waiting {
	const char *state;
	const char *what;
} waitings[] = {
	{"created", "a worker, to open the provider's page"},
	{"awaiting_provider", "its payer, at the provider's page, or the provider's word"},
	{"settling", "billing's answer: the money is being moved"},
	{"requires_funding", "its payer: the wallet was too empty"},
	{"closing", "billing, to void the bill"},
	{"review", "a person: the provider's figures are not ours"},
};

static const char *what_it_waits_for(const json_t *payment)
{
	const char *state = text_of(payment, "state");
	const char *from = text_of(payment, "reviewed_from");
	bool not_credited = json_integer_value(json_object_get(payment, "captures_unsettled")) > 0;

	if (strcmp(state, "review") == 0 && from[0] != '\0')
		return "a person: billing does not answer (mpctl dead list billing)";
	for (size_t i = 0; i < sizeof(waitings) / sizeof(waitings[0]); i++) {
		if (strcmp(state, waitings[i].state) == 0)
			return waitings[i].what;
	}
	return not_credited ? "billing, to credit money that came late" : NULL;
}

/* "4 min", of a time in RFC 3339. */
static const char *age_of(struct mp_arena *arena, const char *time)
{
	int64_t time_ms = 0;

	if (mp_time_parse(time, &time_ms) != MP_OK)
		return "";
	int64_t age_s = (mp_clock_ms() - time_ms) / 1000;
	if (age_s < 120)
		return mp_arena_printf(arena, "%" PRId64 " s", age_s < 0 ? 0 : age_s);
	if (age_s < 7200)
		return mp_arena_printf(arena, "%" PRId64 " min", age_s / 60);
	if (age_s < 172800)
		return mp_arena_printf(arena, "%" PRId64 " h", age_s / 3600);
	return mp_arena_printf(arena, "%" PRId64 " days", age_s / 86400);
}

static void print_line(struct chain *chain, const char *name, const char *text)
{
	const char *clean = table_clean(chain->ctl->arena, text);

	if (clean != NULL && clean[0] != '\0')
		(void)printf("%-12s %s\n", name, clean);
}

static void print_head(struct chain *chain)
{
	const json_t *payment = chain->payment;
	struct mp_arena *arena = chain->ctl->arena;
	const char *payee = text_of(payment, "paid_to");
	const char *waits = what_it_waits_for(payment);
	const char *since = text_of(payment, "state_at");

	print_line(chain, "payment", chain->id.text);
	print_line(chain, "amount", amount_of(chain, payment, "payment_amount"));
	print_line(chain, "from", text_of(payment, "paid_by"));
	print_line(chain, "to", payee[0] != '\0' ? payee : "the payer's own wallet (a top-up)");
	print_line(chain, "for", text_of(payment, "description"));
	print_line(chain, "source", text_of(payment, "source"));
	print_line(chain, "state",
		mp_arena_printf(arena, "%s since %s", text_of(payment, "state"), since));
	print_line(chain, "reason", text_of(payment, "reason"));
	if (waits != NULL)
		print_line(chain, "waits for",
			mp_arena_printf(arena, "%s, for %s", waits, age_of(arena, since)));
	else
		print_line(chain, "waits for", "nothing: it has ended");
	print_line(chain, "trace", text_of(payment, "trace"));
}

/* --- the parts of the chain --- */

static void print_timeline(struct chain *chain)
{
	static const char *const headings[] = {"TIME", "SERVICE", "EVENT", "WHAT"};
	const json_t *rows = json_object_get(chain->payment, "timeline");
	struct table table;
	const json_t *row;
	size_t i;

	table_begin(&table, chain->ctl->arena, 4, headings);
	json_array_foreach(rows, i, row)
	{
		const char *const texts[] = {text_of(row, "at"), text_of(row, "service"),
			text_of(row, "event"), text_of(row, "detail")};
		table_add(&table, texts);
	}
	print_table(chain, "Timeline", &table);
}

static void print_sessions(struct chain *chain)
{
	static const char *const headings[] = {"ATTEMPT", ">AMOUNT", "STATE", "ENDS", "SESSION"};
	const json_t *attempts = json_object_get(chain->payment, "attempts");
	struct mp_arena *arena = chain->ctl->arena;
	struct table table;
	const json_t *row;
	size_t i;

	if (json_array_size(attempts) == 0)
		return;
	table_begin(&table, arena, 5, headings);
	json_array_foreach(attempts, i, row)
	{
		json_int_t number = json_integer_value(json_object_get(row, "number"));
		const char *const texts[] = {mp_arena_printf(arena, "%lld", (long long)number),
			amount_of(chain, row, "amount"), text_of(row, "state"),
			text_of(row, "expires_at"), text_of(row, "session_id")};
		table_add(&table, texts);
	}
	print_table(chain, "Sessions at the provider", &table);
}

static void print_bill(struct chain *chain)
{
	static const char *const headings[] = {
		"INVOICE", ">AMOUNT", "STATE", "ATTEMPT", "SINCE", "BILL"};
	struct mp_arena *arena = chain->ctl->arena;
	struct table table;

	json_t *bill = ask(chain, PEER_BILLING,
		mp_arena_printf(arena, "/v1/operations/payments/%s", chain->id.text));
	if (bill == NULL)
		return;
	json_int_t attempt = json_integer_value(json_object_get(bill, "attempt"));
	const char *const texts[] = {text_of(bill, "invoice_no"),
		amount_of(chain, bill, "bill_amount"), text_of(bill, "state"),
		mp_arena_printf(arena, "%lld", (long long)attempt), text_of(bill, "changed_at"),
		text_of(bill, "id")};
	table_begin(&table, arena, 6, headings);
	table_add(&table, texts);
	print_table(chain, "Bill", &table);
	json_decref(bill);
}

static void add_transfer(
	struct chain *chain, struct table *table, const char *kind, const struct mp_id *id)
{
	json_t *transfer = ask(chain, PEER_WALLET,
		mp_arena_printf(chain->ctl->arena, "/v1/transfers/%s", id->text));
	const json_t *leg = json_array_get(json_object_get(transfer, "legs"), 0);

	if (transfer == NULL)
		return;
	const char *const texts[] = {kind, amount_of(chain, leg, "amount"),
		text_of(transfer, "outcome"), amount_of(chain, transfer, "shortfall"),
		text_of(transfer, "date"), id->text};
	table_add(table, texts);
	json_decref(transfer);
}

static void print_transfers(struct chain *chain)
{
	static const char *const headings[] = {
		"KIND", ">AMOUNT", "OUTCOME", ">MISSING", "TIME", "TRANSFER"};
	const json_t *captures = json_object_get(chain->payment, "captures");
	json_int_t attempts = json_integer_value(json_object_get(chain->payment, "attempt"));
	bool is_top_up = text_of(chain->payment, "paid_to")[0] == '\0';
	struct mp_arena *arena = chain->ctl->arena;
	struct table table;
	const json_t *row;
	size_t i;

	table_begin(&table, arena, 6, headings);
	json_array_foreach(captures, i, row)
	{
		const char *intent = text_of(row, "payment_intent");
		struct mp_id id = mpctl_funding_id(&chain->id, intent);
		add_transfer(chain, &table, mp_arena_printf(arena, "F %s", intent), &id);
	}
	for (json_int_t n = 1; !is_top_up && n <= attempts; n++) {
		struct mp_id id = mpctl_settlement_id(&chain->id, n);
		add_transfer(chain, &table, mp_arena_printf(arena, "S(%lld)", (long long)n), &id);
	}
	print_table(chain, "Transfers (F: provider to payer, S(n): payer to payee)", &table);
}

static void add_mails(struct chain *chain, struct table *table, const char *who)
{
	const char *user = text_of(chain->payment, who);
	const json_t *row;
	size_t i;

	if (user[0] == '\0')
		return;
	json_t *mails = ask(chain, PEER_EMAIL,
		mp_arena_printf(chain->ctl->arena, "/v1/operations/payments/%s/mails?user_id=%s",
			chain->id.text, user));
	json_array_foreach(json_object_get(mails, "items"), i, row)
	{
		const char *const texts[] = {strcmp(who, "paid_by") == 0 ? "payer" : "payee",
			text_of(row, "template"), text_of(row, "state"), text_of(row, "changed_at"),
			text_of(row, "id")};
		table_add(table, texts);
	}
	json_decref(mails);
}

static void print_mails(struct chain *chain)
{
	static const char *const headings[] = {"TO", "MAIL", "STATE", "SINCE", "ID"};
	struct table table;

	table_begin(&table, chain->ctl->arena, 5, headings);
	add_mails(chain, &table, "paid_by");
	add_mails(chain, &table, "paid_to");
	print_table(chain, "Mails", &table);
}

/* --- dead letters about it --- */

struct search {
	struct chain *chain;
	struct table table;
	const char *service;
	size_t found;
};

static enum mp_dead_choice search_letter(void *ctx, const struct mp_dead_letter *letter)
{
	struct search *search = ctx;

	if (letter->body == NULL || strstr(letter->body, search->chain->id.text) == NULL)
		return MP_DEAD_KEEP;
	const char *const texts[] = {
		search->service, letter->time, letter->id, letter->type, letter->reason};
	table_add(&search->table, texts);
	search->found++;
	return MP_DEAD_KEEP;
}

static void print_dead(struct chain *chain)
{
	static const char *const headings[] = {"SERVICE", "SINCE", "ID", "EVENT", "REASON"};
	struct search search = {.chain = chain};
	struct mp_dead_count count;
	char why[256];

	table_begin(&search.table, chain->ctl->arena, 5, headings);
	for (size_t i = 0; i < mp_queues_count; i++) {
		search.service = strrchr(mp_queues[i], '.') + 1;
		if (mp_dead_visit(chain->ctl->settings.amqp_url, mp_queues[i], search_letter,
			    &search, &count, why) == MP_OK)
			continue;
		mpctl_say("The dead letters of %s cannot be looked at: %s.", search.service, why);
		chain->result = MPCTL_TROUBLE;
	}
	if (search.found > 0)
		print_table(chain, "Dead letters about it (mpctl dead show, mpctl dead replay)",
			&search.table);
}

enum mpctl_exit mpctl_payment(struct mpctl *ctl, int argc, char **argv)
{
	struct chain chain = {.ctl = ctl, .result = MPCTL_DONE};

	if (argc != 1)
		return mpctl_wrong_use("payment");
	if (!mp_id_parse(argv[0], &chain.id)) {
		mpctl_say("%s is not a payment's id, which looks like "
			  "019a1b2c-3d4e-7f01-8234-56789abcdef0.",
			argv[0]);
		return MPCTL_NO;
	}
	const char *path = mp_arena_printf(ctl->arena, "/v1/operations/payments/%s", chain.id.text);
	if (path == NULL)
		return mpctl_no_memory();
	enum mpctl_exit result = mpctl_get(ctl, PEER_PAYMENT, path, &chain.payment);
	if (result == MPCTL_NO)
		mpctl_say("There is no payment %s.", chain.id.text);
	if (result != MPCTL_DONE)
		return result;
	print_head(&chain);
	print_timeline(&chain);
	print_sessions(&chain);
	print_bill(&chain);
	print_transfers(&chain);
	print_mails(&chain);
	print_dead(&chain);
	json_decref(chain.payment);
	return chain.result;
}
