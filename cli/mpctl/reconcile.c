#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "base/clock.h"
#include "base/text.h"
#include "call.h"
#include "ids.h"
#include "money/money.h"
#include "table.h"

/*
 * The provider's captured PaymentIntents against the wallet's credits of them, both ways. A day is
 * the provider's: that on which a PaymentIntent was made, in UTC; what was credited for it counts
 * there, whenever it was. A credit without a capture counts on its own day.
 */
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define DAYS_MAX 366
/* Without a day named: direct debits of SEPA are captured up to 14 business days after. */
#define LOOK_BACK_DAYS 21
#define GRACE_S 900		 /* a capture this young may still be on its way */
#define GRACE_S_MAX (30 * 86400) /* as long as the provider knows when it captured */
#define DAY_ARENA_BYTES (512u * 1024 * 1024)
#define CURRENCIES_MAX 64

struct capture {
	const char *intent;
	const char *amount; /* NULL: a currency that is not ours */
	const char *currency;
	const char *payment_id; /* NULL: nobody's */
	struct mp_id funding_id;
};

struct credit {
	const char *transfer_id;
	const char *amount;
	const char *currency;
	const char *payment_id;
	bool captured;
};

struct list {
	void *items;
	size_t count;
	size_t capacity;
};

enum side {
	CAPTURED,
	CREDITED,
	SIDES
};

struct tally {
	size_t count;
	int64_t minor;
};

/* A currency's figures of one day. Minor units of as many digits as its amounts have. */
struct sum {
	char currency[4];
	int digits;
	struct tally tallies[SIDES];
	size_t differences;
};

struct reconciliation {
	struct mpctl *ctl;
	struct mp_arena *arena; /* of the day */
	int64_t grace_ms;
	int64_t from_ms;       /* the first day */
	int64_t end_ms;	       /* of the last one */
	int64_t whole_from_ms; /* days before are printed only where something differs */
	char day[11];	       /* "2026-11-23" */
	int64_t day_ms;
	struct list captures;
	struct list credits;
	struct list young; /* texts: the PaymentIntents that were captured just now */
	bool young_read;
	struct sum sums[CURRENCIES_MAX];
	size_t sums_count;
	struct table days;
	struct table differences;
	size_t differences_count;
	size_t on_their_way;
};

/* --- amounts --- */

/* The currency's figures; NULL when there is no room for one more, or it is none. */
static struct sum *sum_of(struct reconciliation *r, const char *currency)
{
	for (size_t i = 0; i < r->sums_count; i++) {
		if (strcmp(r->sums[i].currency, currency) == 0)
			return &r->sums[i];
	}
	if (r->sums_count == CURRENCIES_MAX)
		return NULL;
	struct sum *sum = &r->sums[r->sums_count];
	*sum = (struct sum){.digits = 0};
	if (mp_text_copy(sum->currency, sizeof(sum->currency), currency) != MP_OK)
		return NULL;
	r->sums_count++;
	return sum;
}

static enum mpctl_exit say_no_sum(const struct reconciliation *r, const char *currency)
{
	if (r->sums_count == CURRENCIES_MAX)
		mpctl_say("%s has more than %d currencies: one more than can be added up is %s.",
			r->day, CURRENCIES_MAX, currency);
	else
		mpctl_say("\"%.40s\", told of %s, is no currency.", currency, r->day);
	return MPCTL_TROUBLE;
}

static enum mpctl_exit add_money(
	struct reconciliation *r, enum side side, const char *currency, const char *amount)
{
	struct sum *sum = sum_of(r, currency);
	int64_t minor = 0;
	int digits = 0;

