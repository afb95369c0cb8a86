#include "store/codec.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

enum record_type { /* stored: never renumber */
	RECORD_TEXT = 0,
	RECORD_INT = 1,
	RECORD_FALSE = 2,
	RECORD_TRUE = 3,
	RECORD_LIST = 4,
	RECORD_MAP = 5,
};

#define VARINT_BYTES_MAX 10

/* --- keys --- */

bool mp_key_is_valid(const char *key)
{
	size_t len = key == NULL ? 0 : strnlen(key, MP_KEY_BYTES_MAX + 1);

	if (len == 0 || len > MP_KEY_BYTES_MAX)
		return false;
	if (mp_text_is_ascii(key, len, ' '))
		return true;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)key[i] < ' ')
			return false;
	}
	return mp_text_is_utf8(key, len);
}

size_t mp_key_write(const char *pk, const char *sk, char *out)
{
	size_t pk_len = strlen(pk);
	size_t sk_len = strlen(sk);

	memcpy(out, pk, pk_len + 1);
	memcpy(out + pk_len + 1, sk, sk_len);
	return pk_len + 1 + sk_len;
}

enum mp_rc mp_key_read(const void *bytes, size_t len, struct mp_arena *arena, const char **out_pk,
	const char **out_sk)
{
	if (len > MP_STORED_KEY_MAX || memchr(bytes, '\0', len) == NULL)
		return MP_CORRUPT;

	char *copy = mp_arena_alloc(arena, len + 1);
	if (copy == NULL)
		return MP_NOMEM;
	memcpy(copy, bytes, len);

	const char *pk = copy;
	const char *sk = copy + strlen(copy) + 1;
	if (strlen(pk) + 1 + strlen(sk) != len || !mp_key_is_valid(pk) || !mp_key_is_valid(sk))
		return MP_CORRUPT;
	*out_pk = pk;
	*out_sk = sk;
	return MP_OK;
}

/* --- writing --- */

/* The same code measures (out NULL) and writes, so that the two cannot disagree. */
struct writer {
	uint8_t *out;
	size_t len;
	enum mp_rc rc;
};

static void write_bytes(struct writer *w, const void *bytes, size_t len)
{
	if (w->out != NULL)
		memcpy(w->out + w->len, bytes, len);
	w->len += len;
}

static void write_varint(struct writer *w, uint64_t number)
{
	uint8_t bytes[VARINT_BYTES_MAX];
	size_t len = 0;

	for (; number >= 0x80; number >>= 7)
		bytes[len++] = (uint8_t)(number | 0x80);
	bytes[len++] = (uint8_t)number;
	write_bytes(w, bytes, len);
}

