#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "store/dynamo.h"

/*
 * An item as DynamoDB keeps it, to be read by people in the console: our five names beside the
 * service's own attributes. A service's attribute with one of our names (or one of them behind
 * underscores) gets one underscore more, so that no two ever meet.
 */
static const char *const reserved[] = {
	DYNAMO_KEY_PARTITION, DYNAMO_KEY_SORT, DYNAMO_VERSION, DYNAMO_FORMAT, DYNAMO_EXPIRES};

static bool is_reserved(const char *name)
{
	name += strspn(name, "_");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(name, reserved[i]) == 0)
			return true;
	}
	return false;
}

/* --- writing --- */

static void add_escape(struct mp_buf *buf, unsigned char byte)
{
	if (byte == '"' || byte == '\\')
		(void)mp_buf_addf(buf, "\\%c", byte);
	else
		(void)mp_buf_addf(buf, "\\u%04x", byte);
}

static void add_text_within(struct mp_buf *buf, const char *text)
{
	const char *plain = text; /* what needs no escape goes in one piece */

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		if (byte >= 0x20 && byte != '"' && byte != '\\')
			continue;
		(void)mp_buf_add(buf, plain, (size_t)(text - plain));
		add_escape(buf, byte);
		plain = text + 1;
	}
	(void)mp_buf_add(buf, plain, (size_t)(text - plain));
}

void mp_dynamo_add_text(struct mp_buf *buf, const char *text)
{
	(void)mp_buf_add(buf, "\"", 1);
	add_text_within(buf, text);
	(void)mp_buf_add(buf, "\"", 1);
}

static void add_number(struct mp_buf *buf, int64_t number)
{
	(void)mp_buf_addf(buf, "{\"N\":\"%lld\"}", (long long)number);
}

static void add_string(struct mp_buf *buf, const char *text)
{
	(void)mp_buf_adds(buf, "{\"S\":");
	mp_dynamo_add_text(buf, text);
	(void)mp_buf_adds(buf, "}");
}

static void add_keys(struct mp_buf *buf, const char *pk, const char *sk)
{
	(void)mp_buf_adds(buf, "\"" DYNAMO_KEY_PARTITION "\":");
	add_string(buf, pk);
	(void)mp_buf_adds(buf, ",\"" DYNAMO_KEY_SORT "\":");
	add_string(buf, sk);
}

void mp_dynamo_add_key(struct mp_buf *buf, const char *pk, const char *sk)
{
	(void)mp_buf_adds(buf, "{");
	add_keys(buf, pk, sk);
	(void)mp_buf_adds(buf, "}");
}

static void add_map(struct mp_buf *buf, const struct mp_map *map);

static void add_list(struct mp_buf *buf, const struct mp_list *list)
{
	(void)mp_buf_adds(buf, "{\"L\":[");
	for (uint32_t i = 0; i < list->count; i++) {
		if (i > 0)
			(void)mp_buf_adds(buf, ",");
		add_map(buf, list->maps[i]);
	}
	(void)mp_buf_adds(buf, "]}");
}

static void add_value(struct mp_buf *buf, const struct mp_attr *attr)
{
	switch (attr->type) {
	case MP_VALUE_TEXT:
		add_string(buf, attr->as.text);
		break;
	case MP_VALUE_INT:
		add_number(buf, attr->as.number);
		break;
	case MP_VALUE_BOOL:
		(void)mp_buf_addf(buf, "{\"BOOL\":%s}", attr->as.boolean ? "true" : "false");
		break;
	case MP_VALUE_LIST:
		add_list(buf, attr->as.list);
		break;
	case MP_VALUE_MAP:
		add_map(buf, attr->as.map);
		break;
	}
}

static void add_attr(struct mp_buf *buf, const char *prefix, const struct mp_attr *attr)
{
	(void)mp_buf_addf(buf, "\"%s", prefix);
	add_text_within(buf, attr->name);
	(void)mp_buf_adds(buf, "\":");
	add_value(buf, attr);
}

