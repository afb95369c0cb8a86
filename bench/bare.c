/*
 * The bare limit: what one thread reaches on RocksDB's own C API when it writes what the wallet
 * writes for a transfer, with the store's options, the same checks, and a synced write per batch.
 * Everything above it (HTTP, tokens, the ledger, the store) is measured against this.
 *
 * Usage: bare FOLDER [SECONDS]     a folder is made in FOLDER, and removed; 3 seconds a batch size
 */
#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/text.h"
#include "store/codec.h"
#include "store/rocksdb.h"

#define ACCOUNTS 1000
#define BATCH_MAX 256
#define RECORD_MAX 1024
#define CHAIN "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define PAYMENT "01890a5d-ac96-774b-bcce-b302099a8057"
#define BILL "01890a5d-ac96-874b-9cce-c302099a8058"
#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

struct account {
	char name[48];
	int64_t seq;
	int64_t version;
	int64_t balance;
	uint64_t touched_in; /* the batch */
};

/* One item of each kind, as the wallet makes them; a record is written anew with other numbers. */
struct records {
	struct mp_item *account;
	struct mp_item *entry;
	struct mp_item *transfer;
	struct mp_item *event;
};

struct bare {
	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_readoptions_t *read;
	rocksdb_writeoptions_t *write;
	rocksdb_writebatch_t *batch;
	struct mp_arena *arena;
	struct records records;
	struct account accounts[ACCOUNTS];
	struct account *touched[2 * BATCH_MAX];
	size_t touched_count;
	uint64_t batches;
};

static void stop(const char *what)
{
	(void)fprintf(stderr, "bare: %s\n", what);
	exit(1);
}

/* --- the wallet's records --- */

static void make_records(struct records *r, struct mp_arena *arena)
{
	r->account = mp_item_new(arena, "-", "-", 1);
	struct mp_map *map = mp_item_attrs(r->account);
	mp_map_set_int(map, "balance", 1);
	mp_map_set_int(map, "seq", 1);
	mp_map_set_text(map, "chain", CHAIN);

	r->entry = mp_item_new(arena, "-", "-", 1);
	map = mp_item_attrs(r->entry);
	mp_map_set_int(map, "seq", 1);
	mp_map_set_int(map, "amount", 1);
	mp_map_set_int(map, "balance_after", 1);
	mp_map_set_text(map, "counterparty", "user:" PAYMENT);
	mp_map_set_text(map, "transfer_id", PAYMENT);
	mp_map_set_text(map, "reason", "payment");
	mp_map_set_text(map, "payment_id", PAYMENT);
	mp_map_set_text(map, "bill_id", BILL);
	mp_map_set_int(map, "time", 1);
	mp_map_set_text(map, "chain", CHAIN);

	r->transfer = mp_item_new(arena, "-", "-", 1);
	map = mp_item_attrs(r->transfer);
	mp_map_set_text(map, "id", PAYMENT);
	mp_map_set_text(map, "currency", "EUR");
	mp_map_set_text(map, "reason", "payment");
	mp_map_set_text(map, "payment_id", PAYMENT);
	mp_map_set_text(map, "bill_id", BILL);
	mp_map_set_text(map, "outcome", "posted");
	mp_map_set_int(map, "time", 1);
	struct mp_map *leg = mp_list_add_map(map, mp_map_set_list(map, "legs"));
	mp_map_set_text(leg, "from", "user:" PAYMENT);
	mp_map_set_text(leg, "to", "user:" BILL);
	mp_map_set_int(leg, "amount", 1);
	mp_map_set_int(leg, "from_seq", 1);
	mp_map_set_int(leg, "to_seq", 1);

	r->event = mp_item_new(arena, "-", "-", 1);
	map = mp_item_attrs(r->event);
	mp_map_set_text(map, "type", "wallet.credited");
	mp_map_set_text(map, "subject", PAYMENT);
	mp_map_set_int(map, "time", 1);
	mp_map_set_int(map, "written", 1);
	mp_map_set_text(map, "trace", TRACE);
	struct mp_map *data = mp_map_set_map(map, "data");
	mp_map_set_text(data, "transfer_id", PAYMENT);
	mp_map_set_text(data, "currency", "EUR");
	mp_map_set_text(data, "reason", "payment");
	mp_map_set_text(data, "payment_id", PAYMENT);
	mp_map_set_text(data, "bill_id", BILL);
	mp_map_set_int(data, "time", 1);
	struct mp_map *credit = mp_list_add_map(data, mp_map_set_list(data, "credits"));
	mp_map_set_text(credit, "user_id", PAYMENT);
	mp_map_set_int(credit, "amount", 1);
	mp_map_set_int(credit, "balance_after", 1);
	mp_map_set_int(credit, "seq", 1);
}

