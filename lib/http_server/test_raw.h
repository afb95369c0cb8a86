#ifndef MP_HTTP_SERVER_TEST_RAW_H
#define MP_HTTP_SERVER_TEST_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For tests: one connection, byte by byte, so that what no library would send can be sent, too. */
struct raw {
	int fd;
	char bytes[128 * 1024]; /* received, not yet read as an answer */
	size_t len;
};

struct raw_answer {
	int status;
	char headers[8192]; /* status line and fields, NUL-terminated */
	char body[64 * 1024];
	size_t body_len;
};

/* Connects to 127.0.0.1; reads end after 5 s. Asserts that it works. */
void raw_open(struct raw *raw, uint16_t port);
void raw_close(struct raw *raw);
void raw_send(struct raw *raw, const char *text);
void raw_send_bytes(struct raw *raw, const void *bytes, size_t len);

/* The next answer; false at the end of the connection. has_body false after a HEAD. */
bool raw_read(struct raw *raw, struct raw_answer *answer);
bool raw_read_head(struct raw *raw, struct raw_answer *answer);

/* Sends one request on a connection of its own and reads the answer. headers: "A: b\r\n" or "". */
int raw_call(uint16_t port, const char *method, const char *path, const char *headers,
	const char *body, struct raw_answer *answer);

/* A table of such calls; failures are printed, and asserted once. */
struct raw_row {
	const char *method;
	const char *path;
	const char *headers;
	const char *body;
	int status;
	const char *has; /* in the answer's body */
};
void raw_check_rows(uint16_t port, const struct raw_row *rows, size_t count);

/* The value of a header field, or NULL. Valid until the next call. */
const char *raw_header(const struct raw_answer *answer, const char *name);

#endif
