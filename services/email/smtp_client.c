#include "smtp_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/text.h"

#define CONNECT_TIMEOUT_MS 10000L
#define CONNECTION_IDLE_S 60L /* servers drop a silent one after five minutes (RFC 5321 4.5.3.2) */
#define STOP_GRACE_MS 2000
#define LINE_BYTES_MAX 998 /* RFC 5322 2.1.1 */

/* How far a mail has come: what a server's answer is about. */
enum phase {
	PHASE_CONNECT, /* greeting, EHLO, STARTTLS */
	PHASE_LOG_ON,
	PHASE_SENDER,
	PHASE_RECIPIENT,
	PHASE_MESSAGE,
};

/* The server's last answer, of one line or several. */
struct reply {
	int code; /* 0: none yet */
	bool whole;
	char words[EMAIL_ANSWER_SIZE];
	size_t len;
};

/* A libcurl handle with its connection: used by one mail at a time, then by another. */
struct handle {
	struct smtp_client *client;
	CURL *curl;
	struct handle *next;

	/* the mail in hand */
	const struct smtp_mail *mail;
	size_t sent;
	bool begun;	      /* the server has agreed to take the message */
	bool all_sent;	      /* libcurl has it all, and ends it */
	enum mp_rc before_rc; /* what before_message returned */
	enum phase phase;
	bool quits; /* nothing more is said about the mail */
	struct reply reply;
};

struct smtp_client {
	char *url;
	char *user;
	char *password;
	char *ca_file;
	bool plain_text;
	long timeout_ms;
	_Atomic int64_t stopped_at_ms; /* monotonic; 0: not */
	pthread_mutex_t mutex;
	struct handle *idle; /* the one used last comes first: its connection is the freshest */
};

/* --- what libcurl tells and asks --- */

static bool begins(const char *bytes, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(bytes, with, strlen(with)) == 0;
}

/* The lines of a log-on may look like anything: only commands in their order count. */
static void on_command(struct handle *handle, const char *bytes, size_t len)
{
	if (handle->phase == PHASE_CONNECT && begins(bytes, len, "AUTH "))
		handle->phase = PHASE_LOG_ON;
	else if (handle->phase <= PHASE_LOG_ON && begins(bytes, len, "MAIL FROM:"))
		handle->phase = PHASE_SENDER;
	else if (handle->phase == PHASE_SENDER && begins(bytes, len, "RCPT TO:"))
		handle->phase = PHASE_RECIPIENT;
	else if (handle->phase == PHASE_RECIPIENT && begins(bytes, len, "DATA"))
		handle->phase = PHASE_MESSAGE;
	else if (handle->phase != PHASE_LOG_ON && begins(bytes, len, "QUIT"))
		handle->quits = true;
}

static void add_words(struct reply *reply, const char *bytes, size_t len)
{
	if (reply->len > 0 && reply->len < sizeof(reply->words) - 1)
		reply->words[reply->len++] = ' ';
	for (size_t i = 0; i < len && reply->len < sizeof(reply->words) - 1; i++) {
		if (bytes[i] >= ' ' && bytes[i] <= '~')
			reply->words[reply->len++] = bytes[i];
	}
	reply->words[reply->len] = '\0';
}

/* A line of an answer: "250-..." goes on, "250 ..." ends it. */
static void on_reply_line(struct handle *handle, const char *bytes, size_t len)
{
	struct reply *reply = &handle->reply;
	int code = 0;

	if (len < 3)
		return;
	for (size_t i = 0; i < 3; i++) {
		if (bytes[i] < '0' || bytes[i] > '9')
			return;
		code = 10 * code + (bytes[i] - '0');
	}
	if (reply->whole || reply->code != code)
		*reply = (struct reply){.code = code};
	reply->whole = len == 3 || bytes[3] != '-';
	if (reply->len == 0)
		add_words(reply, bytes, len);
	else if (len > 4)
		add_words(reply, bytes + 4, len - 4);
}

