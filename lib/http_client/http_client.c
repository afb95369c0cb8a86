#include "http_client/http_client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/trace.h"

#define CONNECT_TIMEOUT_MS_USUAL 2000
#define TIMEOUT_MS_USUAL 10000
#define ANSWER_BYTES_USUAL (1024u * 1024)
#define IDLE_MAX 32
#define IDLE_BUFFER_BYTES_MAX (64u * 1024)
#define CONNECTION_IDLE_S 20L /* our own servers keep them for 30 */

/* A libcurl handle with its connection: used by one call at a time, then by another. */
struct handle {
	CURL *curl;
	struct mp_buf answer;
	bool headers_whole; /* the empty line behind the last answer's header fields came */
	const char *body;   /* of a call that is sent once: what is left of it */
	size_t body_left;
	struct handle *next;
};

struct mp_http_client {
	char *base_url;
	struct mp_http_client_config config;
	bool direct; /* no proxy */
	pthread_mutex_t mutex;
	struct handle *idle; /* the one used last comes first: its connection is the freshest */
	unsigned idle_count;
};

enum mp_rc mp_http_client_global_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? MP_OK : MP_BUG;
}

/* --- handles --- */

static void handle_free(struct handle *handle)
{
	if (handle == NULL)
		return;
	curl_easy_cleanup(handle->curl);
	mp_buf_done(&handle->answer);
	free(handle);
}

static struct handle *handle_new(const struct mp_http_client *client)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (handle == NULL)
		return NULL;
	mp_buf_init(&handle->answer, client->config.answer_bytes_max);
	handle->curl = curl_easy_init();
	if (handle->curl == NULL) {
		handle_free(handle);
		return NULL;
	}
	return handle;
}

static struct handle *handle_take(struct mp_http_client *client)
{
	(void)pthread_mutex_lock(&client->mutex);
	struct handle *handle = client->idle;
	if (handle != NULL) {
		client->idle = handle->next;
		client->idle_count--;
	}
	(void)pthread_mutex_unlock(&client->mutex);
	return handle != NULL ? handle : handle_new(client);
}

static void handle_give_back(struct mp_http_client *client, struct handle *handle)
{
	curl_easy_reset(handle->curl); /* forgets the token and the body, keeps the connection */
	if (handle->answer.capacity > IDLE_BUFFER_BYTES_MAX)
		mp_buf_done(&handle->answer);
	mp_buf_clear(&handle->answer);

	(void)pthread_mutex_lock(&client->mutex);
	bool kept = client->idle_count < IDLE_MAX;
	if (kept) {
		handle->next = client->idle;
		client->idle = handle;
		client->idle_count++;
	}
	(void)pthread_mutex_unlock(&client->mutex);
	if (!kept)
		handle_free(handle);
}

/* --- opening and closing --- */

enum mp_rc mp_http_client_open(
	const struct mp_http_client_config *config, struct mp_http_client **out_client)
{
	bool plain = strncmp(config->base_url, "http://", 7) == 0;

	if (!plain && strncmp(config->base_url, "https://", 8) != 0)
		return MP_INVALID;
	struct mp_http_client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		return MP_NOMEM;
	client->base_url = strdup(config->base_url);
	if (client->base_url == NULL) {
		free(client);
		return MP_NOMEM;
	}
	client->config = *config;
	client->config.base_url = client->base_url;
	if (config->connect_timeout_ms == 0)
		client->config.connect_timeout_ms = CONNECT_TIMEOUT_MS_USUAL;
	if (config->timeout_ms == 0)
		client->config.timeout_ms = TIMEOUT_MS_USUAL;
	if (config->answer_bytes_max == 0)
		client->config.answer_bytes_max = ANSWER_BYTES_USUAL;
	client->direct = plain;
	(void)pthread_mutex_init(&client->mutex, NULL);
	*out_client = client;
	return MP_OK;
}

void mp_http_client_close(struct mp_http_client *client)
{
	if (client == NULL)
		return;
	while (client->idle != NULL) {
		struct handle *next = client->idle->next;
		handle_free(client->idle);
		client->idle = next;
	}
	(void)pthread_mutex_destroy(&client->mutex);
	free(client->base_url);
	free(client);
}

/* --- the request --- */

static bool is_clean(const char *text, bool spaces_allowed)
{
	if (text == NULL)
		return true;
	return !mp_text_has_control(text) && (spaces_allowed || strchr(text, ' ') == NULL);
}

