#include "payment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/dead.h"
#include "bus/topology.h"
#include "ids.h"

/* "Where is my money": one payment across the services, and what it waits for. */

/* --- asking --- */

/* GET path with the payment's id in it; NULL: not there, or told already. */
static json_t *ask(struct chain *chain, enum mpctl_peer peer, const char *path)
{
	json_t *json = NULL;

	if (path == NULL) {
		chain->result = mpctl_no_memory();
		return NULL;
	}
	enum mpctl_exit result = mpctl_get(chain->ctl, peer, path, &json);
	if (result == MPCTL_TROUBLE) {
		chain->result = MPCTL_TROUBLE; /* the others are shown all the same */
		chain->wallet_silent |= peer == PEER_WALLET;
	}
	return result == MPCTL_DONE ? json : NULL;
}

/* A transfer of ours by its id, which is known before it is made. amount: of one that is not. */
static void ask_transfer(
	struct chain *chain, const char *kind, const struct mp_id *id, const char *amount)
{
	json_t *transfer = ask(chain, PEER_WALLET,
		mp_arena_printf(chain->ctl->arena, "/v1/transfers/%s", id->text));
	const json_t *leg = json_array_get(json_object_get(transfer, "legs"), 0);

	if (transfer == NULL && amount == NULL)
		return;
	if (transfer == NULL)
		transfer = json_object();
	else
		amount = chain_text(leg, "amount");
	int failed = mp_json_set_text(transfer, "kind", kind);
	failed |= mp_json_set_id(transfer, "id", id);
	failed |= mp_json_set_text(transfer, "amount", amount);
	if ((json_array_append_new(chain->transfers, transfer) | failed) != 0)
		chain->result = mpctl_no_memory();
}

static void ask_transfers(struct chain *chain)
{
	const json_t *captures = json_object_get(chain->payment, "captures");
	json_int_t attempts = json_integer_value(json_object_get(chain->payment, "attempt"));
	bool is_top_up = chain_text(chain->payment, "paid_to")[0] == '\0';
	struct mp_arena *arena = chain->ctl->arena;
	const json_t *row;
	size_t i;

	json_array_foreach(captures, i, row)
	{
		const char *intent = chain_text(row, "payment_intent");
		struct mp_id id = mpctl_funding_id(&chain->id, intent);
		ask_transfer(chain, mp_arena_printf(arena, "F %s", intent), &id,
			chain_text(row, "amount"));
	}
	for (json_int_t n = 1; !is_top_up && n <= attempts; n++) {
		struct mp_id id = mpctl_settlement_id(&chain->id, n);
		ask_transfer(chain, mp_arena_printf(arena, "S(%lld)", (long long)n), &id, NULL);
	}
}

static void ask_mails(struct chain *chain, const char *who, const char *to)
{
	const char *user = chain_text(chain->payment, who);
	json_t *row;
	size_t i;

	if (user[0] == '\0')
		return;
	json_t *mails = ask(chain, PEER_EMAIL,
		mp_arena_printf(chain->ctl->arena, "/v1/operations/payments/%s/mails?user_id=%s",
			chain->id.text, user));
	chain->mails_cut |= json_is_false(json_object_get(mails, "complete"));
	json_array_foreach(json_object_get(mails, "items"), i, row)
	{
		if (mp_json_set_text(row, "to", to) != 0 ||
			json_array_append(chain->mails, row) != 0)
			chain->result = mpctl_no_memory();
	}
	json_decref(mails);
}

/* --- dead letters about it --- */

struct search {
	struct chain *chain;
	const char *service;
};

static enum mp_dead_choice search_letter(void *ctx, const struct mp_dead_letter *letter)
{
	struct search *search = ctx;

	if (letter->body == NULL || strstr(letter->body, search->chain->id.text) == NULL)
		return MP_DEAD_KEEP;
	const char *const texts[] = {
		search->service, letter->time, letter->id, letter->type, letter->reason};
	table_add(&search->chain->dead, texts);
	search->chain->dead_count++;
	return MP_DEAD_KEEP;
}

static void look_for_dead(struct chain *chain)
{
	static const char *const headings[] = {"SERVICE", "SINCE", "ID", "EVENT", "REASON"};
	struct search search = {.chain = chain};
	struct mp_dead_count count;
	char why[256];

	table_begin(&chain->dead, chain->ctl->arena, 5, headings);
	for (size_t i = 0; i < mp_queues_count; i++) {
		search.service = strrchr(mp_queues[i], '.') + 1;
		enum mp_rc rc = mp_dead_visit(chain->ctl->settings.amqp_url, mp_queues[i],
			search_letter, &search, &count, why);
		if (rc != MP_OK)
			mpctl_say("The dead letters of %s cannot be looked at: %s.", search.service,
				why);
		if (rc != MP_OK || mpctl_say_unvisited(mp_queues[i], &count))
			chain->result = MPCTL_TROUBLE;
	}
}

