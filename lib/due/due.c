#include "due/due.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/trace.h"

#define PARTITIONS 8
#define ROW_FORMAT 1
#define KIND_BYTES_MAX 32
#define PAGE_ROWS 64
#define POLL_MS 1000 /* for rows of other replicas, and of commits that woke nobody */
#define MOMENT_MS 10 /* between two scans, however often they are asked for */
#define FULL_SCAN_MS 5000
#define FAR_SCAN_MS 60000
#define FLOOR_MARGIN_MS 5000
#define SCAN_ARENA_BYTES (4 * 1024 * 1024)
#define WORK_ARENA_BYTES (16 * 1024 * 1024)
#define TIME_DIGITS 13
#define TIME_MS_MAX 9999999999999		     /* in the year 2286 */
#define BACKOFF_MS (MP_DUE_BACKOFF_MS_MAX / 11 * 10) /* the longest, before its jitter */
#define REST_MS_MAX (15 * 1000)

struct key_text {
	char pk[KIND_BYTES_MAX + 16];
	char sk[TIME_DIGITS + 1 + 36 + 1];
};

/* A row that is due. */
struct work {
	struct key_text key;
	struct mp_id id;
	int64_t at_ms;
	int64_t version;
	int64_t attempts;
};

struct worker {
	struct mp_due *due;
	struct mp_arena *arena;
	pthread_t thread;
	bool busy; /* with current; under the mutex, like current */
	struct mp_id current;
};

/*
 * Whoever finds nothing waiting reads all partitions for what is due; the others wait for it. The
 * list is filled only when it is empty, and rows of what a worker has in hand are left out, so each
 * piece of work is with one worker at a time.
 *
 * Where a partition starts lie rows that are done, and an engine takes a while to forget what was
 * erased. So most scans begin at a floor: the oldest row that the scan before saw, at most the
 * margin behind now. It is a shortcut, not the truth: every fifth second a scan begins at the
 * start, for rows that were written late, or by others.
 *
 * Rows that were written while a clock was ahead lie far in the future once it is right again. Now
 * and then a scan is for those alone.
 */
struct mp_due {
	struct mp_store *store;
	char kind[KIND_BYTES_MAX];
	int64_t far_ms;
	mp_due_handler handler;
	void *ctx;
	struct mp_sink sink;
	struct mp_arena *scan_arena; /* the scanning worker's */

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t changed;
	bool stop;
	bool scanning;
	bool woken;		  /* since the last scan began */
	int64_t next_scan_ms;	  /* monotonic, like the five that follow */
	int64_t earliest_scan_ms; /* also when woken */
	int64_t next_full_ms;
	int64_t next_far_ms;
	int64_t rest_until_ms; /* nothing is begun before, since rows could not be written */
	int64_t rest_ms;       /* how long that was the last time; 0: they can */
	int64_t floors_ms[PARTITIONS]; /* wall clock, like the rows */
	enum mp_rc read_told;	       /* the last result of a scan that the sink heard of */
	enum mp_rc write_told;	       /* and of a row's write */
	unsigned broken_told;	       /* rows that are no work; likewise */
	size_t waiting_next;
	size_t waiting_end;
	struct work waiting[PARTITIONS * PAGE_ROWS];
	unsigned threads_started;
	unsigned threads;
	struct worker workers[];
};

/* --- rows --- */

/* An id ends in hash or random digits, so these spread evenly. */
static int partition_of(const struct mp_id *id)
{
	uint8_t last = 0;
	bool is_hex = mp_unhex(id->text + sizeof(id->text) - 3, 1, &last);

	assert(is_hex);
	return last % PARTITIONS;
}

/* MP_INVALID for a time that the key has no room for. */
static enum mp_rc make_key(
	const struct mp_due *due, const struct mp_id *id, int64_t at_ms, struct key_text *out_key)
{
	if (at_ms < 0 || at_ms > TIME_MS_MAX)
		return MP_INVALID;
	enum mp_rc rc = mp_text_format(
		out_key->pk, sizeof(out_key->pk), "DUE#%s#%02d", due->kind, partition_of(id));
	if (rc != MP_OK)
		return rc;
	return mp_text_format(out_key->sk, sizeof(out_key->sk), "%0*lld#%s", TIME_DIGITS,
		(long long)at_ms, id->text);
}

static struct mp_item *make_row(
	struct mp_arena *arena, const struct key_text *key, int64_t attempts)
{
	struct mp_item *item = mp_item_new(arena, key->pk, key->sk, ROW_FORMAT);

