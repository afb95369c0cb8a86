#include "store/versions.h"

#include <stdlib.h>
#include <string.h>

#include "store/engine.h"

#define SLOTS 4096u /* a power of two; half a megabyte, touched as it is used */
#define KEY_BYTES_MAX 108

struct slot {
	int64_t version;
	uint32_t generation; /* of the table when it was set: an older one is free */
	uint16_t key_len;
	char key[KEY_BYTES_MAX];
};

struct mp_versions {
	uint32_t generation;
	struct slot slots[SLOTS];
};

struct mp_versions *mp_versions_new(void)
{
	struct mp_versions *versions = calloc(1, sizeof(*versions));

	if (versions != NULL)
		versions->generation = 1;
	return versions;
}

void mp_versions_free(struct mp_versions *versions)
{
	free(versions);
}

void mp_versions_clear(struct mp_versions *versions)
{
	if (++versions->generation == 0) { /* so many times that old ones would be new again */
		memset(versions->slots, 0, sizeof(versions->slots));
		versions->generation = 1;
	}
}

static size_t place_of(const char *key, size_t key_len)
{
	return mp_store_hash(key, key_len) & (SLOTS - 1);
}

static bool holds(const struct mp_versions *versions, const struct slot *slot, const char *key,
	size_t key_len)
{
	return slot->generation == versions->generation && slot->key_len == key_len &&
	       memcmp(slot->key, key, key_len) == 0;
}

void mp_versions_set(struct mp_versions *versions, const char *key, size_t key_len, int64_t version)
{
	struct slot *slot = &versions->slots[place_of(key, key_len)];

	if (key_len > KEY_BYTES_MAX)
		return;
	slot->version = version;
	slot->generation = versions->generation;
	slot->key_len = (uint16_t)key_len;
	memcpy(slot->key, key, key_len);
}

void mp_versions_forget(struct mp_versions *versions, const char *key, size_t key_len)
{
	struct slot *slot = &versions->slots[place_of(key, key_len)];

	if (holds(versions, slot, key, key_len))
		slot->generation = 0;
}

bool mp_versions_get(
	const struct mp_versions *versions, const char *key, size_t key_len, int64_t *out_version)
{
	const struct slot *slot = &versions->slots[place_of(key, key_len)];

	if (!holds(versions, slot, key, key_len))
		return false;
	*out_version = slot->version;
	return true;
}
