#include <string.h>

#include "base/clock.h"
#include "store/engine.h"
#include "store/move_internal.h"

#define PAGE_ITEMS 200
#define AGAIN_WAIT_MS 200
/* What ends while the two are read is in one and not in the other: it is left out. */
#define PASSING_S 3600

bool move_try_again(const struct mp_move *move, enum mp_rc rc, int64_t *began_ms)
{
	int64_t now_ms = mp_clock_mono_ms();

	if (*began_ms == 0)
		*began_ms = now_ms;
	if (!mp_rc_is_transient(rc) || now_ms - *began_ms >= move->patience_ms)
		return false;
	mp_sleep_ms(AGAIN_WAIT_MS);
	return true;
}

enum mp_rc move_scan(const struct mp_move *move, const char *cursor, struct mp_arena *arena,
	struct mp_page *out_page, const char **out_cursor)
{
	int64_t began_ms = 0;
	enum mp_rc rc;

	do
		rc = mp_store_scan(
			move->store, 0, 1, cursor, PAGE_ITEMS, arena, out_page, out_cursor);
	while (rc != MP_OK && move_try_again(move, rc, &began_ms));
	return rc;
}

enum mp_rc move_failed(enum mp_rc rc, const char *what, char reterr[256])
{
	if (reterr[0] == '\0')
		mp_store_say(reterr, 256, "%s: %s.", what, mp_rc_name(rc));
	return rc;
}

static bool lasts(const struct mp_item *item, int64_t until_s)
{
	return item->expires_at_s == 0 || item->expires_at_s > until_s;
}

/* --- the file --- */

struct file_sum {
	struct move_reader reader;
	struct mp_arena *arena;
	int64_t until_s;
	struct mp_items_sum lasting;
};

static enum mp_rc sum_line(struct file_sum *s, char reterr[256])
{
	struct mp_item *item;

	mp_arena_reset(s->arena);
	enum mp_rc rc = mp_item_from_json(s->reader.json, s->arena, &item);
	if (rc == MP_INVALID || rc == MP_TOO_LARGE) {
		mp_store_say(reterr, 256, "%s has no item in the line before byte %lld.",
			s->reader.path, (long long)s->reader.offset);
		return MP_CORRUPT;
	}
	if (rc == MP_OK && lasts(item, s->until_s))
		mp_items_sum_add(&s->lasting, s->reader.line.data, s->reader.line.len);
	return rc;
}

static enum mp_rc sum_lines(struct file_sum *s, const char *service, char reterr[256])
{
	enum move_line kind = MOVE_ITEM;
	bool ended = false;
	enum mp_rc rc = move_read_header(&s->reader, service, reterr);

	while (rc == MP_OK) {
		rc = move_read_line(&s->reader, &kind, reterr);
		if (rc != MP_OK || kind == MOVE_NOTHING)
			break;
		if (ended) {
			mp_store_say(reterr, 256, "%s goes on behind its end.", s->reader.path);
			return MP_CORRUPT;
		}
		ended = kind == MOVE_END;
		if (kind == MOVE_ITEM)
			rc = sum_line(s, reterr);
	}
	if (rc == MP_OK && !ended) {
		mp_store_say(
			reterr, 256, "%s is not whole: its last line is missing.", s->reader.path);
		return MP_CORRUPT;
	}
	return rc;
}

enum mp_rc move_sum_file(const struct mp_move *move, FILE *file, const char *path, int64_t until_s,
	struct mp_items_sum *out_all, struct mp_items_sum *out_lasting, char reterr[256])
{
	struct file_sum s = {.until_s = until_s, .arena = mp_arena_new(MOVE_ARENA_BYTES)};

	rewind(file);
	move_reader_init(&s.reader, file, path, 0);
	enum mp_rc rc = s.arena == NULL ? MP_NOMEM : sum_lines(&s, move->service, reterr);
	if (rc == MP_OK) {
		*out_all = s.reader.sum;
		*out_lasting = s.lasting;
	}
	move_reader_done(&s.reader);
	mp_arena_free(s.arena);
	return rc == MP_OK ? rc : move_failed(rc, "The file cannot be read", reterr);
}

/* --- the store --- */

static bool is_ours(const struct mp_item *item)
{
	return strcmp(item->pk, MOVE_PK) == 0;
}

static enum mp_rc sum_page(
	const struct mp_page *page, int64_t until_s, struct mp_buf *line, struct mp_items_sum *sum)
{
	for (size_t i = 0; i < page->count; i++) {
		if (is_ours(page->items[i]) || !lasts(page->items[i], until_s))
			continue;
		mp_buf_clear(line);
		mp_item_add_line(line, page->items[i]);
		if (mp_buf_rc(line) != MP_OK)
			return mp_buf_rc(line);
		mp_items_sum_add(sum, line->data, line->len);
	}
	return MP_OK;
}

static enum mp_rc sum_store(
	const struct mp_move *move, int64_t until_s, struct mp_items_sum *out_sum)
{
	struct mp_items_sum sum = {.count = 0};
	struct mp_arena *arenas[2] = {
		mp_arena_new(MOVE_ARENA_BYTES), mp_arena_new(MOVE_ARENA_BYTES)};
	const char *cursor = NULL;
	struct mp_page page;
	struct mp_buf line;

	mp_buf_init(&line, MP_ITEM_LINE_MAX);
	enum mp_rc rc = arenas[0] == NULL || arenas[1] == NULL ? MP_NOMEM : MP_OK;
	/* A page's cursor lives in its arena until the next page is there. */
	for (int turn = 0; rc == MP_OK; turn = !turn) {
		mp_arena_reset(arenas[turn]);
		rc = move_scan(move, cursor, arenas[turn], &page, &cursor);
		if (rc == MP_OK)
			rc = sum_page(&page, until_s, &line, &sum);
		if (cursor == NULL)
			break;
	}
	if (rc == MP_OK)
		*out_sum = sum;
	mp_buf_done(&line);
	mp_arena_free(arenas[0]);
	mp_arena_free(arenas[1]);
	return rc;
}

enum mp_rc move_compare(const struct mp_move *move, FILE *file, const char *path, bool *out_equal,
	struct mp_moved *out_moved, char reterr[256])
{
	struct mp_items_sum in_file;
	struct mp_items_sum in_store;
	struct mp_items_sum all;
	int64_t until_s;

	for (int64_t passing_s = PASSING_S;; passing_s *= 4) {
		until_s = mp_clock_ms() / 1000 + passing_s;
		enum mp_rc rc = move_sum_file(move, file, path, until_s, &all, &in_file, reterr);
		if (rc != MP_OK)
			return rc;
		rc = sum_store(move, until_s, &in_store);
		if (rc != MP_OK)
			return move_failed(rc, "The store cannot be read", reterr);
		if (mp_clock_ms() / 1000 < until_s)
			break; /* read within the time that was left out */
	}
	*out_equal = mp_items_sum_equal(&in_file, &in_store);
	out_moved->sum = all;
	out_moved->passing = all.count - in_file.count;
	return MP_OK;
}