static int on_debug(CURL *curl, curl_infotype type, char *bytes, size_t len, void *arg)
{
	struct handle *handle = arg;

	(void)curl;
	if (handle->mail == NULL) /* the connection is being closed */
		return 0;
	if (type == CURLINFO_HEADER_OUT)
		on_command(handle, bytes, len);
	else if (type == CURLINFO_HEADER_IN && !handle->quits)
		on_reply_line(handle, bytes, len);
	return 0;
}

/* Asked first when the server has said 354, and once more when all was sent. */
static size_t on_message(char *room, size_t size, size_t count, void *arg)
{
	struct handle *handle = arg;
	const struct smtp_mail *mail = handle->mail;
	size_t left = mail->len - handle->sent;
	size_t len = size * count < left ? size * count : left;

	if (!handle->begun) {
		handle->before_rc = mail->before_message(mail->ctx);
		if (handle->before_rc != MP_OK)
			return CURL_READFUNC_ABORT;
		handle->begun = true;
	}
	if (len == 0) {
		handle->all_sent = true;
		handle->reply = (struct reply){0}; /* the next one is about the message */
		return 0;
	}
	memcpy(room, mail->message + handle->sent, len);
	handle->sent += len;
	return len;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down_now, curl_off_t up_total,
	curl_off_t up_now)
{
	const struct handle *handle = arg;
	int64_t stopped_at_ms = atomic_load(&handle->client->stopped_at_ms);

	(void)down_total, (void)down_now, (void)up_total, (void)up_now;
	if (stopped_at_ms == 0)
		return 0;
	return !handle->begun || mp_clock_mono_ms() - stopped_at_ms > STOP_GRACE_MS;
}

/* --- handles --- */

static void handle_free(struct handle *handle)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (handle == NULL)
		return;
	/* libcurl says QUIT, and would wait two minutes for the answer. */
	handle->mail = NULL;
	if (handle->curl != NULL &&
		curl_easy_getinfo(handle->curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
		fd != CURL_SOCKET_BAD)
		(void)shutdown(fd, SHUT_RD);
	curl_easy_cleanup(handle->curl);
	free(handle);
}

static bool set_callbacks(struct handle *handle)
{
	CURL *curl = handle->curl;
	bool good = curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK;

	good = good && curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_message) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_READDATA, handle) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_DEBUGDATA, handle) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L) == CURLE_OK; /* to on_debug */
	good = good && curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_XFERINFODATA, handle) == CURLE_OK;
	return good && curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

static bool set_server(CURL *curl, const struct smtp_client *client)
{
	long tls = client->plain_text ? CURLUSESSL_NONE : CURLUSESSL_ALL; /* ALL: or nothing */
	bool good = curl_easy_setopt(curl, CURLOPT_URL, client->url) == CURLE_OK;

	good = good && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_USE_SSL, tls) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
			       CURLE_OK;
	if (client->ca_file[0] != '\0')
		good = good && curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file) == CURLE_OK;
	if (client->user[0] != '\0')
		good = good && curl_easy_setopt(curl, CURLOPT_USERNAME, client->user) == CURLE_OK &&
		       curl_easy_setopt(curl, CURLOPT_PASSWORD, client->password) == CURLE_OK;
	good = good &&
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, client->timeout_ms) == CURLE_OK;
	good = good && curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_S) == CURLE_OK;
	return good && curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK;
}

static struct handle *handle_new(struct smtp_client *client)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (handle == NULL)
		return NULL;
	handle->client = client;
	handle->curl = curl_easy_init();
	if (handle->curl == NULL || !set_callbacks(handle) || !set_server(handle->curl, client)) {
		handle_free(handle);
		return NULL;
	}
	return handle;
}

static struct handle *handle_take(struct smtp_client *client)
{
	(void)pthread_mutex_lock(&client->mutex);
	struct handle *handle = client->idle;
	if (handle != NULL)
		client->idle = handle->next;
	(void)pthread_mutex_unlock(&client->mutex);
	return handle != NULL ? handle : handle_new(client);
}

