#ifndef MP_WALLET_TEST_WORLD_H
#define MP_WALLET_TEST_WORLD_H

#include "base/testing_folder.h"

#include "store/fault.h"
#include "store/store.h"
#include "wallet.h"

/* For tests: wallets on a real store in a folder of its own, with faults to order. */
struct world {
	struct mp_test_folder folder;
	struct mp_currencies currencies;
	struct mp_store *store; /* passes on to a RocksDB store, with faults */
	struct mp_outbox *outbox;
	struct wallet *wallet;
	struct mp_arena *arena; /* of what the helpers below return */
};

/* What a wallet is opened with, for a test to change; its db is the world's. */
struct wallet_config world_config(const struct world *world);

void world_open(struct world *world, const struct wallet_config *config); /* NULL: as it is */
void world_close(struct world *world);

/* Closes and opens again, as a restart does. */
void world_restart(struct world *world);

/* Transfers in a test's words: one leg unless more are added; reason "payment". */
struct mp_id world_id(unsigned number);
struct wallet_transfer world_transfer(
	struct world *world, unsigned id, const char *from, const char *to, int64_t amount_minor);
void world_add_leg(struct world *world, struct wallet_transfer *transfer, const char *from,
	const char *to, int64_t amount_minor);

/* Hands over and waits. The transfers have their outcomes when it returns MP_OK. */
enum mp_rc world_decide(struct wallet *wallet, struct wallet_transfer *transfers, size_t count);

/* world_decide on the world's wallet, for one; asserts that it was decided. */
void world_do(struct world *world, struct wallet_transfer *transfer);

/* "ada" is a user; "psp" the provider's account. */
struct wallet_key world_key(const char *name);
int64_t world_balance(struct world *world, const char *user);

/* The transfer's record, or NULL. */
const struct wallet_transfer *world_record(struct world *world, const struct mp_id *id);

/* Audits; prints its problems when it is not as expected. */
struct audit_report world_audit(struct world *world);
void world_assert_sound(struct world *world);

#endif