/* A line break in any of these would be a second header, or a second request. */
static bool call_is_clean(const struct mp_http_call *call)
{
	if (call->method == NULL || call->path == NULL || !is_clean(call->method, false) ||
		!is_clean(call->path, false) || !is_clean(call->content_type, true) ||
		!is_clean(call->bearer, false))
		return false;
	for (size_t i = 0; i < call->headers_count; i++) {
		if (!is_clean(call->headers[i].name, false) ||
			!is_clean(call->headers[i].value, true))
			return false;
	}
	return true;
}

/* False leaves the list as it was. */
static bool add_header(struct mp_arena *arena, struct curl_slist **headers, const char *name,
	const char *separator, const char *value)
{
	const char *line = mp_arena_printf(arena, "%s%s%s", name, separator, value);
	struct curl_slist *longer = line == NULL ? NULL : curl_slist_append(*headers, line);

	if (longer == NULL)
		return false;
	*headers = longer;
	return true;
}

static bool build_headers(
	struct mp_arena *arena, const struct mp_http_call *call, struct curl_slist **headers)
{
	char traceparent[MP_TRACEPARENT_SIZE];
	bool good = add_header(arena, headers, "Expect", ":", ""); /* never wait for "100" */

	mp_trace_next(traceparent);
	if (traceparent[0] != '\0')
		good = good && add_header(arena, headers, "traceparent", ": ", traceparent);
	if (call->content_type != NULL)
		good = good && add_header(arena, headers, "Content-Type", ": ", call->content_type);
	else
		good = good && add_header(arena, headers, "Content-Type", ":", ""); /* none */
	if (call->bearer != NULL)
		good = good &&
		       add_header(arena, headers, "Authorization", ": Bearer ", call->bearer);
	for (size_t i = 0; i < call->headers_count; i++)
		good = good && add_header(arena, headers, call->headers[i].name, ": ",
				       call->headers[i].value);
	return good;
}

static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
	struct mp_buf *answer = arg;

	return mp_buf_add(answer, bytes, size * count) == MP_OK ? size * count : 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct handle *handle = arg;

	handle->headers_whole = size * count > 0 && (bytes[0] == '\r' || bytes[0] == '\n');
	return size * count;
}

/* --- a body that is sent once: libcurl asks for it piece by piece, and cannot go back --- */

static size_t on_body(char *room, size_t size, size_t count, void *arg)
{
	struct handle *handle = arg;
	size_t len = size * count < handle->body_left ? size * count : handle->body_left;

	memcpy(room, handle->body, len);
	handle->body += len;
	handle->body_left -= len;
	return len;
}

static int on_body_again(void *arg, curl_off_t offset, int origin)
{
	return CURL_SEEKFUNC_FAIL;
}

static bool set_body_once(struct handle *handle, const struct mp_http_call *call)
{
	CURL *curl = handle->curl;
	bool good = curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_body) == CURLE_OK;

	handle->body = call->body;
	handle->body_left = call->body_len;
	good = good && curl_easy_setopt(curl, CURLOPT_READDATA, handle) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_body_again) == CURLE_OK;
	return good && curl_easy_setopt(curl, CURLOPT_SEEKDATA, handle) == CURLE_OK;
}

static bool set_method(struct handle *handle, const struct mp_http_call *call)
{
	CURL *curl = handle->curl;
	const char *method = call->method;
	bool good = true;

	if (call->body_len > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
		strcmp(method, "PATCH") == 0) {
		const char *body = call->body == NULL ? "" : call->body;
		good = good && curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK;
		good = good && curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)call->body_len) == CURLE_OK;
		if (call->once && call->body_len > 0)
			good = good && set_body_once(handle, call);
		else
			good = good && curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body) == CURLE_OK;
	} else if (strcmp(method, "HEAD") == 0) {
		return curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
	}
	return good && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

static bool set_limits(
	CURL *curl, const struct mp_http_client *client, const struct mp_http_call *call)
{
	const struct mp_http_client_config *config = &client->config;
	bool good = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;

	good = good && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
			       CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
			       config->connect_timeout_ms) == CURLE_OK;
	good = good &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
		       call->timeout_ms > 0 ? call->timeout_ms : config->timeout_ms) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_S) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK;
	if (client->direct)
		good = good && curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
	return good;
}

static bool set_request(const struct mp_http_client *client, struct handle *handle,
	const struct mp_http_call *call, const char *url, struct curl_slist *headers)
{
	CURL *curl = handle->curl;
	bool good = set_limits(curl, client, call) && set_method(handle, call);

	good = good && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
	good = good &&
	       curl_easy_setopt(curl, CURLOPT_USERAGENT, "MoneyPal/" MP_VERSION) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_WRITEDATA, &handle->answer) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	handle->headers_whole = false;
	return good && curl_easy_setopt(curl, CURLOPT_HEADERDATA, handle) == CURLE_OK;
}

