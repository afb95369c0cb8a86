#ifndef MP_WALLET_TYPES_H
#define MP_WALLET_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/rc.h"
#include "money/money.h"

/* The words of the ledger, as every file of the wallet knows them. */

#define WALLET_LEGS_MAX 16
#define WALLET_TRANSFERS_MAX 100 /* of one batch request */
#define WALLET_REASON_MAX 32
#define WALLET_SHARDS_MAX 256
#define WALLET_CHAIN_BYTES 32
#define WALLET_SEQ_MAX 9999999999999999 /* a century at 3 million entries a second */
#define WALLET_ACCOUNT_NAME_SIZE 44

/* A system account has a name of at most so many bytes after "system:", its shard included. */
#define WALLET_SYSTEM_NAME_MAX 16

/*
 * An account is a name and a currency. Names: "user:<uuid>"; "system:psp" as callers say it, and
 * "system:psp/<k>" for its shards, which are the accounts that are stored. Unused bytes are zero,
 * so that keys compare as bytes.
 */
struct wallet_key {
	char name[WALLET_ACCOUNT_NAME_SIZE];
	char currency[4];
};

struct wallet_account {
	struct wallet_key key;
	int64_t balance_minor; /* a user's is never below zero; a system account's may be */
	int64_t seq;	       /* of its last entry; entries are 1, 2, 3 ... without gaps */
	uint8_t chain[WALLET_CHAIN_BYTES]; /* of its last entry; zeros before the first */
	int64_t version;		   /* the store's; 0: never opened, and reads as 0.00 */

	/* What the batch in hand did with it: set by ledger_apply, cleared by its caller. */
	bool changed;
	bool decided_on; /* a refusal depends on its balance */
};

struct wallet_leg {
	struct wallet_key from;
	struct wallet_key to;
	int64_t amount_minor; /* over zero */
	int64_t from_seq;     /* the entries that it made; 0 while not posted */
	int64_t to_seq;

	/* While it is being decided: the loaded accounts. */
	struct wallet_account *from_account;
	struct wallet_account *to_account;
};

enum wallet_outcome {
	WALLET_UNDECIDED,
	WALLET_POSTED,
	WALLET_REFUSED,
	WALLET_CONFLICT, /* the id is known with other content: never stored, only answered */
};

enum wallet_refusal {
	WALLET_REFUSAL_NONE,
	WALLET_REFUSAL_FUNDS, /* a user's balance would go below zero */
	WALLET_REFUSAL_RANGE, /* a balance would leave the range of int64 */
};

struct wallet_unit; /* see committer.h */

/* What a caller asks for, and what came of it. Texts are borrowed. */
struct wallet_transfer {
	struct mp_id id; /* the caller's: its only idempotency key */
	char currency[4];
	const char *reason;
	struct mp_id payment_id; /* none: zeroed */
	struct mp_id bill_id;
	struct wallet_leg *legs;
	size_t legs_count;
	const char *traceparent; /* of the request, for its event; NULL: none */

	enum wallet_outcome outcome;
	enum wallet_refusal refusal;
	int64_t shortfall_minor; /* what the short leg lacked; 0 unless WALLET_REFUSAL_FUNDS */
	int64_t time_ms;	 /* when it was decided */

	/* The committer's own, while it is waiting. */
	struct wallet_transfer *next;
	struct wallet_unit *unit;
	enum mp_rc rc;	/* why it could not be decided */
	bool ambiguous; /* an attempt to write it had no answer */
};

/* One side of one leg. Pointers are borrowed: the batch's while written, an arena's when read. */
struct wallet_entry {
	const struct wallet_key *account;
	const struct wallet_key *counterparty;
	int64_t seq;
	int64_t amount_minor; /* signed: what it did to the balance */
	int64_t balance_after_minor;
	const struct mp_id *transfer_id;
	const struct mp_id *payment_id; /* NULL or zeroed: none */
	const struct mp_id *bill_id;
	const char *reason;
	int64_t time_ms;
	uint8_t chain[WALLET_CHAIN_BYTES];
};

/* The key of a user's account. Pure, like all below. */
struct wallet_key wallet_key_user(const struct mp_id *user_id, const char *currency);

/*
 * An account as a caller names it: "user:<uuid>" or "system:psp". False for anything else, a shard
 * included: those are the wallet's own.
 */
bool wallet_key_parse(const char *name, const char *currency, struct wallet_key *out_key);

/* The key of a stored account, from its stored name. False when it is none. */
bool wallet_key_parse_stored(const char *name, const char *currency, struct wallet_key *out_key);

/*
 * The shards of system accounts that a process writes to: count of them, from first on, around. Two
 * that write to the same shard refuse each other now and then, so each has few, and others.
 */
struct wallet_shards {
	uint32_t of; /* all there are: 1..WALLET_SHARDS_MAX */
	uint32_t first;
	uint32_t count; /* 1..of */
};

/* The shard of a system account that a transfer uses; a user's account is itself. */
struct wallet_key wallet_key_shard(const struct wallet_key *key, const struct mp_id *transfer_id,
	const struct wallet_shards *shards);

/* True for the same account as callers name it: shards of one system account are one. */
bool wallet_key_same_logical(const struct wallet_key *a, const struct wallet_key *b);

/* The name as callers say it: without the shard. */
struct wallet_key wallet_key_logical(const struct wallet_key *key);

/* The user whose account it is; NULL for a system account. Borrowed from key. */
const char *wallet_key_user_text(const struct wallet_key *key);

bool wallet_key_equal(const struct wallet_key *a, const struct wallet_key *b);
uint64_t wallet_key_hash(const struct wallet_key *key);

/* True when both ask for the same: everything but the id, the outcome and the shards used. */
bool wallet_transfer_same(const struct wallet_transfer *a, const struct wallet_transfer *b);

/* "a_reason": 1..WALLET_REASON_MAX of a to z and underscore. */
bool wallet_reason_valid(const char *reason);

/* "posted", "refused", "conflict"; "insufficient_funds", "out_of_range". NULL for none. */
const char *wallet_outcome_name(enum wallet_outcome outcome);
const char *wallet_refusal_name(enum wallet_refusal refusal);
bool wallet_outcome_parse(const char *name, enum wallet_outcome *out_outcome);
bool wallet_refusal_parse(const char *name, enum wallet_refusal *out_refusal);

#endif
