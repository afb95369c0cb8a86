#include "store/item.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

#define CAPACITY_FIRST 8u

static void map_init(struct mp_map *map, struct mp_arena *arena)
{
	*map = (struct mp_map){.arena = arena, .rc = MP_OK};
}

struct mp_item *mp_item_new(struct mp_arena *arena, const char *pk, const char *sk, uint32_t format)
{
	struct mp_item *item = mp_arena_alloc(arena, sizeof(*item));

	if (item == NULL)
		return NULL;
	item->pk = mp_arena_strdup(arena, pk);
	item->sk = mp_arena_strdup(arena, sk);
	/* A key that was never made (a failed mp_arena_printf) is no key. */
	if (item->pk == NULL || item->sk == NULL)
		return NULL;
	item->format = format;
	map_init(&item->attrs, arena);
	return item;
}

struct mp_map *mp_item_attrs(struct mp_item *item)
{
	return item == NULL ? NULL : &item->attrs;
}

/* The array with room for one more, or NULL without memory. The old one is the arena's. */
static void *grown(
	struct mp_arena *arena, void *array, uint32_t count, uint32_t *capacity, size_t bytes_each)
{
	if (count < *capacity)
		return array;

	uint32_t wider = *capacity == 0 ? CAPACITY_FIRST : *capacity * 2;
	void *copy = mp_arena_array(arena, wider, bytes_each);
	if (copy == NULL)
		return NULL;
	if (count > 0)
		memcpy(copy, array, count * bytes_each);
	*capacity = wider;
	return copy;
}

static struct mp_attr *map_find(const struct mp_map *map, const char *name, size_t name_len)
{
	for (uint32_t i = 0; i < map->count; i++) {
		struct mp_attr *attr = &map->attrs[i];
		if (attr->name_len == name_len && memcmp(attr->name, name, name_len) == 0)
			return attr;
	}
	return NULL;
}

static struct mp_attr *map_append(struct mp_map *map, const char *name, size_t name_len)
{
	if (name_len == 0 || !mp_text_is_utf8(name, name_len)) {
		map->rc = MP_INVALID;
		return NULL;
	}
	if (name_len > MP_ATTR_NAME_MAX || map->count == MP_ATTRS_MAX) {
		map->rc = MP_TOO_LARGE;
		return NULL;
	}
	struct mp_attr *attrs =
		grown(map->arena, map->attrs, map->count, &map->capacity, sizeof(*attrs));
	char *copy = mp_arena_strndup(map->arena, name, name_len);
	if (attrs == NULL || copy == NULL) {
		map->rc = MP_NOMEM;
		return NULL;
	}
	map->attrs = attrs;
	attrs[map->count] = (struct mp_attr){.name = copy, .name_len = (uint32_t)name_len};
	return &attrs[map->count++];
}

/* The attribute to fill, or NULL when the map takes no more (its rc says why). */
static struct mp_attr *map_set(struct mp_map *map, const char *name, enum mp_value_type type)
{
	if (map == NULL || map->rc != MP_OK)
		return NULL;

	size_t name_len = strlen(name);
	struct mp_attr *attr = map_find(map, name, name_len);
	if (attr == NULL)
		attr = map_append(map, name, name_len);
	if (attr != NULL)
		attr->type = type;
	return attr;
}

void mp_map_set_text(struct mp_map *map, const char *name, const char *text)
{
	if (map == NULL || map->rc != MP_OK || text == NULL)
		return;

	size_t len = strlen(text);
	if (len > MP_ITEM_BYTES_MAX) {
		map->rc = MP_TOO_LARGE;
		return;
	}
	if (!mp_text_is_utf8(text, len)) {
		map->rc = MP_INVALID;
		return;
	}
	char *copy = mp_arena_strndup(map->arena, text, len);
	if (copy == NULL) {
		map->rc = MP_NOMEM;
		return;
	}
	struct mp_attr *attr = map_set(map, name, MP_VALUE_TEXT);
	if (attr == NULL)
		return;
	attr->text_len = (uint32_t)len;
	attr->as.text = copy;
}

void mp_map_set_id(struct mp_map *map, const char *name, const struct mp_id *id)
{
	if (!mp_id_is_none(id))
		mp_map_set_text(map, name, id->text);
}

void mp_map_set_int(struct mp_map *map, const char *name, int64_t number)
{
	struct mp_attr *attr = map_set(map, name, MP_VALUE_INT);

	if (attr != NULL)
		attr->as.number = number;
}

void mp_map_set_bool(struct mp_map *map, const char *name, bool value)
{
	struct mp_attr *attr = map_set(map, name, MP_VALUE_BOOL);

	if (attr != NULL)
		attr->as.boolean = value;
}

struct mp_map *mp_map_set_map(struct mp_map *map, const char *name)
{
	if (map == NULL || map->rc != MP_OK)
		return NULL;

	struct mp_map *inner = mp_arena_alloc(map->arena, sizeof(*inner));
	if (inner == NULL) {
		map->rc = MP_NOMEM;
		return NULL;
	}
	map_init(inner, map->arena);
	struct mp_attr *attr = map_set(map, name, MP_VALUE_MAP);
	if (attr == NULL)
		return NULL;
	attr->as.map = inner;
	return inner;
}

struct mp_list *mp_map_set_list(struct mp_map *map, const char *name)
{
	if (map == NULL || map->rc != MP_OK)
		return NULL;