	mp_map_set_int(mp_item_attrs(item), "attempts", attempts);
	return item;
}

static enum mp_rc read_row(const struct mp_item *item, struct work *out_work)
{
	struct work work = {.version = item->version};
	char digits[TIME_DIGITS + 1];
	struct mp_item_reader r;

	enum mp_rc rc = mp_text_copy(work.key.pk, sizeof(work.key.pk), item->pk);
	if (rc == MP_OK)
		rc = mp_text_copy(work.key.sk, sizeof(work.key.sk), item->sk);
	if (rc != MP_OK || strlen(item->sk) != sizeof(work.key.sk) - 1)
		return MP_CORRUPT;
	memcpy(digits, item->sk, TIME_DIGITS);
	digits[TIME_DIGITS] = '\0';
	if (mp_text_to_int(digits, &work.at_ms) != MP_OK ||
		!mp_id_parse(item->sk + TIME_DIGITS + 1, &work.id))
		return MP_CORRUPT;
	mp_item_read_begin(&r, item, ROW_FORMAT);
	mp_item_read_int(&r, "attempts", &work.attempts);
	rc = mp_item_read_end(&r);
	if (rc == MP_OK)
		*out_work = work;
	return rc;
}

void mp_due_add(struct mp_due *due, struct mp_txn *txn, const struct mp_id *id, int64_t at_ms)
{
	struct key_text key;

	enum mp_rc rc = make_key(due, id, at_ms, &key);
	assert(rc == MP_OK); /* a time that is none: a bug of the caller */
	(void)mp_txn_put(txn, make_row(txn->arena, &key, 0));

	pthread_mutex_lock(&due->mutex);
	if (at_ms < due->floors_ms[partition_of(id)])
		due->floors_ms[partition_of(id)] = at_ms;
	pthread_mutex_unlock(&due->mutex);
}

int64_t mp_due_backoff_ms(int64_t attempts)
{
	int64_t pause_ms = BACKOFF_MS;
	uint32_t dice;

	if (attempts < 0)
		attempts = 0;
	if (attempts < 12 && (1000 << attempts) < BACKOFF_MS)
		pause_ms = 1000 << attempts;
	mp_random_bytes(&dice, sizeof(dice));
	return pause_ms + dice % (pause_ms / 10 + 1);
}

/* --- looking for what is due --- */

/* Told when it begins, changes or ends well, not at every try. Under the mutex. */
static void tell(struct mp_due *due, enum mp_rc *told, const char *event, enum mp_rc rc)
{
	if (rc == *told)
		return;
	*told = rc;
	if (rc != MP_OK)
		mp_sink_report(&due->sink, event, rc, due->kind);
}

enum scan_kind {
	FROM_FLOORS, /* from where rows may be, as far as this process knows */
	FROM_STARTS, /* from the partitions' starts: now and then, for what others added */
	FAR,	     /* for rows of a clock that was ahead, and no others */
};

/* What a scan knows about the workers when it begins: none of them takes anything meanwhile. */
struct scan {
	struct mp_id busy[MP_DUE_THREADS_MAX];
	unsigned busy_count;
	size_t count; /* rows listed so far */
	unsigned broken;
	bool more; /* a page was full: look again as soon as these are done */
	enum scan_kind kind;
	int64_t now_ms;
	int64_t floors_ms[PARTITIONS]; /* where FROM_FLOORS begins */
	int64_t oldest_ms[PARTITIONS]; /* of the rows that it saw */
};

static bool is_busy(const struct scan *scan, const struct mp_id *id)
{
	for (unsigned i = 0; i < scan->busy_count; i++) {
		if (mp_id_equal(&scan->busy[i], id))
			return true;
	}
	return false;
}

/* Two rows of one id lie in one partition; the second waits for a later scan. */
static bool is_listed(const struct mp_due *due, size_t from, size_t to, const struct mp_id *id)
{
	for (size_t i = from; i < to; i++) {
		if (mp_id_equal(&due->waiting[i].id, id))
			return true;
	}
	return false;
}

static void list_rows(
	struct mp_due *due, int partition, const struct mp_page *page, struct scan *scan)
{
	size_t first = scan->count;

	for (size_t i = 0; i < page->count; i++) {
		struct work *work = &due->waiting[scan->count];

		if (read_row(page->items[i], work) != MP_OK) {
			scan->broken++; /* stays, for people to look at */
			continue;
		}
		if (work->at_ms < scan->oldest_ms[partition])
			scan->oldest_ms[partition] = work->at_ms;
		if (!is_busy(scan, &work->id) && !is_listed(due, first, scan->count, &work->id))
			scan->count++;
	}
	if (page->more && scan->count > first)
		scan->more = true;
}