static void handle_give_back(struct smtp_client *client, struct handle *handle)
{
	handle->mail = NULL;
	(void)pthread_mutex_lock(&client->mutex);
	handle->next = client->idle;
	client->idle = handle;
	(void)pthread_mutex_unlock(&client->mutex);
}

/* --- opening and closing --- */

static const char *config_fault(const struct smtp_config *config)
{
	bool plain_scheme = begins(config->url, strlen(config->url), "smtp://");

	if (!plain_scheme && !begins(config->url, strlen(config->url), "smtps://"))
		return "SMTP_URL must begin with smtp:// or smtps://.";
	if (mp_text_has_control(config->url) || strpbrk(config->url, " @?#") != NULL)
		return "SMTP_URL must be a host and a port only; who logs on is said by SMTP_USER "
		       "and SMTP_PASSWORD.";
	if ((config->user[0] == '\0') != (config->password[0] == '\0'))
		return "SMTP_USER and SMTP_PASSWORD are set both, or none.";
	if (config->user[0] != '\0' && plain_scheme && config->plain_text)
		return "SMTP_USER needs TLS: no password is sent in the clear.";
	return NULL;
}

enum mp_rc smtp_open(
	const struct smtp_config *config, struct smtp_client **out_client, char reterr[256])
{
	const char *fault = config_fault(config);

	if (fault != NULL)
		return mp_text_copy(reterr, 256, fault) == MP_OK ? MP_INVALID : MP_BUG;
	struct smtp_client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		return MP_NOMEM;
	(void)pthread_mutex_init(&client->mutex, NULL);
	client->url = strdup(config->url);
	client->user = strdup(config->user);
	client->password = strdup(config->password);
	client->ca_file = strdup(config->ca_file);
	client->plain_text = config->plain_text;
	client->timeout_ms = config->timeout_ms;
	if (client->url == NULL || client->user == NULL || client->password == NULL ||
		client->ca_file == NULL) {
		smtp_close(client);
		return MP_NOMEM;
	}
	*out_client = client;
	return MP_OK;
}

void smtp_stop(struct smtp_client *client)
{
	if (client != NULL)
		atomic_store(&client->stopped_at_ms, mp_clock_mono_ms());
}

void smtp_close(struct smtp_client *client)
{
	if (client == NULL)
		return;
	while (client->idle != NULL) {
		struct handle *next = client->idle->next;
		handle_free(client->idle);
		client->idle = next;
	}
	if (client->password != NULL)
		explicit_bzero(client->password, strlen(client->password));
	free(client->url);
	free(client->user);
	free(client->password);
	free(client->ca_file);
	(void)pthread_mutex_destroy(&client->mutex);
	free(client);
}

/* --- one mail --- */

/* ASCII in CRLF lines that are not too long: nothing that a server could read in another way. */
static bool message_is_clean(const char *message, size_t len)
{
	size_t column = 0;

	if (len < 2 || message[len - 2] != '\r' || message[len - 1] != '\n')
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)message[i];

		if (c == '\r' && i + 1 < len && message[i + 1] == '\n') {
			i++;
			column = 0;
		} else if ((c < ' ' && c != '\t') || c > '~' || ++column > LINE_BYTES_MAX) {
			return false;
		}
	}
	return true;
}

/* These answers are about who we are, whatever they answer: not about the mail. */
static bool is_about_us(int code)
{
	return code == 421 || code == 530 || code == 534 || code == 535 || code == 538;
}

static enum smtp_outcome outcome_of(const struct handle *handle, CURLcode code)
{
	const struct reply *reply = &handle->reply;

	if (code == CURLE_OK)
		return SMTP_TAKEN;
	if (handle->all_sent && !reply->whole)
		return SMTP_UNKNOWN;
	if (handle->all_sent && reply->code / 100 == 2) /* told, and then something else failed */
		return SMTP_TAKEN;
	if (handle->phase < PHASE_RECIPIENT || !reply->whole || is_about_us(reply->code))
		return SMTP_TROUBLE;
	if (reply->code / 100 == 4)
		return SMTP_DEFERRED;
	return reply->code / 100 == 5 ? SMTP_REFUSED : SMTP_TROUBLE;
}

