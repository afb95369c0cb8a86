#include "store/item_json.h"

#include <stdlib.h>
#include <string.h>

/* --- to JSON --- */

static json_t *value_to_json(const struct mp_attr *attr);

static json_t *list_to_json(const struct mp_list *list)
{
	json_t *array = json_array();

	for (uint32_t i = 0; array != NULL && i < list->count; i++) {
		/* Takes over the new reference, also when it fails. */
		if (json_array_append_new(array, mp_map_to_json(list->maps[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *value_to_json(const struct mp_attr *attr)
{
	switch (attr->type) {
	case MP_VALUE_TEXT:
		return json_stringn(attr->as.text, attr->text_len);
	case MP_VALUE_INT:
		return json_integer(attr->as.number);
	case MP_VALUE_BOOL:
		return json_boolean(attr->as.boolean);
	case MP_VALUE_LIST:
		return list_to_json(attr->as.list);
	case MP_VALUE_MAP:
		return mp_map_to_json(attr->as.map);
	}
	return NULL;
}

/* As deep as the stored item, whose decoder bounds it. */
json_t *mp_map_to_json(const struct mp_map *map)
{
	json_t *object = json_object();

	for (uint32_t i = 0; object != NULL && i < map->count; i++) {
		if (json_object_set_new(
			    object, map->attrs[i].name, value_to_json(&map->attrs[i])) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *item_to_json(const struct mp_item *item)
{
	json_t *json = json_object();

	if (json != NULL && json_object_set_new(json, "pk", json_string(item->pk)) == 0 &&
		json_object_set_new(json, "sk", json_string(item->sk)) == 0 &&
		json_object_set_new(json, "version", json_integer(item->version)) == 0 &&
		json_object_set_new(json, "format", json_integer(item->format)) == 0 &&
		json_object_set_new(json, "attributes", mp_map_to_json(&item->attrs)) == 0 &&
		(item->expires_at_s == 0 || json_object_set_new(json, "expires_at",
						    json_integer(item->expires_at_s)) == 0))
		return json;
	json_decref(json);
	return NULL;
}

void mp_item_add_line(struct mp_buf *buf, const struct mp_item *item)
{
	json_t *json = item_to_json(item);
	char *line = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	if (line != NULL)
		(void)mp_buf_adds(buf, line);
	else if (buf->rc == MP_OK)
		buf->rc = MP_NOMEM;
	free(line);
	json_decref(json);
}

/* --- from JSON --- */

/* As deep as the parser let it be. False: a value that no attribute has. */
static bool fill_map(struct mp_map *map, const json_t *object);

static bool fill_list(struct mp_map *owner, const char *name, const json_t *array)
{
	struct mp_list *list = mp_map_set_list(owner, name);
	const json_t *element;
	size_t i;

	json_array_foreach(array, i, element)
	{
		if (!json_is_object(element))
			return false;
		struct mp_map *map = mp_list_add_map(owner, list);
		if (map != NULL && !fill_map(map, element))
			return false;
	}
	return true;
}

static bool fill_attr(struct mp_map *map, const char *name, const json_t *value)
{
	if (json_is_string(value))
		mp_map_set_text(map, name, json_string_value(value));
	else if (json_is_integer(value))
		mp_map_set_int(map, name, json_integer_value(value));
	else if (json_is_boolean(value))
		mp_map_set_bool(map, name, json_is_true(value));
	else if (json_is_array(value))
		return fill_list(map, name, value);
	else if (json_is_object(value)) {
		struct mp_map *inner = mp_map_set_map(map, name);
		return inner == NULL || fill_map(inner, value);
	} else
		return false;
	return true;
}

static bool fill_map(struct mp_map *map, const json_t *object)
{
	const char *name;
	json_t *value;

	/* The cast: jansson iterates without changing, and says otherwise. */
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (!fill_attr(map, name, value))
			return false;
	}
	return true;
}

static bool has_shape(const json_t *json)
{
	size_t members = json_object_get(json, "expires_at") == NULL ? 5 : 6;
	json_int_t format = json_integer_value(json_object_get(json, "format"));
	const json_t *expires = json_object_get(json, "expires_at");

	return json_object_size(json) == members && json_is_string(json_object_get(json, "pk")) &&
	       json_is_string(json_object_get(json, "sk")) &&
	       json_is_object(json_object_get(json, "attributes")) && format >= 0 &&
	       format <= UINT32_MAX && json_is_integer(json_object_get(json, "format")) &&
	       json_integer_value(json_object_get(json, "version")) >= 1 &&
	       (expires == NULL || json_integer_value(expires) >= 1);
}

enum mp_rc mp_item_from_json(const json_t *json, struct mp_arena *arena, struct mp_item **out_item)
{
	if (!has_shape(json))
		return MP_INVALID;
	struct mp_item *item = mp_item_new(arena, json_string_value(json_object_get(json, "pk")),
		json_string_value(json_object_get(json, "sk")),
		(uint32_t)json_integer_value(json_object_get(json, "format")));
	if (item == NULL)
		return MP_NOMEM;
	item->version = json_integer_value(json_object_get(json, "version"));
	item->expires_at_s = json_integer_value(json_object_get(json, "expires_at"));
	if (!fill_map(&item->attrs, json_object_get(json, "attributes")))
		return MP_INVALID;
	if (item->attrs.rc != MP_OK)
		return item->attrs.rc;
	*out_item = item;
	return MP_OK;
}

/* --- sums --- */

void mp_items_sum_add(struct mp_items_sum *sum, const char *line, size_t len)
{
	uint8_t hash[MP_SHA256_BYTES];
	unsigned carry = 0;

	mp_sha256(line, len, hash);
	for (size_t i = MP_SHA256_BYTES; i-- > 0; carry >>= 8) {
		carry += (unsigned)sum->digest[i] + hash[i];
		sum->digest[i] = (uint8_t)carry;
	}
	sum->count++;
}

bool mp_items_sum_equal(const struct mp_items_sum *a, const struct mp_items_sum *b)
{
	return a->count == b->count && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}