static enum mp_rc scan_partition(struct mp_due *due, int partition, struct scan *scan)
{
	char pk[KIND_BYTES_MAX + 16];
	char sk_min[TIME_DIGITS + 2];
	char sk_max[TIME_DIGITS + 2];
	char after[MP_KEY_BYTES_MAX + 1];
	struct mp_query query = {.pk = pk,
		.sk_min = scan->kind == FROM_STARTS ? NULL : sk_min,
		.sk_max = scan->kind == FAR ? NULL : sk_max,
		.limit = PAGE_ROWS};
	int64_t from_ms =
		scan->kind == FAR ? scan->now_ms + due->far_ms : scan->floors_ms[partition];
	struct mp_page page;

	enum mp_rc rc = mp_text_format(pk, sizeof(pk), "DUE#%s#%02d", due->kind, partition);
	if (rc == MP_OK)
		rc = mp_text_format(
			sk_min, sizeof(sk_min), "%0*lld", TIME_DIGITS, (long long)from_ms);
	if (rc == MP_OK)
		/* '$' sorts behind '#': up to and with this millisecond */
		rc = mp_text_format(
			sk_max, sizeof(sk_max), "%0*lld$", TIME_DIGITS, (long long)scan->now_ms);
	if (rc != MP_OK)
		return rc;
	size_t first = scan->count;
	do { /* until one can be done: a page may hold nothing but broken rows */
		mp_arena_reset(due->scan_arena);
		rc = mp_store_query(due->store, &query, due->scan_arena, &page);
		if (rc == MP_OK)
			list_rows(due, partition, &page, scan);
		if (rc == MP_OK && page.more)
			rc = mp_text_copy(after, sizeof(after), page.last_sk);
		query.after = after;
	} while (rc == MP_OK && page.more && scan->count == first);
	return rc;
}

/* Told when there are others than before. Under the mutex. */
static void tell_broken(struct mp_due *due, unsigned broken)
{
	char detail[KIND_BYTES_MAX + 48];

	if (broken > due->broken_told &&
		mp_text_format(detail, sizeof(detail), "%u rows of kind %s are no work", broken,
			due->kind) == MP_OK)
		mp_sink_report(&due->sink, "due_rows_broken", MP_CORRUPT, detail);
	due->broken_told = broken;
}

/* Under the mutex. */
static void begin_scan(struct mp_due *due, struct scan *scan)
{
	int64_t mono_ms = mp_clock_mono_ms();

	*scan = (struct scan){.now_ms = mp_clock_ms()};
	if (due->far_ms != 0 && mono_ms >= due->next_far_ms)
		scan->kind = FAR;
	else if (mono_ms >= due->next_full_ms)
		scan->kind = FROM_STARTS;
	for (unsigned i = 0; i < due->threads_started; i++) {
		if (due->workers[i].busy)
			scan->busy[scan->busy_count++] = due->workers[i].current;
	}
	for (int i = 0; i < PARTITIONS; i++) {
		scan->floors_ms[i] = due->floors_ms[i];
		scan->oldest_ms[i] = scan->now_ms - FLOOR_MARGIN_MS;
		due->floors_ms[i] = TIME_MS_MAX; /* lowered by what is added meanwhile */
	}
	if (scan->kind == FROM_STARTS)
		due->next_full_ms = mono_ms + FULL_SCAN_MS;
	due->scanning = true;
	due->woken = false;
}

/* Under the mutex. */
static void end_scan(struct mp_due *due, const struct scan *scan, enum mp_rc rc)
{
	int64_t mono_ms = mp_clock_mono_ms();

	tell(due, &due->read_told, "due_read_failed", rc);
	if (rc == MP_OK && scan->kind == FROM_STARTS)
		tell_broken(due, scan->broken);
	for (int i = 0; i < PARTITIONS; i++) {
		/* Of one that failed, or did not look, only the floor that it began at is sure. */
		bool looked = rc == MP_OK && scan->kind != FAR;
		int64_t floor_ms = looked ? scan->oldest_ms[i] : scan->floors_ms[i];
		if (floor_ms < due->floors_ms[i])
			due->floors_ms[i] = floor_ms;
	}
	due->waiting_next = 0;
	due->waiting_end = scan->count;
	bool more = rc == MP_OK && (scan->more || scan->kind == FAR);
	if (scan->kind == FAR)
		due->next_far_ms = mono_ms + (scan->more ? POLL_MS : FAR_SCAN_MS);
	due->next_scan_ms = mono_ms + (more ? 0 : POLL_MS);
	/* As soon as a full list is done; otherwise a storm of wakes is one scan in a moment. */
	due->earliest_scan_ms = mono_ms + (more ? 0 : MOMENT_MS);
	due->scanning = false;
	pthread_cond_broadcast(&due->changed);
}

