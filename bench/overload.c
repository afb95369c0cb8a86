/*
 * More requests than a server can answer. Reads one HTTP request from stdin and sends it again and
 * again, each time with a fresh id wherever the nil UUID stands in it.
 *
 * Usage: overload --port N [--connections 640] [--seconds 10] [--rate N]
 *
 * Without --rate a closed loop: each connection sends, waits, sends again. With it an open loop: a
 * request is due every 1/rate seconds, whatever became of those before it. It takes a free
 * connection, or opens one of those allowed; without one it waits, and gives up after PATIENCE_MS.
 * Durations count from when a request was due, so a server that stalls is not spared the rest.
 *
 * Prints one JSON object: requests sent, answers by status, refusals without Retry-After, requests
 * lost with their connection, given up and never answered, seconds from the first request to the
 * last answer, durations of the 2xx in ms.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "histogram.h"
#include "options.h"

#define REQUEST_BYTES_MAX (16u * 1024)
#define ANSWER_BYTES_MAX (16u * 1024)
#define CONNECTIONS_MAX 8192
#define EVENTS_MAX 256
#define PATIENCE_MS 2000
#define ANSWER_MS_MAX 10000 /* at the end; what has no answer by then hangs */
#define NIL_ID "00000000-0000-0000-0000-000000000000"
#define STATUSES 600

struct connection {
	int fd; /* -1: closed */
	bool busy;
	int64_t due_us;
	char request[REQUEST_BYTES_MAX];
	size_t sent;
	char answer[ANSWER_BYTES_MAX];
	size_t answer_len;
};

struct overload {
	int64_t port;
	int64_t connections_count;
	int64_t seconds;
	int64_t rate;

	char request[REQUEST_BYTES_MAX];
	size_t request_len;
	bool has_ids;
	int epoll_fd;
	struct connection *connections;
	unsigned *idle; /* numbers of those that are not busy, open or not */
	size_t idle_count;
	int64_t begin_us;
	int64_t end_us;
	int64_t took_us;
	int64_t due; /* in an open loop: requests that were due so far */

	int64_t sent;
	int64_t lost;
	int64_t given_up;
	int64_t unanswered;
	int64_t no_retry_after;
	int64_t answers[STATUSES];
	struct histogram histogram;
};

/* --- one connection --- */

static void rest(struct overload *load, struct connection *connection)
{
	connection->busy = false;
	load->idle[load->idle_count++] = (unsigned)(connection - load->connections);
}

static void drop(struct overload *load, struct connection *connection)
{
	(void)close(connection->fd);
	connection->fd = -1;
	if (connection->busy) {
		load->lost++;
		rest(load, connection);
	}
}

static bool open_connection(struct overload *load, struct connection *connection)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)load->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
	int yes = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connection->fd < 0)
		return false;
	(void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if ((connect(connection->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		    errno == EINPROGRESS) &&
		epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) == 0)
		return true;
	(void)close(connection->fd);
	connection->fd = -1;
	return false;
}

