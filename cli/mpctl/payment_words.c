#include <inttypes.h>
#include <string.h>

#include "amount.h"
#include "base/clock.h"
#include "money/money.h"
#include "payment.h"

#define STANDS_STILL_MS 60000

const char *chain_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text != NULL ? text : "";
}

const char *chain_amount(struct chain *chain, const json_t *json, const char *name)
{
	const char *text = chain_text(json, name);
	const char *currency = chain_text(chain->payment, "currency");

	return text[0] == '\0' ? "" : mp_arena_printf(chain->ctl->arena, "%s %s", text, currency);
}

const char *chain_duration(struct mp_arena *arena, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s < 10)
		return mp_arena_printf(
			arena, "%" PRId64 ".%02" PRId64 " s", s, (ms - s * 1000) / 10);
	if (s < 120)
		return mp_arena_printf(arena, "%" PRId64 " s", s);
	if (s < 7200)
		return mp_arena_printf(arena, "%" PRId64 " min", s / 60);
	if (s < 172800)
		return mp_arena_printf(arena, "%" PRId64 " h", s / 3600);
	return mp_arena_printf(arena, "%" PRId64 " days", s / 86400);
}

static bool is_in(const struct chain *chain, const char *state)
{
	return strcmp(chain_text(chain->payment, "state"), state) == 0;
}

static bool is_not_credited(const struct chain *chain)
{
	return json_integer_value(json_object_get(chain->payment, "captures_unsettled")) > 0;
}

/* In review because billing did not answer, not because of the provider's figures. */
static bool is_unanswered(const struct chain *chain)
{
	return is_in(chain, "review") && chain_text(chain->payment, "reviewed_from")[0] != '\0';
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

/* With the page's amount and end, where one is open. */
static const char *with_page(struct chain *chain, const char *what)
{
	const char *until = chain_text(chain->payment, "checkout_expires_at");
	const char *amount = chain_amount(chain, chain->payment, "checkout_amount");

	if (until[0] == '\0')
		return what;
	return mp_arena_printf(chain->ctl->arena,
		"%s; the provider's page is for %s, and open until %s", what, amount, until);
}

const char *chain_waits_for(struct chain *chain)
{
	if (is_unanswered(chain))
		return "a person: billing does not answer";
	for (size_t i = 0; i < sizeof(waitings) / sizeof(waitings[0]); i++) {
		if (is_in(chain, waitings[i].state))
			return with_page(chain, waitings[i].what);
	}
	return is_not_credited(chain) ? "billing, to credit money that came late" : NULL;
}

/* --- where the money is --- */

struct places {
	const char *at_provider; /* captured, in no wallet yet */
	const char *with_payer;	 /* credited to the payer's wallet */
	const char *with_payee;
	int64_t rest_minor; /* credited to the payer's wallet over what went on to the payee's */
	int digits;
};

/* "70.00 USD", then "70.00 USD and 130.00 USD". */
static void add(struct mp_arena *arena, const char **list, const char *amount)
{
	*list = *list == NULL ? amount : mp_arena_printf(arena, "%s and %s", *list, amount);
}

static void count(struct places *places, const json_t *transfer, bool is_funding)
{
	int64_t minor = 0;

	if (!mpctl_read_amount(chain_text(transfer, "amount"), &minor, &places->digits))
		return;
	enum mp_rc rc = is_funding ? mp_minor_add(places->rest_minor, minor, &places->rest_minor)
				   : mp_minor_sub(places->rest_minor, minor, &places->rest_minor);
	(void)rc; /* nobody has as much */
}

static struct places find_places(struct chain *chain)
{
	struct places places = {.at_provider = NULL};
	const json_t *transfer;
	size_t i;

	json_array_foreach(chain->transfers, i, transfer)
	{
		const char *amount = chain_amount(chain, transfer, "amount");
		const char *outcome = chain_text(transfer, "outcome");
		bool is_funding = chain_text(transfer, "kind")[0] == 'F';
		const char **place = is_funding ? &places.with_payer : &places.with_payee;

		if (strcmp(outcome, "posted") == 0) {
			add(chain->ctl->arena, place, amount);
			count(&places, transfer, is_funding);
		} else if (is_funding) {
			add(chain->ctl->arena, &places.at_provider, amount);
		}
	}
	return places;
}

/* What was credited on the way to the payee is not in the payer's wallet any more: but the rest. */
static const char *in_wallets(struct chain *chain, const struct places *places)
{
	struct mp_arena *arena = chain->ctl->arena;

	if (places->with_payee == NULL && places->with_payer == NULL)
		return NULL;
	if (places->with_payee == NULL)
		return mp_arena_printf(arena, "%s in the payer's wallet", places->with_payer);
	if (places->rest_minor <= 0)
		return mp_arena_printf(arena, "%s in the payee's wallet", places->with_payee);
	return mp_arena_printf(arena,
		"%s in the payee's wallet; %s %s, captured beyond it, in the payer's",
		places->with_payee, mpctl_write_amount(arena, places->rest_minor, places->digits),
		chain_text(chain->payment, "currency"));
}

const char *chain_money(struct chain *chain)
{
	const struct places places = find_places(chain);

	if (chain->wallet_silent)
		return "not known: the wallet does not answer";
	const char *list = in_wallets(chain, &places);
	if (places.at_provider != NULL)
		return mp_arena_printf(chain->ctl->arena,
			"%s%s%s at the provider, not credited yet", list != NULL ? list : "",
			list != NULL ? "; " : "", places.at_provider);
	return list != NULL ? list : "nothing has moved: it is the payer's still";
}

/* --- what may be done --- */

static bool stands_still(const struct chain *chain)
{
	bool is_moving = is_in(chain, "created") || is_in(chain, "settling") ||
			 is_in(chain, "closing") || is_not_credited(chain);
	int64_t since_ms = 0;

	return is_moving &&
	       mp_time_parse(chain_text(chain->payment, "state_at"), &since_ms) == MP_OK &&
	       mp_clock_ms() - since_ms > STANDS_STILL_MS;
}

const char *chain_advice(struct chain *chain)
{
	const char *id = chain->id.text;

	if (chain->dead_count > 0)
		return "mend what the dead letters below say, then mpctl dead replay SERVICE ID";
	if (is_unanswered(chain) || stands_still(chain))
		return mp_arena_printf(chain->ctl->arena,
			"mpctl redrive %s tells its last events again; is billing running?", id);
	if (is_in(chain, "review"))
		return mp_arena_printf(chain->ctl->arena,
			"refund at the provider what it took, then mpctl close %s", id);
	return NULL;
}
