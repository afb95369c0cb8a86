#include "http_server/internal.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/*
 * A response is filled by the handler's thread, in the request's arena, and becomes
 * libmicrohttpd's only when it is sent: so that whoever finishes many at once does little.
 */
#define JSON_BYTES_FIRST 1024

void http_response_begin(struct mp_request *req)
{
	req->res = (struct mp_response){.req = req};
	req->res.headers_end = &req->res.headers;
}

/* --- bodies --- */

struct json_writer {
	struct mp_arena *arena;
	char *bytes;
	size_t len;
	size_t capacity;
};

static int write_json(const char *bytes, size_t len, void *ctx)
{
	struct json_writer *writer = ctx;

	if (len > writer->capacity - writer->len) {
		size_t capacity = 2 * (writer->capacity + len);
		char *more = mp_arena_alloc(writer->arena, capacity);
		if (more == NULL)
			return -1;
		memcpy(more, writer->bytes, writer->len);
		writer->bytes = more;
		writer->capacity = capacity;
	}
	memcpy(writer->bytes + writer->len, bytes, len);
	writer->len += len;
	return 0;
}

enum mp_rc mp_response_json(struct mp_response *res, unsigned status, json_t *json)
{
	struct json_writer writer = {.arena = res->req->arena, .capacity = JSON_BYTES_FIRST};
	int failed = -1;

	if (json == NULL)
		return MP_NOMEM;
	writer.bytes = mp_arena_alloc(writer.arena, writer.capacity);
	if (writer.bytes != NULL)
		failed = json_dump_callback(json, write_json, &writer, JSON_COMPACT);
	json_decref(json);
	if (failed != 0)
		return MP_NOMEM;
	res->status = status;
	res->content_type = "application/json";
	res->body = writer.bytes;
	res->body_len = writer.len;
	return MP_OK;
}

enum mp_rc mp_response_body(struct mp_response *res, unsigned status, const char *content_type,
	const char *bytes, size_t len)
{
	char *copy = mp_arena_alloc(res->req->arena, len);

	if (copy == NULL)
		return MP_NOMEM;
	if (len > 0)
		memcpy(copy, bytes, len);
	res->status = status;
	res->content_type = content_type;
	res->body = copy;
	res->body_len = len;
	return MP_OK;
}

enum mp_rc mp_response_empty(struct mp_response *res, unsigned status)
{
	res->status = status;
	res->content_type = NULL;
	res->body = NULL;
	res->body_len = 0;
	return MP_OK;
}

/* --- header fields --- */

enum mp_rc mp_response_header(struct mp_response *res, const char *name, const char *value)
{
	if (name == NULL || value == NULL || mp_text_has_control(name) ||
		mp_text_has_control(value))
		return MP_BUG; /* a line break here would be a second header */

	struct header_out *header = mp_arena_alloc(res->req->arena, sizeof(*header));
	if (header == NULL)
		return MP_NOMEM;
	header->name = mp_arena_strdup(res->req->arena, name);
	header->value = mp_arena_strdup(res->req->arena, value);
	if (header->name == NULL || header->value == NULL)
		return MP_NOMEM;
	*res->headers_end = header;
	res->headers_end = &header->next;
	return MP_OK;
}

bool http_response_has(const struct mp_response *res, const char *name)
{
	for (const struct header_out *h = res->headers; h != NULL; h = h->next) {
		if (strcasecmp(h->name, name) == 0)
			return true;
	}
	return false;
}

void mp_response_hang_up(struct mp_response *res)
{
	res->hang_up = true;
}

/* --- sending --- */

static bool add(struct MHD_Response *out, const char *name, const char *value)
{
	return MHD_add_response_header(out, name, value) == MHD_YES;
}

static bool add_all(struct MHD_Response *out, const struct mp_request *req)
{
	const struct mp_response *res = &req->res;
	bool closing = req->close_after || atomic_load(&req->server->closing);
	bool good = add(out, "X-Content-Type-Options", "nosniff");

	if (res->content_type != NULL)
		good = good && add(out, "Content-Type", res->content_type);
	if (!http_response_has(res, "Cache-Control"))
		good = good && add(out, "Cache-Control", "no-store");
	if (closing)
		good = good && add(out, "Connection", "close");
	for (const struct header_out *h = res->headers; h != NULL; h = h->next)
		good = good && add(out, h->name, h->value);
	return good;
}

/* The body stays in the arena, which lives until libmicrohttpd says that the request is over. */
static struct MHD_Response *response_of_body(const struct mp_response *res)
{
	return MHD_create_response_from_buffer(
		res->body_len, (void *)(uintptr_t)res->body, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result http_send(struct mp_request *req)
{
	const struct mp_response *res = &req->res;
	enum MHD_Result queued = MHD_NO;

	if (res->hang_up)
		return MHD_NO;
	struct MHD_Response *out =
		res->stream != NULL ? http_stream_response(req) : response_of_body(res);

	if (out == NULL)
		return MHD_NO;
	if (add_all(out, req))
		queued = MHD_queue_response(req->conn->mhd, res->status, out);
	MHD_destroy_response(out);
	return queued;
}

struct MHD_Response *http_abandoned_new(void)
{
	static const char body[] =
		"{\"type\":\"/problems/unknown_outcome\",\"title\":\"Unknown outcome\","
		"\"status\":503,"
		"\"detail\":\"The service is restarting: it is not known whether this was done.\"}";
	struct MHD_Response *out = MHD_create_response_from_buffer(
		sizeof(body) - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);

	if (out == NULL)
		return NULL;
	if (!add(out, "Content-Type", "application/problem+json") ||
		!add(out, "X-Content-Type-Options", "nosniff") ||
		!add(out, "Cache-Control", "no-store") || !add(out, "Retry-After", "1") ||
		!add(out, "Connection", "close")) {
		MHD_destroy_response(out);
		return NULL;
	}
	return out;
}
