#include "fuzz.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/thread.h"
#include "smtp_client.h"

/*
 * A mail server's answers. The input's lines are what it says, one for the greeting and one for
 * each thing that it is sent; a line of which the fourth character is '-' is followed at once by
 * the next. At the end it hangs up.
 */

#define QUIET_MS 3 /* then it says its next line, whether it was asked or not */
#define HANG_UP_MS_MAX 5000
#define MESSAGE "Subject: x\r\n\r\nbody\r\n"

static struct {
	int fd;
	const char *lines;
	size_t left;
	char heard[8192];
	size_t heard_len;
	sem_t served;
} server;
static char url[64];

/* Says a line, and those that follow at once. False at the end. */
static bool say(int fd)
{
	bool goes_on = true;

	while (goes_on) {
		const char *end = server.left == 0 ? NULL : memchr(server.lines, '\n', server.left);
		size_t len = end == NULL ? server.left : (size_t)(end - server.lines);

		if (server.left == 0 || send(fd, server.lines, len, MSG_NOSIGNAL | MSG_MORE) < 0 ||
			send(fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
			return false;
		goes_on = len > 3 && server.lines[3] == '-';
		len += end != NULL;
		server.lines += len;
		server.left -= len;
	}
	return true;
}

/* False at the end. */
static bool hear(int fd, int wait_ms)
{
	const struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
	size_t room = sizeof(server.heard) - 1 - server.heard_len;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	FUZZ_CHECK(room > 0);
	ssize_t got = recv(fd, server.heard + server.heard_len, room, 0);
	server.heard_len += got > 0 ? (size_t)got : 0;
	server.heard[server.heard_len] = '\0';
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void serve(int fd)
{
	server.heard_len = 0;
	while (say(fd)) {
		if (!hear(fd, QUIET_MS))
			return;
	}
	(void)shutdown(fd, SHUT_WR);
	while (hear(fd, HANG_UP_MS_MAX))
		continue;
}

static void *run(void *arg)
{
	for (;;) {
		int fd = accept(server.fd, NULL, NULL);

		FUZZ_CHECK(fd >= 0);
		serve(fd);
		(void)close(fd);
		(void)sem_post(&server.served);
	}
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	pthread_t thread;

	fuzz_begin();
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(server.fd >= 0 && sem_init(&server.served, 0, 0) == 0);
	FUZZ_CHECK(bind(server.fd, (const struct sockaddr *)(const void *)&address, len) == 0);
	FUZZ_CHECK(listen(server.fd, 16) == 0);
	FUZZ_CHECK(getsockname(server.fd, (struct sockaddr *)(void *)&address, &len) == 0);
	FUZZ_CHECK(mp_text_format(url, sizeof(url), "smtp://127.0.0.1:%u",
			   ntohs(address.sin_port)) == MP_OK);
	FUZZ_CHECK(mp_thread_start(&thread, "fuzz-smtp", run, NULL) == MP_OK);
	return 0;
}

static enum mp_rc count_call(void *ctx)
{
	++*(int *)ctx;
	return MP_OK;
}

static void check_answer(const struct smtp_answer *answer, int calls)
{
	bool has_message = strstr(server.heard, "body\r\n.\r\n") != NULL;

	for (const char *c = answer->words; *c != '\0'; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
	FUZZ_CHECK(calls <= 1);
	FUZZ_CHECK(!has_message || calls == 1); /* it was told before the first byte */
	FUZZ_CHECK(answer->outcome != SMTP_TAKEN || has_message);
	FUZZ_CHECK(answer->outcome != SMTP_UNKNOWN || calls == 1);
	FUZZ_CHECK(answer->outcome != SMTP_REFUSED || answer->words[0] == '5');
	FUZZ_CHECK(answer->outcome != SMTP_DEFERRED || answer->words[0] == '4');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct smtp_config config = {.url = url,
		.user = "",
		.password = "",
		.ca_file = "",
		.plain_text = true,
		.timeout_ms = 3000};
	struct smtp_client *client = NULL;
	struct smtp_answer answer = {.words = ""};
	char reason[256];
	int calls = 0;
	const struct smtp_mail mail = {.from = "no-reply@moneypal.test",
		.to = "ada@moneypal.test",
		.message = MESSAGE,
		.len = sizeof(MESSAGE) - 1,
		.before_message = count_call,
		.ctx = &calls};

	server.lines = (const char *)data;
	server.left = size;
	FUZZ_CHECK(smtp_open(&config, &client, reason) == MP_OK);
	enum mp_rc rc = smtp_send(client, &mail, &answer);
	smtp_close(client);
	FUZZ_CHECK(sem_wait(&server.served) == 0);
	FUZZ_CHECK(rc == MP_OK);
	check_answer(&answer, calls);
	return 0;
}
