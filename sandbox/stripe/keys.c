#include "keys.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct keys {
	pthread_mutex_t mutex;
	struct key_use *first; /* at most as many as there are workers */
};

struct keys *keys_new(void)
{
	struct keys *keys = calloc(1, sizeof(*keys));

	if (keys != NULL)
		(void)pthread_mutex_init(&keys->mutex, NULL);
	return keys;
}

void keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	assert(keys->first == NULL);
	(void)pthread_mutex_destroy(&keys->mutex);
	free(keys);
}

bool keys_enter(struct keys *keys, const char *key, struct key_use *use)
{
	bool found = false;

	(void)pthread_mutex_lock(&keys->mutex);
	for (const struct key_use *other = keys->first; other != NULL && !found;
		other = other->next)
		found = strcmp(other->key, key) == 0;
	if (!found) {
		*use = (struct key_use){.key = key, .next = keys->first};
		keys->first = use;
	}
	(void)pthread_mutex_unlock(&keys->mutex);
	return !found;
}

void keys_leave(struct keys *keys, struct key_use *use)
{
	struct key_use **at = &keys->first;

	(void)pthread_mutex_lock(&keys->mutex);
	while (*at != use) {
		assert(*at != NULL);
		at = &(*at)->next;
	}
	*at = use->next;
	(void)pthread_mutex_unlock(&keys->mutex);
}
