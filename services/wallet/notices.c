#include "notices.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define PAGE 32
#define FUNDING "funding" /* the reason that billing gives */

/* Where a page goes on: currency by currency, each from its newest entry. As text: "USD:17". */
struct place {
	size_t currency;
	int64_t seq; /* the next entry to read; 0: not known yet */
};

static enum mp_rc read_place(
	const struct mp_currencies *currencies, const char *text, struct place *out)
{
	char code[4] = "";
	int64_t seq = 0;

	*out = (struct place){0};
	if (text == NULL)
		return MP_OK;
	if (strlen(text) < 5 || text[3] != ':' || mp_text_to_int(text + 4, &seq) != MP_OK ||
		seq < 0 || seq > WALLET_SEQ_MAX)
		return MP_INVALID;
	memcpy(code, text, 3);
	const struct mp_currency *currency = mp_currencies_find(currencies, code);
	if (currency == NULL)
		return MP_INVALID;
	*out = (struct place){.currency = (size_t)(currency - currencies->items), .seq = seq};
	return MP_OK;
}

static enum mp_rc newest_seq(const struct wallet_db *db, const struct wallet_key *key,
	struct mp_arena *arena, int64_t *out_seq)
{
	struct wallet_account account = {.key = *key};
	struct wallet_account *accounts[] = {&account};

	enum mp_rc rc = wallet_db_accounts_get(db, accounts, 1, arena);
	if (rc == MP_OK)
		*out_seq = account.seq;
	return rc;
}

/* A transfer of several legs may be behind several entries, and has one event. */
static void add_once(const struct mp_id **ids, size_t *count, const struct mp_id *id)
{
	for (size_t i = 0; i < *count; i++) {
		if (mp_id_equal(ids[i], id))
			return;
	}
	ids[(*count)++] = id;
}

static enum mp_rc tell(const struct wallet_db *db, const struct mp_id *const *ids, size_t count,
	struct mp_arena *arena)
{
	struct wallet_transfer *transfers[PAGE];

	if (count == 0)
		return MP_OK;
	enum mp_rc rc = wallet_db_transfers_get(db, ids, count, arena, transfers);
	for (size_t i = 0; rc == MP_OK && i < count; i++) {
		if (transfers[i] == NULL)
			rc = MP_CORRUPT; /* entries are written with their transfer */
	}
	return rc == MP_OK ? wallet_db_tell_again(db, transfers, count, arena) : rc;
}

/* Some entries of one account; *inout_seq is where it goes on, 0 when nothing is left of it. */
static enum mp_rc tell_some(const struct wallet_db *db, const struct wallet_key *key,
	int64_t from_ms, struct mp_arena *arena, int64_t *inout_seq, size_t *out_told)
{
	const struct mp_id *ids[PAGE];
	struct wallet_entries_page page;
	int64_t seq = *inout_seq;
	size_t count = 0;

	enum mp_rc rc = wallet_db_entries_since(db, key, from_ms, PAGE, arena, &seq, &page);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < page.count; i++) {
		const struct wallet_entry *entry = &page.entries[i];

		if (entry->amount_minor > 0 && strcmp(entry->reason, FUNDING) == 0)
			add_once(ids, &count, entry->transfer_id);
	}
	rc = tell(db, ids, count, arena);
	if (rc != MP_OK)
		return rc;
	*inout_seq = seq;
	*out_told = count;
	return MP_OK;
}

enum mp_rc notices_tell_again(const struct wallet_db *db, const struct mp_currencies *currencies,
	struct mp_arena *arena, const struct mp_id *user_id, int64_t from_ms, const char *cursor,
	size_t *out_told, const char **out_next)
{
	const char *next = NULL;
	struct place place;
	bool looked = false; /* a page a call */
	size_t told = 0;

	enum mp_rc rc = read_place(currencies, cursor, &place);
	while (rc == MP_OK && !looked && place.currency < currencies->count) {
		struct wallet_key key =
			wallet_key_user(user_id, currencies->items[place.currency].code);

		if (place.seq == 0)
			rc = newest_seq(db, &key, arena, &place.seq);
		looked = place.seq > 0;
		if (rc == MP_OK && looked)
			rc = tell_some(db, &key, from_ms, arena, &place.seq, &told);
		if (place.seq == 0)
			place.currency++;
	}
	if (rc == MP_OK && place.currency < currencies->count) {
		next = mp_arena_printf(
			arena, "%s:%" PRId64, currencies->items[place.currency].code, place.seq);
		rc = next != NULL ? MP_OK : MP_NOMEM;
	}
	if (rc != MP_OK)
		return rc;
	*out_told = told;
	*out_next = next;
	return MP_OK;
}
