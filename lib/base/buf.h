#ifndef MP_BASE_BUF_H
#define MP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

/*
 * A growing byte buffer with a maximum given at init (after curl's dynbuf). The first add that
 * fails frees the content and is remembered: a chain of adds is checked once, by mp_buf_rc or
 * mp_buf_take. The content is always NUL-terminated. Threads: one at a time.
 */
struct mp_buf {
	char *data; /* owned; NULL while empty */
	size_t len; /* bytes, without the NUL */
	size_t capacity;
	size_t len_max;
	enum mp_rc rc;
};

void mp_buf_init(struct mp_buf *buf, size_t len_max);
void mp_buf_done(struct mp_buf *buf);

/* Empties the buffer, keeps its memory, forgets an earlier failure. */
void mp_buf_clear(struct mp_buf *buf);

/* Errors: MP_TOO_LARGE over the maximum, MP_NOMEM. After a failure each returns it again. */
enum mp_rc mp_buf_add(struct mp_buf *buf, const void *bytes, size_t len);
enum mp_rc mp_buf_adds(struct mp_buf *buf, const char *text);
enum mp_rc mp_buf_addf(struct mp_buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* MP_OK, or the first failure since init or clear. */
enum mp_rc mp_buf_rc(const struct mp_buf *buf) MP_MUST_CHECK;

/* The text so far; "" while empty or failed. Borrowed until the next add. */
const char *mp_buf_text(const struct mp_buf *buf);

/* Moves the content to the caller (to free), leaves the buffer empty. */
enum mp_rc mp_buf_take(struct mp_buf *buf, char **out_data, size_t *out_len) MP_MUST_CHECK;

#endif
