#ifndef MP_STORE_MOVE_FILE_H
#define MP_STORE_MOVE_FILE_H

#include <stdio.h>

#include "store/move.h"

/* The file of a move (move.h), line by line. For lib/store's own files. */
#define MOVE_FORMAT 1

enum move_line {
	MOVE_ITEM,
	MOVE_PAGE,
	MOVE_END,
	MOVE_NOTHING, /* the file ends here, perhaps within a line */
};

struct move_reader {
	FILE *file; /* borrowed */
	const char *path;
	struct mp_buf line; /* as it stands, without its newline */
	json_t *json;	    /* the line; owned */
	int64_t offset;	    /* behind the line */
	bool summed;	    /* from the beginning: totals in the file must be those of sum */
	struct mp_items_sum sum;
};

/* Lines from where the file stands. offset is that place. */
void move_reader_init(struct move_reader *reader, FILE *file, const char *path, int64_t offset);
void move_reader_done(struct move_reader *reader);

/* The first line. MP_CORRUPT: not ours; MP_CONFLICT: another service's; MP_INVALID: newer. */
enum mp_rc move_read_header(
	struct move_reader *reader, const char *service, char reterr[256]) MP_MUST_CHECK;

/* MP_CORRUPT: not a line of ours, or totals that do not fit what stands before them. */
enum mp_rc move_read_line(
	struct move_reader *reader, enum move_line *out_kind, char reterr[256]) MP_MUST_CHECK;

/* Of a page's line: where a scan goes on. Borrowed. */
const char *move_line_cursor(const struct move_reader *reader);

/* False when the file takes no more. */
bool move_write_header(FILE *file, const char *service);
bool move_write_item(FILE *file, struct mp_buf *line, struct mp_items_sum *sum);
bool move_write_page(FILE *file, const char *cursor, const struct mp_items_sum *sum);
bool move_write_end(FILE *file, const struct mp_items_sum *sum);

#endif
