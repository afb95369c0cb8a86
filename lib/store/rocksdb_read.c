#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "store/codec.h"
#include "store/rocksdb.h"

/* Bounds on one page beside its limit: records read, and expired or foreign ones passed over. */
#define PAGE_BYTES_MAX (1u << 20)
#define PAGE_SKIPS_MAX 10000

static enum mp_rc begin_read(struct mp_rocksdb *engine)
{
	(void)pthread_rwlock_rdlock(&engine->open_lock);
	if (engine->db != NULL)
		return MP_OK;
	(void)pthread_rwlock_unlock(&engine->open_lock);
	return MP_UNAVAILABLE;
}

static void end_read(struct mp_rocksdb *engine)
{
	(void)pthread_rwlock_unlock(&engine->open_lock);
}

static int64_t now_s(void)
{
	return mp_clock_ms() / 1000;
}

/* *out_item stays NULL for an absent or expired item. */
static enum mp_rc get_one(struct mp_rocksdb *engine, const rocksdb_readoptions_t *read,
	const struct mp_key *key, struct mp_arena *arena, struct mp_item **out_item)
{
	char stored_key[MP_STORED_KEY_MAX];
	size_t key_len = mp_key_write(key->pk, key->sk, stored_key);
	struct mp_record_head head;
	char *error = NULL;
	size_t len;

	rocksdb_pinnableslice_t *slice =
		rocksdb_get_pinned(engine->db, read, stored_key, key_len, &error);
	if (error != NULL)
		return mp_rocksdb_read_failed(error);
	if (slice == NULL)
		return MP_OK;
	const char *bytes = rocksdb_pinnableslice_value(slice, &len);
	enum mp_rc rc = mp_record_read_head(bytes, len, &head);
	if (rc == MP_OK && !mp_record_is_expired(head.expires_at_s, now_s())) {
		const char *pk = mp_arena_strdup(arena, key->pk);
		const char *sk = mp_arena_strdup(arena, key->sk);
		rc = pk == NULL || sk == NULL ? MP_NOMEM
					      : mp_record_read(bytes, len, pk, sk, arena, out_item);
	}
	rocksdb_pinnableslice_destroy(slice);
	return rc;
}

enum mp_rc mp_rocksdb_batch_get(void *data, const struct mp_key *keys, size_t count,
	struct mp_arena *arena, struct mp_item **out_items)
{
	struct mp_rocksdb *engine = data;
	rocksdb_readoptions_t *read = engine->read;
	const rocksdb_snapshot_t *snapshot = NULL;

	enum mp_rc rc = begin_read(engine);
	if (rc != MP_OK)
		return rc;
	if (count > 1) { /* all of them at one moment */
		snapshot = rocksdb_create_snapshot(engine->db);
		read = rocksdb_readoptions_create();
		rocksdb_readoptions_set_snapshot(read, snapshot);
	}
	for (size_t i = 0; i < count && rc == MP_OK; i++) {
		out_items[i] = NULL;
		rc = get_one(engine, read, &keys[i], arena, &out_items[i]);
	}
	if (snapshot != NULL) {
		rocksdb_readoptions_destroy(read);
		rocksdb_release_snapshot(engine->db, snapshot);
	}
	end_read(engine);
	return rc;
}

/* --- pages: an iterator sees one moment --- */

struct range {
	char from[MP_STORED_KEY_MAX + 1]; /* inclusive */
	size_t from_len;
	char to[MP_STORED_KEY_MAX + 1]; /* exclusive */
	size_t to_len;
};

/* A page in the making. */
struct walk {
	rocksdb_iterator_t *iterator;
	rocksdb_readoptions_t *read;
	struct mp_arena *arena;
	struct mp_page *page;
	size_t limit;
	size_t bytes;
	size_t skips;
	int64_t now_s;
	const char *last_pk; /* of the last row that was looked at and is not to be seen again */
	const char *last_sk;
};

