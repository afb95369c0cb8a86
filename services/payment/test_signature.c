#include "stripe_signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/testing.h"
#include "base/text.h"
#include "stripe_client.h"

#define NOW_S 1763890000
#define BODY "{\"id\":\"evt_1\",\"object\":\"event\"}"

static struct mp_arena *arena;

/* As the provider signs: v1 over "t.body". */
static void sign(const char *secret, const char *time, const char *body, char out_hex[65])
{
	uint8_t mac[MP_SHA256_BYTES];
	char bytes[512];

	assert_int_equal(mp_text_format(bytes, sizeof(bytes), "%s.%s", time, body), MP_OK);
	mp_hmac_sha256(secret, strlen(secret), bytes, strlen(bytes), mac);
	mp_hex(mac, sizeof(mac), out_hex);
}

/*
 * In a header of the table, "{secret}" stands for the signature of BODY at time t with that secret.
 */
static void expand(const char *pattern, const char *time, char *out, size_t out_size)
{
	size_t len = 0;

	while (*pattern != '\0' && len + 70 < out_size) {
		if (*pattern == '{') {
			const char *end = strchr(pattern, '}');
			char secret[64] = "";
			memcpy(secret, pattern + 1, (size_t)(end - pattern - 1));
			sign(secret, time, BODY, out + len);
			len += 64;
			pattern = end + 1;
		} else if (*pattern == '@') {
			memcpy(out + len, time, strlen(time));
			len += strlen(time);
			pattern++;
		} else {
			out[len++] = *pattern++;
		}
	}
	out[len] = '\0';
}

static const struct {
	const char *what;
	const char *secrets;
	const char *header; /* '@': the time; '{s}': the signature with s */
	int64_t offset_s;   /* of the time that is signed, from now */
	enum stripe_signature expected;
} rows[] = {
	{"right", "a", "t=@,v1={a}", 0, STRIPE_SIGNATURE_GOOD},
	{"another order", "a", "v1={a},t=@", 0, STRIPE_SIGNATURE_GOOD},
	{"a second of ours: rotation", "new,old", "t=@,v1={old}", 0, STRIPE_SIGNATURE_GOOD},
	{"two signatures: rotation", "new", "t=@,v1={old},v1={new}", 0, STRIPE_SIGNATURE_GOOD},
	{"both sides rotate", "b,a", "t=@,v1={c},v1={a}", 0, STRIPE_SIGNATURE_GOOD},
	{"other schemes are passed over", "a", "t=@,v0={x},v1={a}", 0, STRIPE_SIGNATURE_GOOD},
	{"300 s old", "a", "t=@,v1={a}", -300, STRIPE_SIGNATURE_GOOD},
	{"300 s ahead", "a", "t=@,v1={a}", 300, STRIPE_SIGNATURE_GOOD},
	{"301 s old", "a", "t=@,v1={a}", -301, STRIPE_SIGNATURE_TIME},
	{"301 s ahead", "a", "t=@,v1={a}", 301, STRIPE_SIGNATURE_TIME},
	{"a secret that is not ours", "a", "t=@,v1={b}", 0, STRIPE_SIGNATURE_WRONG},
	{"a secret that was rotated out", "new", "t=@,v1={old}", 0, STRIPE_SIGNATURE_WRONG},
	{"another time than signed", "a", "t=1763890001,v1={a}", 0, STRIPE_SIGNATURE_WRONG},
	{"wrong and old: told as wrong", "a", "t=@,v1={b}", -9999, STRIPE_SIGNATURE_WRONG},
	{"v0 alone", "a", "t=@,v0={a}", 0, STRIPE_SIGNATURE_MALFORMED},
	{"no header", "a", NULL, 0, STRIPE_SIGNATURE_MALFORMED},
	{"empty", "a", "", 0, STRIPE_SIGNATURE_MALFORMED},
	{"no time", "a", "v1={a}", 0, STRIPE_SIGNATURE_MALFORMED},
	{"an empty time", "a", "t=,v1={a}", 0, STRIPE_SIGNATURE_MALFORMED},
	{"two times", "a", "t=@,t=@,v1={a}", 0, STRIPE_SIGNATURE_MALFORMED},
	{"a time that is no number", "a", "t=now,v1={a}", 0, STRIPE_SIGNATURE_MALFORMED},
	{"a negative time", "a", "t=-5,v1={a}", 0, STRIPE_SIGNATURE_MALFORMED},
	{"a time of 13 digits", "a", "t=1234567890123,v1={a}", 0, STRIPE_SIGNATURE_MALFORMED},
	{"no signature", "a", "t=@", 0, STRIPE_SIGNATURE_MALFORMED},
	{"an empty signature", "a", "t=@,v1=", 0, STRIPE_SIGNATURE_MALFORMED},
	{"a short signature", "a", "t=@,v1=abcd", 0, STRIPE_SIGNATURE_MALFORMED},
	{"a long signature", "a", "t=@,v1={a}0", 0, STRIPE_SIGNATURE_MALFORMED},
	{"no pairs", "a", "hello", 0, STRIPE_SIGNATURE_MALFORMED},
	{"commas", "a", ",,,", 0, STRIPE_SIGNATURE_MALFORMED},
	{"nine signatures", "a",
		"t=@,v1={b},v1={b},v1={b},v1={b},v1={b},v1={b},v1={b},v1={b},v1={a}", 0,
		STRIPE_SIGNATURE_MALFORMED},
};

