#include "connections.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_MAX 128

struct connection {
	int fd;
	unsigned number;
	char *request;
	size_t request_len;
	size_t sent;
	int64_t sent_us; /* when the request began */
	char *answer;
	size_t answer_len;
	bool waiting; /* for an answer */
};

struct loop {
	const struct connections_job *job;
	struct connection *connections;
	int epoll_fd;
	unsigned waiting;
	bool stop;
};

static enum mp_rc watch(struct loop *loop, struct connection *connection, bool for_room)
{
	struct epoll_event event = {
		.events = for_room ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = connection,
	};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) == 0
		       ? MP_OK
		       : MP_UNAVAILABLE;
}

static enum mp_rc send_rest(struct loop *loop, struct connection *connection)
{
	while (connection->sent < connection->request_len) {
		ssize_t n = send(connection->fd, connection->request + connection->sent,
			connection->request_len - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return watch(loop, connection, true);
		if (n < 0 && errno != EINTR)
			return MP_UNAVAILABLE;
		if (n > 0)
			connection->sent += (size_t)n;
	}
	return MP_OK;
}

static enum mp_rc send_next(struct loop *loop, struct connection *connection)
{
	const struct connections_job *job = loop->job;

	connection->waiting = job->goes_on(job->ctx);
	if (!connection->waiting) {
		loop->waiting--;
		return MP_OK;
	}
	connection->request_len = job->make(
		job->ctx, connection->number, connection->request, job->request_bytes_max);
	connection->sent = 0;
	connection->answer_len = 0;
	connection->sent_us = mp_clock_mono_us();
	return send_rest(loop, connection);
}

/* The value of Content-Length in a whole head, or -1. */
static long content_length(const char *head)
{
	const char *field = strcasestr(head, "\r\ncontent-length:");
	long length = 0;

	if (field == NULL)
		return -1;
	field += strlen("\r\ncontent-length:");
	field += strspn(field, " ");
	for (; *field >= '0' && *field <= '9' && length < 1000000000; field++)
		length = 10 * length + (*field - '0');
	return length;
}

/* MP_PENDING while the answer is not whole. */
static enum mp_rc take_answer(struct loop *loop, struct connection *connection)
{
	const struct connections_job *job = loop->job;
	char *answer = connection->answer;

	answer[connection->answer_len] = '\0';
	char *end = strstr(answer, "\r\n\r\n");
	if (end == NULL)
		return MP_PENDING;
	long length = content_length(answer);
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || length < 0)
		return MP_CORRUPT;
	const char *body = end + 4;
	if (connection->answer_len < (size_t)(body - answer) + (size_t)length)
		return MP_PENDING;
	int status = (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
	if (!job->answered(job->ctx, connection->number, status, body, (size_t)length,
		    mp_clock_mono_us() - connection->sent_us))
		loop->stop = true;
	return MP_OK;
}

static enum mp_rc receive(struct loop *loop, struct connection *connection)
{
	size_t room = loop->job->answer_bytes_max - 1 - connection->answer_len;
	ssize_t n = recv(
		connection->fd, connection->answer + connection->answer_len, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return MP_OK;
	if (n <= 0 || !connection->waiting)
		return MP_UNAVAILABLE; /* an end, or more than was asked for, or no room */
	connection->answer_len += (size_t)n;
	enum mp_rc rc = take_answer(loop, connection);
	if (rc == MP_OK)
		rc = send_next(loop, connection);
	return rc == MP_PENDING ? MP_OK : rc;
}

static enum mp_rc handle(struct loop *loop, struct connection *connection, uint32_t events)
{
	enum mp_rc rc = MP_OK;

	if ((events & EPOLLOUT) != 0) {
		rc = watch(loop, connection, false);
		if (rc == MP_OK)
			rc = send_rest(loop, connection);
	}
	if (rc == MP_OK && (events & ~(uint32_t)EPOLLOUT) != 0)
		rc = receive(loop, connection);
	return rc;
}

static enum mp_rc open_one(struct loop *loop, struct connection *connection)
{
	const struct connections_job *job = loop->job;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int yes = 1;

	connection->request = malloc(job->request_bytes_max);
	connection->answer = malloc(job->answer_bytes_max);
	if (connection->request == NULL || connection->answer == NULL)
		return MP_NOMEM;
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 ||
		connect(connection->fd, (const struct sockaddr *)&job->address,
			sizeof(job->address)) != 0 ||
		setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		return MP_UNAVAILABLE;
	loop->waiting++;
	return send_next(loop, connection);
}

static enum mp_rc run_loop(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];
	enum mp_rc rc = MP_OK;

	for (unsigned i = 0; i < loop->job->connections && rc == MP_OK; i++)
		rc = open_one(loop, &loop->connections[i]);
	while (rc == MP_OK && loop->waiting > 0 && !loop->stop) {
		int count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, 10000);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return MP_UNAVAILABLE; /* ten seconds without an answer */
		for (int i = 0; i < count && rc == MP_OK; i++)
			rc = handle(loop, events[i].data.ptr, events[i].events);
	}
	return rc;
}

enum mp_rc connections_run(const struct connections_job *job)
{
	struct loop loop = {.job = job, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	enum mp_rc rc = MP_NOMEM;

	loop.connections = calloc(job->connections, sizeof(*loop.connections));
	for (unsigned i = 0; i < job->connections && loop.connections != NULL; i++) {
		loop.connections[i].fd = -1;
		loop.connections[i].number = i;
	}
	if (loop.connections != NULL && loop.epoll_fd >= 0)
		rc = run_loop(&loop);
	for (unsigned i = 0; i < job->connections && loop.connections != NULL; i++) {
		if (loop.connections[i].fd >= 0)
			(void)close(loop.connections[i].fd);
		free(loop.connections[i].request);
		free(loop.connections[i].answer);
	}
	free(loop.connections);
	if (loop.epoll_fd >= 0)
		(void)close(loop.epoll_fd);
	return rc;
}