	struct mp_list *list = mp_arena_alloc(map->arena, sizeof(*list));
	if (list == NULL) {
		map->rc = MP_NOMEM;
		return NULL;
	}
	struct mp_attr *attr = map_set(map, name, MP_VALUE_LIST);
	if (attr == NULL)
		return NULL;
	attr->as.list = list;
	return list;
}

struct mp_map *mp_list_add_map(struct mp_map *owner, struct mp_list *list)
{
	if (owner == NULL || owner->rc != MP_OK || list == NULL)
		return NULL;
	if (list->count == MP_ITEM_BYTES_MAX) { /* a map takes a byte at least */
		owner->rc = MP_TOO_LARGE;
		return NULL;
	}
	struct mp_map **maps = grown(
		owner->arena, list->maps, list->count, &list->capacity, sizeof(struct mp_map *));
	struct mp_map *map = mp_arena_alloc(owner->arena, sizeof(*map));
	if (maps == NULL || map == NULL) {
		owner->rc = MP_NOMEM;
		return NULL;
	}
	map_init(map, owner->arena);
	list->maps = maps;
	list->maps[list->count++] = map;
	return map;
}

const struct mp_attr *mp_map_get(const struct mp_map *map, const char *name)
{
	return map == NULL ? NULL : map_find(map, name, strlen(name));
}

/* --- reading --- */

void mp_map_read_begin(struct mp_item_reader *r, const struct mp_map *map)
{
	*r = (struct mp_item_reader){.map = map, .rc = MP_OK};
}

void mp_item_read_begin(struct mp_item_reader *r, const struct mp_item *item, uint32_t format_max)
{
	assert(item != NULL);
	mp_map_read_begin(r, &item->attrs);
	if (item->format > format_max) {
		r->rc = MP_CORRUPT;
		r->field = "format";
	}
}

static void read_failed(struct mp_item_reader *r, const char *name)
{
	r->rc = MP_CORRUPT;
	r->field = name;
}

/* The attribute of this type. NULL and a failure for a wrong one, or an absent one if needed. */
static const struct mp_attr *read_attr(
	struct mp_item_reader *r, const char *name, enum mp_value_type type, bool needed)
{
	if (r->rc != MP_OK)
		return NULL;

	const struct mp_attr *attr = mp_map_get(r->map, name);
	if (attr == NULL ? needed : attr->type != type) {
		read_failed(r, name);
		return NULL;
	}
	return attr;
}

static void read_text(struct mp_item_reader *r, const char *name, bool needed, const char **out)
{
	const struct mp_attr *attr = read_attr(r, name, MP_VALUE_TEXT, needed);

	if (attr != NULL)
		*out = attr->as.text;
}

static void read_copy(
	struct mp_item_reader *r, const char *name, bool needed, char *out, size_t out_size)
{
	const struct mp_attr *attr = read_attr(r, name, MP_VALUE_TEXT, needed);

	if (attr == NULL)
		return;
	if (attr->text_len >= out_size) {
		read_failed(r, name);
		return;
	}
	memcpy(out, attr->as.text, (size_t)attr->text_len + 1);
}

static void read_id(struct mp_item_reader *r, const char *name, bool needed, struct mp_id *out)
{
	const struct mp_attr *attr = read_attr(r, name, MP_VALUE_TEXT, needed);
	struct mp_id id;

	if (attr == NULL)
		return;
	if (!mp_id_parse(attr->as.text, &id)) {
		read_failed(r, name);
		return;
	}
	*out = id;
}

static void read_int(struct mp_item_reader *r, const char *name, bool needed, int64_t *out)
{
	const struct mp_attr *attr = read_attr(r, name, MP_VALUE_INT, needed);

	if (attr != NULL)
		*out = attr->as.number;
}

void mp_item_read_text(struct mp_item_reader *r, const char *name, const char **out)
{
	read_text(r, name, true, out);
}

void mp_item_read_text_or(struct mp_item_reader *r, const char *name, const char **out)
{
	read_text(r, name, false, out);
}

void mp_item_read_copy(struct mp_item_reader *r, const char *name, char *out, size_t out_size)
{
	read_copy(r, name, true, out, out_size);
}

void mp_item_read_copy_or(struct mp_item_reader *r, const char *name, char *out, size_t out_size)
{
	read_copy(r, name, false, out, out_size);
}

void mp_item_read_id(struct mp_item_reader *r, const char *name, struct mp_id *out)
{
	read_id(r, name, true, out);
}

void mp_item_read_id_or(struct mp_item_reader *r, const char *name, struct mp_id *out)
{
	read_id(r, name, false, out);
}

void mp_item_read_int(struct mp_item_reader *r, const char *name, int64_t *out)
{
	read_int(r, name, true, out);
}

void mp_item_read_int_or(struct mp_item_reader *r, const char *name, int64_t *out)
{
	read_int(r, name, false, out);
}

void mp_item_read_bool(struct mp_item_reader *r, const char *name, bool *out)
{
	const struct mp_attr *attr = read_attr(r, name, MP_VALUE_BOOL, true);

	if (attr != NULL)
		*out = attr->as.boolean;
}

void mp_item_read_list_or(struct mp_item_reader *r, const char *name, const struct mp_list **out)
{
	const struct mp_attr *attr = read_attr(r, name, MP_VALUE_LIST, false);

	if (attr != NULL)
		*out = attr->as.list;
}

enum mp_rc mp_item_read_end(const struct mp_item_reader *r)
{
	return r->rc;
}
