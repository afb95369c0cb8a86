#include "store/rocksdb.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/thread.h"
#include "store/rocksdb_log.h"

/*
 * Small enough for a dozen services beside each other; the price of a large ledger is paid in reads
 * from the page cache.
 */
#define MEMTABLE_BYTES (16u << 20)
#define CACHE_BYTES (32u << 20) /* filled by reads only */
#define CACHE_SHARD_BITS 2	/* few: a shard must be large beside the largest block */
#define METADATA_BLOCK_BYTES (4u << 10)
/*
 * A ledger adds and seldom overwrites: merging files of like size (universal compaction) costs it a
 * quarter of what levels do, and more files to look into cost little: each has its filter, and
 * what is appended is not looked for (rocksdb_ends.c). Writes are slowed down late, because a large
 * merge takes its time while small files come in.
 */
#define FILES_TO_MERGE 16
#define FILES_SLOW_DOWN 40
#define FILES_STOP 80
/* One writes memory out; of the two that merge, one is free beside a large merge. */
#define BACKGROUND_JOBS 3
#define BYTES_PER_SYNC (256u << 10)
#define BLOCK_BYTES (8u << 10)
#define ARENA_BLOCK_BYTES (64u << 10)
#define FILTER_BITS_PER_KEY 10
#define MEMTABLE_FILTER_RATIO 0.02
#define LOG_FILE_BYTES (1u << 20)
/*
 * Only what is said at opening. A log that is written while the disk is full ends the process: in
 * Debian's build, RocksDB asserts that nothing is appended to a file after a failed write.
 */
#define LOG_LEVEL_FATAL 4
#define MANIFEST_BYTES_AHEAD (64u << 10)
/* A range with many tombstones, such as a partition of the outbox, is compacted without delay. */
#define TOMBSTONES_WINDOW 1024
#define TOMBSTONES_IN_WINDOW 512

/* No item's key begins with a zero byte, so this one is never met as an item. */
static const char format_key[] = "\0format";
#define FORMAT_KEY_LEN (sizeof(format_key) - 1)
#define TABLE_FORMAT 1
#define TABLE_FORMAT_TEXT "1"

/* What to do comes first: the reason, of RocksDB, may be cut. */
#define DAMAGED                                                                                    \
	"The data in %s is damaged, and was left as it is; restore the last backup "               \
	"(docs/BACKUP.md): %s."

enum mp_rc mp_rocksdb_read_failed(char *error)
{
	enum mp_rc rc = strncmp(error, "Corruption", strlen("Corruption")) == 0 ? MP_CORRUPT
										: MP_UNAVAILABLE;

	rocksdb_free(error);
	return rc;
}

static rocksdb_cache_t *cache_new(void)
{
	rocksdb_lru_cache_options_t *options = rocksdb_lru_cache_options_create();

	rocksdb_lru_cache_options_set_capacity(options, CACHE_BYTES);
	rocksdb_lru_cache_options_set_num_shard_bits(options, CACHE_SHARD_BITS);
	rocksdb_cache_t *cache = rocksdb_cache_create_lru_opts(options);
	rocksdb_lru_cache_options_destroy(options);
	return cache;
}

static void set_table_options(rocksdb_options_t *options)
{
	rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
	rocksdb_cache_t *cache = cache_new();

	rocksdb_block_based_options_set_block_cache(table, cache);
	rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
	rocksdb_block_based_options_set_format_version(table, 5);
	/* Inserts ask for keys that are not there: whole-key filters answer most without a read. */
	rocksdb_block_based_options_set_filter_policy(
		table, rocksdb_filterpolicy_create_bloom_full(FILTER_BITS_PER_KEY));
	rocksdb_block_based_options_set_whole_key_filtering(table, 1);
	/*
	 * Filters and indexes are in pieces, and count against the cache: memory is bounded however
	 * much there is, and a piece that is not there costs one small read.
	 */
	rocksdb_block_based_options_set_index_type(
		table, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(table, 1);
	rocksdb_block_based_options_set_metadata_block_size(table, METADATA_BLOCK_BYTES);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);

	rocksdb_options_set_block_based_table_factory(options, table); /* copies */
	rocksdb_block_based_options_destroy(table);
	rocksdb_cache_destroy(cache); /* our reference; the table's stays */
}