	if (sum == NULL)
		return say_no_sum(r, currency);
	struct tally *tally = &sum->tallies[side];
	tally->count++;
	if (amount == NULL) /* of a currency that is not ours: counted, not added */
		return MPCTL_DONE;
	if (!mpctl_read_amount(amount, &minor, &digits)) {
		mpctl_say("\"%.40s %s\", told of %s, is no amount.", amount, currency, r->day);
		return MPCTL_TROUBLE;
	}
	sum->digits = digits;
	if (mp_minor_add(tally->minor, minor, &tally->minor) == MP_OK)
		return MPCTL_DONE;
	mpctl_say("The sum of %s of %s is more than can be counted.", currency, r->day);
	return MPCTL_TROUBLE;
}

/* --- reading a day --- */

static void *list_add(struct list *list, size_t item_bytes)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity == 0 ? 1024 : 2 * list->capacity;
		void *items = reallocarray(list->items, capacity, item_bytes);

		if (items == NULL)
			return NULL;
		list->items = items;
		list->capacity = capacity;
	}
	void *item = (char *)list->items + list->count++ * item_bytes;
	memset(item, 0, item_bytes);
	return item;
}

static bool copy_text(
	struct mp_arena *arena, const json_t *json, const char *name, const char **out)
{
	const char *text = json_string_value(json_object_get(json, name));

	*out = mp_arena_strdup(arena, text);
	return text == NULL || *out != NULL;
}

static bool add_capture(struct reconciliation *r, const json_t *json)
{
	struct capture *capture = list_add(&r->captures, sizeof(*capture));
	struct mp_id payment;

	if (capture == NULL || !copy_text(r->arena, json, "payment_intent", &capture->intent) ||
		!copy_text(r->arena, json, "amount", &capture->amount) ||
		!copy_text(r->arena, json, "currency", &capture->currency) ||
		!copy_text(r->arena, json, "payment_id", &capture->payment_id))
		return false;
	if (mp_id_parse(capture->payment_id, &payment))
		capture->funding_id = mpctl_funding_id(&payment, capture->intent);
	return true;
}

static bool add_credit(struct reconciliation *r, const json_t *json)
{
	struct credit *credit = list_add(&r->credits, sizeof(*credit));

	return credit != NULL && copy_text(r->arena, json, "transfer_id", &credit->transfer_id) &&
	       copy_text(r->arena, json, "amount", &credit->amount) &&
	       copy_text(r->arena, json, "currency", &credit->currency) &&
	       copy_text(r->arena, json, "payment_id", &credit->payment_id);
}

static bool add_young(struct reconciliation *r, const json_t *json)
{
	const char **intent = list_add(&r->young, sizeof(*intent));

	return intent != NULL && copy_text(r->arena, json, "payment_intent", intent);
}

/* Every page of a list. */
static enum mpctl_exit read_list(struct reconciliation *r, enum mpctl_peer peer, const char *path,
	const char *query, int64_t from_ms, int64_t to_ms,
	bool (*add)(struct reconciliation *r, const json_t *json))
{
	char from[MP_TIME_TEXT_SIZE];
	char to[MP_TIME_TEXT_SIZE];
	const char *cursor = NULL;

	mp_time_format(from_ms, from);
	mp_time_format(to_ms, to);
	do {
		const json_t *item;
		json_t *page = NULL;
		size_t i;

		const char *asked = mp_arena_printf(r->arena, "%s?%sfrom=%s&to=%s%s%s", path, query,
			from, to, cursor != NULL ? "&cursor=" : "", cursor != NULL ? cursor : "");
		if (asked == NULL)
			return mpctl_no_memory();
		enum mpctl_exit result = mpctl_get(r->ctl, peer, asked, &page);
		if (result == MPCTL_NO) /* these lists are always there */
			return mpctl_not_of_this_version(r->ctl, peer, path);
		if (result != MPCTL_DONE)
			return result;
		json_array_foreach(json_object_get(page, "items"), i, item)
		{
			if (!add(r, item)) {
				json_decref(page);
				return mpctl_no_memory();
			}
		}
		bool kept = copy_text(r->arena, page, "next_cursor", &cursor);
		json_decref(page);
		if (!kept)
			return mpctl_no_memory();
	} while (cursor != NULL);
	return MPCTL_DONE;
}

/* --- what differs --- */

