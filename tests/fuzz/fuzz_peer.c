#include "fuzz.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/thread.h"

#define REQUEST_BYTES_MAX 16384
#define ANSWERS_MAX 4

static struct answer {
	const char *path;
	const char *status;
	char *body; /* owned: who asked may be gone before it is sent */
	size_t body_len;
} answers[ANSWERS_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* over answers */
static size_t answers_count;
static int listen_fd;
static char url[64];

/* A path's answer is set once, the one of any path for every input: the last to be asked. */
void fuzz_peer_answer(const char *path, const char *status, const char *body, size_t body_len)
{
	struct answer answer = {path, status, malloc(body_len + 1), body_len};
	size_t i = 0;

	FUZZ_CHECK(answer.body != NULL);
	memcpy(answer.body, body, body_len);
	(void)pthread_mutex_lock(&mutex);
	while (i < answers_count && answers[i].path != path)
		i++;
	FUZZ_CHECK(i < ANSWERS_MAX);
	free(answers[i].body);
	answers[i] = answer;
	if (i == answers_count)
		answers_count++;
	(void)pthread_mutex_unlock(&mutex);
}

static const struct answer *answer_to(const char *request)
{
	for (size_t i = 0; i < answers_count; i++) {
		if (answers[i].path != NULL && strstr(request, answers[i].path) != NULL)
			return &answers[i];
	}
	for (size_t i = 0; i < answers_count; i++) {
		if (answers[i].path == NULL)
			return &answers[i];
	}
	return &answers[0];
}

/* False when the connection is over. */
static bool read_request(int fd, char request[REQUEST_BYTES_MAX])
{
	size_t len = 0;
	size_t want = SIZE_MAX;

	while (len < want) {
		ssize_t got = recv(fd, request + len, REQUEST_BYTES_MAX - 1 - len, 0);
		if (got <= 0)
			return false;
		len += (size_t)got;
		request[len] = '\0';
		const char *end = strstr(request, "\r\n\r\n");
		if (end == NULL)
			continue;
		const char *length = strcasestr(request, "content-length:");
		unsigned body_len = 0;
		if (length != NULL && length < end)
			(void)sscanf(length + 15, "%u", &body_len);
		want = (size_t)(end + 4 - request) + body_len;
	}
	return true;
}

static bool send_answer(int fd, const char *request)
{
	char head[256];

	(void)pthread_mutex_lock(&mutex);
	const struct answer *answer = answer_to(request);
	FUZZ_CHECK(mp_text_format(head, sizeof(head),
			   "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
			   "Content-Length: %zu\r\n\r\n",
			   answer->status, answer->body_len) == MP_OK);
	bool sent = send(fd, head, strlen(head), MSG_NOSIGNAL | MSG_MORE) > 0 &&
		    send(fd, answer->body, answer->body_len, MSG_NOSIGNAL) >= 0;
	(void)pthread_mutex_unlock(&mutex);
	return sent;
}

static void *serve(void *arg)
{
	char request[REQUEST_BYTES_MAX];
	int fd = (int)(intptr_t)arg;

	while (read_request(fd, request) && send_answer(fd, request))
		;
	(void)close(fd);
	return NULL;
}

static void *accept_all(void *arg)
{
	for (;;) {
		int fd = accept(listen_fd, NULL, NULL);
		pthread_t thread;

		FUZZ_CHECK(fd >= 0);
		FUZZ_CHECK(mp_thread_start(&thread, "fuzz-serve", serve, (void *)(intptr_t)fd) ==
			   MP_OK);
		(void)pthread_detach(thread);
	}
	return NULL;
}

const char *fuzz_peer_open(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	pthread_t thread;

	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(listen_fd >= 0);
	FUZZ_CHECK(bind(listen_fd, (const struct sockaddr *)(const void *)&address, len) == 0);
	FUZZ_CHECK(listen(listen_fd, 16) == 0);
	FUZZ_CHECK(getsockname(listen_fd, (struct sockaddr *)(void *)&address, &len) == 0);
	FUZZ_CHECK(mp_text_format(url, sizeof(url), "http://127.0.0.1:%u",
			   ntohs(address.sin_port)) == MP_OK);
	FUZZ_CHECK(mp_thread_start(&thread, "fuzz-peer", accept_all, NULL) == MP_OK);
	return url;
}