static void send_rest(struct overload *load, struct connection *connection)
{
	while (connection->busy && connection->sent < load->request_len) {
		ssize_t n = send(connection->fd, connection->request + connection->sent,
			load->request_len - connection->sent, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return; /* told when there is room */
		if (n < 0) {
			drop(load, connection);
			return;
		}
		connection->sent += (size_t)n;
	}
}

static void fill_in_ids(struct overload *load, struct connection *connection)
{
	char *at = connection->request;

	memcpy(connection->request, load->request, load->request_len + 1);
	if (!load->has_ids)
		return;
	struct mp_id id = mp_id_new(mp_clock_ms());
	while ((at = strstr(at, NIL_ID)) != NULL)
		memcpy(at, id.text, sizeof(NIL_ID) - 1);
}

static void begin(struct overload *load, int64_t due_us)
{
	struct connection *connection = &load->connections[load->idle[--load->idle_count]];

	connection->busy = true;
	connection->due_us = due_us;
	connection->sent = 0;
	connection->answer_len = 0;
	fill_in_ids(load, connection);
	load->sent++;
	if (connection->fd < 0 && !open_connection(load, connection)) {
		load->lost++;
		rest(load, connection);
		return;
	}
	send_rest(load, connection);
}

/* --- answers --- */

static long content_length(const char *head)
{
	const char *field = strcasestr(head, "\r\ncontent-length:");
	long length = 0;

	if (field == NULL)
		return -1;
	for (field += sizeof("\r\ncontent-length:") - 1; *field == ' '; field++)
		continue;
	for (; *field >= '0' && *field <= '9' && length < 1000000; field++)
		length = 10 * length + (*field - '0');
	return length;
}

static void count_answer(struct overload *load, const struct connection *connection)
{
	const char *digits = connection->answer + sizeof("HTTP/1.1 ") - 1;
	int status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');

	if (status < 0 || status >= STATUSES)
		status = 0;
	load->answers[status]++;
	if ((status == 429 || status == 503) &&
		strcasestr(connection->answer, "\r\nretry-after:") == NULL)
		load->no_retry_after++;
	if (status / 100 == 2)
		histogram_add(&load->histogram, mp_clock_mono_us() - connection->due_us);
}

/* False while the answer is not whole. */
static bool take_answer(struct overload *load, struct connection *connection)
{
	connection->answer[connection->answer_len] = '\0';
	const char *end = strstr(connection->answer, "\r\n\r\n");
	if (end == NULL)
		return false;
	long length = content_length(connection->answer);
	if (length < 0 ||
		connection->answer_len < (size_t)(end + 4 - connection->answer) + (size_t)length)
		return false;
	count_answer(load, connection);
	rest(load, connection);
	if (strcasestr(connection->answer, "\r\nconnection: close") != NULL)
		drop(load, connection);
	return true;
}

static void receive(struct overload *load, struct connection *connection)
{
	while (connection->fd >= 0) {
		size_t room = sizeof(connection->answer) - 1 - connection->answer_len;
		ssize_t n =
			recv(connection->fd, connection->answer + connection->answer_len, room, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || !connection->busy) {
			drop(load, connection);
			return;
		}
		connection->answer_len += (size_t)n;
		if (take_answer(load, connection))
			return;
	}
}

/* --- the run --- */

static void send_what_is_due(struct overload *load, int64_t now_us)
{
	if (load->rate == 0) {
		/* Once each: a connection that fails at once is idle again at once. */
		for (size_t left = load->idle_count; left > 0 && now_us < load->end_us; left--)
			begin(load, now_us);
		return;
	}
	for (;;) {
		int64_t due_us = load->begin_us + load->due * 1000000 / load->rate;

		if (due_us > now_us || due_us >= load->end_us)
			return;
		if (load->idle_count > 0)
			begin(load, due_us);
		else if (now_us - due_us > PATIENCE_MS * 1000)
			load->given_up++;
		else
			return;
		load->due++;
	}
}

static bool any_busy(const struct overload *load)
{
	return load->idle_count < (size_t)load->connections_count;
}

static void run(struct overload *load)
{
	struct epoll_event events[EVENTS_MAX];

	load->begin_us = mp_clock_mono_us();
	load->end_us = load->begin_us + load->seconds * 1000000;
	for (int64_t now_us = load->begin_us;
		now_us < load->end_us ||
		(any_busy(load) && now_us < load->end_us + ANSWER_MS_MAX * 1000);
		now_us = mp_clock_mono_us()) {
		send_what_is_due(load, now_us);
		int count = epoll_wait(load->epoll_fd, events, EVENTS_MAX, 1);
		for (int i = 0; i < count; i++) {
			struct connection *connection = events[i].data.ptr;

			if ((events[i].events & EPOLLOUT) != 0)
				send_rest(load, connection);
			if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
				receive(load, connection);
		}
	}
	load->took_us = mp_clock_mono_us() - load->begin_us;
	load->unanswered = load->connections_count - (int64_t)load->idle_count;
}

static void tell(const struct overload *load)
{
	const char *comma = "";

	(void)printf("{\"sent\": %lld, \"answers\": {", (long long)load->sent);
	for (int status = 0; status < STATUSES; status++) {
		if (load->answers[status] == 0)
			continue;
		(void)printf("%s\"%d\": %lld", comma, status, (long long)load->answers[status]);
		comma = ", ";
	}
	(void)printf(
		"}, \"no_retry_after\": %lld, \"lost\": %lld, \"given_up\": %lld, "
		"\"unanswered\": %lld, \"seconds\": %.2f, \"p50_ms\": %.1f, \"p99_ms\": %.1f}\n",
		(long long)load->no_retry_after, (long long)load->lost, (long long)load->given_up,
		(long long)load->unanswered, (double)load->took_us / 1e6,
		(double)histogram_at(&load->histogram, 500) / 1000.0,
		(double)histogram_at(&load->histogram, 990) / 1000.0);
}

static bool read_options(int argc, char **argv, struct overload *load)
{
	const struct option_row rows[] = {
		{"port", &load->port, 1, 65535, NULL},
		{"connections", &load->connections_count, 1, CONNECTIONS_MAX, NULL},
		{"seconds", &load->seconds, 1, 3600, NULL},
		{"rate", &load->rate, 1, 1000000, NULL},
	};
	const char *word = NULL;

	return options_read(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &word) &&
	       word == NULL && load->port > 0;
}

int main(int argc, char **argv)
{
	static struct overload load = {.connections_count = 640, .seconds = 10};

	if (!read_options(argc, argv, &load)) {
		(void)fprintf(stderr,
			"Usage: overload --port N [--connections N] [--seconds N] [--rate N] "
			"<request\n");
		return 2;
	}
	load.request_len = fread(load.request, 1, sizeof(load.request) - 1, stdin);
	load.has_ids = strstr(load.request, NIL_ID) != NULL;
	load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load.connections = calloc((size_t)load.connections_count, sizeof(*load.connections));
	load.idle = calloc((size_t)load.connections_count, sizeof(*load.idle));
	if (load.request_len == 0 || load.epoll_fd < 0 || load.connections == NULL ||
		load.idle == NULL) {
		(void)fprintf(stderr, "overload: no request, or no memory\n");
		return 1;
	}
	for (int64_t i = load.connections_count - 1; i >= 0; i--) {
		load.connections[i].fd = -1;
		load.idle[load.idle_count++] = (unsigned)i;
	}
	run(&load);
	tell(&load);
	for (int64_t i = 0; i < load.connections_count; i++) {
		if (load.connections[i].fd >= 0)
			(void)close(load.connections[i].fd);
	}
	free(load.connections);
	free(load.idle);
	(void)close(load.epoll_fd);
	return 0;
}
