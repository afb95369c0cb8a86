#include <stdatomic.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "test_world.h"

/* Pages of what moved on the provider's account, each in the memory that a request has. */

#define REQUEST_BYTES (4u * 1024 * 1024)
#define SHARDS 64
#define DAY_MS (24 * 60 * 60 * 1000)

static struct world world;
static int64_t filled_ms;

static void on_done(void *ctx, enum mp_rc rc)
{
	if (rc == MP_OK)
		(void)atomic_fetch_add((atomic_uint *)ctx, 1);
}

/* A hundred entries for one shard. */
static struct wallet_unit *unit_of(unsigned shard, atomic_uint *done)
{
	struct wallet_unit *unit = mp_arena_alloc(world.arena, sizeof(*unit));
	struct wallet_transfer *transfers =
		mp_arena_array(world.arena, WALLET_TRANSFERS_MAX, sizeof(*transfers));
	char name[WALLET_ACCOUNT_NAME_SIZE];

	assert_non_null(unit);
	assert_non_null(transfers);
	assert_int_equal(mp_text_format(name, sizeof(name), "system:psp/%u", shard), MP_OK);
	for (unsigned i = 0; i < WALLET_TRANSFERS_MAX; i++) {
		transfers[i] =
			world_transfer(&world, shard * WALLET_TRANSFERS_MAX + i, "psp", "ada", 100);
		assert_true(wallet_key_parse_stored(name, "USD", &transfers[i].legs[0].from));
	}
	*unit = (struct wallet_unit){
		.transfers = transfers,
		.count = WALLET_TRANSFERS_MAX,
		.done = on_done,
		.ctx = done,
	};
	return unit;
}

/* By a committer of its own: a wallet draws its few shards by itself. */
static int fill(void **state)
{
	atomic_uint done = 0;
	struct committer *committer = NULL;

	world_open(&world, NULL);
	struct wallet_config config = world_config(&world);
	config.committer.db = &config.db;
	config.committer.currencies = config.currencies;
	assert_int_equal(committer_open(&config.committer, &committer), MP_OK);
	for (unsigned shard = 0; shard < SHARDS; shard++)
		assert_int_equal(committer_submit(committer, unit_of(shard, &done)), MP_OK);
	committer_close(committer);
	assert_int_equal(atomic_load(&done), SHARDS);
	filled_ms = mp_clock_ms();
	return 0;
}

static int close_all(void **state)
{
	world_close(&world);
	return 0;
}

/* How many fundings all pages of a time have. */
static size_t count_fundings(int64_t from_ms, int64_t to_ms)
{
	struct fundings_query query = {
		.from_ms = from_ms, .to_ms = to_ms, .limit = 100, .after = NULL};
	struct mp_arena *arena = mp_arena_new(REQUEST_BYTES);
	struct fundings_page page;
	char after[32];
	size_t pages = 0;
	size_t count = 0;

	assert_non_null(arena);
	do {
		assert_int_equal(wallet_fundings(world.wallet, &query, arena, &page), MP_OK);
		count += page.count;
		assert_int_equal(mp_text_copy(after, sizeof(after), page.next), MP_OK);
		query.after = after;
		mp_arena_reset(arena);
		assert_true(++pages < 1000); /* it comes to an end */
	} while (after[0] != '\0');
	mp_arena_free(arena);
	return count;
}

static void a_quiet_day_behind_full_shards_is_read(void **state)
{
	assert_int_equal(count_fundings(filled_ms + 2 * DAY_MS, filled_ms + 3 * DAY_MS), 0);
}

/* The clock may have been set back since: what is a little newer is looked at, too. */
static void a_quiet_day_before_a_busy_hour_is_read(void **state)
{
	const int64_t to_ms = filled_ms - 10 * 60 * 1000;

	assert_int_equal(count_fundings(to_ms - DAY_MS, to_ms), 0);
}

static void a_full_day_is_read_once(void **state)
{
	assert_int_equal(
		count_fundings(filled_ms - DAY_MS, filled_ms + 1), SHARDS * WALLET_TRANSFERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_day_behind_full_shards_is_read),
		cmocka_unit_test(a_quiet_day_before_a_busy_hour_is_read),
		cmocka_unit_test(a_full_day_is_read_once),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	mp_json_init();
	return cmocka_run_group_tests(tests, fill, close_all);
}
