#ifndef MP_STORE_ITEM_JSON_H
#define MP_STORE_ITEM_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "store/item.h"

/*
 * Items as JSON, for people and for moving house. JSON has the same five types as an attribute:
 * text, whole number, boolean, list of maps, map; so nothing is lost on the way there and back.
 *
 *	{"attributes":{"balance":1250},"format":1,"pk":"ACCOUNT#x","sk":"ACCOUNT","version":7}
 *
 * One line, names sorted, so that equal items are equal bytes whichever engine they came from.
 * expires_at is there when the item has one.
 */

/* An item as a line, in the worst case: every byte of it as \u00xx. */
#define MP_ITEM_LINE_MAX (6u * MP_ITEM_BYTES_MAX + 16384u)

/* The map as a JSON object of its texts, numbers, booleans, lists and maps; NULL without memory. */
json_t *mp_map_to_json(const struct mp_map *map);

/* Adds the line, without its newline. Failures stay in the buffer. */
void mp_item_add_line(struct mp_buf *buf, const struct mp_item *item);

/*
 * The item of a parsed line, all in the arena, with its version. MP_INVALID: a member is missing,
 * unknown or of a type that no attribute has. MP_NOMEM, MP_TOO_LARGE.
 */
enum mp_rc mp_item_from_json(
	const json_t *json, struct mp_arena *arena, struct mp_item **out_item) MP_MUST_CHECK;

/*
 * What a set of items is, in whatever order they are met: their number, and the sum of the SHA-256
 * of their lines modulo 2^256. Begins as zeros.
 */
struct mp_items_sum {
	int64_t count;
	uint8_t digest[MP_SHA256_BYTES];
};

void mp_items_sum_add(struct mp_items_sum *sum, const char *line, size_t len);
bool mp_items_sum_equal(const struct mp_items_sum *a, const struct mp_items_sum *b);

#endif
