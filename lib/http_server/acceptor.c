#include "http_server/internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/thread.h"
#include "metrics/metrics.h"

/*
 * Accepting is done here, not by libmicrohttpd: over its own connection limit it leaves clients
 * hanging, its quiescing aborts the process on a race, and its threads share connections unevenly.
 */
#define LISTEN_BACKLOG 1024
#define ACCEPT_PAUSE_MS 20 /* after "too many open files" */

static enum mp_rc bad_address(const char *text, char reterr[256])
{
	enum mp_rc fits = mp_text_format(reterr, 256,
		"\"%.60s\" is not an address to listen on, such as 127.0.0.1:8081 or [::1]:8081",
		text);

	assert(fits == MP_OK);
	return MP_INVALID;
}

/* "[::1]:80" or "127.0.0.1:80" into its two parts. */
static bool split_address(const char *text, char host[INET6_ADDRSTRLEN], const char **out_port)
{
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[';

	if (colon == NULL || colon == text)
		return false;
	if (bracketed && colon[-1] != ']')
		return false;
	const char *start = bracketed ? text + 1 : text;
	size_t len = (size_t)(colon - start) - (bracketed ? 1 : 0);
	if (len >= INET6_ADDRSTRLEN)
		return false;
	memcpy(host, start, len);
	host[len] = '\0';
	*out_port = colon + 1;
	return true;
}

enum mp_rc http_listen_parse(const char *text, struct listen_address *out, char reterr[256])
{
	char host[INET6_ADDRSTRLEN];
	const char *port_text;
	int64_t port;
	struct listen_address address = {0};

	if (text == NULL || !split_address(text, host, &port_text) ||
		mp_text_to_int(port_text, &port) != MP_OK || port < 0 || port > UINT16_MAX)
		return bad_address(text == NULL ? "" : text, reterr);

	struct sockaddr_in *v4 = (struct sockaddr_in *)&address.address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.address;
	if (text[0] != '[' && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		address.len = sizeof(*v4);
	} else if (text[0] == '[' && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		address.len = sizeof(*v6);
	} else {
		return bad_address(text, reterr);
	}
	*out = address;
	return MP_OK;
}

enum mp_rc mp_http_listen_check(const char *listen, char reterr[256])
{
	struct listen_address address;

	return http_listen_parse(listen, &address, reterr);
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static enum mp_rc cannot_listen(const char *listen, int error, char reterr[256])
{
	char text[128];
	enum mp_rc fits = mp_text_format(reterr, 256, "cannot listen on %.60s: %.120s", listen,
		strerror_r(error, text, sizeof(text)));

	assert(fits == MP_OK);
	return MP_UNAVAILABLE;
}

enum mp_rc http_acceptor_open(struct mp_http_server *server, char reterr[256])
{
	struct acceptor *acceptor = &server->acceptor;
	const char *listen_text = server->config.listen;
	struct listen_address address;
	const int on = 1;

	enum mp_rc rc = http_listen_parse(listen_text, &address, reterr);
	if (rc != MP_OK)
		return rc;
	int fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return cannot_listen(listen_text, errno, reterr);
	acceptor->listen_fd = fd; /* http_acceptor_close closes it from here on */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return cannot_listen(listen_text, errno, reterr);
	if (address.address.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
		return cannot_listen(listen_text, errno, reterr);
	if (bind(fd, (struct sockaddr *)&address.address, address.len) != 0 ||
		listen(fd, LISTEN_BACKLOG) != 0)
		return cannot_listen(listen_text, errno, reterr);

	acceptor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (acceptor->wake_fd < 0)
		return cannot_listen(listen_text, errno, reterr);
	acceptor->port = bound_port(fd);
	acceptor->turned_away = mp_counter("moneypal_http_turned_away_total", NULL,
		"Connections over the bound, answered 503 before they asked.");
	return MP_OK;
}

#define TURNED_AWAY                                                                                \
	"{\"type\":\"/problems/busy\",\"title\":\"Busy\",\"status\":503,"                          \
	"\"detail\":\"There are too many connections.\"}"
_Static_assert(sizeof(TURNED_AWAY) - 1 == 96, "its Content-Length");

static const char turned_away[] =
	"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
	"Content-Type: application/problem+json\r\nContent-Length: 96\r\n\r\n" TURNED_AWAY;

/*
 * Told before it asks, as that costs least: under a flood most of a server's time would else go
 * into refusing. What was sent already is taken first, or closing would reset the connection and
 * could take the answer back.
 */
static void turn_away(struct acceptor *acceptor, int fd)
{
	char unread[4096];

	mp_metric_add(acceptor->turned_away, 1);
	ssize_t taken = recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	ssize_t sent = send(fd, turned_away, sizeof(turned_away) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)taken;
	(void)sent; /* a courtesy */
	(void)close(fd);
}

static struct network *least_busy(struct mp_http_server *server)
{
	struct network *best = &server->networks[0];

	for (unsigned i = 1; i < server->config.network_threads; i++) {
		struct network *network = &server->networks[i];
		if (atomic_load(&network->connections_count) <
			atomic_load(&best->connections_count))
			best = network;
	}
	return best;
}

static unsigned connections_count(struct mp_http_server *server)
{
	unsigned count = 0;

	for (unsigned i = 0; i < server->config.network_threads; i++)
		count += atomic_load(&server->networks[i].connections_count);
	return count;
}

static void take_in(
	struct mp_http_server *server, int fd, const struct sockaddr *peer, socklen_t peer_len)
{
	if (connections_count(server) >= server->config.connections_max) {
		turn_away(&server->acceptor, fd);
		return;
	}
	struct network *network = least_busy(server);
	/* Counted before libmicrohttpd's thread sees it: a burst spreads evenly and is bounded. */
	atomic_fetch_add(&network->connections_count, 1);
	if (MHD_add_connection(network->daemon, fd, peer, peer_len) != MHD_YES)
		atomic_fetch_sub(&network->connections_count, 1); /* it closed fd */
}

/* False: pause a little, the process or the machine is out of something. */
static bool accept_all(struct mp_http_server *server)
{
	for (;;) {
		struct sockaddr_storage peer;
		socklen_t peer_len = sizeof(peer);
		int fd = accept4(server->acceptor.listen_fd, (struct sockaddr *)&peer, &peer_len,
			SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			take_in(server, fd, (const struct sockaddr *)&peer, peer_len);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return true;
		if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == EPERM)
			continue; /* about one connection that is gone again */
		return false;
	}
}

static void *acceptor_run(void *arg)
{
	struct mp_http_server *server = arg;
	struct acceptor *acceptor = &server->acceptor;
	bool paused = false;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = acceptor->wake_fd, .events = POLLIN},
			{.fd = paused ? -1 : acceptor->listen_fd, .events = POLLIN},
		};
		int ready = poll(fds, 2, paused ? ACCEPT_PAUSE_MS : -1);
		if (fds[0].revents != 0)
			return NULL;
		bool was_paused = paused;
		paused = ready >= 0 && !accept_all(server);
		if (paused && !was_paused) /* told once, however long it lasts */
			mp_sink_report(&server->config.sink, "accept", MP_BUSY,
				"cannot accept connections: out of files or memory");
	}
}

enum mp_rc http_acceptor_start(struct mp_http_server *server)
{
	enum mp_rc rc =
		mp_thread_start(&server->acceptor.thread, "mp-accept", acceptor_run, server);

	server->acceptor.running = rc == MP_OK;
	return rc;
}

void http_acceptor_close(struct mp_http_server *server)
{
	struct acceptor *acceptor = &server->acceptor;

	if (acceptor->running) {
		const uint64_t one = 1;
		ssize_t written = write(acceptor->wake_fd, &one, sizeof(one));
		(void)written; /* an eventfd at 0 takes it */
		(void)pthread_join(acceptor->thread, NULL);
		acceptor->running = false;
	}
	if (acceptor->listen_fd >= 0)
		(void)close(acceptor->listen_fd);
	if (acceptor->wake_fd >= 0)
		(void)close(acceptor->wake_fd);
	acceptor->listen_fd = -1;
	acceptor->wake_fd = -1;
}
