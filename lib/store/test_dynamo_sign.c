#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/crypto.h"
#include "store/dynamo.h"
#include "store/dynamo_sign.h"

struct signature_case {
	const char *name;
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
	const char *region;
	const char *endpoint;
	const char *target;
	const char *body; /* once, to be repeated */
	size_t body_times;
	int64_t time_s;
	const char *date;
	const char *authorization;
};

static const struct signature_case cases[] = {
#include "store/test_signature_cases.h"
};

static char *repeated(struct mp_arena *arena, const char *text, size_t times)
{
	size_t len = strlen(text);
	char *body = mp_arena_alloc(arena, len * times + 1);

	assert_non_null(body);
	for (size_t i = 0; i < times; i++)
		memcpy(body + i * len, text, len);
	return body;
}

static bool is_signed_alike(const struct signature_case *c, struct mp_arena *arena)
{
	struct mp_signature signature;
	char *host = mp_dynamo_host(c->endpoint);
	const char *body = repeated(arena, c->body, c->body_times);
	const struct mp_sign_request request = {
		.access_key_id = c->access_key_id,
		.secret_access_key = c->secret_access_key,
		.session_token = c->session_token,
		.region = c->region,
		.host = host,
		.content_type = "application/x-amz-json-1.0",
		.target = c->target,
		.body = body,
		.body_len = strlen(body),
		.time_s = c->time_s,
	};

	assert_non_null(host);
	assert_int_equal(mp_sign(&request, arena, &signature), MP_OK);
	free(host);
	return strcmp(signature.date, c->date) == 0 &&
	       strcmp(signature.authorization, c->authorization) == 0;
}

static void signatures_are_what_botocore_computes(void **state)
{
	struct mp_arena *arena = mp_arena_new(16u << 20);
	int failures = 0;

	assert_non_null(arena);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mp_arena_reset(arena);
		if (!is_signed_alike(&cases[i], arena)) {
			print_error("%s\n", cases[i].name);
			failures++;
		}
	}
	mp_arena_free(arena);
	assert_int_equal(failures, 0);
}

static void signing_without_memory_says_so(void **state)
{
	struct mp_signature signature;
	struct mp_sign_request request = {.access_key_id = "a",
		.secret_access_key = "b",
		.region = "r",
		.host = "h",
		.content_type = "t",
		.target = "g",
		.body = ""};

	for (size_t bytes = 1; bytes < 1024; bytes += 64) {
		struct mp_arena *arena = mp_arena_new(bytes);
		assert_non_null(arena);
		enum mp_rc rc = mp_sign(&request, arena, &signature);
		assert_true(rc == MP_OK || rc == MP_NOMEM);
		mp_arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_what_botocore_computes),
		cmocka_unit_test(signing_without_memory_says_so),
	};

	return mp_crypto_init() != MP_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
