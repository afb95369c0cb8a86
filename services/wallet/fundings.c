#include "fundings.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

/* How often a page looks into a shard: what it reads has to fit into one request's memory. */
#define LOOKS_MAX 8

/* Where a page goes on: shard by shard of one currency after the other, each from its newest. */
struct place {
	size_t index; /* currency * WALLET_SHARDS_MAX + shard */
	int64_t seq;  /* the next entry to read; 0: not known yet */
};

struct reading {
	const struct wallet_db *db;
	const struct mp_currencies *currencies;
	const struct fundings_query *query;
	struct mp_arena *arena;
	struct wallet_account *accounts; /* WALLET_SHARDS_MAX, of one currency */
	size_t accounts_of;		 /* its index; SIZE_MAX: none is loaded */
	unsigned looks;
	struct fundings_page *page;
};

static enum mp_rc read_place(
	const struct mp_currencies *currencies, const char *text, struct place *out)
{
	char index[32] = "";
	const char *colon = text == NULL ? NULL : strchr(text, ':');
	int64_t number = 0;
	int64_t seq = 0;

	*out = (struct place){0};
	if (text == NULL)
		return MP_OK;
	if (colon == NULL || (size_t)(colon - text) >= sizeof(index))
		return MP_INVALID;
	memcpy(index, text, (size_t)(colon - text));
	if (mp_text_to_int(index, &number) != MP_OK || mp_text_to_int(colon + 1, &seq) != MP_OK ||
		number < 0 || number >= (int64_t)(currencies->count * WALLET_SHARDS_MAX) ||
		seq < 0 || seq > WALLET_SEQ_MAX)
		return MP_INVALID;
	*out = (struct place){.index = (size_t)number, .seq = seq};
	return MP_OK;
}

static enum mp_rc load_shards(struct reading *reading, size_t currency)
{
	struct wallet_account *wanted[WALLET_SHARDS_MAX];
	char name[WALLET_ACCOUNT_NAME_SIZE];

	if (reading->accounts_of == currency)
		return MP_OK;
	for (size_t k = 0; k < WALLET_SHARDS_MAX; k++) {
		reading->accounts[k] = (struct wallet_account){.seq = 0};
		wanted[k] = &reading->accounts[k];
		if (mp_text_format(name, sizeof(name), "system:psp/%zu", k) != MP_OK ||
			!wallet_key_parse_stored(name, reading->currencies->items[currency].code,
				&reading->accounts[k].key))
			return MP_BUG;
	}
	enum mp_rc rc =
		wallet_db_accounts_get(reading->db, wanted, WALLET_SHARDS_MAX, reading->arena);
	if (rc == MP_OK)
		reading->accounts_of = currency;
	return rc;
}

/* The newest entry of before to_ms, by halving; 0 when there is none. */
static enum mp_rc find_end(struct reading *reading, const struct wallet_account *account,
	int64_t to_ms, int64_t *out_seq)
{
	const struct wallet_key *key = &account->key;
	int64_t low = 0; /* before to_ms, or none */
	int64_t high = account->seq + 1;

	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		struct wallet_entry *entry = NULL;

		enum mp_rc rc = wallet_db_entries_get(
			reading->db, &key, &middle, 1, reading->arena, &entry);
		if (rc != MP_OK)
			return rc;
		if (entry == NULL)
			return MP_CORRUPT; /* an account's entries have no gaps */
		if (entry->time_ms < to_ms)
			low = middle;
		else
			high = middle;
	}
	*out_seq = low;
	return MP_OK;
}

/* Some entries of one shard; *inout_seq is where it goes on, 0 when the shard is done. */
static enum mp_rc read_shard(
	struct reading *reading, const struct wallet_account *account, int64_t *inout_seq)
{
	const struct fundings_query *query = reading->query;
	struct fundings_page *page = reading->page;
	struct wallet_entries_page read;

	enum mp_rc rc = wallet_db_entries_since(reading->db, &account->key, query->from_ms,
		query->limit, reading->arena, inout_seq, &read);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < read.count; i++) {
		if (read.entries[i].time_ms < query->to_ms)
			page->entries[page->count++] = &read.entries[i];
	}
	return MP_OK;
}

static enum mp_rc read_on(struct reading *reading, struct place *place)
{
	const struct wallet_account *account;

	enum mp_rc rc = load_shards(reading, place->index / WALLET_SHARDS_MAX);
	if (rc != MP_OK)
		return rc;
	account = &reading->accounts[place->index % WALLET_SHARDS_MAX];
	if (account->seq > 0)
		reading->looks++;
	if (place->seq == 0 && account->seq > 0)
		rc = find_end(
			reading, account, reading->query->to_ms + WALLET_DISORDER_MS, &place->seq);
	if (rc == MP_OK && place->seq > 0)
		rc = read_shard(reading, account, &place->seq);
	if (place->seq == 0)
		place->index++;
	return rc;
}

enum mp_rc fundings_read(const struct wallet_db *db, const struct mp_currencies *currencies,
	const struct fundings_query *query, struct mp_arena *arena, struct fundings_page *out_page)
{
	size_t end = currencies->count * WALLET_SHARDS_MAX;
	struct fundings_page page = {.count = 0};
	struct place place;
	struct reading reading = {
		.db = db,
		.currencies = currencies,
		.query = query,
		.arena = arena,
		.accounts = mp_arena_array(arena, WALLET_SHARDS_MAX, sizeof(*reading.accounts)),
		.accounts_of = SIZE_MAX,
		.page = &page,
	};

	enum mp_rc rc = read_place(currencies, query->after, &place);
	page.entries = mp_arena_array(arena, query->limit, sizeof(*page.entries));
	if (rc == MP_OK && (reading.accounts == NULL || page.entries == NULL))
		rc = MP_NOMEM;
	while (rc == MP_OK && page.count == 0 && reading.looks < LOOKS_MAX && place.index < end)
		rc = read_on(&reading, &place);
	if (rc == MP_OK && place.index < end) {
		page.next = mp_arena_printf(arena, "%zu:%" PRId64, place.index, place.seq);
		rc = page.next != NULL ? MP_OK : MP_NOMEM;
	}
	if (rc == MP_OK)
		*out_page = page;
	return rc;
}
