#include "http_server/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/form.h"
#include "base/text.h"

/*
 * Patterns are split once, when the server opens. A path is split at its slashes as it came, then
 * each segment is decoded, once: an encoded slash could mean one thing to the gateway and another
 * here, so it is refused, as is a NUL.
 */

/* --- percent-encoding --- */

/* MP_INVALID: a broken escape, not UTF-8, a control character; in a path also "/" and "\". */
enum mp_rc http_percent_decode(
	struct mp_arena *arena, const char *text, size_t len, bool is_path, const char **out_text)
{
	const char *decoded = NULL;

	enum mp_rc rc = mp_percent_decode(arena, text, len, &decoded);
	if (rc != MP_OK)
		return rc;
	for (const char *at = decoded; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return MP_INVALID;
		if (is_path && (*at == '/' || *at == '\\'))
			return MP_INVALID;
	}
	*out_text = decoded;
	return MP_OK;
}

/* --- patterns --- */

static enum mp_rc bad_route(const struct mp_route *spec, const char *why, char reterr[256])
{
	enum mp_rc fits = mp_text_format(reterr, 256, "route %.10s %.100s: %.100s",
		spec->method == NULL ? "?" : spec->method, spec->path == NULL ? "?" : spec->path,
		why);

	assert(fits == MP_OK);
	return MP_INVALID;
}

/* "/v1/payments/{id}" into its segments; false when it is not a pattern. */
static bool split_pattern(struct route *route)
{
	const char *at = route->spec->path;
	size_t params_count = 0;

	while (*at == '/') {
		size_t len = strcspn(at + 1, "/");
		if (len == 0 || route->segments_count == HTTP_SEGMENTS_MAX)
			return false;
		struct segment segment = {.text = at + 1, .len = len};
		if (at[1] == '{') {
			if (len < 3 || at[len] != '}' || ++params_count > HTTP_PARAMS_MAX)
				return false;
			segment =
				(struct segment){.text = at + 2, .len = len - 2, .is_param = true};
		}
		route->segments[route->segments_count++] = segment;
		at += len + 1;
	}
	return *at == '\0' && route->segments_count > 0;
}

static bool same_shape(const struct route *a, const struct route *b)
{
	if (strcmp(a->spec->method, b->spec->method) != 0 || a->segments_count != b->segments_count)
		return false;
	for (size_t i = 0; i < a->segments_count; i++) {
		const struct segment *x = &a->segments[i];
		const struct segment *y = &b->segments[i];
		if (x->is_param != y->is_param)
			return false;
		if (!x->is_param && (x->len != y->len || memcmp(x->text, y->text, x->len) != 0))
			return false;
	}
	return true;
}

static enum mp_rc compile(
	struct mp_http_server *server, const struct mp_route *spec, void *ctx, char reterr[256])
{
	struct route *route = &server->routes[server->routes_count];

	*route = (struct route){.spec = spec, .ctx = ctx};
	if (spec->method == NULL || spec->path == NULL || spec->handler == NULL)
		return bad_route(spec, "has no method, path or handler", reterr);
	if (!split_pattern(route))
		return bad_route(spec, "is not a path of segments", reterr);
	if (spec->auth == MP_AUTH_SERVICE && spec->scope == NULL)
		return bad_route(spec, "is for services, but names no scope", reterr);
	if (spec->key != MP_KEY_NONE && spec->auth != MP_AUTH_USER)
		return bad_route(spec, "takes an Idempotency-Key, but not from users", reterr);
	for (size_t i = 0; i < server->routes_count; i++) {
		if (same_shape(&server->routes[i], route))
			return bad_route(spec, "is there twice", reterr);
	}
	route->body_bytes_max =
		spec->body_bytes_max == 0 ? HTTP_BODY_BYTES_USUAL : spec->body_bytes_max;
	if (server->arena_bytes_max < HTTP_ARENA_BYTES + 3 * route->body_bytes_max)
		server->arena_bytes_max = HTTP_ARENA_BYTES + 3 * route->body_bytes_max;
	http_observe_open(route);
	server->routes_count++;
	return MP_OK;
}

enum mp_rc http_routes_compile(struct mp_http_server *server, char reterr[256])
{
	static const struct mp_route unmatched = {.method = "any", .path = "unmatched"};
	const struct mp_http_server_config *config = &server->config;

	server->unmatched = (struct route){.spec = &unmatched};
	server->unmatched.body_bytes_max = HTTP_BODY_BYTES_USUAL;
	http_observe_open(&server->unmatched);
	server->routes =
		calloc(config->routes_count + http_builtin_routes_count, sizeof(*server->routes));
	if (server->routes == NULL)
		return MP_NOMEM;
	for (size_t i = 0; i < http_builtin_routes_count; i++) {
		enum mp_rc rc = compile(server, &http_builtin_routes[i], server, reterr);
		if (rc != MP_OK)
			return rc;
	}
	for (size_t i = 0; i < config->routes_count; i++) {
		enum mp_rc rc = compile(server, &config->routes[i], config->ctx, reterr);
		if (rc != MP_OK)
			return rc;
	}
	return MP_OK;
}