static void ask_all(struct chain *chain)
{
	chain->transfers = json_array();
	chain->mails = json_array();
	chain->bill = ask(chain, PEER_BILLING,
		mp_arena_printf(chain->ctl->arena, "/v1/operations/payments/%s", chain->id.text));
	ask_transfers(chain);
	ask_mails(chain, "paid_by", "payer");
	ask_mails(chain, "paid_to", "payee");
	look_for_dead(chain);
}

/* --- printing --- */

static void print_line(struct chain *chain, const char *name, const char *text)
{
	const char *clean = text != NULL ? table_clean(chain->ctl->arena, text) : NULL;

	if (clean != NULL && clean[0] != '\0')
		(void)printf("%-10s  %s\n", name, clean);
}

/* As the logs have it: 32 of a traceparent's digits. */
static const char *trace_id(struct chain *chain)
{
	const char *trace = chain_text(chain->payment, "trace");

	return strlen(trace) < 35 ? "" : mp_arena_printf(chain->ctl->arena, "%.32s", trace + 3);
}

static const char *state_and_age(struct chain *chain)
{
	struct mp_arena *arena = chain->ctl->arena;
	const char *since = chain_text(chain->payment, "state_at");
	int64_t since_ms = 0;

	if (mp_time_parse(since, &since_ms) != MP_OK)
		return chain_text(chain->payment, "state");
	int64_t age_ms = mp_clock_ms() - since_ms;
	return mp_arena_printf(arena, "%s for %s, since %s", chain_text(chain->payment, "state"),
		chain_duration(arena, age_ms < 0 ? 0 : age_ms), since);
}

static void print_head(struct chain *chain)
{
	const json_t *payment = chain->payment;
	const char *payee = chain_text(payment, "paid_to");
	const char *waits = chain_waits_for(chain);

	print_line(chain, "payment", chain->id.text);
	print_line(chain, "amount", chain_amount(chain, payment, "payment_amount"));
	print_line(chain, "from", chain_text(payment, "paid_by"));
	print_line(chain, "to", payee[0] != '\0' ? payee : "the payer's own wallet (a top-up)");
	print_line(chain, "for", chain_text(payment, "description"));
	print_line(chain, "source", chain_text(payment, "source"));
	print_line(chain, "state", state_and_age(chain));
	print_line(chain, "reason", chain_text(payment, "reason"));
	print_line(chain, "money", chain_money(chain));
	print_line(chain, "waits for", waits != NULL ? waits : "nothing: it has ended");
	print_line(chain, "to do", chain_advice(chain));
	print_line(chain, "trace", trace_id(chain));
}

static void print_table(struct chain *chain, const char *title, struct table *table)
{
	(void)printf("\n%s\n", title);
	if (table_print(table, "  ") != MP_OK)
		chain->result = mpctl_no_memory();
}

/* AFTER: since the payment was made. */
static void print_timeline(struct chain *chain)
{
	static const char *const headings[] = {"TIME", ">AFTER", "SERVICE", "EVENT", "WHAT"};
	const json_t *rows = json_object_get(chain->payment, "timeline");
	struct mp_arena *arena = chain->ctl->arena;
	int64_t made_ms = mp_id_time_ms(&chain->id);
	struct table table;
	const json_t *row;
	size_t i;

	table_begin(&table, arena, 5, headings);
	json_array_foreach(rows, i, row)
	{
		int64_t at_ms = 0;
		bool is_time = mp_time_parse(chain_text(row, "at"), &at_ms) == MP_OK;
		int64_t after_ms = at_ms > made_ms ? at_ms - made_ms : 0;
		const char *const texts[] = {chain_text(row, "at"),
			is_time ? chain_duration(arena, after_ms) : "", chain_text(row, "service"),
			chain_text(row, "event"), chain_text(row, "detail")};
		table_add(&table, texts);
	}
	print_table(chain, "Timeline", &table);
}

static const char *integer_of(struct chain *chain, const json_t *json, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(json, name));

	return mp_arena_printf(chain->ctl->arena, "%lld", (long long)number);
}