static void add_difference(struct reconciliation *r, const char *what,
	const struct capture *capture, const struct credit *credit)
{
	const char *currency = capture != NULL ? capture->currency : credit->currency;
	const char *payment = capture != NULL ? capture->payment_id : credit->payment_id;
	struct sum *sum = sum_of(r, currency);
	const char *const texts[] = {r->day, what, capture != NULL ? capture->amount : "",
		credit != NULL ? credit->amount : "", currency,
		capture != NULL ? capture->intent : "", credit != NULL ? credit->transfer_id : "",
		payment};

	table_add(&r->differences, texts);
	r->differences_count++;
	if (sum != NULL)
		sum->differences++;
}

static int by_transfer(const void *a, const void *b)
{
	const struct credit *one = a;
	const struct credit *other = b;

	return strcmp(one->transfer_id, other->transfer_id);
}

static struct credit *find_credit(struct reconciliation *r, const char *transfer_id)
{
	const struct credit wanted = {.transfer_id = transfer_id};

	if (r->credits.count == 0)
		return NULL;
	return bsearch(&wanted, r->credits.items, r->credits.count, sizeof(wanted), by_transfer);
}

/* The credit may have been posted on another day: asked for by its id. */
static enum mpctl_exit ask_for_credit(struct reconciliation *r, const struct capture *capture,
	struct credit *out, bool *out_found)
{
	json_t *json = NULL;
	const char *path = mp_arena_printf(r->arena, "/v1/transfers/%s", capture->funding_id.text);

	*out_found = false;
	if (path == NULL)
		return mpctl_no_memory();
	enum mpctl_exit result = mpctl_get(r->ctl, PEER_WALLET, path, &json);
	if (result != MPCTL_DONE)
		return result == MPCTL_NO ? MPCTL_DONE : result;
	const char *outcome = json_string_value(json_object_get(json, "outcome"));
	const json_t *leg = json_array_get(json_object_get(json, "legs"), 0);
	bool kept = copy_text(r->arena, leg, "amount", &out->amount) &&
		    copy_text(r->arena, json, "currency", &out->currency);
	*out_found = outcome != NULL && strcmp(outcome, "posted") == 0;
	out->transfer_id = capture->funding_id.text;
	out->payment_id = capture->payment_id;
	json_decref(json);
	return kept ? MPCTL_DONE : mpctl_no_memory();
}

static bool is_same_money(const struct capture *capture, const struct credit *credit)
{
	return capture->amount != NULL && credit->amount != NULL &&
	       strcmp(capture->amount, credit->amount) == 0 &&
	       strcmp(capture->currency, credit->currency) == 0;
}

/* Captured within the grace. Asked when it is needed: few days have anything that differs. */
static enum mpctl_exit is_young(
	struct reconciliation *r, const struct capture *capture, bool *out_young)
{
	enum mpctl_exit result = MPCTL_DONE;
	int64_t now_ms = mp_clock_ms();

	*out_young = false;
	if (r->grace_ms > 0 && !r->young_read)
		result = read_list(r, PEER_PAYMENT, "/v1/operations/captures", "by=captured&",
			now_ms - r->grace_ms, now_ms + DAY_MS, add_young);
	r->young_read = result == MPCTL_DONE;
	const char **young = r->young.items;
	for (size_t i = 0; result == MPCTL_DONE && i < r->young.count; i++)
		*out_young = *out_young || strcmp(young[i], capture->intent) == 0;
	return result;
}

static enum mpctl_exit check_capture(struct reconciliation *r, struct capture *capture)
{
	struct credit other = {.captured = false};
	struct credit *credit = NULL;
	bool found = false;
	bool young = false;

