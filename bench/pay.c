/*
 * Payments from the wallet over the public API in a closed loop, as fast as they are accepted.
 * Reads its payers from standard input, a line each: "<access token> <payee's id>".
 *
 * Usage: pay --port 8080 [--connections 64] [--count 1000]
 *
 * Prints how many were accepted, and in what time; ends with 1 at the first answer that is not 201.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/text.h"
#include "connections.h"
#include "histogram.h"
#include "options.h"

#define PAYERS_MAX 1000
#define TOKEN_MAX 2048
#define REQUEST_BYTES_MAX 4096u
#define ANSWER_BYTES_MAX 16384u

struct payer {
	char token[TOKEN_MAX];
	char payee[37];
};

struct pay {
	int64_t port;
	int64_t connections;
	int64_t count;
	struct payer *payers;
	size_t payers_count;
	int64_t asked;
	int64_t accepted;
	struct histogram histogram;
	bool failed;
};

static size_t make(void *ctx, unsigned connection, char *out, size_t size)
{
	struct pay *pay = ctx;
	const struct payer *payer = &pay->payers[pay->asked++ % (int64_t)pay->payers_count];
	struct mp_id key = mp_id_new(mp_clock_ms());
	char body[256];
	int body_len = snprintf(body, sizeof(body),
		"{\"paid_to\":\"%s\",\"payment_amount\":\"0.01\",\"source\":\"wallet\"}",
		payer->payee);
	int len = snprintf(out, size,
		"POST /v1/payments HTTP/1.1\r\nHost: moneypal\r\nAuthorization: Bearer %s\r\n"
		"Idempotency-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
		"\r\n%s",
		payer->token, key.text, body_len, body);

	(void)connection;
	return (size_t)len;
}

static bool answered(void *ctx, unsigned connection, int status, const char *body, size_t body_len,
	int64_t duration_us)
{
	struct pay *pay = ctx;

	(void)connection;
	if (status != 201) {
		(void)fprintf(stderr, "pay: answered %d: %.*s\n", status,
			(int)(body_len < 400 ? body_len : 400), body);
		pay->failed = true;
		return false;
	}
	histogram_add(&pay->histogram, duration_us);
	pay->accepted++;
	return true;
}

static bool goes_on(void *ctx)
{
	const struct pay *pay = ctx;

	return pay->asked < pay->count;
}

static bool read_payers(struct pay *pay)
{
	char line[TOKEN_MAX + 64];

	while (pay->payers_count < PAYERS_MAX && fgets(line, sizeof(line), stdin) != NULL) {
		struct payer *payer = &pay->payers[pay->payers_count];
		char *space = strchr(line, ' ');

		if (space == NULL)
			return false;
		*space = '\0';
		space[1 + strcspn(space + 1, "\n")] = '\0';
		if (mp_text_copy(payer->token, sizeof(payer->token), line) != MP_OK ||
			mp_text_copy(payer->payee, sizeof(payer->payee), space + 1) != MP_OK)
			return false;
		pay->payers_count++;
	}
	return pay->payers_count > 0;
}

static bool read_options(int argc, char **argv, struct pay *pay)
{
	const struct option_row rows[] = {
		{.name = "port", .number = &pay->port, .min = 1, .max = 65535},
		{.name = "connections", .number = &pay->connections, .min = 1, .max = 1000},
		{.name = "count", .number = &pay->count, .min = 1, .max = INT64_MAX},
	};
	const char *word = NULL;

	return options_read(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &word) &&
	       word == NULL && pay->port > 0;
}

static enum mp_rc run(struct pay *pay)
{
	const struct connections_job job = {
		.address = {.sin_family = AF_INET,
			.sin_port = htons((uint16_t)pay->port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		.connections = (unsigned)pay->connections,
		.make = make,
		.answered = answered,
		.goes_on = goes_on,
		.ctx = pay,
		.request_bytes_max = REQUEST_BYTES_MAX,
		.answer_bytes_max = ANSWER_BYTES_MAX,
	};
	int64_t began_us = mp_clock_mono_us();
	enum mp_rc rc = connections_run(&job);

	if (rc == MP_OK && pay->failed)
		rc = MP_CONFLICT;
	if (rc == MP_OK)
		(void)printf("accepted %lld us %lld p50_us %lld p99_us %lld\n",
			(long long)pay->accepted, (long long)(mp_clock_mono_us() - began_us),
			(long long)histogram_at(&pay->histogram, 500),
			(long long)histogram_at(&pay->histogram, 990));
	return rc;
}

int main(int argc, char **argv)
{
	static struct pay pay = {.connections = 64, .count = 1000};
	enum mp_rc rc;

	pay.payers = calloc(PAYERS_MAX, sizeof(*pay.payers));
	if (pay.payers == NULL || mp_crypto_init() != MP_OK)
		return 1;
	if (!read_options(argc, argv, &pay) || !read_payers(&pay)) {
		(void)fprintf(
			stderr, "Usage: pay --port N [--connections N] [--count N] <payers\n");
		return 2;
	}
	rc = run(&pay);
	if (rc != MP_OK)
		(void)fprintf(stderr, "pay: %s\n", mp_rc_name(rc));
	free(pay.payers);
	return rc == MP_OK ? 0 : 1;
}
