#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "http_client/http_client.h"
#include "json/json.h"
#include "log/log.h"

#define ARENA_BYTES_MAX (64u << 20)

static struct mp_currencies currencies;
const struct mp_currencies *fuzz_currencies = &currencies;

void fuzz_check(bool holds, const char *rule, const char *file, int line)
{
	if (holds)
		return;
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, rule);
	__builtin_trap();
}

void fuzz_begin(void)
{
	char reason[160] = "";

	/* Nothing that is logged is of interest here; writing it would be most of the work. */
	mp_log_init("fuzz", "error");
	FUZZ_CHECK(mp_crypto_init() == MP_OK);
	mp_json_init();
	FUZZ_CHECK(mp_http_client_global_init() == MP_OK);
	FUZZ_CHECK(mp_currencies_parse(
			   "USD:2:2:0.50,UGX:0:2:500,JPY:0:0:50", &currencies, reason) == MP_OK);
}

struct mp_arena *fuzz_arena(void)
{
	static struct mp_arena *arena;

	if (arena == NULL)
		arena = mp_arena_new(ARENA_BYTES_MAX);
	FUZZ_CHECK(arena != NULL);
	mp_arena_reset(arena);
	return arena;
}

void fuzz_split(const uint8_t *data, size_t size, struct fuzz_input *out)
{
	const char *text = (const char *)data;
	const char *end = size == 0 ? NULL : memchr(text, '\n', size);
	size_t line_len = end == NULL ? size : (size_t)(end - text);

	out->rest = end == NULL ? "" : end + 1;
	out->rest_len = end == NULL ? 0 : size - line_len - 1;
	if (line_len >= sizeof(out->line))
		line_len = sizeof(out->line) - 1;
	memset(out->line, 0, sizeof(out->line));
	if (line_len > 0)
		memcpy(out->line, text, line_len);
}