	enum mpctl_exit result = add_money(r, CAPTURED, capture->currency, capture->amount);
	if (result != MPCTL_DONE)
		return result;
	if (!mp_id_is_none(&capture->funding_id))
		credit = find_credit(r, capture->funding_id.text);
	if (credit == NULL && !mp_id_is_none(&capture->funding_id)) {
		result = ask_for_credit(r, capture, &other, &found);
		if (result != MPCTL_DONE)
			return result;
		credit = found ? &other : NULL;
	}
	if (credit != NULL) {
		credit->captured = true;
		if (!is_same_money(capture, credit))
			add_difference(r, "other amount", capture, credit);
		return add_money(r, CREDITED, credit->currency, credit->amount);
	}
	if (capture->payment_id == NULL) {
		add_difference(r, "nobody's", capture, NULL);
		return MPCTL_DONE;
	}
	result = is_young(r, capture, &young);
	if (result == MPCTL_DONE && young)
		r->on_their_way++;
	else if (result == MPCTL_DONE)
		add_difference(r, "not credited", capture, NULL);
	return result;
}

/* The PaymentIntent of another day that the credit is for: payment keeps which it saw. */
static enum mpctl_exit find_intent(
	struct reconciliation *r, const struct credit *credit, const char **out_intent)
{
	const json_t *row;
	json_t *payment = NULL;
	struct mp_id id;
	size_t i;

	*out_intent = NULL;
	if (!mp_id_parse(credit->payment_id, &id))
		return MPCTL_DONE;
	const char *path = mp_arena_printf(r->arena, "/v1/operations/payments/%s", id.text);
	if (path == NULL)
		return mpctl_no_memory();
	enum mpctl_exit result = mpctl_get(r->ctl, PEER_PAYMENT, path, &payment);
	if (result != MPCTL_DONE)
		return result == MPCTL_NO ? MPCTL_DONE : result;
	json_array_foreach(json_object_get(payment, "captures"), i, row)
	{
		const char *intent = json_string_value(json_object_get(row, "payment_intent"));
		struct mp_id funding = {.text = ""};

		if (intent != NULL)
			funding = mpctl_funding_id(&id, intent);
		if (strcmp(funding.text, credit->transfer_id) == 0)
			*out_intent = mp_arena_strdup(r->arena, intent);
	}
	json_decref(payment);
	return MPCTL_DONE;
}

/* The day of its making is one of ours, and says what differs. */
static bool is_told_on_its_day(
	const struct reconciliation *r, const json_t *capture, const struct credit *credit)
{
	const char *payment = json_string_value(json_object_get(capture, "payment_id"));
	const char *made = json_string_value(json_object_get(capture, "created_at"));
	int64_t made_ms = 0;

	return payment != NULL && strcmp(payment, credit->payment_id) == 0 && made != NULL &&
	       mp_time_parse(made, &made_ms) == MP_OK && made_ms >= r->from_ms &&
	       made_ms < r->end_ms;
}

/* A credit that none of the day's captures is for. */
static enum mpctl_exit check_credit(struct reconciliation *r, const struct credit *credit)
{
	struct capture capture = {.intent = NULL};
	const char *intent = NULL;
	json_t *json = NULL;

	enum mpctl_exit result = find_intent(r, credit, &intent);
	if (result == MPCTL_DONE && intent != NULL) {
		const char *path = mp_arena_printf(r->arena, "/v1/operations/captures/%s", intent);
		result = path == NULL ? mpctl_no_memory()
				      : mpctl_get(r->ctl, PEER_PAYMENT, path, &json);
	}
	if (result == MPCTL_TROUBLE)
		return result;
	if (json != NULL) {
		bool is_told = is_told_on_its_day(r, json, credit);
		bool kept = copy_text(r->arena, json, "amount", &capture.amount) &&
			    copy_text(r->arena, json, "currency", &capture.currency);
		json_decref(json);
		if (!kept)
			return mpctl_no_memory();
		if (is_told || is_same_money(&capture, credit))
			return MPCTL_DONE; /* of another day, and counted there */
		capture.intent = intent;
		capture.payment_id = credit->payment_id;
		add_difference(r, "other amount", &capture, credit);
		return MPCTL_DONE;
	}
	add_difference(r, "not captured", NULL, credit);
	return add_money(r, CREDITED, credit->currency, credit->amount);
}