/* Called and left under the mutex, which is free while the store is read. */
static void scan_all(struct mp_due *due)
{
	enum mp_rc rc = MP_OK;
	struct scan scan;

	assert(due->waiting_next == due->waiting_end);
	begin_scan(due, &scan);
	pthread_mutex_unlock(&due->mutex);
	for (int i = 0; rc == MP_OK && i < PARTITIONS; i++)
		rc = scan_partition(due, i, &scan);
	pthread_mutex_lock(&due->mutex);
	end_scan(due, &scan, rc);
}

/* --- working --- */

/* The row's move: the old one goes and the new one comes, in one transaction. */
static enum mp_rc move(
	struct mp_due *due, const struct work *work, int64_t again_at_ms, struct mp_arena *arena)
{
	struct key_text key;
	struct mp_txn txn;

	/*
	 * Never to the same place, which would be the same row twice in a transaction; and back
	 * only what lay in the future of a clock that was ahead.
	 */
	bool is_far = work->at_ms > mp_clock_ms();
	if (again_at_ms == work->at_ms || (again_at_ms < work->at_ms && !is_far))
		again_at_ms = work->at_ms + 1;
	if (again_at_ms > TIME_MS_MAX)
		again_at_ms = TIME_MS_MAX;
	enum mp_rc rc = make_key(due, &work->id, again_at_ms, &key);
	if (rc != MP_OK)
		return rc;
	mp_txn_begin(&txn, due->store, arena);
	(void)mp_txn_remove(&txn, work->key.pk, work->key.sk, work->version);
	(void)mp_txn_put(&txn, make_row(arena, &key, work->attempts + 1));
	rc = mp_txn_commit(&txn, NULL);
	/* Another replica had it too, and has moved or erased it. */
	return rc == MP_STALE ? MP_OK : rc;
}

/* out_again_at_ms: when it is moved; untouched when it is done. */
static enum mp_rc work_on(struct worker *worker, const struct work *work, int64_t *out_again_at_ms)
{
	const struct mp_key key = {work->key.pk, work->key.sk};
	struct mp_due *due = worker->due;

	mp_arena_reset(worker->arena);
	mp_trace_begin(NULL);
	struct mp_due_result result =
		due->handler(due->ctx, worker->arena, &work->id, work->attempts, mp_clock_ms());
	mp_trace_end();
	if (result.done)
		return mp_store_erase(due->store, &key, 1);
	*out_again_at_ms = result.again_at_ms;
	mp_arena_reset(worker->arena);
	return move(due, work, result.again_at_ms, worker->arena);
}

/*
 * A row that could not be written comes again with the next scan, and its work with it, however
 * often: a mail, a call to the provider. So the pauses grow, for all rows alike. Under the mutex.
 */
static void rest(struct mp_due *due, int64_t mono_ms)
{
	if (mono_ms < due->rest_until_ms)
		return;	      /* another worker's work told it already */
	if (due->rest_ms > 0) /* it is not one row's trouble */
		due->waiting_next = due->waiting_end;
	due->rest_ms = due->rest_ms == 0 ? POLL_MS : 2 * due->rest_ms;
	if (due->rest_ms > REST_MS_MAX)
		due->rest_ms = REST_MS_MAX;
	due->rest_until_ms = mono_ms + due->rest_ms;
}

/* Takes the next piece of work. Called and left under the mutex. */
static void take_and_work(struct worker *worker)
{
	struct mp_due *due = worker->due;
	struct work work = due->waiting[due->waiting_next++];
	int64_t again_at_ms = INT64_MAX;

	worker->current = work.id;
	worker->busy = true;
	pthread_mutex_unlock(&due->mutex);
	enum mp_rc rc = work_on(worker, &work, &again_at_ms);
	int64_t wait_ms = again_at_ms == INT64_MAX ? POLL_MS : again_at_ms - mp_clock_ms();
	int64_t mono_ms = mp_clock_mono_ms();

	pthread_mutex_lock(&due->mutex);
	worker->busy = false;
	tell(due, &due->write_told, "due_write_failed", rc);
	if (rc != MP_OK) {
		rest(due, mono_ms);
		return;
	}
	due->rest_ms = 0;
	if (mono_ms + wait_ms < due->next_scan_ms)
		due->next_scan_ms = mono_ms + wait_ms;
}