static void walk_begin(struct walk *w, struct mp_rocksdb *engine, const struct range *range,
	bool descending, bool fill_cache)
{
	w->read = rocksdb_readoptions_create();
	rocksdb_readoptions_set_iterate_lower_bound(w->read, range->from, range->from_len);
	if (range->to_len > 0)
		rocksdb_readoptions_set_iterate_upper_bound(w->read, range->to, range->to_len);
	rocksdb_readoptions_set_fill_cache(w->read, fill_cache);
	w->iterator = rocksdb_create_iterator(engine->db, w->read);
	w->now_s = now_s();
	if (descending)
		rocksdb_iter_seek_to_last(w->iterator);
	else
		rocksdb_iter_seek(w->iterator, range->from, range->from_len);
}

static enum mp_rc walk_end(struct walk *w, enum mp_rc rc)
{
	char *error = NULL;

	rocksdb_iter_get_error(w->iterator, &error);
	rocksdb_iter_destroy(w->iterator);
	rocksdb_readoptions_destroy(w->read);
	if (error != NULL) {
		enum mp_rc read_rc = mp_rocksdb_read_failed(error);
		return rc == MP_OK ? read_rc : rc;
	}
	return rc;
}

static void walk_step(struct walk *w, bool descending)
{
	if (descending)
		rocksdb_iter_prev(w->iterator);
	else
		rocksdb_iter_next(w->iterator);
}

static uint32_t segment_of(const char *key, size_t key_len, uint32_t segments)
{
	return (uint32_t)(mp_store_hash(key, strnlen(key, key_len)) % segments);
}

/*
 * Takes the iterator's row into the page, or passes it over when it is expired. *out_full: the row
 * is one too many, or enough were passed over; it is left for the next page.
 */
static enum mp_rc walk_take(struct walk *w, bool wanted, bool *out_full)
{
	struct mp_record_head head;
	size_t key_len;
	size_t len;
	const char *key = rocksdb_iter_key(w->iterator, &key_len);
	const char *bytes = rocksdb_iter_value(w->iterator, &len);
	enum mp_rc rc = MP_OK;

	if (wanted)
		rc = mp_record_read_head(bytes, len, &head);
	if (rc != MP_OK)
		return rc;
	bool skipped = !wanted || mp_record_is_expired(head.expires_at_s, w->now_s);
	if (skipped ? w->skips == PAGE_SKIPS_MAX
		    : w->page->count == w->limit ||
				(w->page->count > 0 && w->bytes + len > PAGE_BYTES_MAX)) {
		*out_full = true;
		return MP_OK;
	}
	if (skipped) {
		/* The place matters only where a page ends. */
		w->skips++;
		if (w->skips < PAGE_SKIPS_MAX)
			return MP_OK;
	}
	rc = mp_key_read(key, key_len, w->arena, &w->last_pk, &w->last_sk);
	if (rc != MP_OK || skipped)
		return rc;
	w->bytes += len;
	rc = mp_record_read(
		bytes, len, w->last_pk, w->last_sk, w->arena, &w->page->items[w->page->count]);
	if (rc == MP_OK)
		w->page->count++;
	return rc;
}

static enum mp_rc query_walk(struct walk *w, const struct mp_query *query, bool *out_more)
{
	for (; rocksdb_iter_valid(w->iterator); walk_step(w, query->descending)) {
		enum mp_rc rc = walk_take(w, true, out_more);
		if (rc != MP_OK || *out_more)
			return rc;
	}
	return MP_OK;
}

static void add_byte(char *key, size_t *len, char byte)
{
	key[(*len)++] = byte;
}

/* False: nothing lies between. Between a key and the key with a zero byte behind it is nothing. */
static bool query_range(const struct mp_query *query, struct range *range)
{
	const char *from = query->sk_min;
	const char *to = query->sk_max;
	bool from_after = false;
	bool to_before = false;

	if (query->after != NULL && !query->descending &&
		(from == NULL || strcmp(query->after, from) >= 0)) {
		from = query->after;
		from_after = true;
	}
	if (query->after != NULL && query->descending &&
		(to == NULL || strcmp(query->after, to) <= 0)) {
		to = query->after;
		to_before = true;
	}
	range->from_len = mp_key_write(query->pk, from == NULL ? "" : from, range->from);
	if (from_after)
		add_byte(range->from, &range->from_len, '\0');
	range->to_len = mp_key_write(query->pk, to == NULL ? "" : to, range->to);
	if (to == NULL)
		range->to[range->to_len - 1] = '\1'; /* behind pk and its zero byte */
	else if (!to_before)
		add_byte(range->to, &range->to_len, '\0');

	return mp_key_compare(range->from, range->from_len, range->to, range->to_len) < 0;
}

