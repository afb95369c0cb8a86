#ifndef MP_WALLET_ITEMS_DB_H
#define MP_WALLET_ITEMS_DB_H

#include "base/arena.h"
#include "store/item.h"
#include "wallet_types.h"

/*
 * Accounts, entries and transfers as items, and back. To items: NULL without memory, which the
 * transaction reports. From items: MP_CORRUPT for what is not as to-item wrote it, or of a newer
 * format; MP_NOMEM. Results live in the arena (texts of what is read: in the item's).
 */
#define WALLET_PK_SIZE 64
#define WALLET_SK_SIZE 24
#define WALLET_SK_ACCOUNT "ACCOUNT"
#define WALLET_SK_TRANSFER "TRANSFER"
#define WALLET_PK_ACCOUNT_PREFIX "ACCOUNT#"
#define WALLET_PK_TRANSFER_PREFIX "TRANSFER#"
#define WALLET_SK_ENTRY_FIRST "ENTRY#0000000000000001"

void wallet_pk_account(const struct wallet_key *key, char out_pk[WALLET_PK_SIZE]);
void wallet_pk_transfer(const struct mp_id *id, char out_pk[WALLET_PK_SIZE]);
void wallet_sk_entry(int64_t seq, char out_sk[WALLET_SK_SIZE]);

struct mp_item *wallet_account_to_item(
	const struct wallet_account *account, struct mp_arena *arena);
struct mp_item *wallet_entry_to_item(const struct wallet_entry *entry, struct mp_arena *arena);
struct mp_item *wallet_transfer_to_item(
	const struct wallet_transfer *transfer, struct mp_arena *arena);

/* Fields of the event wallet.credited: amounts are minor units still. */
void wallet_credited_to_map(const struct wallet_transfer *transfer,
	const struct wallet_entry *entries, struct mp_map *data);

/* The account that a partition key names; MP_CORRUPT for none. */
enum mp_rc wallet_key_from_pk(const char *pk, struct wallet_key *out_key) MP_MUST_CHECK;

/* out_account->key is the caller's; flags are cleared. */
enum mp_rc wallet_account_from_item(
	const struct mp_item *item, struct wallet_account *out_account) MP_MUST_CHECK;
enum mp_rc wallet_entry_from_item(const struct mp_item *item, const struct wallet_key *account,
	struct mp_arena *arena, struct wallet_entry *out_entry) MP_MUST_CHECK;
enum mp_rc wallet_transfer_from_item(const struct mp_item *item, struct mp_arena *arena,
	struct wallet_transfer *out_transfer) MP_MUST_CHECK;

#endif
