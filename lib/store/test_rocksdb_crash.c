#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "store/test_rocksdb_help.h"

/*
 * Killed writers, failing writes, full disks: this program starts itself again, with a role as its
 * argument, for what must happen to a process of its own.
 */

extern char **environ;

/* --- processes --- */

/* Starts this program in a role; its standard output comes through *out_pipe. */
static pid_t start_role(const char *role, const char *folder, int *out_pipe)
{
	char role_copy[32];
	char folder_copy[MP_TEST_PATH_SIZE];
	char *argv[] = {role_copy, role_copy, folder_copy, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid;

	assert_int_equal(mp_text_copy(role_copy, sizeof(role_copy), role), MP_OK);
	assert_int_equal(mp_text_copy(folder_copy, sizeof(folder_copy), folder), MP_OK);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	*out_pipe = ends[0];
	return pid;
}

/* Waits for a role that ends by itself: 0 when all was right, 77 when it cannot be tried here. */
static int role_status(const char *role, const char *folder)
{
	char line[512];
	int status = 0;
	int end;
	pid_t pid = start_role(role, folder, &end);
	FILE *told = fdopen(end, "r");

	assert_non_null(told);
	while (fgets(line, sizeof(line), told) != NULL)
		print_error("%s: %s", role, line);
	(void)fclose(told);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* --- kill -9 --- */

#define WRITERS 4

struct writer {
	struct mp_store *store;
	pthread_t thread;
	int number;
};

/* Each commit is told as "writer n" only after it was acknowledged. */
static void *write_and_tell(void *arg)
{
	struct writer *w = arg;
	struct mp_arena *arena = mp_arena_new(1u << 20);
	char who[16];
	char line[32];

	(void)snprintf(who, sizeof(who), "w%d-%d", (int)getpid(), w->number);
	for (int n = 0;; n++) {
		mp_arena_reset(arena);
		if (write_txn(w->store, arena, who, n) != MP_OK)
			break;
		int len = snprintf(line, sizeof(line), "%s %d\n", who, n);
		if (write(1, line, (size_t)len) != len) /* one write: lines do not mix */
			break;
	}
	mp_arena_free(arena);
	return NULL;
}

static int role_writer(const char *folder)
{
	struct writer writers[WRITERS];
	struct mp_store *store;
	char error[256];

	if (open_folder(folder, &store, error) != MP_OK)
		return 1;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.store = store, .number = i};
		if (pthread_create(&writers[i].thread, NULL, write_and_tell, &writers[i]) != 0)
			return 1;
	}
	for (int i = 0; i < WRITERS; i++)
		(void)pthread_join(writers[i].thread, NULL);
	return 1; /* it should have been killed */
}

struct told {
	char who[16];
	int last;
};

/* Reads lines until enough were told, kills the writer, reads what was told before it died. */
static size_t kill_writer(struct fixture *f, int lines_min, struct told told[WRITERS])
{
	char line[64];
	size_t count = 0;
	int end;
	int status;
	pid_t pid = start_role("writer", f->folder, &end);
	FILE *lines = fdopen(end, "r");

	assert_non_null(lines);
	for (int seen = 0; fgets(line, sizeof(line), lines) != NULL; seen++) {
		struct told one;
		size_t at = 0;
		if (seen == lines_min)
			assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(sscanf(line, "%15s %d", one.who, &one.last), 2);
		while (at < count && strcmp(told[at].who, one.who) != 0)
			at++;
		assert_true(at < WRITERS);
		told[at] = one;
		count = at < count ? count : count + 1;
	}
	(void)fclose(lines);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return count;
}

static void every_acknowledged_commit_survives_kill_9(void **state)
{
	struct fixture *f = *state;

	for (int round = 1; round <= 3; round++) {
		struct told told[WRITERS];
		size_t count = kill_writer(f, 150 * round, told);
		struct mp_store *store = must_open(f);
		for (size_t i = 0; i < count; i++) {
			int n = 0;
			for (; n <= told[i].last; n++)
				assert_int_equal(
					count_txn(store, f->arena, told[i].who, n), ROWS_EACH);
			/* The next may have been written and not told; never by half. */
			int rows = count_txn(store, f->arena, told[i].who, n);
			assert_true(rows == 0 || rows == ROWS_EACH);
			assert_int_equal(count_txn(store, f->arena, told[i].who, n + 1), 0);
			mp_arena_reset(f->arena);
		}
		mp_store_close(store);
	}
}

/* --- a write that fails --- */