rocksdb_options_t *mp_rocksdb_options_new(void)
{
	rocksdb_options_t *options = rocksdb_options_create();

	set_table_options(options);
	rocksdb_options_set_create_if_missing(options, 1);
	rocksdb_options_set_paranoid_checks(options, 1);
	/* A torn tail of the log is what a crash leaves; damage before it refuses to open. */
	rocksdb_options_set_wal_recovery_mode(
		options, rocksdb_tolerate_corrupted_tail_records_recovery);
	rocksdb_options_set_write_buffer_size(options, MEMTABLE_BYTES);
	rocksdb_options_set_arena_block_size(options, ARENA_BLOCK_BYTES);
	rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, MEMTABLE_FILTER_RATIO);
	rocksdb_options_set_memtable_whole_key_filtering(options, 1);
	rocksdb_options_set_compression(options, rocksdb_lz4_compression);
	rocksdb_options_set_compaction_style(options, rocksdb_universal_compaction);
	rocksdb_options_set_level0_file_num_compaction_trigger(options, FILES_TO_MERGE);
	rocksdb_options_set_level0_slowdown_writes_trigger(options, FILES_SLOW_DOWN);
	rocksdb_options_set_level0_stop_writes_trigger(options, FILES_STOP);
	rocksdb_options_set_max_background_jobs(options, BACKGROUND_JOBS);
	/* New files go to the disk bit by bit: all at once they would hold up the log's syncs. */
	rocksdb_options_set_bytes_per_sync(options, BYTES_PER_SYNC);
	rocksdb_options_add_compact_on_deletion_collector_factory(
		options, TOMBSTONES_WINDOW, TOMBSTONES_IN_WINDOW);
	/* One thread writes at a time: what helps many would cost it. */
	rocksdb_options_set_allow_concurrent_memtable_write(options, 0);
	rocksdb_options_set_enable_write_thread_adaptive_yield(options, 0);
	rocksdb_options_set_manifest_preallocation_size(options, MANIFEST_BYTES_AHEAD);
	rocksdb_options_set_info_log_level(options, LOG_LEVEL_FATAL);
	rocksdb_options_set_max_log_file_size(options, LOG_FILE_BYTES);
	rocksdb_options_set_keep_log_file_num(options, 2);
	rocksdb_options_set_stats_dump_period_sec(options, 0);
	rocksdb_options_set_stats_persist_period_sec(options, 0);
	return options;
}

/* --- the folder --- */

bool mp_rocksdb_make_folder(const char *path)
{
	char part[4096];

	if (mp_text_copy(part, sizeof(part), path) != MP_OK)
		return false;
	for (char *at = part + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return false;
		*at = '/';
	}
	return mkdir(part, 0700) == 0 || errno == EEXIST;
}

static bool ends_with(const char *text, const char *end)
{
	size_t text_len = strlen(text);
	size_t end_len = strlen(end);

	return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

/*
 * RocksDB takes a folder without its file CURRENT for an empty one, and would begin anew over data
 * whose CURRENT was lost.
 */
static bool is_headless(const char *directory)
{
	DIR *dir = opendir(directory);
	bool has_current = false;
	bool has_data = false;

	if (dir == NULL)
		return false;
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		has_current = has_current || strcmp(entry->d_name, "CURRENT") == 0;
		has_data = has_data || ends_with(entry->d_name, ".sst") ||
			   ends_with(entry->d_name, ".log");
	}
	(void)closedir(dir);
	return has_data && !has_current;
}

/* --- opening --- */

/* One sentence for RocksDB's error, which is freed. */
static enum mp_rc open_failed(
	const struct mp_rocksdb *engine, char *error, char *reterr, size_t reterr_size)
{
	enum mp_rc rc = MP_UNAVAILABLE;
	/* Its errors begin with their kind, and may end with a newline. */
	bool corrupt = strncmp(error, "Corruption", strlen("Corruption")) == 0;
	bool locked = strstr(error, "lock file") != NULL || strstr(error, "lock hold") != NULL;

	error[strcspn(error, "\n")] = '\0';
	if (locked) {
		rc = MP_INVALID;
		mp_store_say(reterr, reterr_size,
			"The data folder %s is used by another process: stop that service, or "
			"mpctl, first.",
			engine->directory);
	} else if (corrupt) {
		rc = MP_CORRUPT;
		mp_store_say(reterr, reterr_size, DAMAGED, engine->directory, error);
	} else {
		mp_store_say(reterr, reterr_size, "The data folder %s cannot be opened: %s.",
			engine->directory, error);
	}
	rocksdb_free(error);
	return rc;
}

static bool db_is_empty(const struct mp_rocksdb *engine)
{
	rocksdb_iterator_t *iterator = rocksdb_create_iterator(engine->db, engine->read);

	rocksdb_iter_seek_to_first(iterator);
	bool empty = !rocksdb_iter_valid(iterator);
	char *error = NULL;
	rocksdb_iter_get_error(iterator, &error);
	rocksdb_iter_destroy(iterator);
	if (error != NULL) {
		rocksdb_free(error);
		return false;
	}
	return empty;
}

