#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "json/json.h"
#include "store/engine.h"
#include "store/move_internal.h"

#define MARK_FORMAT 1
#define BATCH_ITEMS 99	       /* and the mark: what a transaction holds on any engine */
#define BATCH_BYTES (1u << 20) /* of lines; one more item fits into a transaction behind them */

/* How far it is, as the store has it. */
struct mark {
	int64_t version; /* of the row; 0: there is none */
	int64_t offset;	 /* in the file: all before it is written */
	char digest[MP_SHA256_HEX_SIZE];
};

struct import {
	const struct mp_move *move;
	FILE *file;
	struct mp_arena *arena;
	struct mark mark;
	struct mp_moved moved;
};

/* --- the mark --- */

static enum mp_rc read_mark(const struct mp_move *move, struct mp_arena *arena, struct mark *mark)
{
	struct mp_item_reader r;
	struct mp_item *item;
	int64_t began_ms = 0;
	enum mp_rc rc;

	do
		rc = mp_store_get(move->store, MOVE_PK, MOVE_SK, arena, &item);
	while (rc != MP_OK && move_try_again(move, rc, &began_ms));
	if (rc == MP_NOT_FOUND) {
		mark->version = 0;
		return MP_OK;
	}
	if (rc != MP_OK)
		return rc;
	mp_item_read_begin(&r, item, MARK_FORMAT);
	mp_item_read_int(&r, "offset", &mark->offset);
	mp_item_read_copy(&r, "file_digest", mark->digest, sizeof(mark->digest));
	mark->version = item->version;
	return mp_item_read_end(&r);
}

enum mp_rc mp_move_check_finished(struct mp_store *store)
{
	struct mp_arena *arena = mp_arena_new(1u << 20);
	const struct mp_move move = {.store = store};
	struct mark mark;

	enum mp_rc rc = arena == NULL ? MP_NOMEM : read_mark(&move, arena, &mark);
	mp_arena_free(arena);
	return rc == MP_OK && mark.version > 0 ? MP_CONFLICT : rc;
}

/* Writes where it is to the transaction. */
static void put_mark(struct import *im, struct mp_txn *txn, int64_t offset)
{
	struct mp_item *item = mp_item_new(im->arena, MOVE_PK, MOVE_SK, MARK_FORMAT);
	struct mp_map *attrs = mp_item_attrs(item);

	mp_map_set_int(attrs, "offset", offset);
	mp_map_set_text(attrs, "file_digest", im->mark.digest);
	if (im->mark.version == 0)
		mp_txn_insert(txn, item);
	else
		mp_txn_replace(txn, item, im->mark.version);
}

/*
 * Commits a transaction that leaves the mark at a version. Refused after an answer that did not
 * come, it may have met its own effect, and the mark tells. MP_STALE: somebody else moved the mark.
 */
static enum mp_rc commit(struct import *im, struct mp_txn *txn, int64_t version_after)
{
	struct mark now = im->mark;
	bool perhaps_written = false;
	int64_t began_ms = 0;
	enum mp_rc rc;

	for (;;) {
		rc = mp_txn_commit(txn, NULL);
		if (rc == MP_OK || rc == MP_EXISTS || rc == MP_STALE)
			break;
		perhaps_written = perhaps_written || rc == MP_UNKNOWN;
		if (!move_try_again(im->move, rc, &began_ms))
			return rc;
	}
	if (rc == MP_OK || !perhaps_written)
		return rc;
	enum mp_rc read_rc = read_mark(im->move, im->arena, &now);
	if (read_rc != MP_OK)
		return read_rc;
	return now.version == version_after ? MP_OK : rc;
}

static enum mp_rc commit_failed(struct import *im, enum mp_rc rc, char reterr[256])
{
	if (rc == MP_STALE) { /* perhaps a write of one that was killed came late */
		mp_store_say(reterr, 256,
			"Another import into the store of %s is at work, or was a moment ago.",
			im->move->service);
		return MP_BUSY;
	}
	if (rc == MP_EXISTS) {
		mp_store_say(reterr, 256, "The store of %s holds other data.", im->move->service);
		return MP_CONFLICT;
	}
	return move_failed(rc, "The store cannot be written", reterr);
}

/* --- beginning --- */

static enum mp_rc must_be_empty(struct import *im, char reterr[256])
{
	const char *cursor = NULL;
	struct mp_page page;

	do {
		enum mp_rc rc = move_scan(im->move, cursor, im->arena, &page, &cursor);
		if (rc != MP_OK)
			return move_failed(rc, "The store cannot be read", reterr);
		if (page.count > 0)
			return commit_failed(im, MP_EXISTS, reterr);
	} while (cursor != NULL);
	return MP_OK;
}

static enum mp_rc begin(struct import *im, char reterr[256])
{
	char digest[MP_SHA256_HEX_SIZE];
	struct mp_txn txn;

