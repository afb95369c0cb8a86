#include "bus/connection.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"

#define CONNECT_TIMEOUT_S 5
#define ANSWER_TIMEOUT_S 10
#define GOODBYE_TIMEOUT_S 1
#define SEND_TIMEOUT_MS 30000
#define FRAME_BYTES_MAX 32768 /* rabbitmq-c keeps a page of this size for each channel */
#define CA_FILE_DEFAULT "/etc/ssl/certs/ca-certificates.crt" /* Debian's */
#define CA_FILE_OPTION "cacertfile="			     /* as in RabbitMQ's own URLs */
#define BACKOFF_MS_MIN 100
#define BACKOFF_MS_MAX 5000
#define STABLE_MS 5000 /* a connection that lasted this long starts the backoff anew */

/* --- opening and closing --- */

/* Cuts "?cacertfile=/a/path" off the url, where it is there. MP_INVALID: another option. */
static enum mp_rc take_options(struct mp_amqp *amqp)
{
	char *options = strchr(amqp->url, '?');

	amqp->ca_file = CA_FILE_DEFAULT;
	if (options == NULL)
		return MP_OK;
	*options++ = '\0';
	if (strncmp(options, CA_FILE_OPTION, strlen(CA_FILE_OPTION)) != 0 ||
		strpbrk(options, "&%") != NULL)
		return MP_INVALID;
	amqp->ca_file = options + strlen(CA_FILE_OPTION);
	return amqp->ca_file[0] == '/' ? MP_OK : MP_INVALID;
}

enum mp_rc mp_amqp_init(
	struct mp_amqp *amqp, const char *url, const char *role, const struct mp_sink *sink)
{
	static char default_vhost[] = "/";

	assert(url != NULL && role != NULL);
	memset(amqp, 0, sizeof(*amqp));
	amqp->role = role;
	if (sink != NULL)
		amqp->sink = *sink;
	amqp->url_size = strlen(url) + 1;
	amqp->url = malloc(amqp->url_size);
	if (amqp->url == NULL)
		return MP_NOMEM;
	memcpy(amqp->url, url, amqp->url_size);

	/* The parser cuts the copy into its parts and decodes their percent signs. */
	bool has_options = strchr(amqp->url, '?') != NULL;
	if (take_options(amqp) != MP_OK ||
		amqp_parse_url(amqp->url, &amqp->info) != AMQP_STATUS_OK ||
		(has_options && !amqp->info.ssl)) {
		mp_amqp_done(amqp);
		return MP_INVALID;
	}
	/* "amqp://host/" names the empty virtual host; people mean the default one. */
	if (amqp->info.vhost[0] == '\0')
		amqp->info.vhost = default_vhost;
	amqp->connected = mp_gauge("moneypal_bus_connected",
		strcmp(role, "consumer") == 0 ? "role=\"consumer\"" : "role=\"publisher\"",
		"Connections to the broker that are up.");
	return MP_OK;
}

/* Forgets the connection without a word to the broker. */
static void drop(struct mp_amqp *amqp)
{
	for (size_t i = 0; i <= MP_AMQP_CHANNELS_MAX; i++) {
		free(amqp->channels[i].incoming.body);
		memset(&amqp->channels[i], 0, sizeof(amqp->channels[i]));
	}
	if (amqp->state != NULL)
		(void)amqp_destroy_connection(amqp->state);
	amqp->state = NULL;
	if (amqp->up)
		mp_metric_add(amqp->connected, -1);
	amqp->up = false;
}

void mp_amqp_done(struct mp_amqp *amqp)
{
	if (amqp->up) {
		struct timeval timeout = {.tv_sec = GOODBYE_TIMEOUT_S};

		/* Whatever it answers: the broker gives back what was not acknowledged. */
		if (amqp_set_rpc_timeout(amqp->state, &timeout) == AMQP_STATUS_OK)
			(void)amqp_connection_close(amqp->state, AMQP_REPLY_SUCCESS);
	}
	drop(amqp);
	if (amqp->url != NULL)
		explicit_bzero(amqp->url, amqp->url_size);
	free(amqp->url);
	amqp->url = NULL;
}

