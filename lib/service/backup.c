#include "service/backup.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/text.h"
#include "log/log.h"

#define SCOPE "store:backup"
#define NAME_MAX_BYTES 64
#define PATH_SIZE 4096

/* Handlers get the service's own app; these routes are about what lies below it. */
static struct {
	struct mp_store *store;
	const char *service;
	const char *directory;
	pthread_mutex_t lock;		   /* guards held_for */
	char held_for[NAME_MAX_BYTES + 1]; /* the backup that writes last waited for; "": none */
} at = {.lock = PTHREAD_MUTEX_INITIALIZER};

void backup_init(struct mp_store *store, const char *service, const char *directory)
{
	at.store = store;
	at.service = service;
	at.directory = directory;
}

static bool name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= NAME_MAX_BYTES &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-")] == '\0';
}

static bool is_held_for(const char *name)
{
	(void)pthread_mutex_lock(&at.lock);
	bool is = strcmp(at.held_for, name) == 0;
	(void)pthread_mutex_unlock(&at.lock);
	return is;
}

/* name: of at most NAME_MAX_BYTES. */
static void set_held_for(const char *name)
{
	(void)pthread_mutex_lock(&at.lock);
	enum mp_rc fits = mp_text_copy(at.held_for, sizeof(at.held_for), name);
	(void)pthread_mutex_unlock(&at.lock);
	assert(fits == MP_OK);
	(void)fits;
}

static enum mp_rc read_name(struct mp_request *req, const char **out_name)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	struct mp_json_reader r;
	json_t *json;

	enum mp_rc rc = mp_request_json(req, &json);
	if (rc != MP_OK)
		return rc;
	mp_json_read_begin(&r, json, "", errors);
	mp_json_read_text(&r, "name", 1, NAME_MAX_BYTES, out_name);
	if (!r.failed && !name_is_valid(*out_name))
		mp_json_read_refuse(&r, "name", "must be letters, digits and dashes");
	return mp_json_read_end(&r);
}

/* POST /v1/backups */
static enum mp_rc post_backup(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const char *name = NULL;
	enum mp_rc rc = read_name(req, &name);

	if (rc != MP_OK)
		return rc;
	if (at.directory[0] == '\0') {
		mp_request_problem(
			req, "no_backups", "BACKUP_DIR is not set: this service takes no backups.");
		return MP_INVALID;
	}
	rc = mp_store_hold(at.store, BACKUP_HOLD_MS);
	if (rc == MP_INVALID)
		mp_request_problem(req, "no_backups",
			"The data is in DynamoDB, which has backups of its own.");
	if (rc != MP_OK)
		return rc; /* MP_BUSY: another backup is being taken */
	set_held_for(name);
	return mp_response_json(res, 201, json_pack("{s:s}", "name", name));
}

/* POST /v1/backups/{name}/copy */
static enum mp_rc post_copy(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const char *name = mp_request_param(req, "name");
	char folder[PATH_SIZE];
	char reason[256] = "";

	if (!name_is_valid(name) || !is_held_for(name))
		return MP_NOT_FOUND;
	if (mp_text_format(folder, sizeof(folder), "%s/%s/%s", at.directory, name, at.service) !=
		MP_OK)
		return MP_TOO_LARGE;
	enum mp_rc rc = mp_store_copy(at.store, folder, reason);
	if (rc == MP_CONFLICT || rc == MP_EXISTS)
		mp_request_problem(req, "not_copied", reason);
	if (rc != MP_OK) {
		mp_log(MP_LOG_ERROR, "not_copied", MP_RC(rc), MP_TEXT("reason", reason));
		return rc;
	}
	return mp_response_json(res, 200, json_pack("{s:s}", "folder", folder));
}

/* DELETE /v1/backups/{name} */
static enum mp_rc delete_backup(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const char *name = mp_request_param(req, "name");

	if (!name_is_valid(name) || !is_held_for(name))
		return MP_NOT_FOUND;
	mp_store_go_on(at.store);
	set_held_for("");
	return mp_response_json(res, 200, json_pack("{s:s}", "name", name));
}

/*
 * What follows a hold is inline: every worker may be waiting in a write that is held. A copy is
 * links, so it blocks for milliseconds where BACKUP_DIR is on the disk of DATA_DIR.
 */
const struct mp_route backup_routes[] = {
	{.method = "POST",
		.path = "/v1/backups",
		.auth = MP_AUTH_SERVICE,
		.scope = SCOPE,
		.handler = post_backup},
	{.method = "POST",
		.path = "/v1/backups/{name}/copy",
		.auth = MP_AUTH_SERVICE,
		.scope = SCOPE,
		.flags = MP_ROUTE_INLINE,
		.handler = post_copy},
	{.method = "DELETE",
		.path = "/v1/backups/{name}",
		.auth = MP_AUTH_SERVICE,
		.scope = SCOPE,
		.flags = MP_ROUTE_INLINE,
		.handler = delete_backup},
};
const size_t backup_routes_count = sizeof(backup_routes) / sizeof(backup_routes[0]);
