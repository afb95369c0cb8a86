#include "store/move_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "json/json.h"
#include "store/engine.h"

#define LINE_DEPTH_MAX 32 /* an item's maps and lists in turn, in two members */
#define CHUNK_BYTES 65536

/* --- writing --- */

static bool write_line(FILE *file, json_t *json)
{
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	bool written = text != NULL && fputs(text, file) >= 0 && fputc('\n', file) != EOF;

	free(text);
	json_decref(json);
	return written;
}

bool move_write_header(FILE *file, const char *service)
{
	return write_line(
		file, json_pack("{s:i, s:s}", "moneypal_export", MOVE_FORMAT, "service", service));
}

bool move_write_item(FILE *file, struct mp_buf *line, struct mp_items_sum *sum)
{
	mp_items_sum_add(sum, line->data, line->len);
	return fwrite(line->data, line->len, 1, file) == 1 && fputc('\n', file) != EOF;
}

static json_t *totals(const struct mp_items_sum *sum)
{
	char hex[MP_SHA256_HEX_SIZE];

	mp_hex(sum->digest, sizeof(sum->digest), hex);
	return json_pack("{s:I, s:s}", "items", (json_int_t)sum->count, "digest", hex);
}

bool move_write_page(FILE *file, const char *cursor, const struct mp_items_sum *sum)
{
	json_t *page = totals(sum);

	if (page == NULL || json_object_set_new(page, "cursor", json_string(cursor)) != 0) {
		json_decref(page);
		return false;
	}
	return write_line(file, json_pack("{s:o}", "page", page));
}

bool move_write_end(FILE *file, const struct mp_items_sum *sum)
{
	return write_line(file, json_pack("{s:o}", "end", totals(sum)));
}

/* --- reading --- */

void move_reader_init(struct move_reader *reader, FILE *file, const char *path, int64_t offset)
{
	*reader = (struct move_reader){
		.file = file, .path = path, .offset = offset, .summed = offset == 0};
	mp_buf_init(&reader->line, MP_ITEM_LINE_MAX);
}

void move_reader_done(struct move_reader *reader)
{
	mp_buf_done(&reader->line);
	json_decref(reader->json);
	reader->json = NULL;
}

/* MP_NOT_FOUND: no whole line is left. */
static enum mp_rc next_line(struct move_reader *reader)
{
	char chunk[CHUNK_BYTES];

	mp_buf_clear(&reader->line);
	while (fgets(chunk, sizeof(chunk), reader->file) != NULL) {
		size_t len = strlen(chunk);
		bool whole = len > 0 && chunk[len - 1] == '\n';
		enum mp_rc rc = mp_buf_add(&reader->line, chunk, whole ? len - 1 : len);
		if (rc != MP_OK)
			return rc == MP_TOO_LARGE ? MP_CORRUPT : rc;
		if (!whole)
			continue;
		reader->offset += (int64_t)reader->line.len + 1;
		return MP_OK;
	}
	return ferror(reader->file) ? MP_UNAVAILABLE : MP_NOT_FOUND;
}

static enum mp_rc damaged(const struct move_reader *reader, char reterr[256])
{
	mp_store_say(reterr, 256, "%s is damaged before byte %lld.", reader->path,
		(long long)reader->offset);
	return MP_CORRUPT;
}

/* MP_OK with the line's JSON; MP_NOT_FOUND at the end. */
static enum mp_rc next_json(struct move_reader *reader, char reterr[256])
{
	char reason[160];

	json_decref(reader->json);
	reader->json = NULL;
	enum mp_rc rc = next_line(reader);
	if (rc == MP_OK)
		rc = mp_json_parse_within(mp_buf_text(&reader->line), reader->line.len,
			LINE_DEPTH_MAX, &reader->json, reason);
	if (rc == MP_INVALID || rc == MP_CORRUPT)
		return damaged(reader, reterr);
	if (rc != MP_OK && rc != MP_NOT_FOUND)
		mp_store_say(reterr, 256, "%s cannot be read: %s.", reader->path,
			rc == MP_UNAVAILABLE ? strerror(errno) : mp_rc_name(rc));
	return rc;
}

enum mp_rc move_read_header(struct move_reader *reader, const char *service, char reterr[256])
{
	enum mp_rc rc = next_json(reader, reterr);

	if (rc != MP_OK && rc != MP_NOT_FOUND && rc != MP_CORRUPT)
		return rc;
	const json_t *format = json_object_get(reader->json, "moneypal_export");
	const char *whose = json_string_value(json_object_get(reader->json, "service"));
	if (!json_is_integer(format) || whose == NULL) {
		mp_store_say(reterr, 256, "%s is no export of MoneyPal.", reader->path);
		return MP_CORRUPT;
	}
	if (json_integer_value(format) > MOVE_FORMAT) {
		mp_store_say(reterr, 256,
			"%s has format %lld; this program knows up to %d: use an mpctl at least as "
			"new as the one that wrote it.",
			reader->path, (long long)json_integer_value(format), MOVE_FORMAT);
		return MP_INVALID;
	}
	if (strcmp(whose, service) != 0) {
		mp_store_say(reterr, 256, "%s is an export of %.40s, not of %s.", reader->path,
			whose, service);
		return MP_CONFLICT;
	}
	return MP_OK;
}

static bool totals_fit(const struct move_reader *reader, const json_t *totals)
{
	char hex[MP_SHA256_HEX_SIZE];
	const char *digest = json_string_value(json_object_get(totals, "digest"));

	if (!reader->summed)
		return true;
	mp_hex(reader->sum.digest, sizeof(reader->sum.digest), hex);
	return json_integer_value(json_object_get(totals, "items")) == reader->sum.count &&
	       digest != NULL && strcmp(digest, hex) == 0;
}

const char *move_line_cursor(const struct move_reader *reader)
{
	const json_t *page = json_object_get(reader->json, "page");

	return json_string_value(json_object_get(page, "cursor"));
}

enum mp_rc move_read_line(struct move_reader *reader, enum move_line *out_kind, char reterr[256])
{
	enum mp_rc rc = next_json(reader, reterr);

	if (rc == MP_NOT_FOUND) {
		*out_kind = MOVE_NOTHING;
		return MP_OK;
	}
	if (rc != MP_OK)
		return rc;
	const json_t *page = json_object_get(reader->json, "page");
	const json_t *end = json_object_get(reader->json, "end");
	if (json_object_get(reader->json, "pk") != NULL) {
		mp_items_sum_add(&reader->sum, reader->line.data, reader->line.len);
		*out_kind = MOVE_ITEM;
		return MP_OK;
	}
	if (page != NULL && totals_fit(reader, page) && move_line_cursor(reader) != NULL) {
		*out_kind = MOVE_PAGE;
		return MP_OK;
	}
	if (end != NULL && totals_fit(reader, end)) {
		*out_kind = MOVE_END;
		return MP_OK;
	}
	return damaged(reader, reterr);
}
