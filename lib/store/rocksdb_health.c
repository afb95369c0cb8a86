#include <sys/statvfs.h>

#include "base/clock.h"
#include "store/rocksdb.h"

/*
 * Writes stop before the disk is full: RocksDB needs room to write out its memory, and a log that
 * runs into the end of the disk leaves a torn record and a batch that nobody knows the fate of.
 */
#define ROOM_BYTES_MIN (32u << 20)
#define SPACE_CHECK_MS 100
#define REOPEN_WAIT_MS 1000

/* Says why writes are refused; told once, when it begins. */
static enum mp_rc refuse(struct mp_rocksdb *engine, const char *why)
{
	char trouble[sizeof(engine->trouble)];

	mp_store_say(trouble, sizeof(trouble), "%s", why);
	(void)pthread_mutex_lock(&engine->queue_lock);
	bool began = engine->trouble[0] == '\0';
	mp_store_say(engine->trouble, sizeof(engine->trouble), "%s", trouble);
	(void)pthread_mutex_unlock(&engine->queue_lock);
	if (began)
		mp_sink_report(&engine->sink, "store.writes_refused", MP_UNAVAILABLE, trouble);
	return MP_UNAVAILABLE;
}

static void go_on(struct mp_rocksdb *engine)
{
	/* Only who holds write_lock writes trouble, so it may be read without the queue's. */
	if (engine->trouble[0] == '\0')
		return;
	(void)pthread_mutex_lock(&engine->queue_lock);
	engine->trouble[0] = '\0';
	(void)pthread_mutex_unlock(&engine->queue_lock);
	mp_sink_report(&engine->sink, "store.writes_again", MP_OK, engine->directory);
}

static bool has_room(const struct mp_rocksdb *engine)
{
	struct statvfs fs;

	/* Without an answer, the write itself will tell. */
	return statvfs(engine->directory, &fs) != 0 ||
	       (uint64_t)fs.f_bavail * fs.f_frsize >= ROOM_BYTES_MIN;
}

static enum mp_rc refuse_full(struct mp_rocksdb *engine)
{
	char why[sizeof(engine->trouble)];

	mp_store_say(why, sizeof(why), "The disk of %.90s is full: less than %u MiB are left.",
		engine->directory, ROOM_BYTES_MIN >> 20);
	return refuse(engine, why);
}

void mp_rocksdb_check_again(struct mp_rocksdb *engine)
{
	(void)pthread_mutex_lock(&engine->queue_lock);
	engine->opened++;
	engine->writing = NULL;
	(void)pthread_mutex_unlock(&engine->queue_lock);
}

/*
 * What a failed write left in the log is known once the log has been read again: then the folder
 * holds the batch or not, and conditions tell.
 */
static enum mp_rc reopen(struct mp_rocksdb *engine)
{
	char why[sizeof(engine->trouble)] = "";

	(void)pthread_rwlock_wrlock(&engine->open_lock);
	if (engine->db != NULL)
		rocksdb_close(engine->db);
	engine->db = NULL;
	enum mp_rc rc = mp_rocksdb_open_db(engine, why, sizeof(why));
	(void)pthread_rwlock_unlock(&engine->open_lock);
	if (rc != MP_OK)
		return refuse(engine, why);
	engine->write_failed = false;
	mp_rocksdb_check_again(engine);
	return MP_OK;
}

enum mp_rc mp_rocksdb_may_write(struct mp_rocksdb *engine)
{
	int64_t now_ms = mp_clock_mono_ms();

	if (engine->beside != NULL)
		return refuse(engine, "The store was opened for reading only.");
	if (engine->space_checked_ms == 0 || now_ms - engine->space_checked_ms >= SPACE_CHECK_MS) {
		engine->space_checked_ms = 0;
		if (!has_room(engine))
			return refuse_full(engine);
		engine->space_checked_ms = now_ms;
	}
	if (engine->write_failed) {
		if (now_ms < engine->reopen_at_ms)
			return MP_UNAVAILABLE;
		engine->reopen_at_ms = now_ms + REOPEN_WAIT_MS;
		enum mp_rc rc = reopen(engine);
		if (rc != MP_OK)
			return rc;
	}
	go_on(engine);
	return MP_OK;
}

void mp_rocksdb_write_failed(struct mp_rocksdb *engine, char *error)
{
	engine->write_failed = true;
	mp_rocksdb_check_again(engine);
	engine->space_checked_ms = 0;
	engine->reopen_at_ms = mp_clock_mono_ms();
	(void)refuse(engine, error);
	rocksdb_free(error);
}