static uint64_t zigzag(int64_t number)
{
	return ((uint64_t)number << 1) ^ (number < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t bits)
{
	return (int64_t)((bits >> 1) ^ (bits & 1 ? UINT64_MAX : 0));
}

static enum record_type record_type(const struct mp_attr *attr)
{
	switch (attr->type) {
	case MP_VALUE_TEXT:
		return RECORD_TEXT;
	case MP_VALUE_INT:
		return RECORD_INT;
	case MP_VALUE_BOOL:
		return attr->as.boolean ? RECORD_TRUE : RECORD_FALSE;
	case MP_VALUE_LIST:
		return RECORD_LIST;
	case MP_VALUE_MAP:
		break;
	}
	return RECORD_MAP;
}

static void write_map(struct writer *w, const struct mp_map *map, unsigned depth);

static void write_list(struct writer *w, const struct mp_list *list, unsigned depth)
{
	write_varint(w, list->count);
	for (uint32_t i = 0; i < list->count && w->rc == MP_OK; i++)
		write_map(w, list->maps[i], depth + 1);
}

static void write_attr(struct writer *w, const struct mp_attr *attr, unsigned depth)
{
	enum record_type type = record_type(attr);

	write_varint(w, (uint64_t)attr->name_len << 3 | type);
	write_bytes(w, attr->name, (size_t)attr->name_len + 1);
	switch (type) {
	case RECORD_TEXT:
		write_varint(w, attr->text_len);
		write_bytes(w, attr->as.text, (size_t)attr->text_len + 1);
		break;
	case RECORD_INT:
		write_varint(w, zigzag(attr->as.number));
		break;
	case RECORD_FALSE:
	case RECORD_TRUE:
		break;
	case RECORD_LIST:
		write_list(w, attr->as.list, depth);
		break;
	case RECORD_MAP:
		write_map(w, attr->as.map, depth + 1);
		break;
	}
}

static void write_map(struct writer *w, const struct mp_map *map, unsigned depth)
{
	if (map->rc != MP_OK)
		w->rc = map->rc;
	else if (depth > MP_ITEM_DEPTH_MAX || w->len > MP_ITEM_BYTES_MAX)
		w->rc = MP_TOO_LARGE;
	if (w->rc != MP_OK)
		return;
	write_varint(w, map->count);
	for (uint32_t i = 0; i < map->count && w->rc == MP_OK; i++)
		write_attr(w, &map->attrs[i], depth);
}

static void write_record(struct writer *w, const struct mp_item *item, int64_t version)
{
	write_varint(w, MP_RECORD_FORMAT);
	write_varint(w, (uint64_t)version);
	write_varint(w, item->format);
	write_varint(w, (uint64_t)item->expires_at_s);
	write_map(w, &item->attrs, 1);
}

enum mp_rc mp_record_measure(const struct mp_item *item, size_t *out_bytes)
{
	struct writer w = {.out = NULL, .rc = MP_OK};

	if (item->expires_at_s < 0)
		return MP_INVALID;
	write_record(&w, item, INT64_MAX);
	if (w.rc != MP_OK)
		return w.rc;
	if (w.len > MP_ITEM_BYTES_MAX)
		return MP_TOO_LARGE;
	*out_bytes = w.len;
	return MP_OK;
}

size_t mp_record_write(const struct mp_item *item, int64_t version, void *out)
{
	struct writer w = {.out = out, .rc = MP_OK};

	assert(version > 0 && out != NULL);
	write_record(&w, item, version);
	assert(w.rc == MP_OK); /* was measured */
	return w.len;
}

/* --- reading: no byte is believed before it is checked --- */

struct reader {
	char *at;
	char *end;
	struct mp_arena *arena;
	enum mp_rc rc;
};

static void reader_fail(struct reader *r, enum mp_rc rc)
{
	if (r->rc == MP_OK)
		r->rc = rc;
}

static size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

/* 0 after a failure. */
static uint64_t read_varint(struct reader *r)
{
	uint64_t number = 0;

	for (unsigned shift = 0; r->at < r->end && shift < 7 * VARINT_BYTES_MAX; shift += 7) {
		uint8_t byte = (uint8_t)*r->at++;
		if (shift == 63 && byte > 1)
			break; /* over 64 bits */
		number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			if (byte == 0 && shift > 0)
				break; /* longer than needed: never written */
			return number;
		}
	}
	reader_fail(r, MP_CORRUPT);
	return 0;
}

/* len bytes of UTF-8 and their zero byte, in place; NULL after a failure. */
static const char *read_text(struct reader *r, uint64_t len)
{
	if (r->rc != MP_OK)
		return NULL;
	if (len >= reader_left(r) || r->at[len] != '\0' || !mp_text_is_utf8(r->at, len)) {
		reader_fail(r, MP_CORRUPT);
		return NULL;
	}
	const char *text = r->at;
	r->at += len + 1;
	return text;
}

/* How many follow, each of at least bytes_min; 0 after a failure. */
static uint32_t read_count(struct reader *r, size_t bytes_min)
{
	uint64_t count = read_varint(r);

	if (count > reader_left(r) / bytes_min || count > UINT32_MAX) {
		reader_fail(r, MP_CORRUPT);
		return 0;
	}
	return (uint32_t)count;
}

static void read_map(struct reader *r, struct mp_map *map, unsigned depth);

static struct mp_map *read_map_new(struct reader *r, unsigned depth)
{
	struct mp_map *map = mp_arena_alloc(r->arena, sizeof(*map));

	if (map == NULL)
		reader_fail(r, MP_NOMEM);
	else
		read_map(r, map, depth);
	return map;
}

static struct mp_list *read_list(struct reader *r, unsigned depth)
{
	struct mp_list *list = mp_arena_alloc(r->arena, sizeof(*list));
	uint32_t count = read_count(r, 1);
	struct mp_map **maps = mp_arena_array(r->arena, count, sizeof(struct mp_map *));

	if (list == NULL || maps == NULL) {
		reader_fail(r, MP_NOMEM);
		return NULL;
	}
	for (uint32_t i = 0; i < count && r->rc == MP_OK; i++)
		maps[i] = read_map_new(r, depth + 1);
	*list = (struct mp_list){.maps = maps, .count = count, .capacity = count};
	return list;
}

