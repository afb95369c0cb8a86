#include "fuzz.h"

#include <string.h>

#include "store/item_json.h"
#include "store/move_file.h"

/* Exports of a store, as they are imported: an item that is taken is written as the same. */

#define LINE_BYTES_MAX (1u << 20)
#define LINE_DEPTH_MAX 32

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

static void check_again(const json_t *json)
{
	struct mp_arena *arena = fuzz_arena();
	struct mp_item *item = NULL, *again = NULL;
	struct mp_buf line, twice;
	json_t *parsed = NULL;
	char reason[160];

	enum mp_rc rc = mp_item_from_json(json, arena, &item);
	FUZZ_CHECK(rc == MP_OK || rc == MP_INVALID || rc == MP_TOO_LARGE || rc == MP_NOMEM);
	if (rc != MP_OK)
		return;
	mp_buf_init(&line, LINE_BYTES_MAX);
	mp_buf_init(&twice, LINE_BYTES_MAX);
	mp_item_add_line(&line, item);
	FUZZ_CHECK(mp_json_parse_within(
			   mp_buf_text(&line), line.len, LINE_DEPTH_MAX, &parsed, reason) == MP_OK);
	FUZZ_CHECK(mp_item_from_json(parsed, arena, &again) == MP_OK);
	mp_item_add_line(&twice, again);
	FUZZ_CHECK(again->version == item->version);
	FUZZ_CHECK(strcmp(mp_buf_text(&line), mp_buf_text(&twice)) == 0);
	json_decref(parsed);
	mp_buf_done(&line);
	mp_buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = tmpfile();
	enum move_line kind = MOVE_ITEM;
	struct move_reader reader;
	char reason[256] = "";

	FUZZ_CHECK(file != NULL && (size == 0 || fwrite(data, size, 1, file) == 1));
	rewind(file);
	move_reader_init(&reader, file, "fuzz", 0);
	enum mp_rc rc = move_read_header(&reader, "fuzz", reason);
	FUZZ_CHECK(rc == MP_OK || reason[0] != '\0');
	while (rc == MP_OK && kind != MOVE_END && kind != MOVE_NOTHING) {
		rc = move_read_line(&reader, &kind, reason);
		FUZZ_CHECK(rc == MP_OK || rc == MP_CORRUPT);
		if (rc == MP_OK && kind == MOVE_ITEM)
			check_again(reader.json);
	}
	move_reader_done(&reader);
	(void)fclose(file);
	return 0;
}
