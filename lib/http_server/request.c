#include "http_server/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* --- a request's life --- */

static void add_field_error(void *ctx, const char *field, const char *message)
{
	struct mp_request *req = ctx;
	struct field_error *error;

	if (req->errors_count == HTTP_FIELD_ERRORS_MAX)
		return;
	error = mp_arena_alloc(req->arena, sizeof(*error));
	if (error == NULL)
		return; /* the request is refused all the same */
	error->field = mp_arena_strdup(req->arena, field);
	error->message = mp_arena_strdup(req->arena, message);
	if (error->field == NULL || error->message == NULL)
		return;
	*req->errors_end = error;
	req->errors_end = &error->next;
	req->errors_count++;
}

/* All that belongs to one request, as it is before the first byte of the next. */
static void begin(struct mp_request *req)
{
	req->route = &req->server->unmatched;
	req->method = NULL;
	req->path = NULL;
	req->headers = (struct known_headers){0};
	req->params_count = 0;
	req->args_count = 0;
	req->principal = (struct mp_principal){0};
	req->body = NULL;
	req->body_len = 0;
	req->body_capacity = 0;
	req->body_bytes_seen = 0;
	req->json = NULL;
	req->early_rc = MP_OK;
	req->rc = MP_OK;
	req->problem_status = 0;
	req->problem_name = NULL;
	req->problem_detail = NULL;
	req->errors = NULL;
	req->errors_end = &req->errors;
	req->errors_count = 0;
	req->address[0] = '\0';
	req->close_after = false;
	req->was_detached = false;
	req->dispatched = false;
	req->detached_in_handler = NULL;
	req->answer = NULL;
	http_response_begin(req);
	atomic_store(&req->stage, STAGE_READING);
}

struct mp_request *http_request_new(struct mp_http_server *server, struct connection *conn)
{
	struct mp_request *req = calloc(1, sizeof(*req));

	if (req == NULL)
		return NULL;
	req->arena = mp_arena_new(server->arena_bytes_max);
	if (req->arena == NULL) {
		free(req);
		return NULL;
	}
	req->server = server;
	req->conn = conn;
	req->field_errors = (struct mp_field_errors){.add = add_field_error, .ctx = req};
	atomic_init(&req->refs, 1);
	begin(req);
	return req;
}

void http_request_reset(struct mp_request *req)
{
	http_stream_leave(&req->res);
	json_decref(req->json);
	mp_arena_reset(req->arena);
	begin(req);
}

void http_request_unref(struct mp_request *req)
{
	if (req == NULL || atomic_fetch_sub(&req->refs, 1) != 1)
		return;
	http_stream_leave(&req->res);
	json_decref(req->json);
	mp_arena_free(req->arena);
	free(req);
}

/* --- what handlers read --- */

struct mp_arena *mp_request_arena(struct mp_request *req)
{
	return req->arena;
}

const struct mp_principal *mp_request_principal(const struct mp_request *req)
{
	return &req->principal;
}

struct mp_response *mp_request_response(struct mp_request *req)
{
	return &req->res;
}

const struct mp_field_errors *mp_request_field_errors(struct mp_request *req)
{
	return &req->field_errors;
}

static const char *find(const struct param *params, size_t count, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < count; i++) {
		if (params[i].name_len == len && memcmp(params[i].name, name, len) == 0)
			return params[i].value;
	}
	return NULL;
}

const char *mp_request_param(const struct mp_request *req, const char *name)
{
	return find(req->params, req->params_count, name);
}

const char *mp_request_method(const struct mp_request *req)
{
	return req->method;
}

const char *mp_request_path(const struct mp_request *req)
{
	return req->path;
}

const char *mp_request_query_at(const struct mp_request *req, size_t index, const char **out_value)
{
	if (index >= req->args_count)
		return NULL;
	*out_value = req->args[index].value;
	return req->args[index].name;
}

const char *mp_request_query(struct mp_request *req, const char *name)
{
	return find(req->args, req->args_count, name);
}

const char *mp_request_header(struct mp_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->conn->mhd, MHD_HEADER_KIND, name);
}

const char *mp_request_cookie(struct mp_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->conn->mhd, MHD_COOKIE_KIND, name);
}

const char *mp_request_body(const struct mp_request *req, size_t *out_len)
{
	*out_len = req->body_len;
	return req->body == NULL ? "" : req->body;
}

enum mp_rc mp_request_param_id(struct mp_request *req, const char *name, struct mp_id *out_id)
{
	return mp_id_parse(mp_request_param(req, name), out_id) ? MP_OK : MP_NOT_FOUND;
}

/* Hashes of the parts are hashed, so that no two requests have one text in another division. */
static void digest_of(const struct mp_request *req, char out_hex[MP_SHA256_HEX_SIZE])
{
	uint8_t parts[3][MP_SHA256_BYTES];
	size_t body_len;
	const char *body = mp_request_body(req, &body_len);

	mp_sha256(req->method, strlen(req->method), parts[0]);
	mp_sha256(req->path, strlen(req->path), parts[1]);
	mp_sha256(body, body_len, parts[2]);
	mp_sha256_hex(parts, sizeof(parts), out_hex);
}

void mp_request_idempotency(struct mp_request *req, struct mp_idempotency *out)
{
	bool wanted = req->route->spec->key != MP_KEY_NONE;

	*out = (struct mp_idempotency){
		.caller = req->principal.subject,
		.key = wanted ? req->headers.idempotency_key : NULL,
	};
	if (out->key != NULL)
		digest_of(req, out->digest);
}

enum mp_rc mp_request_json(struct mp_request *req, json_t **out_json)
{
	char reason[160] = "";
	size_t len;
	const char *body = mp_request_body(req, &len);

	if (req->json != NULL) {
		*out_json = req->json;
		return MP_OK;
	}
	if (!http_media_type_is_json(req->headers.content_type))
		return http_refuse(req, 415, "unsupported_media_type",
			"The body must be sent as application/json.", MP_INVALID);
	enum mp_rc rc = mp_json_parse(body, len, &req->json, reason);
	if (rc == MP_INVALID) {
		mp_request_problem(req, "malformed_json", reason);
		req->problem_status = 400;
	}
	if (rc != MP_OK)
		return rc;
	if (!json_is_object(req->json)) {
		json_decref(req->json);
		req->json = NULL;
		return http_refuse(
			req, 0, "invalid", "The body must be a JSON object.", MP_INVALID);
	}
	*out_json = req->json;
	return MP_OK;
}