/* --- finding --- */

struct path {
	const char *segments[HTTP_SEGMENTS_MAX];
	size_t lens[HTTP_SEGMENTS_MAX];
	size_t count;
	bool too_long;
};

static enum mp_rc split_path(struct mp_request *req, const char *url, struct path *path)
{
	const char *at = url;

	while (*at == '/') {
		const char *start = at + 1;
		size_t len = strcspn(start, "/");
		at = start + len;
		if (path->count == HTTP_SEGMENTS_MAX) {
			path->too_long = true;
			return MP_OK;
		}
		enum mp_rc rc = http_percent_decode(
			req->arena, start, len, true, &path->segments[path->count]);
		if (rc != MP_OK)
			return rc;
		path->lens[path->count] = strlen(path->segments[path->count]);
		path->count++;
	}
	return *at == '\0' && path->count > 0 ? MP_OK : MP_INVALID;
}

static bool path_matches(const struct route *route, const struct path *path)
{
	if (path->too_long || route->segments_count != path->count)
		return false;
	for (size_t i = 0; i < path->count; i++) {
		const struct segment *segment = &route->segments[i];
		if (segment->is_param) {
			if (path->lens[i] == 0)
				return false;
		} else if (segment->len != path->lens[i] ||
			   memcmp(segment->text, path->segments[i], segment->len) != 0) {
			return false;
		}
	}
	return true;
}

/* "/wallets/me" goes before "/wallets/{id}": at the first difference the fixed text wins. */
static bool is_more_exact(const struct route *a, const struct route *b)
{
	for (size_t i = 0; i < a->segments_count; i++) {
		if (a->segments[i].is_param != b->segments[i].is_param)
			return b->segments[i].is_param;
	}
	return false;
}

static bool method_matches(const struct route *route, const char *method)
{
	if (strcmp(route->spec->method, method) == 0)
		return true;
	return strcmp(method, "HEAD") == 0 && strcmp(route->spec->method, "GET") == 0;
}

/* Another route of the same method, before this one, matches, too. */
static bool is_told(const struct mp_http_server *server, const struct path *path,
	const char *method, size_t before)
{
	for (size_t i = 0; i < before; i++) {
		if (strcmp(server->routes[i].spec->method, method) == 0 &&
			path_matches(&server->routes[i], path))
			return true;
	}
	return false;
}

static enum mp_rc refuse_method(struct mp_request *req, const struct path *path)
{
	struct mp_http_server *server = req->server;
	char allow[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < server->routes_count; i++) {
		const char *method = server->routes[i].spec->method;
		const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
		if (!path_matches(&server->routes[i], path) || is_told(server, path, method, i))
			continue;
		if (mp_text_format(allow + len, sizeof(allow) - len, "%s%s", len > 0 ? ", " : "",
			    more) != MP_OK)
			break;
		len = strlen(allow);
	}
	if (len == 0)
		return http_refuse(
			req, 0, "not_found", "There is nothing at this address.", MP_NOT_FOUND);
	if (mp_response_header(&req->res, "Allow", allow) != MP_OK)
		return MP_NOMEM;
	return http_refuse(req, 405, "method_not_allowed",
		"This address does not know that method; the header Allow lists those that it "
		"knows.",
		MP_INVALID);
}

static void take_params(struct mp_request *req, const struct path *path)
{
	const struct route *route = req->route;

	for (size_t i = 0; i < route->segments_count; i++) {
		const struct segment *segment = &route->segments[i];
		if (segment->is_param)
			req->params[req->params_count++] = (struct param){.name = segment->text,
				.name_len = segment->len,
				.value = path->segments[i]};
	}
}

enum mp_rc http_route_find(struct mp_request *req, const char *url)
{
	struct mp_http_server *server = req->server;
	struct route *best = NULL;
	struct path path = {0};

	enum mp_rc rc = split_path(req, url, &path);
	if (rc == MP_INVALID)
		return http_refuse(req, 400, "malformed_path",
			"The path has a broken %-escape, a control character, or an escaped / or "
			"\\.",
			MP_INVALID);
	if (rc != MP_OK)
		return rc;
	for (size_t i = 0; i < server->routes_count; i++) {
		struct route *route = &server->routes[i];
		if (method_matches(route, req->method) && path_matches(route, &path) &&
			(best == NULL || is_more_exact(route, best)))
			best = route;
	}
	if (best == NULL)
		return refuse_method(req, &path);
	req->route = best;
	take_params(req, &path);
	return MP_OK;
}
