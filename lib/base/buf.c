#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 256u

static void buf_check(const struct mp_buf *buf)
{
	assert(buf != NULL);
	assert(buf->len <= buf->len_max);
	assert(buf->data == NULL ? buf->len == 0 && buf->capacity == 0 : buf->len < buf->capacity);
}

void mp_buf_init(struct mp_buf *buf, size_t len_max)
{
	assert(len_max < SIZE_MAX / 2); /* so that doubling cannot overflow */
	*buf = (struct mp_buf){.len_max = len_max};
}

void mp_buf_done(struct mp_buf *buf)
{
	if (buf == NULL)
		return;
	free(buf->data);
	mp_buf_init(buf, buf->len_max);
}

void mp_buf_clear(struct mp_buf *buf)
{
	buf_check(buf);
	buf->len = 0;
	buf->rc = MP_OK;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

static enum mp_rc buf_fail(struct mp_buf *buf, enum mp_rc rc)
{
	mp_buf_done(buf);
	buf->rc = rc;
	return rc;
}

/* Makes room for len more bytes and the NUL. */
static enum mp_rc buf_reserve(struct mp_buf *buf, size_t len)
{
	buf_check(buf);
	if (buf->rc != MP_OK)
		return buf->rc;
	if (len > buf->len_max - buf->len)
		return buf_fail(buf, MP_TOO_LARGE);

	size_t needed = buf->len + len + 1;
	if (needed <= buf->capacity)
		return MP_OK;
	size_t capacity = buf->capacity == 0 ? CAPACITY_FIRST : buf->capacity * 2;
	if (capacity > buf->len_max + 1)
		capacity = buf->len_max + 1;
	if (capacity < needed)
		capacity = needed;

	char *data = realloc(buf->data, capacity);
	if (data == NULL)
		return buf_fail(buf, MP_NOMEM);
	data[buf->len] = '\0';
	buf->data = data;
	buf->capacity = capacity;
	return MP_OK;
}

enum mp_rc mp_buf_add(struct mp_buf *buf, const void *bytes, size_t len)
{
	enum mp_rc rc = buf_reserve(buf, len);

	if (rc != MP_OK)
		return rc;
	if (len > 0)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return MP_OK;
}

enum mp_rc mp_buf_adds(struct mp_buf *buf, const char *text)
{
	return mp_buf_add(buf, text, strlen(text));
}

enum mp_rc mp_buf_addf(struct mp_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return buf->rc != MP_OK ? buf->rc : buf_fail(buf, MP_TOO_LARGE);

	enum mp_rc rc = buf_reserve(buf, (size_t)len);
	if (rc != MP_OK)
		return rc;
	va_start(args, format);
	int written = vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	if (written != len)
		return buf_fail(buf, MP_BUG); /* an argument changed in between */
	buf->len += (size_t)len;
	return MP_OK;
}

enum mp_rc mp_buf_rc(const struct mp_buf *buf)
{
	return buf->rc;
}

const char *mp_buf_text(const struct mp_buf *buf)
{
	return buf->data == NULL ? "" : buf->data;
}

enum mp_rc mp_buf_take(struct mp_buf *buf, char **out_data, size_t *out_len)
{
	enum mp_rc rc = buf_reserve(buf, 0); /* an empty buffer gives an empty text, not NULL */

	if (rc != MP_OK)
		return rc;
	*out_data = buf->data;
	if (out_len != NULL)
		*out_len = buf->len;
	mp_buf_init(buf, buf->len_max);
	return MP_OK;
}
