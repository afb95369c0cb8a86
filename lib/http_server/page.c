#include "http_server/internal.h"

#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "store/item.h"

/*
 * A cursor is base64url of the last sort key and the first bytes of a hash over it. The hash is no
 * secret: a cursor opens nothing that its bearer may not list from the beginning. It keeps cursors
 * whole: what was cut, mistyped or made up is told so.
 */
#define LIMIT_USUAL 20
#define LIMIT_MAX 100
#define CHECK_BYTES 6
#define CURSOR_TEXT_MAX ((MP_KEY_BYTES_MAX + CHECK_BYTES + 2) / 3 * 4)

static void check_of(const char *sk, size_t len, uint8_t out_check[CHECK_BYTES])
{
	uint8_t hash[MP_SHA256_BYTES];

	mp_sha256(sk, len, hash);
	memcpy(out_check, hash, CHECK_BYTES);
}

static enum mp_rc cursor_decode(struct mp_arena *arena, const char *text, const char **out_after)
{
	uint8_t bytes[MP_KEY_BYTES_MAX + CHECK_BYTES + 3];
	uint8_t check[CHECK_BYTES];
	size_t text_len = strnlen(text, CURSOR_TEXT_MAX + 1);
	size_t len;

	if (text_len > CURSOR_TEXT_MAX ||
		mp_base64url_decode(text, text_len, bytes, sizeof(bytes), &len) != MP_OK ||
		len <= CHECK_BYTES || len > MP_KEY_BYTES_MAX + CHECK_BYTES)
		return MP_INVALID;
	const char *sk = (const char *)bytes + CHECK_BYTES;
	size_t sk_len = len - CHECK_BYTES;
	check_of(sk, sk_len, check);
	if (memcmp(check, bytes, CHECK_BYTES) != 0)
		return MP_INVALID;
	char *after = mp_arena_strndup(arena, sk, sk_len);
	if (after == NULL)
		return MP_NOMEM;
	if (strlen(after) != sk_len || mp_text_has_control(after))
		return MP_INVALID; /* not a sort key, so not from us */
	*out_after = after;
	return MP_OK;
}

static enum mp_rc cursor_encode(const char *after, char out_text[CURSOR_TEXT_MAX + 4])
{
	uint8_t bytes[MP_KEY_BYTES_MAX + CHECK_BYTES];
	size_t len = strlen(after);

	if (len == 0 || len > MP_KEY_BYTES_MAX)
		return MP_BUG;
	check_of(after, len, bytes);
	memcpy(bytes + CHECK_BYTES, after, len);
	mp_base64url(bytes, len + CHECK_BYTES, out_text, CURSOR_TEXT_MAX + 4);
	return MP_OK;
}

enum mp_rc mp_request_page(struct mp_request *req, size_t *out_limit, const char **out_after)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	const char *limit_text = mp_request_query(req, "limit");
	const char *cursor = mp_request_query(req, "cursor");
	int64_t limit = LIMIT_USUAL;
	const char *after = NULL;
	enum mp_rc rc = MP_OK;

	if (limit_text != NULL &&
		(mp_text_to_int(limit_text, &limit) != MP_OK || limit < 1 || limit > LIMIT_MAX)) {
		errors->add(errors->ctx, "limit", "must be a number from 1 to 100");
		rc = MP_INVALID;
	}
	if (cursor != NULL) {
		enum mp_rc decoded = cursor_decode(req->arena, cursor, &after);
		if (decoded == MP_INVALID)
			errors->add(errors->ctx, "cursor", "is not one that a list gave out");
		if (decoded != MP_OK)
			rc = decoded;
	}
	if (rc != MP_OK)
		return rc;
	*out_limit = (size_t)limit;
	*out_after = after;
	return MP_OK;
}

enum mp_rc mp_response_list(struct mp_response *res, json_t *items, const char *after)
{
	char cursor[CURSOR_TEXT_MAX + 4];
	json_t *json = json_object();

	if (json_object_set_new(json, "items", items) != 0)
		goto failed;
	if (after != NULL && cursor_encode(after, cursor) != MP_OK) {
		json_decref(json);
		return MP_BUG;
	}
	if (mp_json_set_text(json, "next_cursor", after == NULL ? NULL : cursor) != 0)
		goto failed;
	return mp_response_json(res, 200, json);
failed:
	json_decref(json);
	return MP_NOMEM;
}
