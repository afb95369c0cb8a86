#include "jwt/token_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4
#define SETS 1024

/* A set-associative table: a token has one set, and there takes the place that expires first. */
struct mp_token_cache {
	pthread_mutex_t lock;
	struct mp_token_entry sets[SETS][WAYS]; /* expires_at_s 0: free */
};

struct mp_token_cache *mp_token_cache_new(void)
{
	struct mp_token_cache *cache = calloc(1, sizeof(*cache));

	if (cache != NULL)
		(void)pthread_mutex_init(&cache->lock, NULL); /* cannot fail on Linux */
	return cache;
}

void mp_token_cache_free(struct mp_token_cache *cache)
{
	if (cache == NULL)
		return;
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct mp_token_entry *set_of(struct mp_token_cache *cache, const uint8_t *hash)
{
	return cache->sets[(hash[0] << 8 | hash[1]) % SETS];
}

bool mp_token_cache_find(struct mp_token_cache *cache, const uint8_t hash[MP_SHA256_BYTES],
	enum mp_auth kind, int64_t now_s, struct mp_principal *out)
{
	bool found = false;

	(void)pthread_mutex_lock(&cache->lock);
	const struct mp_token_entry *set = set_of(cache, hash);
	for (size_t i = 0; i < WAYS && !found; i++) {
		if (set[i].kind != kind || set[i].expires_at_s <= now_s ||
			memcmp(set[i].hash, hash, sizeof(set[i].hash)) != 0)
			continue;
		*out = set[i].principal;
		found = true;
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return found;
}

void mp_token_cache_add(struct mp_token_cache *cache, const struct mp_token_entry *entry)
{
	(void)pthread_mutex_lock(&cache->lock);
	struct mp_token_entry *set = set_of(cache, entry->hash);
	struct mp_token_entry *place = &set[0];
	for (size_t i = 0; i < WAYS; i++) {
		/* Two threads may have verified the same token at once: it stands here once. */
		if (memcmp(set[i].hash, entry->hash, sizeof(set[i].hash)) == 0) {
			place = &set[i];
			break;
		}
		if (set[i].expires_at_s < place->expires_at_s)
			place = &set[i];
	}
	*place = *entry;
	(void)pthread_mutex_unlock(&cache->lock);
}

void mp_token_cache_flush(struct mp_token_cache *cache)
{
	(void)pthread_mutex_lock(&cache->lock);
	for (size_t s = 0; s < SETS; s++) {
		for (size_t i = 0; i < WAYS; i++) {
			if (cache->sets[s][i].expires_at_s != 0) /* leaves untouched pages alone */
				memset(&cache->sets[s][i], 0, sizeof(cache->sets[s][i]));
		}
	}
	(void)pthread_mutex_unlock(&cache->lock);
}
