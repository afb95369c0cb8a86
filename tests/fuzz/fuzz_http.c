#include "fuzz.h"

#include <string.h>

#include "base/text.h"

/* Bytes on a connection: framing, paths, queries, headers, keys, cursors, bodies. */

static void add_set_text(json_t *json, const char *name, const char *text)
{
	FUZZ_CHECK(text == NULL || mp_text_is_utf8(text, strlen(text)));
	FUZZ_CHECK(mp_json_set_text(json, name, text) == 0);
}

/* Reads all that a handler can read, and answers with it. */
static enum mp_rc echo(struct mp_request *req, struct mp_response *res, void *ctx)
{
	json_t *json = json_object();
	struct mp_idempotency key;
	const char *after = NULL;
	json_t *body = NULL;
	size_t limit = 0;

	add_set_text(json, "id", mp_request_param(req, "id"));
	add_set_text(json, "address", mp_request_address(req));
	for (size_t i = 0;; i++) {
		const char *value = NULL;
		const char *name = mp_request_query_at(req, i, &value);
		if (name == NULL)
			break;
		add_set_text(json, name, value);
	}
	(void)mp_request_cookie(req, "cookie");
	mp_request_idempotency(req, &key);
	enum mp_rc rc = mp_request_page(req, &limit, &after);
	if (rc == MP_OK) {
		FUZZ_CHECK(limit >= 1 && limit <= 100);
		add_set_text(json, "after", after);
	}
	if (rc == MP_OK && strcmp(mp_request_method(req), "POST") == 0)
		rc = mp_request_json(req, &body);
	if (rc == MP_OK)
		return mp_response_json(res, 200, json);
	json_decref(json);
	return rc;
}

/* A page of one, whose cursor is what the path says: what a list gives out, it takes back. */
static enum mp_rc list(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_response_list(res, json_array(), mp_request_param(req, "id"));
}

static const struct mp_route routes[] = {
	{"GET", "/v1/things/{id}", MP_AUTH_NONE, NULL, MP_KEY_NONE, MP_ROUTE_INLINE, 0, echo},
	{"GET", "/v1/lists/{id}", MP_AUTH_NONE, NULL, MP_KEY_NONE, MP_ROUTE_INLINE, 0, list},
	{"GET", "/v1/things/me", MP_AUTH_USER, NULL, MP_KEY_NONE, MP_ROUTE_INLINE, 0, echo},
	{"POST", "/v1/things", MP_AUTH_USER, NULL, MP_KEY_REQUIRED, MP_ROUTE_INLINE, 0, echo},
	{"POST", "/v1/things/{id}/same", MP_AUTH_COOKIE, NULL, MP_KEY_NONE, 0, 0, echo},
	{"PUT", "/v1/raw", MP_AUTH_NONE, NULL, MP_KEY_NONE, MP_ROUTE_INLINE, 64, echo},
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	fuzz_server_open(routes, sizeof(routes) / sizeof(routes[0]), NULL);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_server_send_raw(data, size);
	return 0;
}
