#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jwt/internal.h"

/* None of these can fail on Linux. */
static void init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
}

enum mp_rc mp_jwt_keys_new(struct mp_jwt_keys **out_keys)
{
	struct mp_jwt_keys *keys = calloc(1, sizeof(*keys));

	if (keys == NULL)
		return MP_NOMEM;
	keys->cache = mp_token_cache_new();
	if (keys->cache == NULL) {
		free(keys);
		return MP_NOMEM;
	}
	init_lock(&keys->lock);
	*out_keys = keys;
	return MP_OK;
}

static void release(struct mp_jwt_key *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_decref(list[i].public_jwk);
}

void mp_jwt_keys_free(struct mp_jwt_keys *keys)
{
	if (keys == NULL)
		return;
	release(keys->keys, keys->count);
	mp_token_cache_free(keys->cache);
	(void)pthread_rwlock_destroy(&keys->lock);
	free(keys);
}

static const struct mp_jwt_key *find_kid(
	const struct mp_jwt_key *list, size_t count, const char *kid)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].kid, kid) == 0)
			return &list[i];
	}
	return NULL;
}

/* The usable keys of jwks; *out_count of them. */
static enum mp_rc collect(
	const json_t *jwks, struct mp_jwt_key out_list[MP_JWT_KEYS_MAX], size_t *out_count)
{
	const json_t *array = json_object_get(jwks, "keys");
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(array) && count < MP_JWT_KEYS_MAX; i++) {
		json_t *jwk = NULL;
		enum mp_rc rc = mp_jwk_public(json_array_get(array, i), &jwk);

		if (rc == MP_NOMEM) {
			release(out_list, count);
			return rc;
		}
		if (rc != MP_OK)
			continue;
		const char *kid = json_string_value(json_object_get(jwk, "kid"));
		/* Of two keys with one kid, a verifier cannot tell which is meant: the first. */
		if (find_kid(out_list, count, kid) != NULL ||
			mp_text_copy(out_list[count].kid, sizeof(out_list[count].kid), kid) !=
				MP_OK) {
			json_decref(jwk);
			continue;
		}
		out_list[count++].public_jwk = jwk;
	}
	*out_count = count;
	return count == 0 ? MP_INVALID : MP_OK;
}

/* True when every key of before is also, with the same content, in after. */
static bool keeps_all(const struct mp_jwt_key *before, size_t before_count,
	const struct mp_jwt_key *after, size_t after_count)
{
	for (size_t i = 0; i < before_count; i++) {
		const struct mp_jwt_key *key = find_kid(after, after_count, before[i].kid);

		if (key == NULL || !json_equal(key->public_jwk, before[i].public_jwk))
			return false;
	}
	return true;
}

enum mp_rc mp_jwt_keys_set(struct mp_jwt_keys *keys, const json_t *jwks)
{
	struct mp_jwt_key fresh[MP_JWT_KEYS_MAX] = {0};
	struct mp_jwt_key gone[MP_JWT_KEYS_MAX];
	size_t fresh_count = 0;

	enum mp_rc rc = collect(jwks, fresh, &fresh_count);
	if (rc != MP_OK)
		return rc;

	(void)pthread_rwlock_wrlock(&keys->lock);
	size_t gone_count = keys->count;
	memcpy(gone, keys->keys, sizeof(gone));
	memcpy(keys->keys, fresh, sizeof(fresh));
	keys->count = fresh_count;
	if (!keeps_all(gone, gone_count, fresh, fresh_count))
		mp_token_cache_flush(keys->cache);
	(void)pthread_rwlock_unlock(&keys->lock);

	release(gone, gone_count);
	return MP_OK;
}

enum mp_rc mp_jwt_keys_hold(struct mp_jwt_keys *keys, const char *kid, const json_t **out_jwk)
{
	(void)pthread_rwlock_rdlock(&keys->lock);
	const struct mp_jwt_key *key = find_kid(keys->keys, keys->count, kid);
	if (key != NULL) {
		*out_jwk = key->public_jwk;
		return MP_OK;
	}
	enum mp_rc rc = keys->count == 0 ? MP_UNAVAILABLE : MP_NOT_FOUND;
	(void)pthread_rwlock_unlock(&keys->lock);
	return rc;
}

void mp_jwt_keys_release(struct mp_jwt_keys *keys)
{
	(void)pthread_rwlock_unlock(&keys->lock);
}