/* Depth is bounded by MP_ITEM_DEPTH_MAX, which commit has checked. */
static void add_map(struct mp_buf *buf, const struct mp_map *map)
{
	(void)mp_buf_adds(buf, "{\"M\":{");
	for (uint32_t i = 0; i < map->count; i++) {
		if (i > 0)
			(void)mp_buf_adds(buf, ",");
		add_attr(buf, "", &map->attrs[i]);
	}
	(void)mp_buf_adds(buf, "}}");
}

void mp_dynamo_add_item(struct mp_buf *buf, const struct mp_item *item, int64_t version)
{
	(void)mp_buf_adds(buf, "{");
	add_keys(buf, item->pk, item->sk);
	(void)mp_buf_adds(buf, ",\"" DYNAMO_VERSION "\":");
	add_number(buf, version);
	(void)mp_buf_adds(buf, ",\"" DYNAMO_FORMAT "\":");
	add_number(buf, item->format);
	if (item->expires_at_s != 0) {
		(void)mp_buf_adds(buf, ",\"" DYNAMO_EXPIRES "\":");
		add_number(buf, item->expires_at_s);
	}
	for (uint32_t i = 0; i < item->attrs.count; i++) {
		const struct mp_attr *attr = &item->attrs.attrs[i];
		(void)mp_buf_adds(buf, ",");
		add_attr(buf, is_reserved(attr->name) ? "_" : "", attr);
	}
	(void)mp_buf_adds(buf, "}");
}

/* --- measuring, as the developer guide counts: each a little more rather than less --- */

#define NUMBER_BYTES_MAX 12 /* 19 digits, two in a byte, and 2 */
#define NESTED_BYTES 3

static size_t map_bytes(const struct mp_map *map);

static size_t value_bytes(const struct mp_attr *attr)
{
	size_t bytes = NESTED_BYTES;

	switch (attr->type) {
	case MP_VALUE_TEXT:
		return attr->text_len;
	case MP_VALUE_INT:
		return NUMBER_BYTES_MAX;
	case MP_VALUE_BOOL:
		return 1;
	case MP_VALUE_LIST:
		for (uint32_t i = 0; i < attr->as.list->count; i++)
			bytes += 1 + NESTED_BYTES + map_bytes(attr->as.list->maps[i]);
		return bytes;
	case MP_VALUE_MAP:
		return bytes + map_bytes(attr->as.map);
	}
	return bytes;
}

static size_t map_bytes(const struct mp_map *map)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < map->count; i++)
		bytes += 2 + map->attrs[i].name_len + value_bytes(&map->attrs[i]);
	return bytes;
}

size_t mp_dynamo_item_bytes(const struct mp_item *item)
{
	size_t own = sizeof(DYNAMO_KEY_PARTITION DYNAMO_KEY_SORT DYNAMO_VERSION DYNAMO_FORMAT
				     DYNAMO_EXPIRES) +
		     3 * NUMBER_BYTES_MAX;

	return own + strlen(item->pk) + strlen(item->sk) + map_bytes(&item->attrs);
}

/* --- reading: strictly, so that a table of somebody else's is told at once --- */

/* The one type and value of an attribute; NULL when it has not exactly one. */
static const json_t *typed_value(const json_t *attribute, const char **out_type)
{
	void *at = json_object_iter((json_t *)(uintptr_t)attribute); /* only read */

	if (json_object_size(attribute) != 1 || at == NULL)
		return NULL;
	*out_type = json_object_iter_key(at);
	return json_object_iter_value(at);
}

const char *mp_dynamo_text_of(const json_t *attributes, const char *name)
{
	return json_string_value(json_object_get(json_object_get(attributes, name), "S"));
}

static bool read_number(const json_t *value, int64_t *out_number)
{
	const char *text = json_string_value(value);

	return text != NULL && mp_text_to_int(text, out_number) == MP_OK;
}

static bool number_of(const json_t *attributes, const char *name, int64_t *out_number)
{
	return read_number(json_object_get(json_object_get(attributes, name), "N"), out_number);
}

/* Lists in a map in lists: bounded, whatever the answer holds. */
static enum mp_rc read_map(struct mp_map *map, const json_t *json, unsigned depth);