/* Reports in a role: what is not as it must be is told and counted. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)printf("line %d: not %s\n", __LINE__, #condition);                   \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

static void count_report(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	int *counts = ctx;

	counts[strcmp(event, "store.writes_again") == 0]++;
}

/* Commits until one fails; counts those that did not. */
static enum mp_rc write_until_it_fails(struct mp_store *store, struct mp_arena *arena, int *n)
{
	enum mp_rc rc = MP_OK;

	for (int tries = 0; tries < 10000 && rc == MP_OK; tries++) {
		rc = write_txn(store, arena, "t", *n);
		*n += rc == MP_OK;
	}
	return rc;
}

static bool all_are_there(struct mp_store *store, struct mp_arena *arena, int count)
{
	for (int n = 0; n < count; n++) {
		if (count_txn(store, arena, "t", n) != ROWS_EACH)
			return false;
	}
	return true;
}

/* The folder can be opened anew at once: that tells that nothing was written. */
static int fail_and_settle(struct mp_store *store, struct mp_arena *arena, int *n)
{
	limit_files(64u << 10);
	EXPECT(write_until_it_fails(store, arena, n) == MP_UNAVAILABLE);
	limit_files(RLIM_INFINITY);
	EXPECT(*n > 10 && all_are_there(store, arena, *n));
	EXPECT(count_txn(store, arena, "t", *n) == 0);
	EXPECT(write_txn(store, arena, "t", *n) == MP_OK);
	(*n)++;
	return 0;
}

/* The folder is away: unknown, then refused, until it is back; then the conditions tell. */
static int fail_and_wait(struct mp_store *store, struct mp_arena *arena, int *n, const char *folder)
{
	char error[256] = "";
	char away[128];

	EXPECT(mp_text_format(away, sizeof(away), "%s-away", folder) == MP_OK);
	EXPECT(rename(folder, away) == 0);
	limit_files(64u << 10);
	EXPECT(write_until_it_fails(store, arena, n) == MP_UNKNOWN);
	limit_files(RLIM_INFINITY);
	EXPECT(write_txn(store, arena, "t", *n + 1) == MP_UNAVAILABLE);
	EXPECT(mp_store_ready(store, error) == MP_UNAVAILABLE && strstr(error, folder) != NULL);

	mp_test_remove(folder); /* trying made it anew, with a lock in it */
	EXPECT(rename(away, folder) == 0);
	for (int tries = 0; tries < 100 && mp_store_ready(store, error) != MP_OK; tries++)
		(void)usleep(100000);
	EXPECT(mp_store_ready(store, error) == MP_OK);
	EXPECT(all_are_there(store, arena, *n));
	int rows = count_txn(store, arena, "t", *n);
	EXPECT(rows == 0 || rows == ROWS_EACH);
	EXPECT(write_txn(store, arena, "t", *n) == (rows == 0 ? MP_OK : MP_EXISTS));
	(*n)++;
	return 0;
}

/* The log cannot grow past a limit. */
static int role_limited(const char *folder)
{
	const struct mp_store_config config = {.engine = "rocksdb", .directory = folder};
	struct mp_arena *arena = mp_arena_new(64u << 20);
	int reports[2] = {0};
	const struct mp_sink sink = {.report = count_report, .ctx = reports};
	struct mp_store *store;
	char error[256] = "";
	int n = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	EXPECT(mp_store_open(&config, &sink, &store, error) == MP_OK);
	EXPECT(fail_and_settle(store, arena, &n) == 0);
	EXPECT(reports[0] == 1 && reports[1] == 1);
	EXPECT(fail_and_wait(store, arena, &n, folder) == 0);
	EXPECT(reports[0] == 2 && reports[1] == 2);
	mp_store_close(store);

	EXPECT(open_folder(folder, &store, error) == MP_OK);
	EXPECT(all_are_there(store, arena, n));
	mp_store_close(store);
	mp_arena_free(arena);
	return 0;
}

static void after_a_failed_write_the_store_goes_on(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(role_status("limited", f->folder), 0);
}

/* --- a write that fails while others are decided on what it would have left --- */

#define CHAINED 4

/* Whoever holds the baton replaces the item as the one before will leave it, and hands it on. */
struct chain {
	struct mp_store *store;
	pthread_mutex_t baton;
	int64_t version; /* as everything queued so far leaves it */
	int written;
	bool broken;
	bool wrong;
};

/* One thread's. */
struct link {
	struct chain *chain;
	bool handed_on;
};