enum mp_rc mp_rocksdb_query(
	void *data, const struct mp_query *query, struct mp_arena *arena, struct mp_page *out_page)
{
	struct mp_rocksdb *engine = data;
	struct mp_page page = {.items = NULL};
	struct walk w = {.arena = arena, .page = &page, .limit = query->limit};
	struct range range;

	if (!query_range(query, &range)) {
		*out_page = page;
		return MP_OK;
	}
	page.items = mp_arena_array(arena, query->limit, sizeof(struct mp_item *));
	if (page.items == NULL)
		return MP_NOMEM;
	enum mp_rc rc = begin_read(engine);
	if (rc != MP_OK)
		return rc;
	walk_begin(&w, engine, &range, query->descending, true);
	rc = walk_end(&w, query_walk(&w, query, &page.more));
	end_read(engine);
	if (rc != MP_OK)
		return rc;
	page.last_sk = w.last_sk;
	*out_page = page;
	return MP_OK;
}

/* --- scan --- */

/* Items begin with the first byte that keys may have; the table's own marks lie before them. */
static enum mp_rc scan_range(const char *cursor, struct range *range)
{
	*range = (struct range){.from = {' '}, .from_len = 1, .to_len = 0};
	if (cursor == NULL)
		return MP_OK;

	/* A cursor is the stored key of the last row; what comes next is behind it. */
	size_t len;
	if (mp_base64url_decode(cursor, strlen(cursor), (uint8_t *)range->from, MP_STORED_KEY_MAX,
		    &len) != MP_OK ||
		len == 0 || (unsigned char)range->from[0] < ' ')
		return MP_INVALID;
	range->from_len = len;
	add_byte(range->from, &range->from_len, '\0');
	return MP_OK;
}

static enum mp_rc scan_cursor(const struct walk *w, const char **out_cursor)
{
	char stored_key[MP_STORED_KEY_MAX];
	size_t key_len = mp_key_write(w->last_pk, w->last_sk, stored_key);
	size_t size = (key_len + 2) / 3 * 4 + 1;
	char *cursor = mp_arena_alloc(w->arena, size);

	if (cursor == NULL)
		return MP_NOMEM;
	mp_base64url(stored_key, key_len, cursor, size);
	*out_cursor = cursor;
	return MP_OK;
}

static enum mp_rc scan_walk(struct walk *w, uint32_t segment, uint32_t segments, bool *out_more)
{
	for (; rocksdb_iter_valid(w->iterator); walk_step(w, false)) {
		size_t key_len;
		const char *key = rocksdb_iter_key(w->iterator, &key_len);
		bool wanted = segments == 1 || segment_of(key, key_len, segments) == segment;
		enum mp_rc rc = walk_take(w, wanted, out_more);
		if (rc != MP_OK || *out_more)
			return rc;
	}
	return MP_OK;
}

enum mp_rc mp_rocksdb_scan(void *data, uint32_t segment, uint32_t segments, const char *cursor,
	size_t limit, struct mp_arena *arena, struct mp_page *out_page, const char **out_cursor)
{
	struct mp_rocksdb *engine = data;
	struct mp_page page = {.items = NULL};
	struct walk w = {.arena = arena, .page = &page, .limit = limit};
	const char *next = NULL;
	struct range range;

	enum mp_rc rc = scan_range(cursor, &range);
	if (rc != MP_OK)
		return rc;
	page.items = mp_arena_array(arena, limit, sizeof(struct mp_item *));
	if (page.items == NULL)
		return MP_NOMEM;
	rc = begin_read(engine);
	if (rc != MP_OK)
		return rc;
	walk_begin(&w, engine, &range, false, false);
	rc = walk_end(&w, scan_walk(&w, segment, segments, &page.more));
	end_read(engine);
	if (rc == MP_OK && page.more)
		rc = scan_cursor(&w, &next);
	if (rc != MP_OK)
		return rc;
	*out_page = page;
	*out_cursor = next;
	return MP_OK;
}
