#include "user_http.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "json/json.h"
#include "names.h"

#define COOKIE "moneypal_refresh"
#define COOKIE_SIZE 256

/* --- the cookie --- */

/* An empty token takes the cookie back. */
static enum mp_rc set_cookie(
	const struct user_app *app, struct mp_response *res, const char *token, int64_t life_s)
{
	char cookie[COOKIE_SIZE];

	enum mp_rc rc = mp_text_format(cookie, sizeof(cookie),
		COOKIE "=%s; Max-Age=%lld; Path=/v1/sessions; HttpOnly; SameSite=Strict%s", token,
		(long long)life_s, app->cookie_secure ? "; Secure" : "");
	return rc == MP_OK ? mp_response_header(res, "Set-Cookie", cookie) : MP_BUG;
}

/* --- answers --- */

static json_t *grant_to_json(const struct session_grant *grant, const char *access_token)
{
	json_t *json = json_object();

	if (mp_json_set_text(json, "access_token", access_token) != 0 ||
		mp_json_set_text(json, "token_type", "Bearer") != 0 ||
		mp_json_set_int(json, "expires_in", ACCESS_TOKEN_LIFE_S) != 0 ||
		json_object_set_new(json, "user", user_to_json(&grant->user)) != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static enum mp_rc answer_grant(const struct user_app *app, struct mp_response *res, unsigned status,
	const struct session_grant *grant, int64_t now_ms)
{
	char access_token[MP_JWT_TEXT_MAX];

	enum mp_rc rc = tokens_sign_user(
		app->tokens, &grant->user.id, &grant->session_id, now_ms, access_token);
	if (rc == MP_OK)
		rc = set_cookie(app, res, grant->refresh_token, SESSION_LIFE_S);
	if (rc != MP_OK)
		return rc;
	return mp_response_json(res, status, grant_to_json(grant, access_token));
}

/* --- POST /v1/sessions --- */

struct logging_on {
	struct mp_request *req;
	struct user_app *app;
	const char *user_name;
	const char *password;
	struct throttle_try try;
};

/* What throttle.h refuses. */
static enum mp_rc refuse_for(struct mp_request *req, struct mp_response *res, int64_t wait_s)
{
	char seconds[24];

	enum mp_rc rc = mp_text_format(seconds, sizeof(seconds), "%lld", (long long)wait_s);
	if (rc == MP_OK)
		rc = mp_response_header(res, "Retry-After", seconds);
	if (rc != MP_OK)
		return rc;
	mp_request_problem(req, "too_many_tries",
		"There were too many wrong passwords; wait a little and try again.");
	return MP_TOO_MANY;
}

static enum mp_rc log_on_and_answer(struct logging_on *job)
{
	const struct user_app *app = job->app;
	struct mp_arena *arena = mp_request_arena(job->req);
	const int64_t now_ms = mp_clock_ms();
	struct session_grant grant;
	int64_t wait_s = 0;

	enum mp_rc rc =
		throttle_begin(app->db.store, &app->throttle, arena, &job->try, now_ms, &wait_s);
	if (rc == MP_TOO_MANY)
		return refuse_for(job->req, mp_request_response(job->req), wait_s);
	if (rc != MP_OK)
		return rc;
	rc = session_log_on(
		&app->db, &app->passwords, arena, job->user_name, job->password, now_ms, &grant);
	throttle_end(app->db.store, &app->throttle, arena, &job->try, now_ms, rc);
	if (rc == MP_UNAUTHENTICATED)
		mp_request_problem(job->req, "wrong_credentials",
			"The user name and the password do not match.");
	if (rc != MP_OK)
		return rc;
	return answer_grant(app, mp_request_response(job->req), 201, &grant, now_ms);
}

static void run_logging_on(void *arg)
{
	struct logging_on *job = arg;

	mp_request_finish(job->req, log_on_and_answer(job));
}

static enum mp_rc credentials_from_request(struct mp_request *req, struct logging_on *job)
{
	struct mp_json_reader r;
	json_t *json = NULL;

	enum mp_rc rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	/* The bounds alone: a name or password that nobody can have is wrong, not malformed. */
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	mp_json_read_text(&r, "user_name", 1, PASSWORD_BYTES_MAX, &job->user_name);
	mp_json_read_text(&r, "password", 1, PASSWORD_BYTES_MAX, &job->password);
	return mp_json_read_end(&r);
}

enum mp_rc post_session(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	struct logging_on *job = mp_arena_alloc(mp_request_arena(req), sizeof(*job));

	if (job == NULL)
		return MP_NOMEM;
	enum mp_rc rc = credentials_from_request(req, job);
	if (rc != MP_OK)
		return rc;
	job->req = req;
	job->app = app;
	throttle_try_init(&job->try, THROTTLE_NAME, job->user_name, mp_request_address(req));
	mp_request_detach(req);
	rc = lane_submit(app->lane, run_logging_on, job);
	return rc == MP_OK ? MP_PENDING : rc;
}

/* --- with the cookie --- */

enum mp_rc post_session_refresh(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	const int64_t now_ms = mp_clock_ms();
	struct session_grant grant;

	enum mp_rc rc = session_refresh(
		&app->db, mp_request_arena(req), mp_request_cookie(req, COOKIE), now_ms, &grant);
	if (rc == MP_UNAUTHENTICATED) {
		refuse_ended(req);
		enum mp_rc rc_cookie = set_cookie(app, res, "", 0);
		if (rc_cookie != MP_OK)
			return rc_cookie;
	}
	if (rc != MP_OK)
		return rc;
	return answer_grant(app, res, 200, &grant, now_ms);
}

enum mp_rc delete_session(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;

	enum mp_rc rc = session_end(
		&app->db, mp_request_arena(req), mp_request_cookie(req, COOKIE), mp_clock_ms());
	if (rc == MP_OK)
		rc = set_cookie(app, res, "", 0);
	if (rc != MP_OK)
		return rc;
	return mp_response_empty(res, 204);
}

/* --- with the access token --- */

enum mp_rc delete_sessions(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	struct mp_id user_id, session_id;

	enum mp_rc rc = caller_in_session(req, app, &user_id, &session_id);
	if (rc == MP_OK)
		rc = session_end_all(
			&app->db, mp_request_arena(req), &user_id, &session_id, mp_clock_ms());
	if (rc == MP_OK)
		rc = set_cookie(app, res, "", 0);
	if (rc != MP_OK)
		return rc;
	return mp_response_empty(res, 204);
}

struct changing_password {
	struct mp_request *req;
	struct user_app *app;
	const char *current;
	const char *fresh;
	struct throttle_try try;
};

static enum mp_rc change_password_and_answer(struct changing_password *job)
{
	const struct user_app *app = job->app;
	struct mp_arena *arena = mp_request_arena(job->req);
	struct mp_response *res = mp_request_response(job->req);
	const int64_t now_ms = mp_clock_ms();
	struct mp_id user_id, session_id;
	int64_t wait_s = 0;

	enum mp_rc rc = caller_in_session(job->req, app, &user_id, &session_id);
	if (rc == MP_OK)
		rc = throttle_begin(
			app->db.store, &app->throttle, arena, &job->try, now_ms, &wait_s);
	if (rc == MP_TOO_MANY)
		return refuse_for(job->req, res, wait_s);
	if (rc != MP_OK)
		return rc;
	rc = session_change_password(&app->db, &app->passwords, arena, &user_id, &session_id,
		job->current, job->fresh, now_ms);
	throttle_end(app->db.store, &app->throttle, arena, &job->try, now_ms, rc);
	if (rc == MP_UNAUTHENTICATED) { /* the token is fine: a field is not */
		const struct mp_field_errors *errors = mp_request_field_errors(job->req);

		errors->add(errors->ctx, "current_password", "is not your password");
		return MP_INVALID;
	}
	if (rc == MP_CONFLICT)
		mp_request_problem(job->req, "conflict",
			"The password was changed by another call at the same moment: log on with "
			"the new one.");
	return rc == MP_OK ? mp_response_empty(res, 204) : rc;
}

static void run_changing_password(void *arg)
{
	struct changing_password *job = arg;

	mp_request_finish(job->req, change_password_and_answer(job));
}

static enum mp_rc passwords_from_request(struct mp_request *req, struct changing_password *job)
{
	struct mp_json_reader r;
	json_t *json = NULL;

	enum mp_rc rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	mp_json_read_text(&r, "current_password", 1, PASSWORD_BYTES_MAX, &job->current);
	read_ruled(&r, "new_password", 1, PASSWORD_BYTES_MAX, password_fault, &job->fresh);
	return mp_json_read_end(&r);
}

enum mp_rc post_password(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	struct changing_password *job = mp_arena_alloc(mp_request_arena(req), sizeof(*job));
	struct mp_id user_id;

	if (job == NULL)
		return MP_NOMEM;
	enum mp_rc rc = caller_id(req, &user_id);
	if (rc == MP_OK)
		rc = passwords_from_request(req, job);
	if (rc != MP_OK)
		return rc;
	job->req = req;
	job->app = app;
	/* By id: whoever guesses at the log-on does not slow down the change, nor the other way. */
	throttle_try_init(&job->try, THROTTLE_ID, user_id.text, mp_request_address(req));
	mp_request_detach(req);
	rc = lane_submit(app->lane, run_changing_password, job);
	return rc == MP_OK ? MP_PENDING : rc;
}