static void print_sessions(struct chain *chain)
{
	static const char *const headings[] = {"ATTEMPT", ">AMOUNT", "STATE", "ENDS", "SESSION"};
	const json_t *attempts = json_object_get(chain->payment, "attempts");
	struct table table;
	const json_t *row;
	size_t i;

	if (json_array_size(attempts) == 0)
		return;
	table_begin(&table, chain->ctl->arena, 5, headings);
	json_array_foreach(attempts, i, row)
	{
		const char *const texts[] = {integer_of(chain, row, "number"),
			chain_amount(chain, row, "amount"), chain_text(row, "state"),
			chain_text(row, "expires_at"), chain_text(row, "session_id")};
		table_add(&table, texts);
	}
	print_table(chain, "Sessions at the provider", &table);
}

static void print_bill(struct chain *chain)
{
	static const char *const headings[] = {
		"INVOICE", ">AMOUNT", "STATE", "ATTEMPT", "SINCE", "BILL"};
	const json_t *bill = chain->bill;
	struct table table;

	if (bill == NULL)
		return;
	const char *const texts[] = {chain_text(bill, "invoice_no"),
		chain_amount(chain, bill, "bill_amount"), chain_text(bill, "state"),
		integer_of(chain, bill, "attempt"), chain_text(bill, "changed_at"),
		chain_text(bill, "id")};
	table_begin(&table, chain->ctl->arena, 6, headings);
	table_add(&table, texts);
	print_table(chain, "Bill", &table);
}

static void print_transfers(struct chain *chain)
{
	static const char *const headings[] = {
		"KIND", ">AMOUNT", "OUTCOME", ">MISSING", "TIME", "TRANSFER"};
	struct table table;
	const json_t *row;
	size_t i;

	if (json_array_size(chain->transfers) == 0)
		return;
	table_begin(&table, chain->ctl->arena, 6, headings);
	json_array_foreach(chain->transfers, i, row)
	{
		const char *outcome = chain_text(row, "outcome");
		const char *unmade = chain->wallet_silent ? "unknown" : "not yet";
		const char *const texts[] = {chain_text(row, "kind"),
			chain_amount(chain, row, "amount"), outcome[0] != '\0' ? outcome : unmade,
			chain_amount(chain, row, "shortfall"), chain_text(row, "date"),
			chain_text(row, "id")};
		table_add(&table, texts);
	}
	print_table(chain, "Transfers (F: provider to payer, S(n): payer to payee)", &table);
}

static void print_mails(struct chain *chain)
{
	static const char *const headings[] = {"TO", "MAIL", "STATE", "TRIES", "SINCE", "ID"};
	struct table table;
	const json_t *row;
	size_t i;

	if (json_array_size(chain->mails) == 0 && !chain->mails_cut)
		return;
	table_begin(&table, chain->ctl->arena, 6, headings);
	json_array_foreach(chain->mails, i, row)
	{
		const char *const texts[] = {chain_text(row, "to"), chain_text(row, "template"),
			chain_text(row, "state"), integer_of(chain, row, "attempts"),
			chain_text(row, "changed_at"), chain_text(row, "id")};
		table_add(&table, texts);
	}
	print_table(chain,
		chain->mails_cut ? "Mails (among the first 500 to each since it was made)"
				 : "Mails",
		&table);
}

static void print_all(struct chain *chain)
{
	print_head(chain);
	print_timeline(chain);
	print_sessions(chain);
	print_bill(chain);
	print_transfers(chain);
	print_mails(chain);
	if (chain->dead_count > 0)
		print_table(
			chain, "Dead letters about it (mpctl dead show SERVICE ID)", &chain->dead);
}

enum mpctl_exit mpctl_payment(struct mpctl *ctl, int argc, char **argv)
{
	struct chain chain = {.ctl = ctl, .result = MPCTL_DONE};

	if (!mpctl_read_payment(argv[0], &chain.id))
		return MPCTL_WRONG_USE;
	const char *path = mp_arena_printf(ctl->arena, "/v1/operations/payments/%s", chain.id.text);
	if (path == NULL)
		return mpctl_no_memory();
	enum mpctl_exit result = mpctl_get(ctl, PEER_PAYMENT, path, &chain.payment);
	if (result == MPCTL_NO)
		mpctl_say("There is no payment %s.", chain.id.text);
	if (result != MPCTL_DONE)
		return result;
	ask_all(&chain);
	print_all(&chain);
	json_decref(chain.mails);
	json_decref(chain.transfers);
	json_decref(chain.bill);
	json_decref(chain.payment);
	return chain.result;
}