static enum mp_rc read_list(
	struct mp_map *owner, const char *name, const json_t *json, unsigned depth)
{
	struct mp_list *list = mp_map_set_list(owner, name);
	const json_t *element;
	size_t i;

	if (!json_is_array(json))
		return MP_CORRUPT;
	json_array_foreach(json, i, element)
	{
		const json_t *inner = json_object_get(element, "M");
		struct mp_map *map = mp_list_add_map(owner, list);
		if (map == NULL)
			return owner->rc;
		enum mp_rc rc = inner == NULL ? MP_CORRUPT : read_map(map, inner, depth + 1);
		if (rc != MP_OK)
			return rc;
	}
	return owner->rc;
}

static enum mp_rc read_nested(
	struct mp_map *owner, const char *name, const json_t *json, unsigned depth)
{
	struct mp_map *map = mp_map_set_map(owner, name);

	return map == NULL ? owner->rc : read_map(map, json, depth + 1);
}

static enum mp_rc read_attr(
	struct mp_map *map, const char *name, const json_t *attribute, unsigned depth)
{
	const char *type = "";
	const json_t *value = typed_value(attribute, &type);
	int64_t number;

	if (strcmp(type, "S") == 0 && json_is_string(value))
		mp_map_set_text(map, name, json_string_value(value));
	else if (strcmp(type, "N") == 0 && read_number(value, &number))
		mp_map_set_int(map, name, number);
	else if (strcmp(type, "BOOL") == 0 && json_is_boolean(value))
		mp_map_set_bool(map, name, json_is_true(value));
	else if (strcmp(type, "L") == 0)
		return read_list(map, name, value, depth);
	else if (strcmp(type, "M") == 0)
		return read_nested(map, name, value, depth);
	else
		return MP_CORRUPT;
	return map->rc;
}

static enum mp_rc read_map(struct mp_map *map, const json_t *json, unsigned depth)
{
	const char *name;
	json_t *attribute;

	if (!json_is_object(json) || depth > MP_ITEM_DEPTH_MAX)
		return MP_CORRUPT;
	json_object_foreach((json_t *)(uintptr_t)json, name, attribute)
	{
		enum mp_rc rc = read_attr(map, name, attribute, depth);
		if (rc != MP_OK)
			return rc;
	}
	return MP_OK;
}

static enum mp_rc read_own(struct mp_item *item, const json_t *json)
{
	const char *name;
	json_t *attribute;

	json_object_foreach((json_t *)(uintptr_t)json, name, attribute)
	{
		bool ours = is_reserved(name);
		if (ours && name[0] != '_')
			continue;
		enum mp_rc rc = read_attr(&item->attrs, ours ? name + 1 : name, attribute, 1);
		if (rc != MP_OK)
			return rc == MP_NOMEM ? MP_NOMEM : MP_CORRUPT;
	}
	return MP_OK;
}

enum mp_rc mp_dynamo_read_item(
	const json_t *json, struct mp_arena *arena, struct mp_item **out_item)
{
	const char *pk = mp_dynamo_text_of(json, DYNAMO_KEY_PARTITION);
	const char *sk = mp_dynamo_text_of(json, DYNAMO_KEY_SORT);
	int64_t version;
	int64_t format;
	int64_t expires_at_s = 0;

	if (pk == NULL || sk == NULL || !number_of(json, DYNAMO_VERSION, &version) ||
		!number_of(json, DYNAMO_FORMAT, &format) || version < 1 || format < 0 ||
		format > UINT32_MAX)
		return MP_CORRUPT;
	if (json_object_get(json, DYNAMO_EXPIRES) != NULL &&
		(!number_of(json, DYNAMO_EXPIRES, &expires_at_s) || expires_at_s < 0))
		return MP_CORRUPT;

	struct mp_item *item = mp_item_new(arena, pk, sk, (uint32_t)format);
	if (item == NULL)
		return MP_NOMEM;
	item->version = version;
	item->expires_at_s = expires_at_s;
	enum mp_rc rc = read_own(item, json);
	if (rc == MP_OK)
		*out_item = item;
	return rc;
}
