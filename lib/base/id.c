#include "base/id.h"

#include <assert.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdatomic.h>
#include <string.h>

#include "base/crypto.h"

#define ID_BYTES 16
#define TIME_PREFIX_LEN 13 /* "018f3c5a-9b1e": 48 bits and a dash */
#define TIME_MS_MASK ((UINT64_C(1) << 48) - 1)
#define COUNTER_BITS 12

/*
 * How far the given time may lie behind the last one and still be taken for the same moment, seen
 * by a slower thread or a clock set back a little. A time further back is meant as it is.
 */
#define BACKWARDS_MS_MAX 1000

/* Time and counter of the last id, as one number: a counter that is full carries into the time. */
static _Atomic uint64_t last_tick;

static void put_bytes(char *out, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 0xf];
	}
}

static void id_render(const uint8_t bytes[ID_BYTES], struct mp_id *out)
{
	put_bytes(out->text, bytes, 4);
	out->text[8] = '-';
	put_bytes(out->text + 9, bytes + 4, 2);
	out->text[13] = '-';
	put_bytes(out->text + 14, bytes + 6, 2);
	out->text[18] = '-';
	put_bytes(out->text + 19, bytes + 8, 2);
	out->text[23] = '-';
	put_bytes(out->text + 24, bytes + 10, 6);
	out->text[36] = '\0';
}

static void put_time(uint8_t bytes[ID_BYTES], uint64_t time_ms)
{
	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(time_ms >> (40 - 8 * i));
}

static void put_version(uint8_t bytes[ID_BYTES], unsigned version)
{
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | version << 4);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
}

/* A new millisecond starts its counter at random in the lower half: room for 2048 ids and more. */
static uint64_t tick_next(uint64_t now_ms, uint64_t random)
{
	const uint64_t start = now_ms << COUNTER_BITS | (random >> (64 - (COUNTER_BITS - 1)));
	uint64_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
	uint64_t next;

	do {
		uint64_t last_ms = last >> COUNTER_BITS;
		bool same_moment = now_ms <= last_ms && last_ms - now_ms <= BACKWARDS_MS_MAX;
		next = same_moment ? last + 1 : start;
	} while (!atomic_compare_exchange_weak_explicit(
		&last_tick, &last, next, memory_order_relaxed, memory_order_relaxed));
	return next;
}

struct mp_id mp_id_new(int64_t now_ms)
{
	uint8_t bytes[ID_BYTES];
	struct mp_id id;

	assert(now_ms >= 0);
	uint64_t tick = tick_next((uint64_t)now_ms & TIME_MS_MASK, mp_random_number());
	uint64_t random = mp_random_number();

	put_time(bytes, tick >> COUNTER_BITS & TIME_MS_MASK);
	bytes[6] = (uint8_t)(tick >> 8 & 0x0f);
	bytes[7] = (uint8_t)tick;
	memcpy(bytes + 8, &random, sizeof(random));
	put_version(bytes, 7);
	id_render(bytes, &id);
	return id;
}

/* The bytes behind the time are those of SHA-256 over from, kind and number, NUL between them. */
static void hash_parts(
	const char *from, const char *kind, const char *number, uint8_t out_bytes[ID_BYTES])
{
	struct sha256_ctx context;
	uint8_t hash[MP_SHA256_BYTES];

	sha256_init(&context);
	sha256_update(&context, strlen(from) + 1, (const uint8_t *)from);
	sha256_update(&context, strlen(kind) + 1, (const uint8_t *)kind);
	sha256_update(&context, strlen(number), (const uint8_t *)number);
	sha256_digest(&context, sizeof(hash), hash);
	memset(out_bytes, 0, 6);
	memcpy(out_bytes + 6, hash, ID_BYTES - 6);
	put_version(out_bytes, 8);
}

/* Decimal digits, as text does it for people: "-12". out needs 21 bytes. */
static const char *number_text(int64_t number, char out[21])
{
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	char *at = out + 20;

	*at = '\0';
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		*--at = '-';
	return at;
}

struct mp_id mp_id_derive(const struct mp_id *origin, const char *kind, int64_t number)
{
	uint8_t bytes[ID_BYTES];
	char digits[21];
	struct mp_id id;

	assert(origin != NULL && !mp_id_is_none(origin) && kind != NULL);
	hash_parts(origin->text, kind, number_text(number, digits), bytes);
	id_render(bytes, &id);
	memcpy(id.text, origin->text, TIME_PREFIX_LEN);
	return id;
}

struct mp_id mp_id_derive_text(int64_t time_ms, const char *kind, const char *text)
{
	uint8_t bytes[ID_BYTES];
	struct mp_id id;

	assert(time_ms >= 0 && kind != NULL && text != NULL);
	hash_parts(text, kind, "", bytes);
	put_time(bytes, (uint64_t)time_ms & TIME_MS_MASK);
	id_render(bytes, &id);
	return id;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_dash_place(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

bool mp_id_parse(const char *text, struct mp_id *out_id)
{
	struct mp_id id;

	if (text == NULL)
		return false;
	for (size_t i = 0; i < sizeof(id.text) - 1; i++) {
		/* A text that ends early stops here: its NUL is neither. */
		if (is_dash_place(i) ? text[i] != '-' : hex_value(text[i]) < 0)
			return false;
		id.text[i] = text[i];
	}
	if (text[sizeof(id.text) - 1] != '\0')
		return false;
	id.text[sizeof(id.text) - 1] = '\0';
	*out_id = id;
	return true;
}

int64_t mp_id_time_ms(const struct mp_id *id)
{
	int64_t time_ms = 0;

	assert(!mp_id_is_none(id));
	for (size_t i = 0; i < TIME_PREFIX_LEN; i++) {
		if (!is_dash_place(i))
			time_ms = time_ms << 4 | hex_value(id->text[i]);
	}
	return time_ms;
}

bool mp_id_equal(const struct mp_id *a, const struct mp_id *b)
{
	return strcmp(a->text, b->text) == 0;
}

bool mp_id_is_none(const struct mp_id *id)
{
	return id->text[0] == '\0';
}