/* --- failures --- */

/* 0.1 s doubling to 5 s, of which a random half, so that a fleet does not come back as one. */
static int backoff_ms(unsigned tries)
{
	int most = BACKOFF_MS_MAX;
	uint16_t dice;

	if (tries < 6)
		most = BACKOFF_MS_MIN << tries;
	if (most > BACKOFF_MS_MAX)
		most = BACKOFF_MS_MAX;
	mp_random_bytes(&dice, sizeof(dice));
	return most / 2 + dice % (most / 2 + 1);
}

enum mp_rc mp_amqp_lose(struct mp_amqp *amqp, const char *doing, const char *why)
{
	int64_t now_ms = mp_clock_mono_ms();
	char reason[sizeof(amqp->told)];

	if (mp_text_format(reason, sizeof(reason), "%s: %.*s", doing, 120, why) != MP_OK)
		reason[0] = '\0';
	if (amqp->up && now_ms - amqp->up_since_ms >= STABLE_MS)
		amqp->tries = 0;
	amqp->next_try_ms = now_ms + backoff_ms(amqp->tries);
	amqp->tries++;

	/* Told when it goes down and when the reason changes, not at every try. */
	if (amqp->up || strcmp(reason, amqp->told) != 0)
		mp_sink_report(&amqp->sink, "broker_down", MP_UNAVAILABLE, reason);
	if (mp_text_copy(amqp->told, sizeof(amqp->told), reason) != MP_OK)
		amqp->told[0] = '\0';
	drop(amqp);
	return MP_UNAVAILABLE;
}

enum mp_rc mp_amqp_lose_closed(struct mp_amqp *amqp, const char *doing, const amqp_method_t *method)
{
	char words[128];
	amqp_bytes_t text = amqp_empty_bytes;
	int code = 0;

	if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
		const amqp_channel_close_t *close = method->decoded;
		text = close->reply_text;
		code = close->reply_code;
	} else if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
		const amqp_connection_close_t *close = method->decoded;
		text = close->reply_text;
		code = close->reply_code;
	}
	if (mp_text_format(words, sizeof(words), "%d %.*s", code,
		    text.len < 100 ? (int)text.len : 100,
		    text.bytes != NULL ? (const char *)text.bytes : "") != MP_OK)
		words[0] = '\0';
	return mp_amqp_lose(amqp, doing, words);
}

enum mp_rc mp_amqp_check(struct mp_amqp *amqp, const char *doing, int status)
{
	if (status == AMQP_STATUS_OK)
		return MP_OK;
	return mp_amqp_lose(amqp, doing, amqp_error_string2(status));
}

enum mp_rc mp_amqp_check_rpc(struct mp_amqp *amqp, const char *doing, amqp_rpc_reply_t reply)
{
	switch (reply.reply_type) {
	case AMQP_RESPONSE_NORMAL:
		return MP_OK;
	case AMQP_RESPONSE_SERVER_EXCEPTION:
		return mp_amqp_lose_closed(amqp, doing, &reply.reply);
	case AMQP_RESPONSE_LIBRARY_EXCEPTION:
		return mp_amqp_lose(amqp, doing, amqp_error_string2(reply.library_error));
	case AMQP_RESPONSE_NONE:
		break;
	}
	return mp_amqp_lose(amqp, doing, "no answer");
}

/* --- connecting --- */

/* What proves that the broker is the one whose name the url has. */
static int demand_certificate(amqp_socket_t *socket, const char *ca_file)
{
	int status;

	amqp_ssl_socket_set_verify_peer(socket, 1);
	amqp_ssl_socket_set_verify_hostname(socket, 1);
	status = amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
	return status == AMQP_STATUS_OK ? amqp_ssl_socket_set_cacert(socket, ca_file) : status;
}

static enum mp_rc new_socket(struct mp_amqp *amqp, amqp_socket_t **out_socket)
{
	amqp_socket_t *socket = NULL;
	char doing[80];

