#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "store/codec.h"

/* Stored bytes: records and keys. What is read is written as the same item. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

static void check_again(const struct mp_item *item, struct mp_arena *arena)
{
	struct mp_item *again = NULL;
	size_t bytes;
	size_t again_bytes;

	if (mp_record_measure(item, &bytes) != MP_OK)
		return;
	uint8_t *record = malloc(bytes);
	uint8_t *twice = malloc(bytes);
	FUZZ_CHECK(record != NULL && twice != NULL);
	size_t len = mp_record_write(item, item->version, record);
	FUZZ_CHECK(len <= bytes);
	FUZZ_CHECK(mp_record_read(record, len, "pk", "sk", arena, &again) == MP_OK);
	FUZZ_CHECK(again->version == item->version && again->format == item->format);
	FUZZ_CHECK(mp_record_measure(again, &again_bytes) == MP_OK && again_bytes == bytes);
	FUZZ_CHECK(mp_record_write(again, again->version, twice) == len);
	FUZZ_CHECK(memcmp(record, twice, len) == 0);
	free(record);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_arena *arena = fuzz_arena();
	struct mp_record_head head;
	struct mp_item *item = NULL;
	const char *pk;
	const char *sk;
	char key[MP_STORED_KEY_MAX];

	enum mp_rc rc = mp_record_read(data, size, "pk", "sk", arena, &item);
	FUZZ_CHECK(rc == MP_OK || rc == MP_CORRUPT || rc == MP_NOMEM);
	if (rc == MP_OK) {
		FUZZ_CHECK(mp_record_read_head(data, size, &head) == MP_OK);
		FUZZ_CHECK(head.version == item->version && head.format == item->format &&
			   head.expires_at_s == item->expires_at_s);
		check_again(item, arena);
	}
	if (mp_key_read(data, size, arena, &pk, &sk) == MP_OK) {
		FUZZ_CHECK(mp_key_is_valid(pk) && mp_key_is_valid(sk));
		FUZZ_CHECK(mp_key_write(pk, sk, key) == size && memcmp(key, data, size) == 0);
	}
	return 0;
}