static struct mp_attr *attr_of(struct mp_item *item, const char *name)
{
	for (uint32_t i = 0; i < item->attrs.count; i++) {
		if (strcmp(item->attrs.attrs[i].name, name) == 0)
			return &item->attrs.attrs[i];
	}
	stop("a record lacks an attribute");
	return NULL;
}

static void set_int(struct mp_item *item, const char *name, int64_t number)
{
	attr_of(item, name)->as.number = number;
}

static void set_text(struct mp_item *item, const char *name, const char *text)
{
	struct mp_attr *attr = attr_of(item, name);

	attr->as.text = text;
	attr->text_len = (uint32_t)strlen(text);
}

/* --- checks and writes --- */

static void check_version(struct bare *bare, const char *key, size_t key_len, int64_t expected)
{
	struct mp_record_head head = {.version = 0};
	char *error = NULL;
	size_t len;

	rocksdb_pinnableslice_t *slice =
		rocksdb_get_pinned(bare->db, bare->read, key, key_len, &error);
	if (error != NULL)
		stop(error);
	if (slice != NULL) {
		const char *bytes = rocksdb_pinnableslice_value(slice, &len);
		if (mp_record_read_head(bytes, len, &head) != MP_OK)
			stop("a record cannot be read");
		rocksdb_pinnableslice_destroy(slice);
	}
	if (head.version != expected)
		stop("a condition fails");
}

/* expected: the version that is checked, 0 for absent, -1 for unchecked. */
static void put(struct bare *bare, const char *pk, const char *sk, int64_t expected,
	const struct mp_item *item)
{
	char key[MP_STORED_KEY_MAX];
	char record[RECORD_MAX];
	size_t key_len = mp_key_write(pk, sk, key);

	if (expected >= 0)
		check_version(bare, key, key_len, expected);
	size_t len = mp_record_write(item, expected < 0 ? 1 : expected + 1, record);
	assert(len <= sizeof(record));
	rocksdb_writebatch_put(bare->batch, key, key_len, record, len);
}

static void add_entry(struct bare *bare, struct account *account, const struct account *other,
	int64_t amount, const struct mp_id *transfer, int64_t now_ms)
{
	struct mp_item *entry = bare->records.entry;
	char pk[80];
	char sk[32];

	account->seq++;
	account->balance += amount;
	if (account->touched_in != bare->batches) {
		account->touched_in = bare->batches;
		bare->touched[bare->touched_count++] = account;
	}
	set_int(entry, "seq", account->seq);
	set_int(entry, "amount", amount);
	set_int(entry, "balance_after", account->balance);
	set_text(entry, "counterparty", other->name);
	set_text(entry, "transfer_id", transfer->text);
	set_int(entry, "time", now_ms);
	if (mp_text_format(pk, sizeof(pk), "ACCOUNT#%s#EUR", account->name) != MP_OK ||
		mp_text_format(sk, sizeof(sk), "ENTRY#%016lld", (long long)account->seq) != MP_OK)
		stop("a key is too long");
	put(bare, pk, sk, 0, entry);
}

static void add_transfer(struct bare *bare, int64_t now_ms)
{
	struct account *from = &bare->accounts[mp_random_number() % ACCOUNTS];
	struct account *to = &bare->accounts[mp_random_number() % ACCOUNTS];
	struct mp_id id = mp_id_new(now_ms);
	struct mp_id event_id = mp_id_new(now_ms);
	char pk[64];

	if (from == to)
		to = from == bare->accounts ? from + 1 : from - 1;
	set_text(bare->records.transfer, "id", id.text);
	set_int(bare->records.transfer, "time", now_ms);
	if (mp_text_format(pk, sizeof(pk), "TRANSFER#%s", id.text) != MP_OK)
		stop("a key is too long");
	put(bare, pk, "TRANSFER", 0, bare->records.transfer);
	add_entry(bare, from, to, -1250, &id, now_ms);
	add_entry(bare, to, from, 1250, &id, now_ms);

	set_text(bare->records.event, "subject", id.text);
	if (mp_text_format(pk, sizeof(pk), "OUTBOX#%02u", (unsigned)(mp_random_number() % 32)) !=
		MP_OK)
		stop("a key is too long");
	put(bare, pk, event_id.text, -1, bare->records.event);
}

