#include "base/clock.h"
#include "user_http.h"

/*
 * POST /v1/operations/republish: a page of all users is told again, for those who lost what they
 * knew of them. Events' ids and versions are as they were: who knows a user already learns nothing.
 */
enum mp_rc post_republish(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	const char *cursor = NULL;
	const char *next = NULL;
	struct mp_json_reader r;
	json_t *body = NULL;
	struct user *users = NULL;
	size_t told = 0;
	int failed = 0;

	enum mp_rc rc = mp_request_json(req, &body);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, body, "", mp_request_field_errors(req));
	mp_json_read_text_or_null(&r, "cursor", 1, 1024, &cursor);
	rc = mp_json_read_end(&r);
	if (rc == MP_OK) {
		rc = user_db_tell_again(&app->db, mp_request_arena(req), cursor, mp_clock_ms(),
			&users, &told, &next);
		if (rc == MP_INVALID && cursor != NULL) {
			mp_json_read_begin(&r, body, "", mp_request_field_errors(req));
			mp_json_read_refuse(&r, "cursor", "is not one that was given out here");
		}
	}
	if (rc != MP_OK)
		return rc;
	json_t *ids = json_array();
	for (size_t i = 0; i < told; i++)
		failed |= json_array_append_new(ids, json_string(users[i].id.text));
	json_t *json = json_object();
	failed |= mp_json_set_int(json, "told", (int64_t)told);
	failed |= json_object_set_new(json, "users", ids);
	failed |= mp_json_set_text(json, "next_cursor", next);
	if (failed == 0)
		return mp_response_json(res, 200, json);
	json_decref(json);
	return MP_NOMEM;
}