/* --- days --- */

static enum mpctl_exit compare(struct reconciliation *r)
{
	struct capture *captures = r->captures.items;
	struct credit *credits = r->credits.items;
	enum mpctl_exit result = MPCTL_DONE;

	if (r->credits.count > 0)
		qsort(credits, r->credits.count, sizeof(*credits), by_transfer);
	for (size_t i = 0; result == MPCTL_DONE && i < r->captures.count; i++)
		result = check_capture(r, &captures[i]);
	for (size_t i = 0; result == MPCTL_DONE && i < r->credits.count; i++) {
		if (!credits[i].captured)
			result = check_credit(r, &credits[i]);
	}
	return result;
}

static void add_day(struct reconciliation *r)
{
	struct mp_arena *arena = r->ctl->arena;

	for (size_t i = 0; i < r->sums_count; i++) {
		const struct sum *sum = &r->sums[i];
		const struct tally *captured = &sum->tallies[CAPTURED];
		const struct tally *credited = &sum->tallies[CREDITED];
		const char *const texts[] = {r->day, sum->currency,
			mp_arena_printf(arena, "%zu", captured->count),
			mpctl_write_amount(arena, captured->minor, sum->digits),
			mp_arena_printf(arena, "%zu", credited->count),
			mpctl_write_amount(arena, credited->minor, sum->digits),
			mp_arena_printf(arena, "%zu", sum->differences)};
		table_add(&r->days, texts);
	}
	if (r->sums_count == 0) {
		const char *const texts[] = {r->day, "-", "0", "", "0", "", "0"};
		table_add(&r->days, texts);
	}
}

static enum mpctl_exit reconcile_day(struct reconciliation *r)
{
	char time[MP_TIME_TEXT_SIZE];
	int64_t end_ms = r->day_ms + DAY_MS;
	size_t differed = r->differences_count;

	mp_arena_reset(r->arena);
	mp_time_format(r->day_ms, time);
	time[10] = '\0';
	memcpy(r->day, time, sizeof(r->day));
	r->captures.count = 0;
	r->credits.count = 0;
	r->young.count = 0;
	r->young_read = false;
	r->sums_count = 0;
	enum mpctl_exit result = read_list(
		r, PEER_PAYMENT, "/v1/operations/captures", "", r->day_ms, end_ms, add_capture);
	if (result == MPCTL_DONE)
		result = read_list(r, PEER_WALLET, "/v1/operations/fundings", "limit=100&",
			r->day_ms, end_ms, add_credit);
	if (result == MPCTL_DONE)
		result = compare(r);
	if (result == MPCTL_DONE &&
		(r->day_ms >= r->whole_from_ms || r->differences_count > differed))
		add_day(r);
	return result;
}

static enum mpctl_exit print_result(struct reconciliation *r)
{
	if (table_print(&r->days, "") != MP_OK)
		return mpctl_no_memory();
	if (r->on_their_way > 0)
		(void)printf("\n%zu captured in the last %" PRId64
			     " s are not credited yet: they may be on their way.\n",
			r->on_their_way, r->grace_ms / 1000);
	if (r->differences_count == 0)
		return MPCTL_DONE;
	(void)puts("");
	if (table_print(&r->differences, "") != MP_OK)
		return mpctl_no_memory();
	return MPCTL_NO;
}

static enum mpctl_exit reconcile_days(
	struct mpctl *ctl, int64_t from_ms, int64_t whole_from_ms, int64_t to_ms, int64_t grace_s)
{
	static const char *const days[] = {
		"DAY", "CURRENCY", ">CAPTURED", ">SUM", ">CREDITED", ">SUM", ">DIFFERENCES"};
	static const char *const differences[] = {"DAY", "WHAT", ">CAPTURED", ">CREDITED",
		"CURRENCY", "PAYMENT INTENT", "TRANSFER", "PAYMENT"};
	struct reconciliation *r = calloc(1, sizeof(*r));
	enum mpctl_exit result = MPCTL_DONE;