static long ms_until(int64_t at_mono_ms)
{
	int64_t wait_ms = at_mono_ms - mp_clock_mono_ms();

	return wait_ms > 0 ? (long)wait_ms : 0;
}

/* How long until a scan may begin; 0: now. Under the mutex. */
static long scan_wait_ms(const struct mp_due *due)
{
	int64_t at_ms = due->woken ? 0 : due->next_scan_ms;

	return ms_until(at_ms > due->earliest_scan_ms ? at_ms : due->earliest_scan_ms);
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	struct mp_due *due = worker->due;

	pthread_mutex_lock(&due->mutex);
	while (!due->stop) {
		long rest_ms = ms_until(due->rest_until_ms);
		long wait_ms = scan_wait_ms(due);

		if (rest_ms > 0)
			mp_cond_wait_ms(&due->changed, &due->mutex, rest_ms);
		else if (due->waiting_next < due->waiting_end)
			take_and_work(worker);
		else if (due->scanning) /* whose end is told */
			mp_cond_wait_ms(&due->changed, &due->mutex, POLL_MS);
		else if (wait_ms > 0)
			mp_cond_wait_ms(&due->changed, &due->mutex, wait_ms);
		else
			scan_all(due);
	}
	pthread_mutex_unlock(&due->mutex);
	return NULL;
}

/* --- opening and closing --- */

enum mp_rc mp_due_open(const struct mp_due_config *config, struct mp_due **out_due)
{
	assert(config->threads >= 1 && config->threads <= MP_DUE_THREADS_MAX);
	struct mp_due *due = calloc(1, sizeof(*due) + config->threads * sizeof(struct worker));

	if (due == NULL)
		return MP_NOMEM;
	pthread_mutex_init(&due->mutex, NULL);
	mp_cond_init(&due->changed);
	due->store = config->store;
	due->handler = config->handler;
	due->ctx = config->ctx;
	due->sink = config->sink;
	due->far_ms = config->far_ms;
	due->threads = config->threads;
	due->scan_arena = mp_arena_new(SCAN_ARENA_BYTES);
	enum mp_rc rc = due->scan_arena != NULL ? MP_OK : MP_NOMEM;
	if (rc == MP_OK)
		rc = mp_text_copy(due->kind, sizeof(due->kind), config->kind);
	for (unsigned i = 0; rc == MP_OK && i < due->threads; i++) {
		due->workers[i].due = due;
		due->workers[i].arena = mp_arena_new(WORK_ARENA_BYTES);
		if (due->workers[i].arena == NULL)
			rc = MP_NOMEM;
	}
	if (rc != MP_OK) {
		mp_due_close(due);
		return rc;
	}
	*out_due = due;
	return MP_OK;
}

enum mp_rc mp_due_start(struct mp_due *due)
{
	enum mp_rc rc = MP_OK;

	pthread_mutex_lock(&due->mutex);
	assert(due->threads_started == 0);
	while (rc == MP_OK && due->threads_started < due->threads) {
		struct worker *worker = &due->workers[due->threads_started];
		rc = mp_thread_start(&worker->thread, "due", run, worker);
		if (rc == MP_OK)
			due->threads_started++;
	}
	pthread_mutex_unlock(&due->mutex);
	return rc;
}

void mp_due_close(struct mp_due *due)
{
	if (due == NULL)
		return;
	pthread_mutex_lock(&due->mutex);
	due->stop = true;
	pthread_cond_broadcast(&due->changed);
	pthread_mutex_unlock(&due->mutex);
	for (unsigned i = 0; i < due->threads_started; i++)
		(void)pthread_join(due->workers[i].thread, NULL);
	for (unsigned i = 0; i < due->threads; i++)
		mp_arena_free(due->workers[i].arena);
	mp_arena_free(due->scan_arena);
	pthread_cond_destroy(&due->changed);
	pthread_mutex_destroy(&due->mutex);
	free(due);
}

void mp_due_wake(struct mp_due *due)
{
	pthread_mutex_lock(&due->mutex);
	due->woken = true;
	pthread_cond_broadcast(&due->changed);
	pthread_mutex_unlock(&due->mutex);
}