/* A new table gets its mark; one of a newer program, or of another one, is refused. */
static enum mp_rc check_format(const struct mp_rocksdb *engine, char *reterr, size_t reterr_size)
{
	char *error = NULL;
	size_t len = 0;
	char text[24];
	int64_t format;

	char *value =
		rocksdb_get(engine->db, engine->read, format_key, FORMAT_KEY_LEN, &len, &error);
	if (error == NULL && value == NULL && engine->beside == NULL && db_is_empty(engine)) {
		rocksdb_put(engine->db, engine->write_durable, format_key, FORMAT_KEY_LEN,
			TABLE_FORMAT_TEXT, strlen(TABLE_FORMAT_TEXT), &error);
		return error == NULL ? MP_OK : open_failed(engine, error, reterr, reterr_size);
	}
	if (error != NULL)
		return open_failed(engine, error, reterr, reterr_size);

	bool ours = value != NULL && len < sizeof(text);
	if (ours) {
		memcpy(text, value, len);
		text[len] = '\0';
		ours = mp_text_to_int(text, &format) == MP_OK;
	}
	rocksdb_free(value);
	if (!ours) {
		mp_store_say(reterr, reterr_size, "The folder %s holds other data than a store's.",
			engine->directory);
		return MP_CORRUPT;
	}
	if (format > TABLE_FORMAT) {
		mp_store_say(reterr, reterr_size,
			"The data in %s has format %lld; this program knows up to %d: start one "
			"at least as new as the one that wrote it.",
			engine->directory, (long long)format, TABLE_FORMAT);
		return MP_INVALID;
	}
	return MP_OK;
}

/* What RocksDB would not notice. */
static enum mp_rc check_folder(const char *directory, char *reterr, size_t reterr_size)
{
	char why[128] = "CURRENT is missing";

	enum mp_rc rc = is_headless(directory) ? MP_CORRUPT : mp_rocksdb_check_logs(directory, why);
	if (rc == MP_CORRUPT)
		mp_store_say(reterr, reterr_size, DAMAGED, directory, why);
	else if (rc != MP_OK)
		mp_store_say(reterr, reterr_size, "The data folder %s cannot be opened: %s.",
			directory, why);
	return rc;
}

enum mp_rc mp_rocksdb_open_db(struct mp_rocksdb *engine, char *reterr, size_t reterr_size)
{
	char *error = NULL;

	/* Beside a process that writes, the folder is never quite in order. */
	enum mp_rc rc = engine->beside != NULL
				? MP_OK
				: check_folder(engine->directory, reterr, reterr_size);
	if (rc != MP_OK)
		return rc;
	engine->db = engine->beside != NULL
			     ? mp_rocksdb_open_beside(engine, &error)
			     : rocksdb_open(engine->options, engine->directory, &error);
	if (error != NULL) {
		engine->db = NULL;
		return open_failed(engine, error, reterr, reterr_size);
	}
	rc = check_format(engine, reterr, reterr_size);
	if (rc != MP_OK) {
		rocksdb_close(engine->db);
		engine->db = NULL;
		return rc;
	}
	/* Should the folder vanish, a reopening must not begin anew. */
	rocksdb_options_set_create_if_missing(engine->options, 0);
	return MP_OK;
}

/* What is in memory is safe in the log; written out, the next start need not read the log. */
static void flush_before_close(rocksdb_t *db)
{
	uint64_t bytes = 0;
	char *error = NULL;

	if (rocksdb_property_int(db, "rocksdb.cur-size-active-mem-table", &bytes) != 0 ||
		bytes < MEMTABLE_BYTES / 8)
		return;
	rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
	rocksdb_flush(db, options, &error);
	rocksdb_flushoptions_destroy(options);
	if (error != NULL)
		rocksdb_free(error); /* the log has it */
}

