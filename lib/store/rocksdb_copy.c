#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/rocksdb.h"

/*
 * A backup of several services must be of one moment, or one of them would remember an effect that
 * another has forgotten. So writes are made to wait in all of them, then each is copied. A copy is
 * RocksDB's checkpoint: its files never change, so they are linked where the disk is the same, and
 * only what memory holds is written.
 */

void mp_rocksdb_lock_writes(struct mp_rocksdb *engine)
{
	(void)pthread_mutex_lock(&engine->write_lock);
	while (engine->held_until_ms != 0) {
		int64_t left_ms = engine->held_until_ms - mp_clock_mono_ms();
		if (left_ms <= 0) {
			engine->held_until_ms = 0; /* whoever held us has gone */
			break;
		}
		mp_cond_wait_ms(&engine->write_cond, &engine->write_lock, (long)left_ms);
	}
}

/* Writes out what memory holds, so that the copy has little to do while writes wait. */
static void flush(struct mp_rocksdb *engine)
{
	char *error = NULL;

	(void)pthread_rwlock_rdlock(&engine->open_lock);
	if (engine->db != NULL) {
		rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
		rocksdb_flush(engine->db, options, &error);
		rocksdb_flushoptions_destroy(options);
	}
	(void)pthread_rwlock_unlock(&engine->open_lock);
	if (error != NULL)
		rocksdb_free(error); /* the copy will tell */
}

enum mp_rc mp_rocksdb_hold(void *data, int64_t for_ms)
{
	struct mp_rocksdb *engine = data;
	enum mp_rc rc = MP_BUSY;

	flush(engine);
	(void)pthread_mutex_lock(&engine->write_lock); /* a group that writes ends first */
	int64_t now_ms = mp_clock_mono_ms();
	if (engine->held_until_ms <= now_ms) {
		engine->held_until_ms = now_ms + for_ms;
		rc = MP_OK;
	}
	(void)pthread_mutex_unlock(&engine->write_lock);
	return rc;
}

void mp_rocksdb_go_on(void *data)
{
	struct mp_rocksdb *engine = data;

	(void)pthread_mutex_lock(&engine->write_lock);
	engine->held_until_ms = 0;
	(void)pthread_cond_broadcast(&engine->write_cond);
	(void)pthread_mutex_unlock(&engine->write_lock);
}

static enum mp_rc make_parent(const char *folder, char reterr[256])
{
	const char *slash = strrchr(folder, '/');
	char *parent = slash == NULL ? NULL : strndup(folder, (size_t)(slash - folder));
	struct stat there;

	bool made = parent != NULL && mp_rocksdb_make_folder(parent);
	free(parent);
	if (!made) {
		mp_store_say(reterr, 256, "The folder of %s cannot be made.", folder);
		return MP_UNAVAILABLE;
	}
	if (stat(folder, &there) == 0) {
		mp_store_say(reterr, 256, "%s is there already.", folder);
		return MP_EXISTS;
	}
	return MP_OK;
}

static enum mp_rc copy_held(struct mp_rocksdb *engine, const char *folder, char reterr[256])
{
	rocksdb_checkpoint_t *checkpoint = NULL;
	char *error = NULL;

	if (engine->held_until_ms <= mp_clock_mono_ms()) {
		mp_store_say(reterr, 256, "Writes do not wait any more: the backup took too long.");
		return MP_CONFLICT;
	}
	if (engine->db == NULL || engine->write_failed) {
		mp_store_say(reterr, 256, "The data folder cannot be read now.");
		return MP_UNAVAILABLE;
	}
	checkpoint = rocksdb_checkpoint_object_create(engine->db, &error);
	if (error == NULL)
		rocksdb_checkpoint_create(checkpoint, folder, 0, &error);
	if (checkpoint != NULL)
		rocksdb_checkpoint_object_destroy(checkpoint);
	if (error == NULL)
		return MP_OK;
	mp_store_say(reterr, 256, "The copy failed: %s", error);
	rocksdb_free(error);
	return MP_UNAVAILABLE;
}

enum mp_rc mp_rocksdb_copy(void *data, const char *folder, char reterr[256])
{
	struct mp_rocksdb *engine = data;
	enum mp_rc rc = make_parent(folder, reterr);

	if (rc != MP_OK)
		return rc;
	/* While the lock is ours nobody writes, even when the hold's time is up meanwhile. */
	(void)pthread_mutex_lock(&engine->write_lock);
	(void)pthread_rwlock_rdlock(&engine->open_lock);
	rc = copy_held(engine, folder, reterr);
	(void)pthread_rwlock_unlock(&engine->open_lock);
	(void)pthread_mutex_unlock(&engine->write_lock);
	return rc;
}
