#include "http_server/republish.h"

#include "json/json.h"

#define CURSOR_BYTES_MAX 1024

enum mp_rc mp_republish(
	struct mp_request *req, struct mp_response *res, mp_tell_again tell, void *ctx)
{
	const char *cursor = NULL;
	const char *next = NULL;
	struct mp_json_reader r;
	struct mp_id user_id;
	json_t *body = NULL;
	int64_t from_ms = 0;
	size_t told = 0;

	enum mp_rc rc = mp_request_json(req, &body);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, body, "", mp_request_field_errors(req));
	mp_json_read_id(&r, "user_id", &user_id);
	mp_json_read_time(&r, "from", &from_ms);
	mp_json_read_text_or_null(&r, "cursor", 1, CURSOR_BYTES_MAX, &cursor);
	rc = mp_json_read_end(&r);
	if (rc != MP_OK)
		return rc;
	rc = tell(ctx, mp_request_arena(req), &user_id, from_ms, cursor, &told, &next);
	if (rc == MP_INVALID && cursor != NULL) {
		mp_json_read_begin(&r, body, "", mp_request_field_errors(req));
		mp_json_read_refuse(&r, "cursor", "is not one that was given out here");
	}
	if (rc != MP_OK)
		return rc;
	json_t *json = json_object();
	if (mp_json_set_int(json, "told", (int64_t)told) == 0 &&
		mp_json_set_text(json, "next_cursor", next) == 0)
		return mp_response_json(res, 200, json);
	json_decref(json);
	return MP_NOMEM;
}
