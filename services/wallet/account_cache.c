#include "account_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64

struct account_cache {
	struct account_slot *slots;
	size_t capacity;
	size_t used; /* slots ever handed out: those after them were never touched */
	struct account_slot **buckets;
	size_t buckets_count;	     /* a power of two */
	struct account_slot *newest; /* of those that nobody holds */
	struct account_slot *oldest;
};

struct account_cache *account_cache_new(size_t capacity)
{
	struct account_cache *cache = calloc(1, sizeof(*cache));

	assert(capacity >= CAPACITY_MIN);
	if (cache == NULL)
		return NULL;
	cache->capacity = capacity;
	cache->buckets_count = CAPACITY_MIN;
	while (cache->buckets_count < capacity)
		cache->buckets_count *= 2;
	cache->slots = calloc(capacity, sizeof(*cache->slots));
	cache->buckets = calloc(cache->buckets_count, sizeof(struct account_slot *));
	if (cache->slots == NULL || cache->buckets == NULL) {
		account_cache_free(cache);
		return NULL;
	}
	return cache;
}

void account_cache_free(struct account_cache *cache)
{
	if (cache == NULL)
		return;
	free(cache->slots);
	free(cache->buckets);
	free(cache);
}

static struct account_slot **bucket_of(const struct account_cache *cache, uint64_t hash)
{
	return &cache->buckets[hash & (cache->buckets_count - 1)];
}

static void list_remove(struct account_cache *cache, struct account_slot *slot)
{
	*(slot->newer != NULL ? &slot->newer->older : &cache->newest) = slot->older;
	*(slot->older != NULL ? &slot->older->newer : &cache->oldest) = slot->newer;
	slot->newer = NULL;
	slot->older = NULL;
}

static void list_add_newest(struct account_cache *cache, struct account_slot *slot)
{
	slot->newer = NULL;
	slot->older = cache->newest;
	*(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = slot;
	cache->newest = slot;
}

static void bucket_remove(struct account_cache *cache, const struct account_slot *slot)
{
	struct account_slot **at = bucket_of(cache, slot->hash);

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
}

/* A slot for a new account: one never used, or that of the account not used for longest. */
static struct account_slot *slot_obtain(struct account_cache *cache, uint64_t walk)
{
	struct account_slot *slot = cache->oldest;

	if (cache->used < cache->capacity)
		return &cache->slots[cache->used++];
	/* Touching moves a slot to the newest end: if the oldest was touched, so were all. */
	if (slot == NULL || slot->touched == walk)
		return NULL;
	list_remove(cache, slot);
	bucket_remove(cache, slot);
	return slot;
}

static struct account_slot *slot_find(
	const struct account_cache *cache, const struct wallet_key *key, uint64_t hash)
{
	struct account_slot *slot = *bucket_of(cache, hash);

	while (slot != NULL && (slot->hash != hash || !wallet_key_equal(&slot->key, key)))
		slot = slot->next;
	return slot;
}

struct account_slot *account_cache_get(
	struct account_cache *cache, const struct wallet_key *key, uint64_t walk)
{
	uint64_t hash = wallet_key_hash(key);
	struct account_slot *slot = slot_find(cache, key, hash);

	if (slot == NULL) {
		slot = slot_obtain(cache, walk);
		if (slot == NULL)
			return NULL;
		*slot = (struct account_slot){.account.key = *key, .key = *key, .hash = hash};
		slot->next = *bucket_of(cache, hash);
		*bucket_of(cache, hash) = slot;
		list_add_newest(cache, slot);
	} else if (slot->holders == 0) {
		list_remove(cache, slot);
		list_add_newest(cache, slot);
	}
	slot->touched = walk;
	return slot;
}

void account_cache_hold(struct account_cache *cache, struct account_slot *slot, const void *batch)
{
	assert(batch != NULL && slot->last_holder != batch);
	if (slot->holders++ == 0)
		list_remove(cache, slot);
	slot->last_holder = batch;
}

void account_cache_let_go(struct account_cache *cache, struct account_slot *slot, const void *batch)
{
	assert(slot->holders > 0);
	if (slot->last_holder == batch)
		slot->last_holder = NULL;
	if (--slot->holders == 0)
		list_add_newest(cache, slot);
}
