#include "outbox/outbox.h"

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