/* What is wrong, for the log. The words of a log-on's answer may repeat what was said to it. */
static enum mp_rc say_trouble(
	const struct handle *handle, CURLcode code, char out_words[EMAIL_ANSWER_SIZE])
{
	const struct reply *reply = &handle->reply;
	bool refused = reply->whole && reply->code >= 400;

	if (code == CURLE_USE_SSL_FAILED)
		return mp_text_copy(out_words, EMAIL_ANSWER_SIZE,
			"The mail server offers no STARTTLS, and nothing is sent without.");
	if (code == CURLE_LOGIN_DENIED || (refused && handle->phase == PHASE_LOG_ON))
		return mp_text_format(out_words, EMAIL_ANSWER_SIZE,
			"The mail server refused the log-on (%d).", reply->code);
	if (refused)
		return mp_text_format(out_words, EMAIL_ANSWER_SIZE,
			"The mail server takes no mail: %.200s", reply->words);
	if (handle->all_sent)
		return mp_text_format(out_words, EMAIL_ANSWER_SIZE,
			"The mail server did not answer to a whole message: %.150s.",
			curl_easy_strerror(code));
	return mp_text_format(out_words, EMAIL_ANSWER_SIZE,
		"The mail server was not reached: %.180s.", curl_easy_strerror(code));
}

static enum mp_rc answer_of(
	const struct handle *handle, CURLcode code, struct smtp_answer *out_answer)
{
	struct smtp_answer answer = {.outcome = outcome_of(handle, code)};
	enum mp_rc rc;

	if (handle->reply.whole && handle->reply.code >= 400)
		answer.code = handle->reply.code;
	if (answer.outcome == SMTP_TROUBLE || answer.outcome == SMTP_UNKNOWN)
		rc = say_trouble(handle, code, answer.words);
	else
		rc = mp_text_copy(answer.words, sizeof(answer.words), handle->reply.words);
	if (rc == MP_OK)
		*out_answer = answer;
	return rc;
}

static bool set_envelope(
	struct handle *handle, const struct smtp_mail *mail, struct curl_slist **out_recipients)
{
	*out_recipients = curl_slist_append(NULL, mail->to);
	return *out_recipients != NULL &&
	       curl_easy_setopt(handle->curl, CURLOPT_MAIL_FROM, mail->from) == CURLE_OK &&
	       curl_easy_setopt(handle->curl, CURLOPT_MAIL_RCPT, *out_recipients) == CURLE_OK;
}

enum mp_rc smtp_send(
	struct smtp_client *client, const struct smtp_mail *mail, struct smtp_answer *out_answer)
{
	struct curl_slist *recipients = NULL;
	enum mp_rc rc = MP_NOMEM;

	if (!email_address_is_plain(mail->from) || !email_address_is_plain(mail->to) ||
		!message_is_clean(mail->message, mail->len))
		return MP_INVALID;
	struct handle *handle = handle_take(client);
	if (handle == NULL)
		return MP_NOMEM;
	handle->mail = mail;
	handle->sent = 0;
	handle->begun = handle->all_sent = handle->quits = false;
	handle->before_rc = MP_OK;
	handle->phase = PHASE_CONNECT;
	handle->reply = (struct reply){0};
	if (set_envelope(handle, mail, &recipients)) {
		CURLcode code = curl_easy_perform(handle->curl);
		rc = handle->before_rc;
		if (rc == MP_OK && code == CURLE_ABORTED_BY_CALLBACK && !handle->begun)
			rc = MP_UNAVAILABLE; /* by smtp_stop */
		if (rc == MP_OK)
			rc = answer_of(handle, code, out_answer);
	}
	(void)curl_easy_setopt(handle->curl, CURLOPT_MAIL_RCPT, NULL); /* freed below */
	curl_slist_free_all(recipients);
	handle_give_back(client, handle);
	return rc;
}
