#include "http_server/test_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/text.h"

void raw_open(struct raw *raw, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct timeval limit = {.tv_sec = 20};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	raw->len = 0;
	raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(raw->fd >= 0);
	assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(connect(raw->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

void raw_close(struct raw *raw)
{
	(void)close(raw->fd);
	raw->fd = -1;
}

void raw_send_bytes(struct raw *raw, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t sent = send(raw->fd, at, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the server may hang up while we send; the answer tells */
		at += sent;
		len -= (size_t)sent;
	}
}

void raw_send(struct raw *raw, const char *text)
{
	raw_send_bytes(raw, text, strlen(text));
}

static bool receive_more(struct raw *raw)
{
	if (raw->len == sizeof(raw->bytes))
		return false;
	ssize_t got = recv(raw->fd, raw->bytes + raw->len, sizeof(raw->bytes) - raw->len, 0);
	if (got <= 0)
		return false;
	raw->len += (size_t)got;
	return true;
}

static void consume(struct raw *raw, size_t len)
{
	memmove(raw->bytes, raw->bytes + len, raw->len - len);
	raw->len -= len;
}

static bool read_headers(struct raw *raw, struct raw_answer *answer)
{
	const char *end;

	while ((end = memmem(raw->bytes, raw->len, "\r\n\r\n", 4)) == NULL) {
		if (!receive_more(raw))
			return false;
	}
	size_t len = (size_t)(end - raw->bytes) + 4;
	assert_true(len < sizeof(answer->headers));
	memcpy(answer->headers, raw->bytes, len);
	answer->headers[len] = '\0';
	consume(raw, len);

	char status[4] = {0};
	int64_t number = 0;
	assert_true(strncmp(answer->headers, "HTTP/1.1 ", 9) == 0);
	memcpy(status, answer->headers + 9, 3);
	assert_int_equal(mp_text_to_int(status, &number), MP_OK);
	answer->status = (int)number;
	answer->body_len = 0;
	answer->body[0] = '\0';
	return true;
}

bool raw_read_head(struct raw *raw, struct raw_answer *answer)
{
	return read_headers(raw, answer);
}

bool raw_read(struct raw *raw, struct raw_answer *answer)
{
	int64_t len = 0;

	do {
		if (!read_headers(raw, answer))
			return false;
	} while (answer->status == 100);
	const char *length_text = raw_header(answer, "Content-Length");
	if (length_text != NULL)
		assert_int_equal(mp_text_to_int(length_text, &len), MP_OK);
	assert_true((size_t)len < sizeof(answer->body));
	while (raw->len < (size_t)len) {
		if (!receive_more(raw))
			return false;
	}
	memcpy(answer->body, raw->bytes, (size_t)len);
	answer->body[len] = '\0';
	answer->body_len = (size_t)len;
	consume(raw, (size_t)len);
	return true;
}

int raw_call(uint16_t port, const char *method, const char *path, const char *headers,
	const char *body, struct raw_answer *answer)
{
	char text[8192];
	struct raw raw;

	assert_int_equal(mp_text_format(text, sizeof(text),
				 "%s %s HTTP/1.1\r\nHost: test\r\n%sContent-Length: %zu\r\n\r\n%s",
				 method, path, headers, strlen(body), body),
		MP_OK);
	raw_open(&raw, port);
	raw_send(&raw, text);
	bool answered =
		strcmp(method, "HEAD") == 0 ? raw_read_head(&raw, answer) : raw_read(&raw, answer);
	raw_close(&raw);
	return answered ? answer->status : -1;
}

const char *raw_header(const struct raw_answer *answer, const char *name)
{
	static char value[1024];
	size_t name_len = strlen(name);

	for (const char *line = strstr(answer->headers, "\r\n"); line != NULL;
		line = strstr(line + 2, "\r\n")) {
		const char *field = line + 2;
		if (strncasecmp(field, name, name_len) != 0 || field[name_len] != ':')
			continue;
		const char *start = field + name_len + 1 + strspn(field + name_len + 1, " ");
		size_t len = strcspn(start, "\r");
		assert_true(len < sizeof(value));
		memcpy(value, start, len);
		value[len] = '\0';
		return value;
	}
	return NULL;
}

void raw_check_rows(uint16_t port, const struct raw_row *rows, size_t count)
{
	static struct raw_answer answer;
	size_t failures = 0;

	for (size_t i = 0; i < count; i++) {
		const struct raw_row *row = &rows[i];
		int status =
			raw_call(port, row->method, row->path, row->headers, row->body, &answer);
		if (status == row->status && strstr(answer.body, row->has) != NULL)
			continue;
		print_error("%s %s %s: %d, wanted %d and %s in:\n%s\n", row->method, row->path,
			row->headers, status, row->status, row->has, answer.body);
		failures++;
	}
	assert_int_equal(failures, 0);
}
