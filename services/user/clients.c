#include "clients.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "json/json.h"

#define FILE_BYTES_MAX (64 * 1024)
#define CLIENTS_MAX 64

struct client {
	char id[CLIENT_ID_MAX + 1];
	uint8_t secret_hash[MP_SHA256_BYTES];
	char scopes[CLIENT_SCOPES_MAX + 1];
};

struct clients {
	struct client list[CLIENTS_MAX];
	size_t count;
};

/* Tells why in reterr; too long a sentence is cut. */
__attribute__((format(printf, 2, 3))) static enum mp_rc refuse(
	char reterr[256], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(reterr, 256, format, args) < 0)
		reterr[0] = '\0';
	va_end(args);
	return MP_INVALID;
}

/* The secret is random and long, so a plain hash of it cannot be searched back. */
static void hash_secret(const char *secret, uint8_t out_hash[MP_SHA256_BYTES])
{
	mp_sha256(secret, strlen(secret), out_hash);
}

static enum mp_rc add_scopes(const json_t *scopes, struct client *client, char reterr[256])
{
	size_t len = 0;

	if (!json_is_array(scopes))
		goto invalid;
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *scope = json_string_value(json_array_get(scopes, i));
		size_t left = sizeof(client->scopes) - len;

		if (scope == NULL || scope[0] == '\0' || strchr(scope, ' ') != NULL ||
			mp_text_has_control(scope) ||
			mp_text_format(client->scopes + len, left, "%s%s", i == 0 ? "" : " ",
				scope) != MP_OK)
			goto invalid;
		len = strlen(client->scopes);
	}
	return MP_OK;
invalid:
	return refuse(reterr,
		"client %s: scopes must be a list of texts, together at most %d bytes", client->id,
		CLIENT_SCOPES_MAX);
}

static enum mp_rc add_client(
	struct clients *clients, const char *id, const json_t *json, char reterr[256])
{
	struct client *client = &clients->list[clients->count];
	const char *secret = json_string_value(json_object_get(json, "secret"));

	if (clients->count == CLIENTS_MAX)
		return refuse(reterr, "more than %d clients", CLIENTS_MAX);
	if (id[0] == '\0' || mp_text_has_control(id) ||
		mp_text_copy(client->id, sizeof(client->id), id) != MP_OK)
		return refuse(reterr, "a client's name has 1 to %d bytes", CLIENT_ID_MAX);
	if (secret == NULL || strlen(secret) < CLIENT_SECRET_MIN)
		return refuse(reterr, "client %s: the secret must be a text of at least %d bytes",
			id, CLIENT_SECRET_MIN);
	hash_secret(secret, client->secret_hash);
	clients->count++;
	return add_scopes(json_object_get(json, "scopes"), client, reterr);
}

/* At most FILE_BYTES_MAX bytes of a file. */
static enum mp_rc read_file(
	const char *path, char out[FILE_BYTES_MAX], size_t *out_len, char reterr[256])
{
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		(void)refuse(reterr, "cannot read %s: %s", path, strerror(errno));
		return MP_NOT_FOUND;
	}
	size_t len = fread(out, 1, FILE_BYTES_MAX, file);
	bool whole = feof(file) != 0 && ferror(file) == 0;
	(void)fclose(file);
	if (!whole)
		return refuse(reterr, "cannot read %s as a whole: at most 64 KiB", path);
	*out_len = len;
	return MP_OK;
}

static enum mp_rc parse_file(const char *path, json_t **out_json, char reterr[256])
{
	char *text = malloc(FILE_BYTES_MAX);
	char reason[160];
	size_t len = 0;

	if (text == NULL)
		return MP_NOMEM;
	enum mp_rc rc = read_file(path, text, &len, reterr);
	if (rc == MP_OK) {
		rc = mp_json_parse(text, len, out_json, reason);
		if (rc == MP_INVALID)
			rc = refuse(reterr, "%s: %s", path, reason);
	}
	free(text);
	return rc;
}

enum mp_rc clients_load(const char *path, struct clients **out_clients, char reterr[256])
{
	struct clients *clients = calloc(1, sizeof(*clients));
	json_t *json = NULL;
	const char *id;
	json_t *value;

	if (clients == NULL)
		return MP_NOMEM;
	enum mp_rc rc = parse_file(path, &json, reterr);
	if (rc == MP_OK && !json_is_object(json)) {
		rc = refuse(reterr, "%s must have an object with a member per client", path);
	}
	json_object_foreach(json, id, value)
	{
		if (rc == MP_OK)
			rc = add_client(clients, id, value, reterr);
	}
	json_decref(json);
	if (rc != MP_OK) {
		clients_free(clients);
		return rc;
	}
	*out_clients = clients;
	return MP_OK;
}

void clients_free(struct clients *clients)
{
	free(clients);
}

enum mp_rc clients_authenticate(
	const struct clients *clients, const char *id, const char *secret, const char **out_scopes)
{
	uint8_t hash[MP_SHA256_BYTES];
	const struct client *found = NULL;

	/* Hashed first, and every client looked at: neither name nor secret shows in the time. */
	hash_secret(secret, hash);
	for (size_t i = 0; i < clients->count; i++) {
		const struct client *client = &clients->list[i];
		bool right = mp_equal_secret(
			client->secret_hash, sizeof(client->secret_hash), hash, sizeof(hash));

		if (right && strcmp(client->id, id) == 0)
			found = client;
	}
	if (found == NULL)
		return MP_UNAUTHENTICATED;
	*out_scopes = found->scopes;
	return MP_OK;
}

bool clients_scopes_within(const char *wanted, const char *granted)
{
	bool any = false;

	if (strlen(wanted) > CLIENT_SCOPES_MAX)
		return false;
	wanted += strspn(wanted, " ");
	while (*wanted != '\0') {
		size_t len = strcspn(wanted, " ");

		if (!mp_text_has_word(granted, wanted, len))
			return false;
		any = true;
		wanted += len + strspn(wanted + len, " ");
	}
	return any;
}
