#include "http_server/internal.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* What is refused before a handler sees it, cheapest first. */

/* --- the query --- */

static enum mp_rc refuse_query(struct mp_request *req, const char *detail)
{
	return http_refuse(req, 400, "malformed_query", detail, MP_INVALID);
}

static enum MHD_Result on_arg(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
	const char *value, size_t value_len)
{
	struct mp_request *req = cls;
	struct param arg;

	if (req->args_count == HTTP_ARGS_MAX) {
		req->early_rc = refuse_query(req,
			mp_arena_printf(req->arena,
				"The query has more than %d fields: send fewer.", HTTP_ARGS_MAX));
		return MHD_NO;
	}
	enum mp_rc rc = http_percent_decode(req->arena, name, name_len, false, &arg.name);
	if (rc == MP_OK)
		rc = http_percent_decode(
			req->arena, value, value == NULL ? 0 : value_len, false, &arg.value);
	if (rc == MP_INVALID)
		rc = refuse_query(req, "The query has a broken %-escape or a control character.");
	if (rc != MP_OK) {
		req->early_rc = rc;
		return MHD_NO;
	}
	arg.name_len = strlen(arg.name);
	req->args[req->args_count++] = arg;
	return MHD_YES;
}

static enum mp_rc read_query(struct mp_request *req)
{
	(void)MHD_get_connection_values_n(req->conn->mhd, MHD_GET_ARGUMENT_KIND, on_arg, req);
	return req->early_rc;
}

/* --- who calls --- */

/* "Bearer" and one token68 (RFC 9110 section 11.2), nothing around it. */
static bool bearer_of(const char *authorization, const char **out_token, size_t *out_len)
{
	static const char scheme[] = "Bearer ";
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-._~+/";

	if (authorization == NULL || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return false;
	const char *token = authorization + sizeof(scheme) - 1;
	size_t len = strspn(token, alphabet);
	size_t padding = strspn(token + len, "=");
	if (len == 0 || token[len + padding] != '\0')
		return false;
	*out_token = token;
	*out_len = len + padding;
	return true;
}

/* alternatives: "wallet:transfer|wallet:audit" */
static bool has_one_scope(const char *scopes, const char *alternatives)
{
	for (const char *at = alternatives;; at++) {
		size_t len = strcspn(at, "|");
		if (mp_text_has_word(scopes, at, len))
			return true;
		at += len;
		if (*at == '\0')
			return false;
	}
}

/* "a|b" reads "a or b". */
static enum mp_rc refuse_scope(struct mp_request *req, const char *alternatives)
{
	char scopes[160];
	size_t len = 0;

	for (const char *at = alternatives; *at != '\0'; at += *at == '|') {
		size_t word = strcspn(at, "|");
		if (mp_text_format(scopes + len, sizeof(scopes) - len, "%s%.*s",
			    len > 0 ? " or " : "", (int)word, at) != MP_OK)
			break;
		len += strlen(scopes + len);
		at += word;
	}
	return http_refuse(req, 0, "forbidden",
		mp_arena_printf(
			req->arena, "The token lacks the scope %s, which this call needs.", scopes),
		MP_FORBIDDEN);
}

static enum mp_rc check_bearer(struct mp_request *req)
{
	const struct mp_verifier *verifier = &req->server->config.verifier;
	const struct mp_route *spec = req->route->spec;
	struct mp_principal principal = {0};
	const char *token;
	size_t len;

	if (!bearer_of(req->headers.authorization, &token, &len))
		return MP_UNAUTHENTICATED;
	if (verifier->verify == NULL)
		return MP_BUG;
	enum mp_rc rc = verifier->verify(verifier->ctx, spec->auth, token, len, &principal);
	if (rc == MP_UNAVAILABLE || rc == MP_NOMEM)
		return rc;
	if (rc != MP_OK)
		return MP_UNAUTHENTICATED; /* an unknown key is no better than a wrong signature */
	if (spec->auth == MP_AUTH_SERVICE && !has_one_scope(principal.scopes, spec->scope))
		return refuse_scope(req, spec->scope);
	req->principal = principal;
	return MP_OK;
}

/* A browser adds the cookie to anybody's request; these two only our own pages can send. */
static enum mp_rc check_same_origin(struct mp_request *req)
{
	const char *origin = req->headers.origin;
	const char *requested_with = req->headers.requested_with;

	if (req->server->origin == NULL || origin == NULL ||
		strcmp(origin, req->server->origin) != 0 || requested_with == NULL ||
		requested_with[0] == '\0') {
		mp_request_problem(req, "forbidden",
			"This call needs our own Origin and the header X-Requested-With.");
		return MP_FORBIDDEN;
	}
	return MP_OK;
}

static enum mp_rc check_caller(struct mp_request *req)
{
	switch (req->route->spec->auth) {
	case MP_AUTH_NONE:
		return MP_OK;
	case MP_AUTH_USER:
	case MP_AUTH_SERVICE:
		return check_bearer(req);
	case MP_AUTH_COOKIE:
		return check_same_origin(req);
	}
	return MP_BUG;
}

/* --- the idempotency key --- */

static enum mp_rc check_key(struct mp_request *req)
{
	const char *key = req->headers.idempotency_key;

	if (req->route->spec->key == MP_KEY_NONE)
		return MP_OK;
	if (key == NULL) {
		if (req->route->spec->key == MP_KEY_ACCEPTED)
			return MP_OK;
		return http_refuse(req, 400, "idempotency_key_required",
			"This call needs the header Idempotency-Key.", MP_INVALID);
	}
	size_t len = strnlen(key, MP_IDEMPOTENCY_KEY_MAX + 1);
	bool printable = true;
	for (size_t i = 0; i < len; i++)
		printable = printable && key[i] >= 0x20 && key[i] < 0x7f;
	if (len == 0 || len > MP_IDEMPOTENCY_KEY_MAX || !printable)
		return http_refuse(req, 400, "idempotency_key_malformed",
			"An Idempotency-Key has 1 to 255 printable ASCII characters.", MP_INVALID);
	return MP_OK;
}

enum mp_rc http_check(struct mp_request *req, const char *url, size_t header_bytes)
{
	if (header_bytes > HTTP_HEADER_BYTES_MAX) {
		req->close_after = true;
		return http_refuse(req, 431, "headers_too_large",
			mp_arena_printf(req->arena,
				"The address and the header fields are larger than %u KiB "
				"together: send fewer or shorter ones.",
				HTTP_HEADER_BYTES_MAX / 1024),
			MP_TOO_LARGE);
	}
	enum mp_rc rc = http_route_find(req, url);
	if (rc == MP_OK)
		rc = read_query(req);
	if (rc == MP_OK)
		rc = check_caller(req);
	if (rc == MP_OK)
		rc = check_key(req);
	return rc;
}