/* --- the answer --- */

/*
 * What libcurl says about its last attempt is not enough: the first may have been sent on a kept
 * connection that then died. Its count of bytes sent is over all attempts.
 */
static enum mp_rc why_failed(CURL *curl, CURLcode code, const struct mp_buf *answer)
{
	long bytes_sent = 1;

	if (code == CURLE_WRITE_ERROR && mp_buf_rc(answer) != MP_OK)
		return mp_buf_rc(answer);
	if (curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &bytes_sent) == CURLE_OK &&
		bytes_sent == 0)
		return MP_UNAVAILABLE;
	return MP_UNKNOWN;
}

static bool has_header(CURL *curl, const char *name)
{
	struct curl_header *header;

	return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
}

/*
 * libcurl takes a connection that ends within the header fields for a whole answer, and one that
 * ends behind them for the end of a body of untold length. Neither can be told from a cut.
 */
static bool answer_is_whole(const struct handle *handle, const struct mp_http_call *call)
{
	long status = 0;

	(void)curl_easy_getinfo(handle->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!handle->headers_whole)
		return false;
	return status == 204 || status == 304 || strcmp(call->method, "HEAD") == 0 ||
	       has_header(handle->curl, "Content-Length") ||
	       has_header(handle->curl, "Transfer-Encoding");
}

static enum mp_rc read_answer(
	struct handle *handle, struct mp_arena *arena, struct mp_http_answer *out_answer)
{
	struct mp_http_answer answer = {.retry_after_s = -1};
	char *content_type = NULL;
	curl_off_t retry_after_s = 0;
	struct curl_header *date;
	struct curl_header *replayed;

	(void)curl_easy_getinfo(handle->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	(void)curl_easy_getinfo(handle->curl, CURLINFO_CONTENT_TYPE, &content_type);
	if (has_header(handle->curl, "Retry-After") &&
		curl_easy_getinfo(handle->curl, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK)
		answer.retry_after_s = (long)retry_after_s;
	answer.date = "";
	if (curl_easy_header(handle->curl, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK)
		answer.date = mp_arena_strdup(arena, date->value);
	answer.replayed = curl_easy_header(handle->curl, "Idempotent-Replayed", 0, CURLH_HEADER, -1,
				  &replayed) == CURLHE_OK &&
			  strcmp(replayed->value, "true") == 0;
	answer.body_len = handle->answer.len;
	answer.body = mp_arena_strndup(arena, "", 0);
	if (answer.body_len > 0) {
		char *body = mp_arena_alloc(arena, answer.body_len + 1);
		if (body != NULL)
			memcpy(body, handle->answer.data, answer.body_len);
		answer.body = body;
	}
	answer.content_type = mp_arena_strdup(arena, content_type == NULL ? "" : content_type);
	if (answer.body == NULL || answer.content_type == NULL || answer.date == NULL)
		return MP_NOMEM;
	*out_answer = answer;
	return MP_OK;
}

enum mp_rc mp_http_call(struct mp_http_client *client, const struct mp_http_call *call,
	struct mp_arena *arena, struct mp_http_answer *out_answer)
{
	struct curl_slist *headers = NULL;
	enum mp_rc rc = MP_UNAVAILABLE; /* nothing was sent */

	if (!call_is_clean(call))
		return MP_INVALID;
	const char *url = mp_arena_printf(arena, "%s%s", client->base_url, call->path);
	struct handle *handle = handle_take(client);
	if (url == NULL || handle == NULL || !build_headers(arena, call, &headers) ||
		!set_request(client, handle, call, url, headers))
		goto out;

	CURLcode code = curl_easy_perform(handle->curl);
	if (code != CURLE_OK)
		rc = why_failed(handle->curl, code, &handle->answer);
	else if (!answer_is_whole(handle, call))
		rc = MP_UNKNOWN;
	else
		rc = read_answer(handle, arena, out_answer);
out:
	if (handle != NULL)
		handle_give_back(client, handle);
	curl_slist_free_all(headers);
	return rc;
}

const char *mp_url_encode(struct mp_arena *arena, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	char *encoded = mp_arena_alloc(arena, 3 * strlen(text) + 1);
	char *at = encoded;

	if (encoded == NULL)
		return NULL;
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte) != NULL)) {
			*at++ = (char)byte;
			continue;
		}
		*at++ = '%';
		*at++ = hex[byte >> 4];
		*at++ = hex[byte & 15];
	}
	return encoded;
}