	amqp->state = amqp_new_connection();
	if (amqp->state != NULL)
		socket = amqp->info.ssl ? amqp_ssl_socket_new(amqp->state)
					: amqp_tcp_socket_new(amqp->state);
	if (socket == NULL)
		return mp_amqp_lose(amqp, "connecting", "no memory");
	*out_socket = socket;
	if (!amqp->info.ssl)
		return MP_OK;

	int status = demand_certificate(socket, amqp->ca_file);
	if (mp_text_format(doing, sizeof(doing), "reading the authorities in %.50s",
		    amqp->ca_file) != MP_OK)
		doing[0] = '\0';
	return mp_amqp_check(amqp, doing, status);
}

static enum mp_rc open_socket(struct mp_amqp *amqp)
{
	amqp_socket_t *socket = NULL;
	struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_S};
	unsigned send_timeout_ms = SEND_TIMEOUT_MS;
	char doing[80];

	enum mp_rc rc = new_socket(amqp, &socket);
	if (rc != MP_OK)
		return rc;
	rc = mp_text_format(doing, sizeof(doing), "connecting to %.40s port %d", amqp->info.host,
		amqp->info.port);
	if (rc != MP_OK)
		return mp_amqp_lose(amqp, "connecting", mp_rc_name(rc));
	rc = mp_amqp_check(amqp, doing,
		amqp_socket_open_noblock(socket, amqp->info.host, amqp->info.port, &timeout));
	if (rc != MP_OK)
		return rc;

	/*
	 * A broker in alarm (memory, disk) stops reading from publishers, and rabbitmq-c would then
	 * wait in send without end: the kernel gives up for it, also against a closed window.
	 */
	if (setsockopt(amqp_get_sockfd(amqp->state), IPPROTO_TCP, TCP_USER_TIMEOUT,
		    &send_timeout_ms, sizeof(send_timeout_ms)) != 0)
		return mp_amqp_lose(amqp, "connecting", "TCP_USER_TIMEOUT refused");
	return MP_OK;
}

static enum mp_rc log_in(struct mp_amqp *amqp)
{
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};

	enum mp_rc rc = mp_amqp_check(
		amqp, "connecting", amqp_set_handshake_timeout(amqp->state, &timeout));
	if (rc != MP_OK)
		return rc;
	rc = mp_amqp_check(amqp, "connecting", amqp_set_rpc_timeout(amqp->state, &timeout));
	if (rc != MP_OK)
		return rc;
	return mp_amqp_check_rpc(amqp, "logging in",
		amqp_login(amqp->state, amqp->info.vhost, MP_AMQP_CHANNELS_MAX, FRAME_BYTES_MAX,
			MP_AMQP_HEARTBEAT_S, AMQP_SASL_METHOD_PLAIN, amqp->info.user,
			amqp->info.password));
}

enum mp_rc mp_amqp_channel_open(
	struct mp_amqp *amqp, amqp_channel_t number, const struct mp_amqp_channel *channel)
{
	assert(number >= 1 && number <= MP_AMQP_CHANNELS_MAX);
	amqp->channels[number] = *channel;
	(void)amqp_channel_open(amqp->state, number);
	return mp_amqp_check_rpc(amqp, "opening a channel", amqp_get_rpc_reply(amqp->state));
}

int mp_amqp_wait_ms(const struct mp_amqp *amqp)
{
	int64_t wait_ms = amqp->next_try_ms - mp_clock_mono_ms();

	return wait_ms > 0 ? (int)wait_ms : 0;
}

enum mp_rc mp_amqp_connect(struct mp_amqp *amqp, enum mp_rc (*setup)(void *ctx), void *ctx)
{
	assert(!amqp->up);
	if (mp_amqp_wait_ms(amqp) > 0)
		return MP_UNAVAILABLE;

	enum mp_rc rc = open_socket(amqp);
	if (rc == MP_OK)
		rc = log_in(amqp);
	if (rc == MP_OK)
		rc = setup(ctx);
	if (rc != MP_OK)
		return rc;

	amqp->up = true;
	amqp->up_since_ms = mp_clock_mono_ms();
	amqp->told[0] = '\0';
	mp_metric_add(amqp->connected, 1);
	mp_sink_report(&amqp->sink, "broker_up", MP_OK, amqp->role);
	return MP_OK;
}