static void add_accounts(struct bare *bare)
{
	char pk[80];

	for (size_t i = 0; i < bare->touched_count; i++) {
		struct account *account = bare->touched[i];
		set_int(bare->records.account, "balance", account->balance);
		set_int(bare->records.account, "seq", account->seq);
		if (mp_text_format(pk, sizeof(pk), "ACCOUNT#%s#EUR", account->name) != MP_OK)
			stop("a key is too long");
		put(bare, pk, "ACCOUNT", account->version, bare->records.account);
		account->version++;
	}
	bare->touched_count = 0;
}

static void write_batch(struct bare *bare)
{
	char *error = NULL;

	rocksdb_write(bare->db, bare->write, bare->batch, &error);
	if (error != NULL)
		stop(error);
	rocksdb_writebatch_clear(bare->batch);
	bare->batches++;
}

/* --- one run --- */

static void bare_open(struct bare *bare, const char *folder)
{
	char *error = NULL;

	bare->options = mp_rocksdb_options_new();
	bare->db = rocksdb_open(bare->options, folder, &error);
	if (error != NULL)
		stop(error);
	bare->read = rocksdb_readoptions_create();
	bare->write = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(bare->write, 1);
	bare->batch = rocksdb_writebatch_create();
	bare->arena = mp_arena_new(1u << 20);
	if (bare->arena == NULL)
		stop("no memory");
	make_records(&bare->records, bare->arena);
	bare->batches = 1;
	for (size_t i = 0; i < ACCOUNTS; i++) {
		struct account *account = &bare->accounts[i];
		struct mp_id id = mp_id_new(mp_clock_ms());
		if (mp_text_format(account->name, sizeof(account->name), "user:%s", id.text) !=
			MP_OK)
			stop("a name is too long");
		bare->touched[0] = account;
		bare->touched_count = 1;
		add_accounts(bare);
	}
	write_batch(bare);
}

static void bare_close(struct bare *bare)
{
	mp_arena_free(bare->arena);
	rocksdb_writebatch_destroy(bare->batch);
	rocksdb_writeoptions_destroy(bare->write);
	rocksdb_readoptions_destroy(bare->read);
	rocksdb_close(bare->db);
	rocksdb_options_destroy(bare->options);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	return remove(path);
}

/* Transfers a second. */
static int64_t run(const char *parent, size_t batch_size, int64_t seconds)
{
	static struct bare bare;
	char folder[4096];
	int64_t transfers = 0;

	if (mp_text_format(folder, sizeof(folder), "%s/bare-XXXXXX", parent) != MP_OK ||
		mkdtemp(folder) == NULL)
		stop("no folder can be made there");
	bare = (struct bare){.db = NULL};
	bare_open(&bare, folder);

	int64_t began_us = mp_clock_mono_us();
	int64_t took_us = 0;
	while (took_us < seconds * 1000000) {
		int64_t now_ms = mp_clock_ms();
		for (size_t i = 0; i < batch_size; i++)
			add_transfer(&bare, now_ms);
		add_accounts(&bare);
		write_batch(&bare);
		transfers += (int64_t)batch_size;
		took_us = mp_clock_mono_us() - began_us;
	}
	bare_close(&bare);
	if (nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		stop("the folder cannot be removed");
	return transfers * 1000000 / took_us;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {64, 128, 256};
	int64_t seconds = 3;
	int64_t best = 0;

	if (argc < 2 || argc > 3 || (argc == 3 && mp_text_to_int(argv[2], &seconds) != MP_OK) ||
		seconds < 1) {
		(void)fprintf(stderr, "Usage: bare FOLDER [SECONDS]\n");
		return 2;
	}
	if (mp_crypto_init() != MP_OK)
		stop("libsodium does not start");
	rocksdb_set_perf_level(rocksdb_disable); /* as the store does */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t rate = run(argv[1], sizes[i], seconds);
		(void)printf("batches of %3zu: %lld transfers/s\n", sizes[i], (long long)rate);
		if (rate > best)
			best = rate;
	}
	(void)printf("bare limit: %lld transfers/s\n", (long long)best);
	return 0;
}
