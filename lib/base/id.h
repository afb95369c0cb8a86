#ifndef MP_BASE_ID_H
#define MP_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

/* A UUID (RFC 9562) as canonical lower-case text: copied by value, compared with mp_id_equal. */
struct mp_id {
	char text[37];
};

/*
 * A new UUIDv7 for the given time (milliseconds since 1970 UTC). Ids made by one process within
 * one millisecond are in order. Threads: any.
 */
struct mp_id mp_id_new(int64_t now_ms);

/*
 * The id that follows from another: a UUIDv8 of origin's 48-bit time prefix and SHA-256 over
 * origin, kind, and number, so that the same effect has the same id however often it is asked
 * for, and inserts stay nearly sequential. origin must be a UUIDv7 or v8. Pure.
 */
struct mp_id mp_id_derive(const struct mp_id *origin, const char *kind, int64_t number);

/* The same from a time and any text, such as a provider's id. Pure. */
struct mp_id mp_id_derive_text(int64_t time_ms, const char *kind, const char *text);

/* Reads a canonical lower-case UUID of any version; false for anything else. NULL gives false. */
bool mp_id_parse(const char *text, struct mp_id *out_id);

/* The 48-bit time prefix of a UUIDv7 or v8, in milliseconds since 1970. */
int64_t mp_id_time_ms(const struct mp_id *id);

bool mp_id_equal(const struct mp_id *a, const struct mp_id *b);

/* True for the zeroed id, which stands for "none". */
bool mp_id_is_none(const struct mp_id *id);

#endif
