#include "user_http.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "form.h"
#include "json/json.h"

/* How this endpoint refuses (RFC 6749 section 5.2): not a problem body, OAuth clients read this. */
struct oauth_error {
	unsigned status;
	const char *name;
	const char *description;
};

static const struct oauth_error malformed = {
	400, "invalid_request", "The body must be one application/x-www-form-urlencoded form."};
static const struct oauth_error two_credentials = {
	400, "invalid_request", "The client must authenticate in one way only."};
static const struct oauth_error wrong_grant = {
	400, "unsupported_grant_type", "grant_type must be client_credentials."};
static const struct oauth_error wrong_client = {
	401, "invalid_client", "Client and secret do not match."};
static const struct oauth_error wrong_scope = {
	400, "invalid_scope", "The client may not have that scope."};

static enum mp_rc refuse(struct mp_response *res, const struct oauth_error *error)
{
	json_t *json = json_object();

	if (mp_json_set_text(json, "error", error->name) != 0 ||
		mp_json_set_text(json, "error_description", error->description) != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	if (error->status == 401 &&
		mp_response_header(res, "WWW-Authenticate", "Basic realm=\"moneypal\"") != MP_OK) {
		json_decref(json);
		return MP_NOMEM;
	}
	return mp_response_json(res, error->status, json);
}

struct token_request {
	const char *client_id;
	const char *secret;
	const char *grant_type;
	const char *scope; /* NULL: all that the client may have */
};

static bool is_form(const char *content_type)
{
	static const char form[] = "application/x-www-form-urlencoded";
	const size_t len = sizeof(form) - 1;

	return content_type != NULL && strncasecmp(content_type, form, len) == 0 &&
	       (content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ');
}

/* MP_INVALID: *reterr_error says it. */
static enum mp_rc read_request(
	struct mp_request *req, struct token_request *out, const struct oauth_error **reterr_error)
{
	size_t len = 0;
	const char *body = mp_request_body(req, &len);
	struct token_request request = {0};
	struct form form;

	*reterr_error = &malformed;
	if (!is_form(mp_request_header(req, "Content-Type")))
		return MP_INVALID;
	enum mp_rc rc = form_parse(mp_request_arena(req), body, len, &form);
	if (rc != MP_OK)
		return rc;
	rc = basic_parse(mp_request_arena(req), mp_request_header(req, "Authorization"),
		&request.client_id, &request.secret);
	if (rc == MP_INVALID)
		*reterr_error = &wrong_client;
	if (rc == MP_OK && form_value(&form, "client_secret") != NULL) {
		*reterr_error = &two_credentials;
		return MP_INVALID;
	}
	if (rc == MP_NOT_FOUND) {
		request.client_id = form_value(&form, "client_id");
		request.secret = form_value(&form, "client_secret");
	} else if (rc != MP_OK) {
		return rc;
	}
	request.grant_type = form_value(&form, "grant_type");
	request.scope = form_value(&form, "scope");
	*out = request;
	return MP_OK;
}

static enum mp_rc answer_token(const struct user_app *app, struct mp_response *res,
	const char *client_id, const char *scopes)
{
	char token[MP_JWT_TEXT_MAX];
	json_t *json;

	enum mp_rc rc = tokens_sign_service(app->tokens, client_id, scopes, mp_clock_ms(), token);
	if (rc != MP_OK)
		return rc;
	json = json_object();
	if (mp_json_set_text(json, "access_token", token) != 0 ||
		mp_json_set_text(json, "token_type", "Bearer") != 0 ||
		mp_json_set_int(json, "expires_in", ACCESS_TOKEN_LIFE_S) != 0 ||
		mp_json_set_text(json, "scope", scopes) != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	return mp_response_json(res, 200, json);
}

/* OAuth 2.0 client credentials (RFC 6749 section 4.4). */
enum mp_rc post_token(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	const struct oauth_error *error = NULL;
	struct token_request request;
	const char *granted = NULL;

	enum mp_rc rc = read_request(req, &request, &error);
	if (rc == MP_INVALID)
		return refuse(res, error);
	if (rc != MP_OK)
		return rc;
	if (request.client_id == NULL || request.secret == NULL ||
		clients_authenticate(app->clients, request.client_id, request.secret, &granted) !=
			MP_OK)
		return refuse(res, &wrong_client);
	if (request.grant_type == NULL || strcmp(request.grant_type, "client_credentials") != 0)
		return refuse(res, &wrong_grant);
	if (request.scope != NULL && !clients_scopes_within(request.scope, granted))
		return refuse(res, &wrong_scope);
	return answer_token(
		app, res, request.client_id, request.scope == NULL ? granted : request.scope);
}

enum mp_rc get_jwks(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	json_t *jwks = NULL;

	enum mp_rc rc = tokens_jwks(app->tokens, &jwks);
	if (rc != MP_OK)
		return rc;
	rc = mp_response_header(res, "Cache-Control", "public, max-age=60");
	if (rc != MP_OK) {
		json_decref(jwks);
		return rc;
	}
	return mp_response_json(res, 200, jwks);
}

/* Gives up the key that signs for the next one; what was signed with it stays valid. */
enum mp_rc post_rotation(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	json_t *jwks = NULL;
	char seconds[24];
	int64_t wait_s = 0;

	enum mp_rc rc = tokens_rotate(app->tokens, mp_clock_ms(), &wait_s);
	if (rc == MP_CONFLICT) {
		if (mp_text_format(seconds, sizeof(seconds), "%lld", (long long)wait_s) != MP_OK)
			return MP_BUG;
		mp_request_problem(req, "too_early",
			"Not every verifier may know the next key yet; try again a little later.");
		rc = mp_response_header(res, "Retry-After", seconds);
		return rc == MP_OK ? MP_CONFLICT : rc;
	}
	if (rc == MP_OK)
		rc = tokens_jwks(app->tokens, &jwks);
	return rc == MP_OK ? mp_response_json(res, 200, jwks) : rc;
}
