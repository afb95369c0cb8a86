#include "user_http.h"

#include <string.h>

#include "base/clock.h"
#include "json/json.h"
#include "names.h"

/* --- answers --- */

/* What anyone may know of a person. */
static json_t *person_to_json(const struct user *user)
{
	json_t *json = json_object();

	if (mp_json_set_id(json, "id", &user->id) != 0 ||
		mp_json_set_text(json, "user_name", user->user_name) != 0 ||
		mp_json_set_text(json, "first_name", user->first_name) != 0 ||
		mp_json_set_text(json, "last_name", user->last_name) != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *user_to_json(const struct user *user)
{
	json_t *json = person_to_json(user);

	if (json == NULL)
		return NULL;
	if (mp_json_set_text(json, "email", user->email[0] == '\0' ? NULL : user->email) != 0 ||
		mp_json_set_time(json, "created_at", user->created_at_ms) != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* --- reading --- */

void read_ruled(struct mp_json_reader *r, const char *name, size_t min, size_t max,
	const char *(*fault_of)(const char *text), const char **out_text)
{
	const char *text = NULL;
	const char *fault = NULL;

	mp_json_read_text(r, name, min, max, &text);
	if (text != NULL)
		fault = fault_of(text);
	if (fault != NULL)
		mp_json_read_refuse(r, name, fault);
	else if (text != NULL)
		*out_text = text;
}

static void read_person_name(struct mp_json_reader *r, const char *name, const char **out_text)
{
	read_ruled(r, name, 1, PERSON_NAME_BYTES_MAX, person_name_fault, out_text);
}

/* Optional. Absent: *out_email stays as it is; null: NULL. */
static void read_email(struct mp_json_reader *r, const char **out_email)
{
	const char *email = *out_email;
	const char *fault = NULL;

	mp_json_read_optional(r);
	mp_json_read_text_or_null(r, "email", EMAIL_MIN, EMAIL_MAX, &email);
	if (email != NULL && email != *out_email)
		fault = email_fault(email);
	if (fault != NULL)
		mp_json_read_refuse(r, "email", fault);
	else
		*out_email = email;
}

static enum mp_rc registration_from_request(struct mp_request *req, struct user_registration *out)
{
	struct user_registration registration = {0};
	struct mp_json_reader r;
	json_t *json = NULL;

	enum mp_rc rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	read_person_name(&r, "first_name", &registration.first_name);
	read_person_name(&r, "last_name", &registration.last_name);
	read_ruled(&r, "user_name", USER_NAME_MIN, USER_NAME_MAX, user_name_fault,
		&registration.user_name);
	read_ruled(&r, "password", 1, PASSWORD_BYTES_MAX, password_fault, &registration.password);
	read_email(&r, &registration.email);
	rc = mp_json_read_end(&r);
	if (rc == MP_OK)
		*out = registration;
	return rc;
}

static enum mp_rc change_from_request(struct mp_request *req, struct user_change *out)
{
	static const char as_it_is[] = "";
	struct user_change change = {.email = as_it_is};
	struct mp_json_reader r;
	json_t *json = NULL;

	enum mp_rc rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", mp_request_field_errors(req));
	mp_json_read_optional(&r);
	read_person_name(&r, "first_name", &change.first_name);
	mp_json_read_optional(&r);
	read_person_name(&r, "last_name", &change.last_name);
	read_email(&r, &change.email);
	change.sets_email = change.email != as_it_is;
	rc = mp_json_read_end(&r);
	if (rc == MP_OK)
		*out = change;
	return rc;
}

enum mp_rc caller_id(const struct mp_request *req, struct mp_id *out_id)
{
	return mp_id_parse(mp_request_principal(req)->subject, out_id) ? MP_OK : MP_UNAUTHENTICATED;
}

void refuse_ended(struct mp_request *req)
{
	mp_request_problem(req, "session_ended", "The session has ended: log on again.");
}

enum mp_rc caller_in_session(struct mp_request *req, const struct user_app *app,
	struct mp_id *out_id, struct mp_id *out_session_id)
{
	enum mp_rc rc = caller_id(req, out_id);

	if (rc == MP_OK && !mp_id_parse(mp_request_principal(req)->session, out_session_id))
		rc = MP_UNAUTHENTICATED;
	if (rc != MP_OK)
		return rc;
	rc = session_check(&app->db, mp_request_arena(req), out_id, out_session_id);
	if (rc == MP_UNAUTHENTICATED)
		refuse_ended(req);
	return rc;
}

/* --- POST /v1/users --- */

struct registering {
	struct mp_request *req;
	struct user_app *app;
	struct user_registration registration;
};

static enum mp_rc register_and_answer(struct registering *job)
{
	struct user_app *app = job->app;
	struct user user;

	enum mp_rc rc = user_register(&app->db, &app->passwords, mp_request_arena(job->req),
		&job->registration, mp_clock_ms(), &user);
	if (rc == MP_EXISTS) {
		mp_request_problem(job->req, "user_name_taken",
			"This user name is taken: please choose another.");
		return MP_CONFLICT;
	}
	if (rc == MP_OK)
		rc = mp_response_json(mp_request_response(job->req), 201, user_to_json(&user));
	if (rc == MP_UNKNOWN || rc == MP_NOMEM)
		mp_request_problem(
			job->req, "unknown_outcome", "Perhaps you are registered: try to log on.");
	return rc;
}

static void run_registering(void *arg)
{
	struct registering *job = arg;

	mp_request_finish(job->req, register_and_answer(job));
}

static enum mp_rc post_user(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	struct registering *job = mp_arena_alloc(mp_request_arena(req), sizeof(*job));

	if (job == NULL)
		return MP_NOMEM;
	enum mp_rc rc = registration_from_request(req, &job->registration);
	if (rc != MP_OK)
		return rc;
	job->req = req;
	job->app = app;
	mp_request_detach(req);
	rc = lane_submit(app->lane, run_registering, job);
	return rc == MP_OK ? MP_PENDING : rc;
}

/* --- the profile --- */

static enum mp_rc get_me(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	struct mp_id id;
	struct user user;

	enum mp_rc rc = caller_id(req, &id);
	if (rc == MP_OK)
		rc = user_get(&app->db, mp_request_arena(req), &id, &user);
	if (rc != MP_OK)
		return rc;
	return mp_response_json(res, 200, user_to_json(&user));
}

static enum mp_rc patch_me(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	struct user_change change;
	struct mp_id session_id;
	struct mp_id id;
	struct user user;

	enum mp_rc rc = caller_in_session(req, app, &id, &session_id);
	if (rc == MP_OK)
		rc = change_from_request(req, &change);
	if (rc == MP_OK)
		rc = user_change(
			&app->db, mp_request_arena(req), &id, &change, mp_clock_ms(), &user);
	if (rc != MP_OK)
		return rc;
	return mp_response_json(res, 200, user_to_json(&user));
}

/* --- people --- */

static enum mp_rc people_to_response(
	const struct user *users, size_t count, struct mp_response *res)
{
	json_t *items = json_array();

	for (size_t i = 0; i < count; i++) {
		if (json_array_append_new(items, person_to_json(&users[i])) != 0) {
			json_decref(items);
			return MP_NOMEM;
		}
	}
	return mp_response_list(res, items, NULL);
}

#define TEXT_OF(constant) TEXT_AS_IT_IS(constant)
#define TEXT_AS_IT_IS(text) #text

static enum mp_rc refuse_query(struct mp_request *req, const char *field, const char *fault)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);

	errors->add(errors->ctx, field, fault);
	return MP_INVALID;
}

static enum mp_rc search_people(
	const struct user_app *app, struct mp_request *req, struct mp_response *res)
{
	const char *text = mp_request_query(req, "query");
	struct user users[SEARCH_RESULTS_MAX];
	size_t count = 0;
	enum mp_rc rc = MP_INVALID;

	if (text != NULL)
		rc = user_search(&app->db, mp_request_arena(req), text, users, &count);
	if (rc == MP_INVALID)
		return refuse_query(req, "query",
			"must have " TEXT_OF(SEARCH_CHARS_MIN) " to " TEXT_OF(
				SEARCH_CHARS_MAX) " characters");
	if (rc != MP_OK)
		return rc;
	return people_to_response(users, count, res);
}

/* Ids between commas; one that stands twice counts once. False when it is not that. */
static bool parse_ids(const char *text, struct mp_id out_ids[PEOPLE_IDS_MAX], size_t *out_count)
{
	const size_t id_bytes = sizeof(out_ids[0].text) - 1;
	size_t left = strlen(text);
	size_t count = 0;

	while (left >= id_bytes && count < PEOPLE_IDS_MAX) {
		char id[sizeof(out_ids[0].text)] = "";
		size_t known = 0;

		memcpy(id, text, id_bytes);
		if (!mp_id_parse(id, &out_ids[count]))
			return false;
		while (!mp_id_equal(&out_ids[known], &out_ids[count]))
			known++;
		count += known == count;
		if (left == id_bytes) {
			*out_count = count;
			return true;
		}
		if (text[id_bytes] != ',')
			return false;
		text += id_bytes + 1;
		left -= id_bytes + 1;
	}
	return false;
}

static enum mp_rc name_people(const struct user_app *app, struct mp_request *req, const char *text,
	struct mp_response *res)
{
	struct mp_arena *arena = mp_request_arena(req);
	struct user *users = mp_arena_array(arena, PEOPLE_IDS_MAX, sizeof(*users));
	struct mp_id ids[PEOPLE_IDS_MAX];
	size_t ids_count = 0;
	size_t count = 0;

	if (users == NULL)
		return MP_NOMEM;
	if (!parse_ids(text, ids, &ids_count))
		return refuse_query(req, "ids", "must be 1 to 20 ids with commas between them");
	enum mp_rc rc = user_people(&app->db, arena, ids, ids_count, users, &count);
	if (rc != MP_OK)
		return rc;
	return people_to_response(users, count, res);
}

/* GET /v1/users: people to pay by ?query=, or the names of people by ?ids= */
static enum mp_rc get_users(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const struct user_app *app = ctx;
	const char *ids = mp_request_query(req, "ids");

	return ids == NULL ? search_people(app, req, res) : name_people(app, req, ids, res);
}

static enum mp_rc get_user(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct user_app *app = ctx;
	struct mp_id id;
	struct user user;

	enum mp_rc rc = mp_request_param_id(req, "id", &id);
	if (rc == MP_OK)
		rc = user_get(&app->db, mp_request_arena(req), &id, &user);
	if (rc != MP_OK)
		return rc;
	return mp_response_json(res, 200, person_to_json(&user));
}

#define BODY_USUAL 0

const struct mp_route user_routes[] = {
	/* Inline: they only read the body here; the work is the lane's. */
	{"POST", "/v1/users", MP_AUTH_NONE, NULL, MP_KEY_NONE, MP_ROUTE_INLINE, BODY_USUAL,
		post_user},
	{"POST", "/v1/sessions", MP_AUTH_NONE, NULL, MP_KEY_NONE, MP_ROUTE_INLINE, BODY_USUAL,
		post_session},
	{"POST", "/v1/users/me/password", MP_AUTH_USER, NULL, MP_KEY_NONE, MP_ROUTE_INLINE,
		BODY_USUAL, post_password},

	{"POST", "/v1/sessions/refresh", MP_AUTH_COOKIE, NULL, MP_KEY_NONE, 0, BODY_USUAL,
		post_session_refresh},
	{"DELETE", "/v1/sessions/current", MP_AUTH_COOKIE, NULL, MP_KEY_NONE, 0, BODY_USUAL,
		delete_session},

	{"DELETE", "/v1/sessions", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, BODY_USUAL, delete_sessions},
	{"GET", "/v1/users/me", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, BODY_USUAL, get_me},
	{"PATCH", "/v1/users/me", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, BODY_USUAL, patch_me},
	{"GET", "/v1/users", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, BODY_USUAL, get_users},

	/* Inside only: the gateway does not route these. */
	{"GET", "/v1/users/{id}", MP_AUTH_SERVICE, "user:read", MP_KEY_NONE, 0, BODY_USUAL,
		get_user},
	{"POST", "/oauth/token", MP_AUTH_NONE, NULL, MP_KEY_NONE, 0, BODY_USUAL, post_token},
	{"GET", "/.well-known/jwks.json", MP_AUTH_NONE, NULL, MP_KEY_NONE,
		MP_ROUTE_INLINE | MP_ROUTE_QUIET, BODY_USUAL, get_jwks},
	{"POST", "/v1/signing-keys/rotate", MP_AUTH_SERVICE, "keys:rotate", MP_KEY_NONE, 0,
		BODY_USUAL, post_rotation},
	{"POST", "/v1/operations/republish", MP_AUTH_SERVICE, "operations:write", MP_KEY_NONE, 0,
		BODY_USUAL, post_republish},
};
const size_t user_routes_count = sizeof(user_routes) / sizeof(user_routes[0]);