static void hand_on(void *ctx)
{
	struct link *link = ctx;

	link->handed_on = true;
	link->chain->version++;
	(void)pthread_mutex_unlock(&link->chain->baton);
}

static enum mp_rc replace_next(struct link *link, struct mp_arena *arena)
{
	const struct chain *chain = link->chain;
	struct mp_item *item = mp_item_new(arena, "CHAIN", "1", 1);
	struct mp_txn txn;

	mp_map_set_int(mp_item_attrs(item), "n", chain->version);
	mp_txn_begin(&txn, chain->store, arena);
	link->handed_on = false;
	txn.queued = (struct mp_hook){hand_on, link};
	mp_txn_replace(&txn, item, chain->version);
	return mp_txn_commit(&txn, NULL);
}

static void *add_to_chain(void *arg)
{
	struct mp_arena *arena = mp_arena_new(1u << 20);
	struct link link = {.chain = arg};
	struct chain *chain = arg;

	(void)pthread_mutex_lock(&chain->baton);
	for (int tries = 0; tries < 20000 && !chain->broken; tries++) {
		mp_arena_reset(arena);
		enum mp_rc rc = replace_next(&link, arena);
		if (link.handed_on)
			(void)pthread_mutex_lock(&chain->baton);
		chain->written += rc == MP_OK;
		chain->broken = chain->broken || rc != MP_OK;
		/* After the first that failed, what counted on it was refused or not written. */
		chain->wrong = chain->wrong || !(rc == MP_OK || rc == MP_UNAVAILABLE ||
						       rc == MP_STALE || rc == MP_UNKNOWN);
	}
	(void)pthread_mutex_unlock(&chain->baton);
	mp_arena_free(arena);
	return NULL;
}

/* Runs until a write fails; whatever was answered MP_OK is there, and nothing else. */
static int break_chain(struct chain *chain, struct mp_arena *arena)
{
	pthread_t threads[CHAINED];
	struct mp_item *item;

	chain->broken = false;
	limit_files(64u << 10);
	for (int i = 0; i < CHAINED; i++)
		EXPECT(pthread_create(&threads[i], NULL, add_to_chain, chain) == 0);
	for (int i = 0; i < CHAINED; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);
	limit_files(RLIM_INFINITY);
	EXPECT(chain->broken && !chain->wrong);
	EXPECT(mp_store_get(chain->store, "CHAIN", "1", arena, &item) == MP_OK);
	EXPECT(item->version == 1 + chain->written);
	chain->version = item->version;
	return 0;
}

static int role_chained(const char *folder)
{
	struct chain chain = {.version = 1};
	struct mp_arena *arena = mp_arena_new(1u << 20);
	struct mp_txn txn;
	char error[256] = "";

	(void)signal(SIGXFSZ, SIG_IGN);
	(void)pthread_mutex_init(&chain.baton, NULL);
	EXPECT(open_folder(folder, &chain.store, error) == MP_OK);
	struct mp_item *item = mp_item_new(arena, "CHAIN", "1", 1);
	mp_txn_begin(&txn, chain.store, arena);
	mp_txn_insert(&txn, item);
	EXPECT(mp_txn_commit(&txn, NULL) == MP_OK);
	for (int round = 0; round < 5; round++)
		EXPECT(break_chain(&chain, arena) == 0);
	EXPECT(chain.written > 100);
	mp_store_close(chain.store);
	mp_arena_free(arena);
	return 0;
}

static void a_failed_write_takes_along_what_counted_on_it(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(role_status("chained", f->folder), 0);
}

/* --- a full disk: a small file system of the role's own --- */

#define DISK_BYTES (128u << 20)

/* Takes what is left of the disk but these bytes. */
static bool take_room(const char *folder, uint64_t bytes_left)
{
	struct statvfs fs;
	char path[128];
	bool done = false;

	if (mp_text_format(path, sizeof(path), "%s/ballast", folder) != MP_OK)
		return false;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	/* The store may take and give room meanwhile. */
	for (int tries = 0; tries < 100 && fd >= 0 && !done && statvfs(folder, &fs) == 0; tries++) {
		uint64_t left = fs.f_bavail * fs.f_frsize;
		done = left <= bytes_left ||
		       posix_fallocate(fd, lseek(fd, 0, SEEK_END), (off_t)(left - bytes_left)) == 0;
	}
	(void)close(fd);
	return done;
}

static bool give_room(const char *folder)
{
	char path[128];

	return mp_text_format(path, sizeof(path), "%s/ballast", folder) == MP_OK &&
	       unlink(path) == 0;
}

