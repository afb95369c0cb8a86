#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "store/engine.h"
#include "store/move_internal.h"

#define PATH_SIZE 4096

struct export
{
	const struct mp_move *move;
	char part[PATH_SIZE]; /* the file in the making */
	FILE *file;
	char *cursor; /* owned; NULL: from the beginning */
	bool ended;   /* the last line is there */
	struct mp_moved moved;
};

static enum mp_rc cannot_write(const struct export *e, char reterr[256])
{
	mp_store_say(reterr, 256, "%s cannot be written: %s.", e->part, strerror(errno));
	return MP_UNAVAILABLE;
}

/* --- what an earlier call left --- */

static enum mp_rc read_lines(
	struct export *e, struct move_reader *reader, int64_t *out_keep, char reterr[256])
{
	enum move_line kind = MOVE_ITEM;

	while (kind != MOVE_NOTHING) {
		enum mp_rc rc = move_read_line(reader, &kind, reterr);
		if (rc != MP_OK)
			return rc;
		if (kind != MOVE_PAGE && kind != MOVE_END)
			continue;
		*out_keep = reader->offset;
		e->moved.sum = reader->sum;
		e->ended = kind == MOVE_END;
		free(e->cursor);
		e->cursor = kind == MOVE_PAGE ? strdup(move_line_cursor(reader)) : NULL;
		if (kind == MOVE_PAGE && e->cursor == NULL)
			return MP_NOMEM;
	}
	return MP_OK;
}

/* Keeps all up to the last page that is whole. */
static enum mp_rc go_on(struct export *e, char reterr[256])
{
	struct move_reader reader;
	int64_t keep = 0;

	move_reader_init(&reader, e->file, e->part, 0);
	enum mp_rc rc = move_read_header(&reader, e->move->service, reterr);
	if (rc == MP_OK) {
		keep = reader.offset;
		e->moved.resumed = true;
		rc = read_lines(e, &reader, &keep, reterr);
	}
	move_reader_done(&reader);
	if (rc == MP_CORRUPT)
		mp_store_say(reterr, 256,
			"%.180s is damaged: remove it, and export from the beginning.", e->part);
	if (rc == MP_OK &&
		(ftruncate(fileno(e->file), keep) != 0 || fseeko(e->file, keep, SEEK_SET) != 0))
		return cannot_write(e, reterr);
	return rc;
}

static enum mp_rc open_part(struct export *e, char reterr[256])
{
	if (mp_text_format(e->part, sizeof(e->part), "%s.part", e->move->path) != MP_OK) {
		mp_store_say(reterr, 256, "The file's name is too long.");
		return MP_INVALID;
	}
	if (access(e->move->path, F_OK) == 0) {
		mp_store_say(reterr, 256, "%s is there already.", e->move->path);
		return MP_EXISTS;
	}
	int fd = open(e->part, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	e->file = fd < 0 ? NULL : fdopen(fd, "r+");
	if (e->file == NULL)
		return cannot_write(e, reterr);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		mp_store_say(reterr, 256, "%s is written by another process.", e->part);
		return MP_CONFLICT;
	}
	if (fseeko(e->file, 0, SEEK_END) != 0)
		return cannot_write(e, reterr);
	if (ftello(e->file) == 0)
		return move_write_header(e->file, e->move->service) ? MP_OK
								    : cannot_write(e, reterr);
	rewind(e->file);
	return go_on(e, reterr);
}

/* --- writing --- */

static enum mp_rc write_page(
	struct export *e, const struct mp_page *page, struct mp_buf *line, char reterr[256])
{
	for (size_t i = 0; i < page->count; i++) {
		mp_buf_clear(line);
		mp_item_add_line(line, page->items[i]);
		if (mp_buf_rc(line) != MP_OK)
			return mp_buf_rc(line);
		if (!move_write_item(e->file, line, &e->moved.sum))
			return cannot_write(e, reterr);
	}
	return MP_OK;
}

static enum mp_rc write_pages(
	struct export *e, struct mp_arena *arena, struct mp_buf *line, char reterr[256])
{
	struct mp_page page;
	const char *cursor;

	do {
		mp_arena_reset(arena);
		enum mp_rc rc = move_scan(e->move, e->cursor, arena, &page, &cursor);
		if (rc != MP_OK)
			return move_failed(rc, "The store cannot be read", reterr);
		rc = write_page(e, &page, line, reterr);
		if (rc != MP_OK)
			return rc;
		free(e->cursor);
		e->cursor = cursor == NULL ? NULL : strdup(cursor);
		if (cursor != NULL && e->cursor == NULL)
			return MP_NOMEM;
		if (cursor != NULL &&
			(!move_write_page(e->file, cursor, &e->moved.sum) || fflush(e->file) != 0))
			return cannot_write(e, reterr);
	} while (e->cursor != NULL);
	return move_write_end(e->file, &e->moved.sum) ? MP_OK : cannot_write(e, reterr);
}

static enum mp_rc write_all(struct export *e, char reterr[256])
{
	struct mp_arena *arena = mp_arena_new(MOVE_ARENA_BYTES);
	struct mp_buf line;

	mp_buf_init(&line, MP_ITEM_LINE_MAX);
	enum mp_rc rc = arena == NULL ? MP_NOMEM : write_pages(e, arena, &line, reterr);
	if (rc == MP_OK && (fflush(e->file) != 0 || fsync(fileno(e->file)) != 0))
		rc = cannot_write(e, reterr);
	mp_buf_done(&line);
	mp_arena_free(arena);
	return rc;
}

/* --- the whole --- */

/* What another process wrote meanwhile may be in the file by half. */
static enum mp_rc must_not_have_changed(struct export *e, char reterr[256])
{
	bool equal;
	enum mp_rc rc = move_compare(e->move, e->file, e->part, &equal, &e->moved, reterr);

	if (rc != MP_OK || equal)
		return rc;
	(void)unlink(e->part);
	mp_store_say(reterr, 256,
		"The data of %s changed while it was exported: stop every process of it, and "
		"export again.",
		e->move->service);
	return MP_CONFLICT;
}

static bool sync_folder(const char *path)
{
	char folder[PATH_SIZE] = ".";
	const char *slash = strrchr(path, '/');

	if (slash != NULL && mp_text_format(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1,
				     path) != MP_OK)
		return false;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool synced = fsync(fd) == 0;
	(void)close(fd);
	return synced;
}

static enum mp_rc run(struct export *e, char reterr[256])
{
	enum mp_rc rc = mp_move_check_finished(e->move->store);

	if (rc == MP_CONFLICT)
		mp_store_say(reterr, 256,
			"The data of %s is an import that was not finished: finish it first.",
			e->move->service);
	if (rc == MP_OK)
		rc = open_part(e, reterr);
	if (rc == MP_OK && !e->ended)
		rc = write_all(e, reterr);
	if (rc == MP_OK)
		rc = must_not_have_changed(e, reterr);
	if (rc == MP_OK && (rename(e->part, e->move->path) != 0 || !sync_folder(e->move->path)))
		rc = cannot_write(e, reterr);
	return rc == MP_OK ? rc : move_failed(rc, "The export stopped", reterr);
}

enum mp_rc mp_export(const struct mp_move *move, struct mp_moved *out_moved, char reterr[256])
{
	struct export e = {.move = move};

	reterr[0] = '\0';
	enum mp_rc rc = run(&e, reterr);
	if (e.file != NULL && fclose(e.file) != 0 && rc == MP_OK)
		rc = cannot_write(&e, reterr);
	free(e.cursor);
	if (rc == MP_OK)
		*out_moved = e.moved;
	return rc;
}
