#ifndef MP_STORE_ITEM_H
#define MP_STORE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/rc.h"

/*
 * An item: partition key, sort key, version, format, optional expiry and typed attributes (the
 * types that DynamoDB has natively: S, N, BOOL, L, M). Built and read in an arena.
 */
enum mp_value_type {
	MP_VALUE_TEXT,
	MP_VALUE_INT,
	MP_VALUE_BOOL,
	MP_VALUE_LIST, /* of maps */
	MP_VALUE_MAP,
};

struct mp_map;

struct mp_list {
	struct mp_map **maps;
	uint32_t count;
	uint32_t capacity;
};

struct mp_attr {
	const char *name;
	uint32_t name_len; /* bytes */
	uint32_t text_len; /* bytes, for TEXT */
	enum mp_value_type type;
	union {
		const char *text; /* NUL-terminated, UTF-8, no NUL inside */
		int64_t number;
		bool boolean;
		struct mp_list *list;
		struct mp_map *map;
	} as;
};

/*
 * Attributes in the order they were set; a name set again gets the new value. Remembers the first
 * failure: MP_NOMEM, MP_TOO_LARGE (a bound below), MP_INVALID (a text or name that is not UTF-8).
 */
struct mp_map {
	struct mp_arena *arena;
	struct mp_attr *attrs;
	uint32_t count;
	uint32_t capacity;
	enum mp_rc rc;
};

#define MP_KEY_BYTES_MAX 512	 /* of pk and of sk: 1.. bytes of UTF-8, none below 0x20 */
#define MP_ITEM_BYTES_MAX 393216 /* encoded; DynamoDB's 400 KB less room for names */
#define MP_ATTR_NAME_MAX 64	 /* bytes, 1.. */
#define MP_ATTRS_MAX 256	 /* in one map */
#define MP_ITEM_DEPTH_MAX 8	 /* maps within maps, the item's own included */

struct mp_item {
	const char *pk;
	const char *sk;
	int64_t version;      /* 1 when inserted, one more by each replace; set by reads only */
	uint32_t format;      /* of this kind of item; the service refuses newer ones */
	int64_t expires_at_s; /* seconds since 1970; 0: never. Past: reads as absent. */
	struct mp_map attrs;
};

/*
 * Building. Keys, names and texts are copied into the arena. A failed allocation anywhere is
 * remembered, and NULL items and maps are taken: the transaction that gets the item reports it at
 * commit. An item that was read can be changed and written again.
 */
struct mp_item *mp_item_new(
	struct mp_arena *arena, const char *pk, const char *sk, uint32_t format);
struct mp_map *mp_item_attrs(struct mp_item *item); /* NULL for NULL */
/* A NULL text and a none id are not set; a value set before stays. */
void mp_map_set_text(struct mp_map *map, const char *name, const char *text);
void mp_map_set_id(struct mp_map *map, const char *name, const struct mp_id *id);
void mp_map_set_int(struct mp_map *map, const char *name, int64_t number);
void mp_map_set_bool(struct mp_map *map, const char *name, bool value);
struct mp_map *mp_map_set_map(struct mp_map *map, const char *name);
struct mp_list *mp_map_set_list(struct mp_map *map, const char *name);
struct mp_map *mp_list_add_map(struct mp_map *owner, struct mp_list *list);

/* The attribute, or NULL. */
const struct mp_attr *mp_map_get(const struct mp_map *map, const char *name);

/*
 * Reading stored data strictly: an absent or wrong attribute makes the reader fail with MP_CORRUPT,
 * outputs of failed reads are untouched; rc is checked once, at the end. _or leaves the output
 * as given when the attribute is absent.
 */
struct mp_item_reader {
	const struct mp_map *map;
	enum mp_rc rc;
	const char *field; /* the first that failed, for the log */
};

/* MP_CORRUPT for a format newer than format_max (field "format"): nothing is read then. */
void mp_item_read_begin(struct mp_item_reader *r, const struct mp_item *item, uint32_t format_max);
void mp_map_read_begin(struct mp_item_reader *r, const struct mp_map *map);
void mp_item_read_text(struct mp_item_reader *r, const char *name, const char **out); /* borrowed */
void mp_item_read_copy(struct mp_item_reader *r, const char *name, char *out, size_t out_size);
void mp_item_read_id(struct mp_item_reader *r, const char *name, struct mp_id *out);
void mp_item_read_int(struct mp_item_reader *r, const char *name, int64_t *out);
void mp_item_read_bool(struct mp_item_reader *r, const char *name, bool *out);
void mp_item_read_text_or(struct mp_item_reader *r, const char *name, const char **out);
void mp_item_read_copy_or(struct mp_item_reader *r, const char *name, char *out, size_t out_size);
void mp_item_read_id_or(struct mp_item_reader *r, const char *name, struct mp_id *out);
void mp_item_read_int_or(struct mp_item_reader *r, const char *name, int64_t *out);
void mp_item_read_list_or(struct mp_item_reader *r, const char *name, const struct mp_list **out);
enum mp_rc mp_item_read_end(const struct mp_item_reader *r) MP_MUST_CHECK;

#endif
