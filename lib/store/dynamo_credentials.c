#include "store/dynamo_credentials.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/thread.h"
#include "http_client/http_client.h"
#include "json/json.h"
#include "store/engine.h"

#define RENEW_BEFORE_MS (5 * 60000)
#define RETRY_MS 10000	     /* between renewals that fail while the old keys are good */
#define RETRY_WITHOUT_MS 200 /* while there are none */
#define FETCH_TIMEOUT_MS 2000
#define WAIT_MS_MAX 2500 /* for another thread's fetch */
#define FETCH_BYTES_MAX 65536
#define TOKEN_BYTES_MAX 16384

struct keys {
	char *access_key_id;
	char *secret_access_key;
	char *session_token; /* NULL: none */
	int64_t ends_ms;     /* wall clock; INT64_MAX: never */
};

struct mp_credentials {
	struct mp_http_client *container; /* NULL: the keys were given */
	char *path;			  /* at the container's endpoint */
	char *token_file;
	struct mp_sink sink;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t fetched;
	struct keys keys; /* access_key_id NULL: none yet */
	bool fetching;	  /* by one thread, without the lock */
	int64_t next_fetch_mono_ms;
};

static void keys_done(struct keys *keys)
{
	if (keys->secret_access_key != NULL)
		explicit_bzero(keys->secret_access_key, strlen(keys->secret_access_key));
	free(keys->access_key_id);
	free(keys->secret_access_key);
	free(keys->session_token);
	*keys = (struct keys){.access_key_id = NULL};
}

static enum mp_rc keys_set(struct keys *keys, const char *id, const char *secret, const char *token)
{
	keys->access_key_id = strdup(id);
	keys->secret_access_key = strdup(secret);
	keys->session_token = token == NULL || token[0] == '\0' ? NULL : strdup(token);
	bool whole = keys->access_key_id != NULL && keys->secret_access_key != NULL &&
		     (keys->session_token != NULL || token == NULL || token[0] == '\0');
	if (!whole)
		keys_done(keys);
	return whole ? MP_OK : MP_NOMEM;
}

/* --- whom keys may be asked of --- */

static bool host_is_allowed(const char *host, size_t len)
{
	static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
		"[fd00:ec2::23]", "[fd00:ec2::2]"};
	const char *rest;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (strlen(hosts[i]) == len && strncasecmp(hosts[i], host, len) == 0)
			return true;
	}
	/* 127.0.0.0/8, and no name that only begins so. */
	if (len < strlen("127.0.0.1") || strncmp(host, "127.", 4) != 0)
		return false;
	rest = host + strspn(host, "0123456789.");
	return (size_t)(rest - host) >= len;
}

bool mp_credentials_url_is_allowed(const char *url)
{
	static const char plain[] = "http://";
	static const char tls[] = "https://";

	if (mp_text_has_control(url) || strchr(url, '@') != NULL || strchr(url, ' ') != NULL)
		return false;
	if (strncmp(url, tls, strlen(tls)) == 0)
		return url[strlen(tls)] != '\0' && url[strlen(tls)] != '/';
	if (strncmp(url, plain, strlen(plain)) != 0)
		return false;
	const char *host = url + strlen(plain);
	size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
	return len <= strlen(host) && host_is_allowed(host, len);
}

/* --- fetching --- */

/* The file's text without the line's end. MP_UNAVAILABLE, MP_NOMEM. */
static enum mp_rc read_token(const char *path, struct mp_arena *arena, const char **out_token)
{
	char *token = mp_arena_alloc(arena, TOKEN_BYTES_MAX + 1);
	size_t len = 0;
	ssize_t got = 1;

	if (token == NULL)
		return MP_NOMEM;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return MP_UNAVAILABLE;
	while (got > 0 && len < TOKEN_BYTES_MAX) {
		got = read(file, token + len, TOKEN_BYTES_MAX - len);
		len += got > 0 ? (size_t)got : 0;
	}
	(void)close(file);
	while (len > 0 && (token[len - 1] == '\n' || token[len - 1] == '\r'))
		token[--len] = '\0';
	if (got < 0 || len == 0 || len == TOKEN_BYTES_MAX)
		return MP_UNAVAILABLE;
	*out_token = token;
	return MP_OK;
}

/* MP_CORRUPT: something else than keys. */
static enum mp_rc read_keys(const struct mp_http_answer *answer, struct keys *out_keys)
{
	struct keys keys = {.ends_ms = INT64_MAX};
	char reason[160];
	json_t *json;

