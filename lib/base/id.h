#ifndef MP_BASE_ID_H
#define MP_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

/* A UUID (RFC 9562) as canonical lower-case text: copied by value, compared with mp_id_equal. */
struct mp_id {
	char text[37];
};

/*
 * A new UUIDv7 for the given time (milliseconds since 1970 UTC). The ids of one process are in the
 * order of their making (RFC 9562 section 6.2, method 1): a time up to a second behind the last
 * id's counts as the last one's, and a burst of thousands in a millisecond runs into the next. A
 * time further back is taken as it is. Threads: any.
 */
struct mp_id mp_id_new(int64_t now_ms);

/*
 * The id that follows from another: a UUIDv8 of origin's first 48 bits (its time, when it is a
 * UUIDv7 or v8) and SHA-256 over origin, kind and number as texts with a NUL between them, so that
 * the same effect has the same id however often it is asked for, and inserts stay nearly
 * sequential. origin must not be none. Pure.
 */
struct mp_id mp_id_derive(const struct mp_id *origin, const char *kind, int64_t number);

/*
 * The same from a time and any text, such as a provider's id: SHA-256 over text and kind, a NUL
 * behind each. The time is the prefix only, so give the same one each time. Pure.
 */
struct mp_id mp_id_derive_text(int64_t time_ms, const char *kind, const char *text);

/* Reads a canonical lower-case UUID of any version; false for anything else. NULL gives false. */
bool mp_id_parse(const char *text, struct mp_id *out_id);

/* The 48-bit time prefix of a UUIDv7 or v8, in milliseconds since 1970. */
int64_t mp_id_time_ms(const struct mp_id *id);

bool mp_id_equal(const struct mp_id *a, const struct mp_id *b);

/* True for the zeroed id, which stands for "none". */
bool mp_id_is_none(const struct mp_id *id);

#endif
