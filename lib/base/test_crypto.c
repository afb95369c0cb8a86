#include <string.h>

#include "base/crypto.h"
#include "base/testing.h"

static void sha256_gives_the_known_hashes(void **state)
{
	char hex[MP_SHA256_HEX_SIZE];

	mp_sha256_hex("", 0, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	mp_sha256_hex("abc", 3, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231: a short key, one longer than a block. */
static void hmac_sha256_gives_the_known_codes(void **state)
{
	uint8_t mac[MP_SHA256_BYTES];
	char hex[MP_SHA256_HEX_SIZE];
	uint8_t long_key[131];
	const char *data = "what do ya want for nothing?";
	const char *long_data = "Test Using Larger Than Block-Size Key - Hash Key First";

	mp_hmac_sha256("Jefe", 4, data, strlen(data), mac);
	mp_hex(mac, sizeof(mac), hex);
	assert_string_equal(
		hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

	memset(long_key, 0xaa, sizeof(long_key));
	mp_hmac_sha256(long_key, sizeof(long_key), long_data, strlen(long_data), mac);
	mp_hex(mac, sizeof(mac), hex);
	assert_string_equal(
		hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hex_reads_back_either_case_and_nothing_else(void **state)
{
	const uint8_t bytes[] = {0x00, 0x0f, 0xa9, 0xff};
	uint8_t back[4] = {1, 2, 3, 4};
	char hex[9];

	mp_hex(bytes, sizeof(bytes), hex);
	assert_string_equal(hex, "000fa9ff");
	assert_false(mp_unhex("000fa9f", 4, back));
	assert_false(mp_unhex("000fa9ff0", 4, back));
	assert_false(mp_unhex("000fa9fg", 4, back));
	assert_false(mp_unhex("", 4, back));
	assert_false(mp_unhex(NULL, 4, back));
	assert_memory_equal(back, ((uint8_t[]){1, 2, 3, 4}), 4); /* untouched until it is right */
	assert_true(mp_unhex("000FA9fF", 4, back));
	assert_memory_equal(back, bytes, sizeof(bytes));
}

static void base64url_gives_the_known_texts(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {
		{"", ""},
		{"f", "Zg"},
		{"fo", "Zm8"},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg"},
		{"fooba", "Zm9vYmE"},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "-_-_"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[16];
		uint8_t bytes[16];
		size_t len = 0;

		mp_base64url(rows[i].bytes, strlen(rows[i].bytes), text, sizeof(text));
		wrong += mp_wrong(strcmp(text, rows[i].text) == 0, "row %zu: %s", i, text);
		enum mp_rc rc = mp_base64url_decode(
			rows[i].text, strlen(rows[i].text), bytes, sizeof(bytes), &len);
		wrong += mp_wrong(rc == MP_OK && len == strlen(rows[i].bytes) &&
					  memcmp(bytes, rows[i].bytes, len) == 0,
			"%s does not read back", rows[i].text);
	}
	assert_int_equal(wrong, 0);
}

static void base64url_has_one_spelling_only(void **state)
{
	static const char *const refused[] = {
		"Zg==", "Zh", "Zm9", "Z", "Zm9v Yg", "+/+/", "Zm9v\n", "Zm.v", "\303\251\342\202"};
	uint8_t bytes[16];
	size_t len = 99;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		wrong += mp_wrong(mp_base64url_decode(refused[i], strlen(refused[i]), bytes,
					  sizeof(bytes), &len) == MP_INVALID,
			"%s was taken", refused[i]);
	assert_int_equal(wrong, 0);
	assert_int_equal(mp_base64url_decode("Zm9v", 4, bytes, 2, &len), MP_TOO_LARGE);
	assert_int_equal(mp_base64url_decode(NULL, 0, bytes, 2, &len), MP_INVALID);
	assert_int_equal(len, 99);
	assert_int_equal(mp_base64url_decode("Zm9v", 4, bytes, 3, &len), MP_OK);
	assert_int_equal(mp_base64url_decode("Zm8", 3, bytes, 2, &len), MP_OK);
}

static void secrets_are_equal_when_all_bytes_are(void **state)
{
	assert_true(mp_equal_secret("abc", 3, "abc", 3));
	assert_true(mp_equal_secret("", 0, NULL, 0));
	assert_false(mp_equal_secret("abc", 3, "abd", 3));
	assert_false(mp_equal_secret("abc", 3, "ab", 2));
	assert_false(mp_equal_secret("abc", 3, "", 0));
}

static void random_numbers_and_bytes_differ(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};
	uint64_t ored = 0;
	uint64_t anded = UINT64_MAX;

	mp_random_bytes(a, sizeof(a));
	mp_random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (int i = 0; i < 1000; i++) {
		uint64_t number = mp_random_number();
		assert_true(number != mp_random_number());
		ored |= number;
		anded &= number;
	}
	assert_true(ored == UINT64_MAX && anded == 0); /* every bit is sometimes on and off */
}

static int init(void **state)
{
	return mp_crypto_init() == MP_OK && mp_crypto_init() == MP_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_known_hashes),
		cmocka_unit_test(hmac_sha256_gives_the_known_codes),
		cmocka_unit_test(hex_reads_back_either_case_and_nothing_else),
		cmocka_unit_test(base64url_gives_the_known_texts),
		cmocka_unit_test(base64url_has_one_spelling_only),
		cmocka_unit_test(secrets_are_equal_when_all_bytes_are),
		cmocka_unit_test(random_numbers_and_bytes_differ),
	};
	return cmocka_run_group_tests_name("crypto", tests, init, NULL);
}