static void engine_close(void *data)
{
	struct mp_rocksdb *engine = data;

	if (engine == NULL)
		return;
	if (engine->db != NULL) {
		if (engine->beside == NULL)
			flush_before_close(engine->db);
		rocksdb_close(engine->db);
	}
	mp_rocksdb_beside_done(engine);
	for (size_t i = 0; i < 2; i++) {
		mp_pending_done(&engine->groups[i].pending);
		rocksdb_writebatch_destroy(engine->groups[i].batch);
	}
	mp_memo_free(engine->versions);
	mp_memo_free(engine->ends);
	rocksdb_writeoptions_destroy(engine->write_durable);
	rocksdb_writeoptions_destroy(engine->write_soon);
	rocksdb_readoptions_destroy(engine->read);
	rocksdb_options_destroy(engine->options);
	rocksdb_compactionfilter_destroy(engine->expiry);
	(void)pthread_cond_destroy(&engine->write_cond);
	(void)pthread_mutex_destroy(&engine->write_lock);
	(void)pthread_mutex_destroy(&engine->queue_lock);
	(void)pthread_rwlock_destroy(&engine->open_lock);
	free(engine->directory);
	free(engine);
}

static const struct mp_store_engine engine_operations = {
	.name = "rocksdb",
	.txn_ops_max = 4096,
	.batch_get = mp_rocksdb_batch_get,
	.query = mp_rocksdb_query,
	.scan = mp_rocksdb_scan,
	.commit = mp_rocksdb_commit,
	.erase = mp_rocksdb_erase,
	.ready = mp_rocksdb_ready,
	.hold = mp_rocksdb_hold,
	.copy = mp_rocksdb_copy,
	.go_on = mp_rocksdb_go_on,
	.close = engine_close,
};

static void open_lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	/* Readers must not keep a reopening waiting for ever; none takes the lock twice. */
	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
}

static struct mp_rocksdb *engine_new(const char *directory, const struct mp_sink *sink)
{
	struct mp_rocksdb *engine = calloc(1, sizeof(*engine));
	struct mp_memo *versions = mp_memo_new();
	struct mp_memo *ends = mp_memo_new();
	char *copy = strdup(directory);

	if (engine == NULL || versions == NULL || ends == NULL || copy == NULL) {
		free(engine);
		mp_memo_free(versions);
		mp_memo_free(ends);
		free(copy);
		return NULL;
	}
	engine->directory = copy;
	engine->versions = versions;
	engine->ends = ends;
	if (sink != NULL)
		engine->sink = *sink;
	open_lock_init(&engine->open_lock);
	(void)pthread_mutex_init(&engine->queue_lock, NULL);
	(void)pthread_mutex_init(&engine->write_lock, NULL);
	mp_cond_init(&engine->write_cond);
	engine->options = mp_rocksdb_options_new();
	engine->expiry = mp_rocksdb_expiry_new();
	rocksdb_options_set_compaction_filter(engine->options, engine->expiry);
	engine->read = rocksdb_readoptions_create();
	engine->write_durable = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(engine->write_durable, 1);
	engine->write_soon = rocksdb_writeoptions_create();
	for (size_t i = 0; i < 2; i++)
		engine->groups[i].batch = rocksdb_writebatch_create();
	return engine;
}

/* A folder that is there, or is made. */
static enum mp_rc check_directory(const struct mp_store_config *config, char reterr[256])
{
	char current[4096];

	if (config->directory == NULL || config->directory[0] == '\0') {
		mp_store_say(reterr, 256, "The engine rocksdb needs a data folder.");
		return MP_INVALID;
	}
	if (config->existing || config->read_only) {
		if (mp_text_format(current, sizeof(current), "%s/CURRENT", config->directory) ==
				MP_OK &&
			access(current, F_OK) == 0)
			return MP_OK;
		mp_store_say(reterr, 256, "There is no data in %s.", config->directory);
		return MP_INVALID;
	}
	if (mp_rocksdb_make_folder(config->directory))
		return MP_OK;
	mp_store_say(reterr, 256, "The data folder %s cannot be made: %s.", config->directory,
		strerror(errno));
	return MP_UNAVAILABLE;
}

enum mp_rc mp_rocksdb_open(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256])
{
	enum mp_rc rc = check_directory(config, reterr);
	if (rc != MP_OK)
		return rc;

	struct mp_rocksdb *engine = engine_new(config->directory, sink);
	if (engine == NULL) {
		mp_store_say(reterr, 256, "There is no memory for the store.");
		return MP_NOMEM;
	}
	if (config->read_only)
		rc = mp_rocksdb_beside_init(engine, reterr);
	if (rc == MP_OK)
		rc = mp_rocksdb_open_db(engine, reterr, 256);
	if (rc != MP_OK) {
		engine_close(engine);
		return rc;
	}
	struct mp_store *store = mp_store_new(&engine_operations, engine);
	if (store == NULL) {
		engine_close(engine);
		mp_store_say(reterr, 256, "There is no memory for the store.");
		return MP_NOMEM;
	}
	*out_store = store;
	return MP_OK;
}