	mp_hex(im->moved.sum.digest, sizeof(im->moved.sum.digest), digest);
	enum mp_rc rc = read_mark(im->move, im->arena, &im->mark);
	if (rc != MP_OK)
		return move_failed(rc, "The store cannot be read", reterr);
	if (im->mark.version > 0) {
		im->moved.resumed = true;
		if (strcmp(im->mark.digest, digest) == 0)
			return MP_OK;
		mp_store_say(reterr, 256,
			"The store of %s holds an import of another file that was not finished.",
			im->move->service);
		return MP_CONFLICT;
	}
	rc = must_be_empty(im, reterr);
	if (rc != MP_OK)
		return rc;
	memcpy(im->mark.digest, digest, sizeof(digest));
	mp_txn_begin(&txn, im->move->store, im->arena);
	put_mark(im, &txn, 0);
	rc = commit(im, &txn, 1);
	if (rc == MP_EXISTS)
		rc = MP_STALE; /* the mark is not other data */
	if (rc == MP_OK)
		im->mark.version = 1;
	return rc == MP_OK ? rc : commit_failed(im, rc, reterr);
}

/* --- writing --- */

/* Fills the transaction with the next items. *out_ended: those were the last. */
static enum mp_rc fill(struct import *im, struct move_reader *reader, struct mp_txn *txn,
	bool *out_ended, char reterr[256])
{
	enum move_line kind = MOVE_ITEM;
	size_t bytes = 0;
	struct mp_item *item;

	while (txn->count < BATCH_ITEMS && bytes < BATCH_BYTES) {
		enum mp_rc rc = move_read_line(reader, &kind, reterr);
		if (rc != MP_OK)
			return rc;
		*out_ended = kind == MOVE_END || kind == MOVE_NOTHING;
		if (*out_ended)
			break;
		if (kind == MOVE_PAGE)
			continue;
		rc = mp_item_from_json(reader->json, im->arena, &item);
		if (rc != MP_OK)
			return rc;
		mp_txn_restore(txn, item);
		bytes += reader->line.len;
	}
	return txn->rc;
}

static enum mp_rc write_batch(
	struct import *im, struct move_reader *reader, bool *out_ended, char reterr[256])
{
	struct mp_txn txn;

	mp_arena_reset(im->arena);
	mp_txn_begin(&txn, im->move->store, im->arena);
	enum mp_rc rc = fill(im, reader, &txn, out_ended, reterr);
	if (rc != MP_OK)
		return move_failed(rc, "The file cannot be read", reterr);
	put_mark(im, &txn, reader->offset);
	rc = commit(im, &txn, im->mark.version + 1);
	if (rc != MP_OK)
		return commit_failed(im, rc, reterr);
	im->mark.version++;
	return MP_OK;
}

static enum mp_rc write_all(struct import *im, char reterr[256])
{
	const struct mp_move *move = im->move;
	struct move_reader reader;
	bool ended = false;
	enum mp_rc rc = MP_OK;

	if (fseeko(im->file, im->mark.offset, SEEK_SET) != 0) {
		mp_store_say(reterr, 256, "%s cannot be read: %s.", move->path, strerror(errno));
		return MP_UNAVAILABLE;
	}
	move_reader_init(&reader, im->file, move->path, im->mark.offset);
	if (im->mark.offset == 0)
		rc = move_read_header(&reader, move->service, reterr);
	while (rc == MP_OK && !ended)
		rc = write_batch(im, &reader, &ended, reterr);
	move_reader_done(&reader);
	return rc;
}

/* --- ending --- */

static enum mp_rc end(struct import *im, char reterr[256])
{
	struct mp_txn txn;
	bool equal;

	enum mp_rc rc =
		move_compare(im->move, im->file, im->move->path, &equal, &im->moved, reterr);
	if (rc != MP_OK)
		return rc;
	if (!equal) {
		mp_store_say(reterr, 256,
			"The store of %s differs from the file: it must not be used; empty it, and "
			"import again.",
			im->move->service);
		return MP_CONFLICT;
	}
	mp_arena_reset(im->arena);
	mp_txn_begin(&txn, im->move->store, im->arena);
	mp_txn_remove(&txn, MOVE_PK, MOVE_SK, im->mark.version);
	rc = commit(im, &txn, 0);
	return rc == MP_OK ? rc : commit_failed(im, rc, reterr);
}

static enum mp_rc run(struct import *im, char reterr[256])
{
	struct mp_items_sum lasting;

	/* The whole file first: nothing is written of one that is damaged. */
	enum mp_rc rc = move_sum_file(
		im->move, im->file, im->move->path, 0, &im->moved.sum, &lasting, reterr);
	if (rc == MP_OK)
		rc = begin(im, reterr);
	if (rc == MP_OK)
		rc = write_all(im, reterr);
	return rc == MP_OK ? end(im, reterr) : rc;
}

enum mp_rc mp_import(const struct mp_move *move, struct mp_moved *out_moved, char reterr[256])
{
	struct import im = {.move = move,
		.file = fopen(move->path, "re"),
		.arena = mp_arena_new(MOVE_ARENA_BYTES)};
	enum mp_rc rc = MP_NOMEM;

	reterr[0] = '\0';
	if (im.file == NULL) {
		mp_store_say(reterr, 256, "%s cannot be read: %s.", move->path, strerror(errno));
		rc = MP_UNAVAILABLE;
	} else if (im.arena != NULL) {
		rc = run(&im, reterr);
	}
	if (im.file != NULL)
		(void)fclose(im.file);
	mp_arena_free(im.arena);
	if (rc != MP_OK)
		return move_failed(rc, "The import stopped", reterr);
	*out_moved = im.moved;
	return MP_OK;
}