static enum mp_rc write_large(struct mp_store *store, struct mp_arena *arena, int n)
{
	enum {
		BYTES = 300000
	};
	char *text = mp_arena_alloc(arena, BYTES + 1);
	struct mp_item *item = mp_item_new(arena, "LARGE", mp_arena_printf(arena, "%06d", n), 1);
	struct mp_txn txn;

	for (int i = 0; text != NULL && i < BYTES; i++)
		text[i] = (char)('a' + mp_random_number() % 26); /* not to be compressed away */
	mp_map_set_text(mp_item_attrs(item), "text", text);
	mp_txn_begin(&txn, store, arena);
	mp_txn_insert(&txn, item);
	return mp_txn_commit(&txn, NULL);
}

static int role_full(const char *folder)
{
	char size[32];
	char data[128];
	struct mp_arena *arena;
	struct mp_store *store;
	struct mp_item *item;
	char error[256] = "";
	enum mp_rc rc = MP_OK;
	int n = 0;

	(void)snprintf(size, sizeof(size), "size=%u", DISK_BYTES);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", folder, "tmpfs", 0, size) != 0)
		return 77; /* not root, or no mount point to make private */
	arena = mp_arena_new(16u << 20);
	EXPECT(mp_text_format(data, sizeof(data), "%s/data", folder) == MP_OK);
	EXPECT(open_folder(data, &store, error) == MP_OK);
	EXPECT(take_room(folder, 60u << 20));

	/* It is refused before it hurts: no commit is unknown, nothing is written by half. */
	while (rc == MP_OK && n < 1000) {
		mp_arena_reset(arena);
		rc = write_large(store, arena, n);
		n += rc == MP_OK;
	}
	EXPECT(rc == MP_UNAVAILABLE);
	EXPECT(n > 0);
	EXPECT(mp_store_ready(store, error) == MP_UNAVAILABLE);
	EXPECT(strstr(error, "is full: less than 32 MiB are left") != NULL);
	EXPECT(take_room(folder, 0)); /* others fill it to the last byte */
	for (int i = 0; i < n; i++) {
		mp_arena_reset(arena);
		EXPECT(mp_store_get(store, "LARGE", mp_arena_printf(arena, "%06d", i), arena,
			       &item) == MP_OK);
	}
	EXPECT(write_txn(store, arena, "t", 0) == MP_UNAVAILABLE);

	EXPECT(give_room(folder));
	/* RocksDB itself may have run into the end of the disk: then one commit meets that. */
	for (int tries = 0; tries < 10 && rc != MP_OK; tries++) {
		rc = write_txn(store, arena, "t", 0);
		EXPECT(rc == MP_OK || rc == MP_UNAVAILABLE);
	}
	EXPECT(rc == MP_OK);
	EXPECT(mp_store_ready(store, error) == MP_OK);
	mp_store_close(store);
	EXPECT(open_folder(data, &store, error) == MP_OK);
	for (int i = 0; i < n; i++) {
		mp_arena_reset(arena);
		EXPECT(mp_store_get(store, "LARGE", mp_arena_printf(arena, "%06d", i), arena,
			       &item) == MP_OK);
	}
	EXPECT(count_txn(store, arena, "t", 0) == ROWS_EACH);
	mp_store_close(store);
	mp_arena_free(arena);
	return 0;
}

static void a_full_disk_refuses_writes_and_goes_on_with_room(void **state)
{
	const struct fixture *f = *state;

	int status = role_status("full", f->folder);
	if (status == 77)
		skip(); /* mounting takes root */
	assert_int_equal(status, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(every_acknowledged_commit_survives_kill_9),
		T(after_a_failed_write_the_store_goes_on),
		T(a_failed_write_takes_along_what_counted_on_it),
		T(a_full_disk_refuses_writes_and_goes_on_with_room),
	};

	if (mp_crypto_init() != MP_OK)
		return 1;
	if (argc == 3 && strcmp(argv[1], "writer") == 0)
		return role_writer(argv[2]);
	if (argc == 3 && strcmp(argv[1], "limited") == 0)
		return role_limited(argv[2]);
	if (argc == 3 && strcmp(argv[1], "chained") == 0)
		return role_chained(argv[2]);
	if (argc == 3 && strcmp(argv[1], "full") == 0)
		return role_full(argv[2]);
	return cmocka_run_group_tests_name("rocksdb_crash", tests, NULL, NULL);
}
