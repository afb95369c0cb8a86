#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "http_server/internal.h"
#include "store/codec.h"

/*
 * Cursors: whatever text comes, it is one that a list gave out or it is refused. The input is taken
 * as a cursor, and as a sort key of which the cursor must come back as it was.
 */
static struct mp_http_server server = {.arena_bytes_max = 1 << 20};
static struct connection conn;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

static enum mp_rc read_cursor(const char *cursor, struct mp_arena *arena, const char **out_after)
{
	const char *after = NULL;
	size_t limit;
	struct mp_request *req = http_request_new(&server, &conn);

	FUZZ_CHECK(req != NULL);
	req->args[req->args_count++] = (struct param){"cursor", strlen("cursor"), cursor};
	enum mp_rc rc = mp_request_page(req, &limit, &after);
	FUZZ_CHECK(rc == MP_OK || (rc == MP_INVALID && req->errors_count == 1));
	*out_after = after == NULL ? NULL : mp_arena_strdup(arena, after);
	http_request_unref(req);
	return rc;
}

static void check_key(const char *sk, struct mp_arena *arena)
{
	struct mp_request *req = http_request_new(&server, &conn);
	char reason[160] = "";
	const char *after;
	json_t *json = NULL;

	FUZZ_CHECK(req != NULL);
	FUZZ_CHECK(mp_response_list(&req->res, json_array(), sk) == MP_OK);
	FUZZ_CHECK(mp_json_parse(req->res.body, req->res.body_len, &json, reason) == MP_OK);
	const char *cursor = json_string_value(json_object_get(json, "next_cursor"));
	FUZZ_CHECK(cursor != NULL && read_cursor(cursor, arena, &after) == MP_OK);
	FUZZ_CHECK(strcmp(after, sk) == 0);
	json_decref(json);
	http_request_unref(req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_arena *arena = fuzz_arena();
	struct fuzz_input input;
	const char *after;

	fuzz_split(data, size, &input);
	if (read_cursor(input.line, arena, &after) == MP_OK)
		FUZZ_CHECK(after != NULL && !mp_text_has_control(after));
	if (mp_key_is_valid(input.line) && !mp_text_has_control(input.line))
		check_key(input.line, arena);
	return 0;
}