static void signatures_are_checked_as_the_provider_makes_them(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stripe_secrets secrets;
		char header[1024];
		char time[24];
		assert_int_equal(stripe_secrets_parse(rows[i].secrets, &secrets), MP_OK);
		assert_int_equal(mp_text_format(time, sizeof(time), "%" PRId64,
					 (int64_t)NOW_S + rows[i].offset_s),
			MP_OK);
		if (rows[i].header != NULL)
			expand(rows[i].header, time, header, sizeof(header));
		enum stripe_signature seen = stripe_signature_check(&secrets,
			rows[i].header != NULL ? header : NULL, BODY, strlen(BODY), NOW_S, arena);
		wrong += mp_wrong(seen == rows[i].expected, "%s: %d, not %d", rows[i].what,
			(int)seen, (int)rows[i].expected);
	}
	assert_int_equal(wrong, 0);
}

static void one_changed_byte_anywhere_is_found(void **state)
{
	char body[] = BODY;
	char header[256];
	struct stripe_secrets secrets;
	int wrong = 0;

	(void)state;
	assert_int_equal(stripe_secrets_parse("whsec_1", &secrets), MP_OK);
	expand("t=@,v1={whsec_1}", "1763890000", header, sizeof(header));
	for (size_t i = 0; i < strlen(BODY); i++) {
		body[i] ^= 1;
		wrong += mp_wrong(stripe_signature_check(&secrets, header, body, strlen(BODY),
					  NOW_S, arena) == STRIPE_SIGNATURE_WRONG,
			"byte %zu", i);
		body[i] ^= 1;
	}
	wrong += mp_wrong(stripe_signature_check(&secrets, header, body, strlen(BODY) - 1, NOW_S,
				  arena) == STRIPE_SIGNATURE_WRONG,
		"a body cut short");
	assert_int_equal(wrong, 0);
}

static void a_known_signature_is_right(void **state)
{
	/* echo -n '1763890000.{}' | openssl dgst -sha256 -hmac whsec_test */
	const char *header = "t=1763890000,v1="
			     "05cffc1d5949e6f152b03bf013b0fbc55edcb170374e96739720d97243ffd06b";
	struct stripe_secrets secrets;

	(void)state;
	assert_int_equal(stripe_secrets_parse("whsec_test", &secrets), MP_OK);
	assert_int_equal(stripe_signature_check(&secrets, header, "{}", 2, NOW_S, arena),
		STRIPE_SIGNATURE_GOOD);
}

static void secrets_are_a_short_list(void **state)
{
	struct stripe_secrets secrets;

	(void)state;
	assert_int_equal(stripe_secrets_parse("a,bb,ccc,d", &secrets), MP_OK);
	assert_int_equal(secrets.count, 4);
	assert_int_equal(secrets.len[2], 3);
	assert_int_equal(stripe_secrets_parse("", &secrets), MP_INVALID);
	assert_int_equal(stripe_secrets_parse("a,", &secrets), MP_INVALID);
	assert_int_equal(stripe_secrets_parse(",a", &secrets), MP_INVALID);
	assert_int_equal(stripe_secrets_parse("a,,b", &secrets), MP_INVALID);
	assert_int_equal(stripe_secrets_parse("a,b,c,d,e", &secrets), MP_INVALID);
	assert_int_equal(stripe_secrets_parse(NULL, &secrets), MP_INVALID);
}

/* --- sessions as the provider writes them --- */