	if (r == NULL)
		return mpctl_no_memory();
	r->ctl = ctl;
	r->grace_ms = grace_s * 1000;
	r->from_ms = from_ms;
	r->end_ms = to_ms + DAY_MS;
	r->whole_from_ms = whole_from_ms;
	table_begin(&r->days, ctl->arena, 7, days);
	table_begin(&r->differences, ctl->arena, 8, differences);
	r->arena = mp_arena_new(DAY_ARENA_BYTES);
	if (r->arena == NULL)
		result = mpctl_no_memory();
	for (r->day_ms = from_ms; result == MPCTL_DONE && r->day_ms <= to_ms; r->day_ms += DAY_MS)
		result = reconcile_day(r);
	if (result == MPCTL_DONE)
		result = print_result(r);
	mp_arena_free(r->arena);
	free(r->captures.items);
	free(r->credits.items);
	free(r->young.items);
	free(r);
	return result;
}

/* --- arguments --- */

static bool check_days(int64_t from_ms, int64_t to_ms)
{
	char from[MP_TIME_TEXT_SIZE];
	char to[MP_TIME_TEXT_SIZE];

	mp_time_format(from_ms, from);
	mp_time_format(to_ms, to);
	if (to_ms < from_ms)
		mpctl_say("--from %.10s is after --to %.10s.", from, to);
	else if ((to_ms - from_ms) / DAY_MS >= DAYS_MAX)
		mpctl_say("--from %.10s to --to %.10s is more than %d days: ask for fewer.", from,
			to, DAYS_MAX);
	else
		return true;
	return false;
}

struct wanted {
	const char *day;
	const char *from;
	const char *to;
	int64_t grace_s;
};

static bool take_once(const char **text, const char *argument)
{
	bool is_first = *text == NULL;

	*text = argument;
	return is_first;
}

static bool read_arguments(int argc, char **argv, struct wanted *out)
{
	bool good = true;

	for (int i = 0; good && i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--from") == 0 && more)
			good = take_once(&out->from, argv[++i]);
		else if (strcmp(argv[i], "--to") == 0 && more)
			good = take_once(&out->to, argv[++i]);
		else if (strcmp(argv[i], "--grace") == 0 && more)
			good = mp_text_to_int(argv[++i], &out->grace_s) == MP_OK &&
			       out->grace_s >= 0 && out->grace_s <= GRACE_S_MAX;
		else
			good = argv[i][0] != '-' && take_once(&out->day, argv[i]);
	}
	if (good && out->to != NULL && out->from == NULL && out->day == NULL) {
		mpctl_say("--to needs --from, the first day.");
		return false;
	}
	return good && (out->day == NULL || (out->from == NULL && out->to == NULL));
}

enum mpctl_exit mpctl_reconcile(struct mpctl *ctl, int argc, char **argv)
{
	int64_t yesterday_ms = (mp_clock_ms() / DAY_MS - 1) * DAY_MS; /* the last that is whole */
	int64_t from_ms = yesterday_ms;
	int64_t to_ms = yesterday_ms;
	struct wanted wanted = {.grace_s = GRACE_S};

	if (!read_arguments(argc, argv, &wanted))
		return mpctl_wrong_use("reconcile");
	const char *first = wanted.day != NULL ? wanted.day : wanted.from;
	const char *last = wanted.day != NULL ? wanted.day : wanted.to;
	if ((first != NULL && !mpctl_read_day(first, &from_ms)) ||
		(last != NULL && !mpctl_read_day(last, &to_ms)))
		return mpctl_wrong_use("reconcile");
	if (!check_days(from_ms, to_ms))
		return MPCTL_WRONG_USE;
	int64_t look_back_ms = first == NULL ? LOOK_BACK_DAYS * DAY_MS : 0;
	return reconcile_days(ctl, from_ms - look_back_ms, from_ms, to_ms, wanted.grace_s);
}
