#include "fuzz.h"

#include <string.h>

#include "store/dynamo.h"

/* DynamoDB's answers to each operation of the engine. The input's first line is the status. */

#define TABLE                                                                                      \
	"{\"Table\":{\"TableStatus\":\"ACTIVE\",\"KeySchema\":["                                   \
	"{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"                                         \
	"{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":["             \
	"{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},"                                      \
	"{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}]}}"

static struct mp_store *store;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct mp_store_config config = {
		.engine = "dynamodb",
		.table = "fuzz",
		.aws = {.region = "local", .access_key_id = "fuzz", .secret_access_key = "fuzz"},
		.deadline_ms = 20, /* what asks for a repetition gets one or two */
	};
	char reason[256] = "";

	fuzz_begin();
	config.aws.endpoint = fuzz_peer_open();
	fuzz_peer_answer(NULL, "200 OK", TABLE, strlen(TABLE));
	FUZZ_CHECK(mp_store_open(&config, NULL, &store, reason) == MP_OK);
	return 0;
}

static void check_page(enum mp_rc rc, const struct mp_page *page)
{
	if (rc != MP_OK)
		return;
	for (size_t i = 0; i < page->count; i++)
		FUZZ_CHECK(page->items[i] != NULL && page->items[i]->pk != NULL);
}

static void read_all(struct mp_arena *arena)
{
	const struct mp_key keys[] = {{"pk", "sk"}, {"pk", "sk2"}};
	const struct mp_query query = {.pk = "pk", .limit = 3};
	struct mp_item *items[2] = {NULL, NULL};
	struct mp_item *item = NULL;
	const char *cursor = NULL;
	struct mp_page page;

	enum mp_rc rc = mp_store_get(store, "pk", "sk", arena, &item);
	FUZZ_CHECK(rc != MP_OK || item != NULL);
	(void)mp_store_batch_get(store, keys, 2, arena, items);
	check_page(mp_store_query(store, &query, arena, &page), &page);
	check_page(mp_store_scan(store, 0, 1, NULL, 3, arena, &page, &cursor), &page);
}

/* Writes: one that is refused names the operation, any other error names none. */
static void write_all(struct mp_arena *arena)
{
	struct mp_item *item = mp_item_new(arena, "pk", "sk", 1);

	for (int ops = 1; ops <= 2; ops++) {
		size_t refused = 7;
		struct mp_txn txn;

		mp_txn_begin(&txn, store, arena);
		(void)mp_txn_insert(&txn, item);
		if (ops == 2)
			(void)mp_txn_check(&txn, "pk", "sk2", 3);
		enum mp_rc rc = mp_txn_commit(&txn, &refused);
		if (rc == MP_EXISTS || rc == MP_STALE)
			FUZZ_CHECK(refused < (size_t)ops);
		else if (rc != MP_OK)
			FUZZ_CHECK(refused == MP_OP_NONE);
	}
	(void)mp_store_erase(store, &(struct mp_key){"pk", "sk"}, 1);
}

static const char *status_of(const char *line)
{
	static const char *const statuses[] = {
		"200 OK", "400 Bad Request", "403 Forbidden", "503 Service Unavailable"};

	return statuses[(unsigned char)line[0] % 4];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_arena *arena = fuzz_arena();
	struct fuzz_input input;

	fuzz_split(data, size, &input);
	fuzz_peer_answer(NULL, status_of(input.line), input.rest, input.rest_len);
	read_all(arena);
	write_all(arena);
	return 0;
}