#define ID "01932f00-0000-7000-8000-000000000001"
#define REFS                                                                                       \
	"\"client_reference_id\":\"" ID "\",\"metadata\":{\"payment_id\":\"" ID                    \
	"\",\"attempt\":\"2\"},"
#define OPEN "\"status\":\"open\",\"payment_status\":\"unpaid\",\"livemode\":false,"
#define MONEY "\"amount_total\":13000,\"currency\":\"usd\","

static enum mp_rc parse(const char *body, struct stripe_session *out)
{
	return stripe_session_parse(body, strlen(body), arena, out);
}

static void a_session_is_read_whole(void **state)
{
	struct stripe_session s;

	(void)state;
	assert_int_equal(parse("{\"id\":\"cs_test_1\"," OPEN MONEY REFS
			       "\"url\":\"https://x/y\",\"payment_intent\":null,\"more\":[1]}",
				 &s),
		MP_OK);
	assert_string_equal(s.id, "cs_test_1");
	assert_string_equal(s.url, "https://x/y");
	assert_null(s.payment_intent);
	assert_int_equal(s.status, STRIPE_OPEN);
	assert_false(s.paid);
	assert_int_equal(s.amount, 13000);
	assert_string_equal(s.currency, "USD");
	assert_string_equal(s.payment_id.text, ID);
	assert_int_equal(s.attempt, 2);

	assert_int_equal(parse("{\"id\":\"cs_1\",\"status\":\"complete\",\"payment_status\":"
			       "\"paid\",\"livemode\":true," MONEY REFS
			       "\"url\":null,\"payment_intent\":{\"id\":\"pi_9\"}}",
				 &s),
		MP_OK);
	assert_null(s.url);
	assert_true(s.paid && s.livemode && s.status == STRIPE_COMPLETE);
	assert_string_equal(s.payment_intent, "pi_9");
}

static void sessions_of_others_are_nobodys(void **state)
{
	static const char *const bodies[] = {
		"{\"id\":\"cs_1\"," OPEN MONEY "\"url\":null}",
		"{\"id\":\"cs_1\"," OPEN MONEY "\"metadata\":{},\"client_reference_id\":null}",
		"{\"id\":\"cs_1\"," OPEN MONEY "\"metadata\":{\"payment_id\":\"" ID
		"\"},\"client_reference_id\":\"" ID "\"}",
		"{\"id\":\"cs_1\"," OPEN MONEY "\"metadata\":{\"payment_id\":\"other\",\"attempt\":"
		"\"1\"},\"client_reference_id\":\"" ID "\"}",
		"{\"id\":\"cs_1\"," OPEN MONEY "\"metadata\":{\"payment_id\":\"" ID
		"\",\"attempt\":\"one\"},\"client_reference_id\":\"" ID "\"}",
	};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct stripe_session s;
		enum mp_rc rc = parse(bodies[i], &s);
		wrong += mp_wrong(rc == MP_OK && mp_id_is_none(&s.payment_id), "body %zu", i);
	}
	assert_int_equal(wrong, 0);
}

static void what_is_no_session_is_not_read(void **state)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"{}",
		"{\"id\":\"cs_1\"}",
		"{\"id\":\"cs/1\"," OPEN "\"url\":null}",
		"{\"id\":\"cs_1\",\"status\":\"new\",\"payment_status\":\"paid\",\"livemode\":"
		"true}",
		"{\"id\":\"cs_1\",\"status\":\"open\",\"payment_status\":1,\"livemode\":true}",
		"{\"id\":\"cs_1\",\"status\":\"open\",\"payment_status\":\"paid\",\"livemode\":"
		"\"no\"}",
	};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct stripe_session s;
		wrong += mp_wrong(parse(bodies[i], &s) == MP_CORRUPT, "body %zu", i);
	}
	assert_int_equal(wrong, 0);
	assert_false(stripe_is_id("../x"));
	assert_false(stripe_is_id(""));
	assert_false(stripe_is_id(NULL));
	assert_true(stripe_is_id("evt_1PqX"));
}

static int setup(void **state)
{
	(void)state;
	arena = mp_arena_new(1 << 20);
	return arena != NULL && mp_crypto_init() == MP_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mp_arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_checked_as_the_provider_makes_them),
		cmocka_unit_test(one_changed_byte_anywhere_is_found),
		cmocka_unit_test(a_known_signature_is_right),
		cmocka_unit_test(secrets_are_a_short_list),
		cmocka_unit_test(a_session_is_read_whole),
		cmocka_unit_test(sessions_of_others_are_nobodys),
		cmocka_unit_test(what_is_no_session_is_not_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