static void read_value(struct reader *r, unsigned type, struct mp_attr *attr, unsigned depth)
{
	switch (type) {
	case RECORD_TEXT: {
		uint64_t len = read_varint(r);
		attr->type = MP_VALUE_TEXT;
		attr->as.text = read_text(r, len);
		attr->text_len = (uint32_t)len;
		break;
	}
	case RECORD_INT:
		attr->type = MP_VALUE_INT;
		attr->as.number = unzigzag(read_varint(r));
		break;
	case RECORD_FALSE:
	case RECORD_TRUE:
		attr->type = MP_VALUE_BOOL;
		attr->as.boolean = type == RECORD_TRUE;
		break;
	case RECORD_LIST:
		attr->type = MP_VALUE_LIST;
		attr->as.list = read_list(r, depth);
		break;
	case RECORD_MAP:
		attr->type = MP_VALUE_MAP;
		attr->as.map = read_map_new(r, depth + 1);
		break;
	default:
		reader_fail(r, MP_CORRUPT);
		break;
	}
}

static void read_attr(struct reader *r, struct mp_map *map, unsigned depth)
{
	uint64_t tag = read_varint(r);
	uint64_t name_len = tag >> 3;

	if (name_len == 0 || name_len > MP_ATTR_NAME_MAX) {
		reader_fail(r, MP_CORRUPT);
		return;
	}
	const char *name = read_text(r, name_len);
	if (name == NULL)
		return;
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->attrs[i].name_len == name_len &&
			memcmp(map->attrs[i].name, name, name_len) == 0) {
			reader_fail(r, MP_CORRUPT); /* the same name twice */
			return;
		}
	}
	struct mp_attr *attr = &map->attrs[map->count];
	attr->name = name;
	attr->name_len = (uint32_t)name_len;
	read_value(r, tag & 7, attr, depth);
	if (r->rc == MP_OK)
		map->count++;
}

static void read_map(struct reader *r, struct mp_map *map, unsigned depth)
{
	uint32_t count = read_count(r, 3);

	if (count > MP_ATTRS_MAX || depth > MP_ITEM_DEPTH_MAX)
		reader_fail(r, MP_CORRUPT);
	if (r->rc != MP_OK)
		return;
	*map = (struct mp_map){.arena = r->arena, .capacity = count, .rc = MP_OK};
	map->attrs = mp_arena_array(r->arena, count, sizeof(*map->attrs));
	if (map->attrs == NULL)
		reader_fail(r, MP_NOMEM);
	for (uint32_t i = 0; i < count && r->rc == MP_OK; i++)
		read_attr(r, map, depth);
}

static void read_head(struct reader *r, struct mp_record_head *head)
{
	uint64_t record_format = read_varint(r);
	uint64_t version = read_varint(r);
	uint64_t format = read_varint(r);
	uint64_t expires_at_s = read_varint(r);

	if (record_format != MP_RECORD_FORMAT || version == 0 || version > INT64_MAX ||
		format > UINT32_MAX || expires_at_s > INT64_MAX)
		reader_fail(r, MP_CORRUPT);
	head->version = (int64_t)version;
	head->format = (uint32_t)format;
	head->expires_at_s = (int64_t)expires_at_s;
}

enum mp_rc mp_record_read_head(const void *bytes, size_t len, struct mp_record_head *out_head)
{
	char start[4 * VARINT_BYTES_MAX];
	size_t start_len = len < sizeof(start) ? len : sizeof(start);
	struct mp_record_head head;

	memcpy(start, bytes, start_len);
	struct reader r = {.at = start, .end = start + start_len, .rc = MP_OK};
	read_head(&r, &head);
	if (r.rc == MP_OK)
		*out_head = head;
	return r.rc;
}

enum mp_rc mp_record_read(const void *bytes, size_t len, const char *pk, const char *sk,
	struct mp_arena *arena, struct mp_item **out_item)
{
	struct mp_record_head head;

	if (len == 0 || len > MP_ITEM_BYTES_MAX)
		return MP_CORRUPT;
	struct mp_item *item = mp_arena_alloc(arena, sizeof(*item));
	char *copy = mp_arena_alloc(arena, len);
	if (item == NULL || copy == NULL)
		return MP_NOMEM;
	memcpy(copy, bytes, len);

	struct reader r = {.at = copy, .end = copy + len, .arena = arena, .rc = MP_OK};
	read_head(&r, &head);
	if (r.rc == MP_OK)
		read_map(&r, &item->attrs, 1);
	if (r.rc == MP_OK && r.at != r.end)
		reader_fail(&r, MP_CORRUPT); /* something follows */
	if (r.rc != MP_OK)
		return r.rc;

	item->pk = pk;
	item->sk = sk;
	item->version = head.version;
	item->format = head.format;
	item->expires_at_s = head.expires_at_s;
	*out_item = item;
	return MP_OK;
}