	if (answer->status != 200)
		return MP_UNAVAILABLE;
	enum mp_rc rc = mp_json_parse(answer->body, answer->body_len, &json, reason);
	if (rc != MP_OK)
		return rc == MP_NOMEM ? MP_NOMEM : MP_CORRUPT;
	const char *id = json_string_value(json_object_get(json, "AccessKeyId"));
	const char *secret = json_string_value(json_object_get(json, "SecretAccessKey"));
	const char *ends = json_string_value(json_object_get(json, "Expiration"));
	rc = id == NULL || secret == NULL ? MP_CORRUPT : MP_OK;
	if (rc == MP_OK && ends != NULL)
		rc = mp_time_parse(ends, &keys.ends_ms) == MP_OK ? MP_OK : MP_CORRUPT;
	if (rc == MP_OK)
		rc = keys_set(&keys, id, secret, json_string_value(json_object_get(json, "Token")));
	json_decref(json);
	if (rc == MP_OK)
		*out_keys = keys;
	return rc;
}

static enum mp_rc fetch_with(
	struct mp_credentials *credentials, struct mp_arena *arena, struct keys *out_keys)
{
	struct mp_http_header authorization = {.name = "Authorization"};
	struct mp_http_answer answer;

	/* Read again each time: whoever runs the container renews it. */
	if (credentials->token_file != NULL) {
		enum mp_rc rc = read_token(credentials->token_file, arena, &authorization.value);
		if (rc != MP_OK)
			return rc;
	}
	const struct mp_http_call call = {.method = "GET",
		.path = credentials->path,
		.headers = &authorization,
		.headers_count = credentials->token_file != NULL ? 1 : 0};
	enum mp_rc rc = mp_http_call(credentials->container, &call, arena, &answer);
	return rc == MP_OK ? read_keys(&answer, out_keys) : MP_UNAVAILABLE;
}

static enum mp_rc fetch(struct mp_credentials *credentials, struct keys *out_keys)
{
	struct mp_arena *arena = mp_arena_new(4 * FETCH_BYTES_MAX);
	enum mp_rc rc = arena == NULL ? MP_NOMEM : fetch_with(credentials, arena, out_keys);

	mp_arena_free(arena);
	return rc;
}

/* Called with the lock, which is given up meanwhile. */
static void renew(struct mp_credentials *credentials)
{
	struct keys keys;

	credentials->fetching = true;
	(void)pthread_mutex_unlock(&credentials->lock);
	enum mp_rc rc = fetch(credentials, &keys);
	(void)pthread_mutex_lock(&credentials->lock);
	credentials->fetching = false;
	if (rc == MP_OK) {
		keys_done(&credentials->keys);
		credentials->keys = keys;
	}
	bool none = credentials->keys.access_key_id == NULL;
	credentials->next_fetch_mono_ms = mp_clock_mono_ms() + (none ? RETRY_WITHOUT_MS : RETRY_MS);
	(void)pthread_cond_broadcast(&credentials->fetched);
	if (rc != MP_OK)
		mp_sink_report(&credentials->sink, "credentials_not_renewed", rc,
			none ? "there are none yet" : "the old ones are used on");
}

static bool is_due(const struct mp_credentials *credentials)
{
	return credentials->container != NULL && !credentials->fetching &&
	       mp_clock_mono_ms() >= credentials->next_fetch_mono_ms &&
	       (credentials->keys.access_key_id == NULL ||
		       credentials->keys.ends_ms - mp_clock_ms() < RENEW_BEFORE_MS);
}

enum mp_rc mp_credentials_get(
	struct mp_credentials *credentials, struct mp_arena *arena, struct mp_aws_keys *out_keys)
{
	struct mp_aws_keys copy = {.session_token = NULL};
	const struct keys *keys = &credentials->keys;
	enum mp_rc rc = MP_UNAVAILABLE;

