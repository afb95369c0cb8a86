#include "wallet_types.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

#define USER_PREFIX "user:"
#define SYSTEM_PREFIX "system:"
#define PSP_NAME "system:psp"

_Static_assert(sizeof(struct wallet_key) == 48, "keys are hashed and compared as six words");
_Static_assert(sizeof(USER_PREFIX) + 36 <= WALLET_ACCOUNT_NAME_SIZE, "a user's name fits");

static bool is_user(const char *name)
{
	return strncmp(name, USER_PREFIX, sizeof(USER_PREFIX) - 1) == 0;
}

/* Copies name and currency when both fit, zero-padded. */
static bool key_set(const char *name, const char *currency, struct wallet_key *out_key)
{
	struct wallet_key key = {0};
	size_t name_len = strlen(name);
	size_t currency_len = strlen(currency);

	if (name_len >= sizeof(key.name) || currency_len >= sizeof(key.currency))
		return false;
	memcpy(key.name, name, name_len);
	memcpy(key.currency, currency, currency_len);
	*out_key = key;
	return true;
}

struct wallet_key wallet_key_user(const struct mp_id *user_id, const char *currency)
{
	struct wallet_key key = {0};

	memcpy(key.name, USER_PREFIX, sizeof(USER_PREFIX) - 1);
	memcpy(key.name + sizeof(USER_PREFIX) - 1, user_id->text, sizeof(user_id->text));
	memcpy(key.currency, currency, strnlen(currency, sizeof(key.currency) - 1));
	return key;
}

bool wallet_key_parse(const char *name, const char *currency, struct wallet_key *out_key)
{
	struct mp_id id;

	if (is_user(name)) {
		if (!mp_id_parse(name + sizeof(USER_PREFIX) - 1, &id))
			return false;
	} else if (strcmp(name, PSP_NAME) != 0) {
		return false;
	}
	return key_set(name, currency, out_key);
}

bool wallet_key_parse_stored(const char *name, const char *currency, struct wallet_key *out_key)
{
	struct mp_id id;

	if (is_user(name)) {
		if (!mp_id_parse(name + sizeof(USER_PREFIX) - 1, &id))
			return false;
	} else if (strncmp(name, SYSTEM_PREFIX, sizeof(SYSTEM_PREFIX) - 1) != 0 ||
		   strlen(name) > sizeof(SYSTEM_PREFIX) - 1 + WALLET_SYSTEM_NAME_MAX) {
		return false;
	}
	return key_set(name, currency, out_key);
}

/* FNV-1a: ids end in random or hashed digits, so that any mixing spreads them. */
static uint64_t text_hash(const char *text)
{
	uint64_t hash = 1469598103934665603u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	return hash;
}

struct wallet_key wallet_key_shard(const struct wallet_key *key, const struct mp_id *transfer_id,
	const struct wallet_shards *shards)
{
	struct wallet_key shard = *key;
	char name[WALLET_ACCOUNT_NAME_SIZE];

	assert(shards->count >= 1 && shards->count <= shards->of &&
		shards->of <= WALLET_SHARDS_MAX);
	if (is_user(key->name))
		return shard;
	uint64_t number = shards->first + text_hash(transfer_id->text) % shards->count;
	enum mp_rc rc = mp_text_format(
		name, sizeof(name), "%s/%u", key->name, (unsigned)(number % shards->of));
	assert(rc == MP_OK); /* the one system name is short */
	bool fits = rc == MP_OK && key_set(name, key->currency, &shard);
	assert(fits);
	(void)fits;
	return shard;
}

/* The length of the name as callers say it. */
static size_t logical_len(const struct wallet_key *key)
{
	return is_user(key->name) ? strlen(key->name) : strcspn(key->name, "/");
}

bool wallet_key_same_logical(const struct wallet_key *a, const struct wallet_key *b)
{
	size_t len = logical_len(a);

	return len == logical_len(b) && memcmp(a->name, b->name, len) == 0 &&
	       memcmp(a->currency, b->currency, sizeof(a->currency)) == 0;
}

struct wallet_key wallet_key_logical(const struct wallet_key *key)
{
	struct wallet_key logical = {0};

	memcpy(logical.name, key->name, logical_len(key));
	memcpy(logical.currency, key->currency, sizeof(logical.currency));
	return logical;
}

const char *wallet_key_user_text(const struct wallet_key *key)
{
	return is_user(key->name) ? key->name + sizeof(USER_PREFIX) - 1 : NULL;
}

bool wallet_key_equal(const struct wallet_key *a, const struct wallet_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint64_t wallet_key_hash(const struct wallet_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)];
	uint64_t hash = 0x9e3779b97f4a7c15u;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	return hash;
}

bool wallet_transfer_same(const struct wallet_transfer *a, const struct wallet_transfer *b)
{
	if (a->legs_count != b->legs_count || strcmp(a->currency, b->currency) != 0 ||
		strcmp(a->reason, b->reason) != 0 || !mp_id_equal(&a->payment_id, &b->payment_id) ||
		!mp_id_equal(&a->bill_id, &b->bill_id))
		return false;
	for (size_t i = 0; i < a->legs_count; i++) {
		if (a->legs[i].amount_minor != b->legs[i].amount_minor ||
			!wallet_key_same_logical(&a->legs[i].from, &b->legs[i].from) ||
			!wallet_key_same_logical(&a->legs[i].to, &b->legs[i].to))
			return false;
	}
	return true;
}

bool wallet_reason_valid(const char *reason)
{
	size_t len = strlen(reason);

	return len >= 1 && len <= WALLET_REASON_MAX &&
	       strspn(reason, "abcdefghijklmnopqrstuvwxyz_") == len;
}

const char *wallet_outcome_name(enum wallet_outcome outcome)
{
	switch (outcome) {
	case WALLET_POSTED:
		return "posted";
	case WALLET_REFUSED:
		return "refused";
	case WALLET_CONFLICT:
		return "conflict";
	case WALLET_UNDECIDED:
		break;
	}
	return NULL;
}

const char *wallet_refusal_name(enum wallet_refusal refusal)
{
	switch (refusal) {
	case WALLET_REFUSAL_FUNDS:
		return "insufficient_funds";
	case WALLET_REFUSAL_RANGE:
		return "out_of_range";
	case WALLET_REFUSAL_NONE:
		break;
	}
	return NULL;
}

bool wallet_outcome_parse(const char *name, enum wallet_outcome *out_outcome)
{
	if (strcmp(name, "posted") == 0)
		*out_outcome = WALLET_POSTED;
	else if (strcmp(name, "refused") == 0)
		*out_outcome = WALLET_REFUSED;
	else
		return false;
	return true;
}

bool wallet_refusal_parse(const char *name, enum wallet_refusal *out_refusal)
{
	if (strcmp(name, "insufficient_funds") == 0)
		*out_refusal = WALLET_REFUSAL_FUNDS;
	else if (strcmp(name, "out_of_range") == 0)
		*out_refusal = WALLET_REFUSAL_RANGE;
	else
		return false;
	return true;
}