	(void)pthread_mutex_lock(&credentials->lock);
	if (is_due(credentials))
		renew(credentials);
	/* Keys that have not ended yet serve while another thread renews them. */
	if (credentials->fetching &&
		(keys->access_key_id == NULL || keys->ends_ms <= mp_clock_ms()))
		mp_cond_wait_ms(&credentials->fetched, &credentials->lock, WAIT_MS_MAX);
	if (keys->access_key_id != NULL) {
		copy.access_key_id = mp_arena_strdup(arena, keys->access_key_id);
		copy.secret_access_key = mp_arena_strdup(arena, keys->secret_access_key);
		copy.session_token = mp_arena_strdup(arena, keys->session_token);
		bool whole = copy.access_key_id != NULL && copy.secret_access_key != NULL &&
			     (copy.session_token != NULL || keys->session_token == NULL);
		rc = whole ? MP_OK : MP_NOMEM;
	}
	(void)pthread_mutex_unlock(&credentials->lock);
	if (rc == MP_OK)
		*out_keys = copy;
	return rc;
}

void mp_credentials_refused(struct mp_credentials *credentials)
{
	(void)pthread_mutex_lock(&credentials->lock);
	if (credentials->container != NULL)
		credentials->keys.ends_ms = 0; /* at most one fetch in RETRY_MS, as always */
	(void)pthread_mutex_unlock(&credentials->lock);
}

/* --- opening --- */

static const char *given(const char *text)
{
	return text == NULL || text[0] == '\0' ? NULL : text;
}

static enum mp_rc open_container(
	struct mp_credentials *credentials, const struct mp_store_aws *config, char reterr[256])
{
	const char *uri = config->container_uri;
	const char *token_file = given(config->container_token_file);

	if (!mp_credentials_url_is_allowed(uri)) {
		mp_store_say(reterr, 256,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or a loopback address, "
			"or AWS's 169.254.170.2, 169.254.170.23 or [fd00:ec2::23].");
		return MP_INVALID;
	}
	size_t base_len = (size_t)(strstr(uri, "://") - uri) + 3;
	base_len += strcspn(uri + base_len, "/?#");
	char *base = strndup(uri, base_len);
	credentials->path = strdup(uri[base_len] == '\0' ? "/" : uri + base_len);
	credentials->token_file = token_file == NULL ? NULL : strdup(token_file);
	enum mp_rc rc = MP_NOMEM;
	if (base != NULL && credentials->path != NULL &&
		(token_file == NULL || credentials->token_file != NULL)) {
		const struct mp_http_client_config http = {.base_url = base,
			.connect_timeout_ms = FETCH_TIMEOUT_MS,
			.timeout_ms = FETCH_TIMEOUT_MS,
			.answer_bytes_max = FETCH_BYTES_MAX};
		rc = mp_http_client_open(&http, &credentials->container);
	}
	free(base);
	return rc;
}

static enum mp_rc open_source(
	struct mp_credentials *credentials, const struct mp_store_aws *config, char reterr[256])
{
	const char *id = given(config->access_key_id);
	const char *secret = given(config->secret_access_key);

	if (id != NULL && secret != NULL) {
		credentials->keys.ends_ms = INT64_MAX;
		return keys_set(&credentials->keys, id, secret, config->session_token);
	}
	if (id == NULL && secret == NULL && given(config->container_uri) != NULL)
		return open_container(credentials, config, reterr);
	mp_store_say(reterr, 256,
		"There are no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
		"AWS_CONTAINER_CREDENTIALS_FULL_URI, must be set.");
	return MP_INVALID;
}

enum mp_rc mp_credentials_open(const struct mp_store_aws *config, const struct mp_sink *sink,
	struct mp_credentials **out_credentials, char reterr[256])
{
	struct mp_credentials *credentials = calloc(1, sizeof(*credentials));

	if (credentials == NULL) {
		mp_store_say(reterr, 256, "There is no memory for AWS credentials.");
		return MP_NOMEM;
	}
	if (sink != NULL)
		credentials->sink = *sink;
	(void)pthread_mutex_init(&credentials->lock, NULL);
	mp_cond_init(&credentials->fetched);
	enum mp_rc rc = open_source(credentials, config, reterr);
	if (rc != MP_OK) {
		mp_credentials_close(credentials);
		return rc;
	}
	*out_credentials = credentials;
	return MP_OK;
}

void mp_credentials_close(struct mp_credentials *credentials)
{
	if (credentials == NULL)
		return;
	mp_http_client_close(credentials->container);
	keys_done(&credentials->keys);
	free(credentials->path);
	free(credentials->token_file);
	(void)pthread_cond_destroy(&credentials->fetched);
	(void)pthread_mutex_destroy(&credentials->lock);
	free(credentials);
}
