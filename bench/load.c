/*
 * Load on the wallet: transfers over HTTP in a closed loop, durable before each answer. Counts only
 * answers of 200 with the expected outcome; anything else ends it.
 *
 * Usage: load MODE [--port 8082] [--connections 64] [--seconds 10] [--wallets 1000] [--jwks PORT]
 *             [--count N] [--same] [--funded] [--audit]
 *
 *	spread           one transfer a request, between random wallets
 *	hot_destination  all to one wallet
 *	hot_source       all from one wallet
 *	batch100         as spread, 100 transfers a request
 *
 * The service token is TOKEN of the environment. With --jwks it makes a key of its own, serves its
 * public half on that port (the wallet's JWKS_URL: http://127.0.0.1:PORT/jwks) and signs a token.
 * It runs for so many seconds after a warm-up, or, with --count, until so many transfers are
 * posted. With --same the wallets are those of every other such run, with --funded they have money
 * already. The stall is the longest time in which nothing was answered. With --audit the wallet
 * proves its books afterwards; it fails when they are not right.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/text.h"
#include "connections.h"
#include "histogram.h"
#include "options.h"
#include "http_client/http_client.h"
#include "http_server/http_server.h"
#include "jwt/jwt.h"

#define BATCH 100
#define WALLETS_MAX 100000
/* Of the wallets that every run makes alike. */
#define WALLETS_BASE "01890a5d-ac96-774b-bcce-b302099a8057"
#define REQUEST_BYTES_MAX (64u * 1024)
#define ANSWER_BYTES_MAX (64u * 1024)
#define WARM_UP_MS 1000
#define KEYS_WAIT_MS 10000

enum mode {
	SPREAD,
	HOT_DESTINATION,
	HOT_SOURCE,
	BATCH100,
	TOP_UP, /* from the payment provider's account */
};

struct load {
	enum mode mode;
	const char *mode_name;
	int64_t port;
	int64_t connections;
	int64_t seconds;
	int64_t wallets_count;
	int64_t jwks_port;
	int64_t count; /* transfers to post; 0: as many as the time lets */
	bool same;     /* the wallets of every run that says so */
	bool is_funded;
	bool audit;
	char token[MP_JWT_TEXT_MAX];

	struct mp_id *wallets;
	int64_t funded; /* wallets given money so far, before the run */
	int64_t asked;	/* of them */
	bool funding;
	int64_t measure_from; /* monotonic microseconds; after the warm-up */
	int64_t end;
	struct histogram histogram;
	int64_t posted;
	int64_t answered_us; /* when the last answer came, once measuring */
	int64_t stall_us;
	bool failed;
	bool quiet; /* a refused token is no news while keys are fetched */
};

/* --- requests --- */

static size_t put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return len;
}

static const struct mp_id *some_wallet(const struct load *load)
{
	return &load->wallets[mp_random_number() % (uint64_t)load->wallets_count];
}

static void choose(
	const struct load *load, const struct mp_id **out_from, const struct mp_id **out_to)
{
	const struct mp_id *first = &load->wallets[0];

	*out_from = load->mode == HOT_SOURCE ? first : some_wallet(load);
	do {
		*out_to = load->mode == HOT_DESTINATION ? first : some_wallet(load);
		if (*out_to == *out_from && load->mode == HOT_DESTINATION)
			*out_from = some_wallet(load);
	} while (*out_to == *out_from);
}

#define PART(text) len += put(out + len, text, sizeof(text) - 1)
#define ID(id) len += put(out + len, (id)->text, 36)

static size_t put_transfer(struct load *load, char *out)
{
	struct mp_id id = mp_id_new(mp_clock_ms());
	const struct mp_id *from = NULL;
	const struct mp_id *to = NULL;
	size_t len = 0;

	PART("{\"id\":\"");
	ID(&id);
	if (load->funding || load->mode == TOP_UP) {
		to = load->funding ? &load->wallets[load->asked++] : some_wallet(load);
		PART("\",\"currency\":\"USD\",\"reason\":\"funding\",\"payment_id\":\"");
		ID(&id);
		PART("\",\"legs\":[{\"from\":\"system:psp\",\"to\":\"user:");
		ID(to);
		if (load->funding)
			PART("\",\"amount\":\"100000000.00\"}]}");
		else
			PART("\",\"amount\":\"0.01\"}]}");
		return len;
	}
	choose(load, &from, &to);
	PART("\",\"currency\":\"USD\",\"reason\":\"payment\",\"payment_id\":\"");
	ID(&id);
	PART("\",\"bill_id\":\"");
	ID(&id);
	PART("\",\"legs\":[{\"from\":\"user:");
	ID(from);
	PART("\",\"to\":\"user:");
	ID(to);
	PART("\",\"amount\":\"0.01\"}]}");
	return len;
}

/* How many transfers the next request holds. */
static int transfers_per_request(const struct load *load)
{
	int64_t left = load->wallets_count - load->asked;

	if (load->funding)
		return left < BATCH ? (int)left : BATCH;
	return load->mode == BATCH100 ? BATCH : 1;
}

static size_t make(void *ctx, unsigned connection, char *out, size_t size)
{
	static char body[REQUEST_BYTES_MAX - 4096];
	struct load *load = ctx;
	int count = transfers_per_request(load);
	bool is_batch = load->funding || load->mode == BATCH100;
	size_t body_len = 0;

	if (is_batch)
		body_len += put(body, "{\"transfers\":[", 14);
	for (int i = 0; i < count; i++) {
		if (i > 0)
			body[body_len++] = ',';
		body_len += put_transfer(load, body + body_len);
	}
	if (is_batch)
		body_len += put(body + body_len, "]}", 2);
	int head = snprintf(out, size,
		"POST /v1/transfers%s HTTP/1.1\r\nHost: wallet\r\nAuthorization: Bearer %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		is_batch ? "/batch" : "", load->token, body_len);
	memcpy(out + head, body, body_len);
	return (size_t)head + body_len;
}

/* --- answers --- */

static int count_posted(const char *body, size_t len)
{
	static const char posted[] = "\"outcome\":\"posted\"";
	const char *at = body;
	int count = 0;

	while ((at = memmem(at, len - (size_t)(at - body), posted, sizeof(posted) - 1)) != NULL) {
		at += sizeof(posted) - 1;
		count++;
	}
	return count;
}

static bool answered(void *ctx, unsigned connection, int status, const char *body, size_t body_len,
	int64_t duration_us)
{
	struct load *load = ctx;
	int count = count_posted(body, body_len);
	int64_t now = mp_clock_mono_us();

	if (status != 200 || count == 0 ||
		(!load->funding && load->mode == BATCH100 && count != BATCH)) {
		if (!load->quiet)
			(void)fprintf(stderr, "load: answered %d: %.*s\n", status,
				(int)(body_len < 400 ? body_len : 400), body);
		load->failed = true;
		return false;
	}
	if (load->funding) {
		load->funded += count;
	} else if (now >= load->measure_from && now < load->end) {
		histogram_add(&load->histogram, duration_us);
		load->posted += count;
		if (load->answered_us > 0 && now - load->answered_us > load->stall_us)
			load->stall_us = now - load->answered_us;
		load->answered_us = now;
	}
	return true;
}

static bool goes_on(void *ctx)
{
	const struct load *load = ctx;

	if (load->funding)
		return load->asked < load->wallets_count;
	return mp_clock_mono_us() < load->end && (load->count == 0 || load->posted < load->count);
}

/* --- the token --- */

static json_t *public_keys;

static enum mp_rc get_keys(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_response_json(res, 200, json_incref(public_keys));
}

static enum mp_rc sign_token(struct load *load)
{
	const int64_t now_s = mp_clock_ms() / 1000;
	const struct mp_jwt_claims claims = {
		.typ = MP_JWT_TYP_SERVICE,
		.aud = MP_JWT_AUD_SERVICE,
		.subject = "bench",
		.scopes = "wallet:transfer wallet:audit",
		.issued_at_s = now_s,
		.expires_at_s = now_s + 3600,
	};
	json_t *private_key = NULL;
	json_t *public_key = NULL;

	enum mp_rc rc = mp_jwk_generate(&private_key);
	if (rc == MP_OK)
		rc = mp_jwk_public(private_key, &public_key);
	if (rc == MP_OK)
		rc = mp_jwt_sign(private_key, &claims, load->token);
	if (rc == MP_OK) {
		public_keys = json_pack("{s:[o]}", "keys", public_key);
		rc = public_keys != NULL ? MP_OK : MP_NOMEM;
	}
	json_decref(private_key);
	return rc;
}

static enum mp_rc serve_keys(struct load *load, struct mp_http_server **out_server)
{
	static const struct mp_route routes[] = {
		{.method = "GET", .path = "/jwks", .flags = MP_ROUTE_INLINE, .handler = get_keys},
	};
	char listen[32];
	char reason[256] = "";
	struct mp_http_server_config config = {
		.listen = listen,
		.routes = routes,
		.routes_count = 1,
		.network_threads = 1,
		.workers = 1,
	};

	enum mp_rc rc = sign_token(load);
	if (rc == MP_OK)
		rc = mp_text_format(listen, sizeof(listen), "127.0.0.1:%d", (int)load->jwks_port);
	if (rc == MP_OK)
		rc = mp_http_server_open(&config, out_server, reason);
	if (rc != MP_OK)
		(void)fprintf(stderr, "load: no keys: %s %s\n", mp_rc_name(rc), reason);
	return rc;
}

/* --- the run --- */

static enum mp_rc run_job(struct load *load, unsigned connections)
{
	const struct connections_job job = {
		.address = {.sin_family = AF_INET,
			.sin_port = htons((uint16_t)load->port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		.connections = connections,
		.make = make,
		.answered = answered,
		.goes_on = goes_on,
		.ctx = load,
		.request_bytes_max = REQUEST_BYTES_MAX,
		.answer_bytes_max = ANSWER_BYTES_MAX,
	};

	load->failed = false;
	enum mp_rc rc = connections_run(&job);
	return rc == MP_OK && load->failed ? MP_CONFLICT : rc;
}

/* Gives every wallet money. The wallet may be starting and without our keys: asked again. */
static enum mp_rc fund(struct load *load)
{
	int64_t deadline_ms = mp_clock_mono_ms() + KEYS_WAIT_MS;
	enum mp_rc rc;

	load->funding = true;
	do {
		load->quiet = mp_clock_mono_ms() < deadline_ms - 200;
		load->asked = 0;
		load->funded = 0;
		rc = run_job(load, 1);
		if (rc != MP_OK)
			(void)usleep(100000);
	} while (rc != MP_OK && mp_clock_mono_ms() < deadline_ms);
	load->funding = false;
	load->quiet = false;
	return rc == MP_OK && load->funded != load->wallets_count ? MP_CONFLICT : rc;
}

static enum mp_rc measure(struct load *load)
{
	load->measure_from = mp_clock_mono_us() + (load->count > 0 ? 0 : WARM_UP_MS * 1000);
	load->end = load->count > 0 ? INT64_MAX : load->measure_from + load->seconds * 1000000;
	enum mp_rc rc = run_job(load, (unsigned)load->connections);
	if (rc != MP_OK)
		return rc;
	double took_s = load->count > 0 ? (double)(mp_clock_mono_us() - load->measure_from) / 1e6
					: (double)load->seconds;
	(void)printf("%-16s %3d connections  %8.0f transfers/s  p50 %6.2f ms  p90 %6.2f ms  "
		     "p99 %6.2f ms  stall %7.2f ms  (%lld in %.0f s)\n",
		load->mode_name, (int)load->connections, (double)load->posted / took_s,
		(double)histogram_at(&load->histogram, 500) / 1000.0,
		(double)histogram_at(&load->histogram, 900) / 1000.0,
		(double)histogram_at(&load->histogram, 990) / 1000.0,
		(double)load->stall_us / 1000.0, (long long)load->posted, took_s);
	return MP_OK;
}

/* The audit reads everything: minutes for millions of entries. */
static enum mp_rc audit(const struct load *load)
{
	char url[48];
	const struct mp_http_client_config config = {.base_url = url, .timeout_ms = 1800000};
	const struct mp_http_call call = {
		.method = "GET", .path = "/v1/audit", .bearer = load->token};
	struct mp_http_answer answer = {0};
	struct mp_http_client *client = NULL;
	struct mp_arena *arena = mp_arena_new(1024u * 1024);
	int64_t started_ms = mp_clock_mono_ms();

	enum mp_rc rc = arena != NULL ? MP_OK : MP_NOMEM;
	if (rc == MP_OK)
		rc = mp_text_format(url, sizeof(url), "http://127.0.0.1:%d", (int)load->port);
	if (rc == MP_OK)
		rc = mp_http_client_open(&config, &client);
	if (rc == MP_OK)
		rc = mp_http_call(client, &call, arena, &answer);
	if (rc == MP_OK) {
		(void)printf("audit in %.1f s: %.*s\n",
			(double)(mp_clock_mono_ms() - started_ms) / 1000.0,
			(int)(answer.body_len < 1000 ? answer.body_len : 1000), answer.body);
		if (answer.status != 200 || strstr(answer.body, "\"ok\":true") == NULL)
			rc = MP_CONFLICT;
	}
	mp_http_client_close(client);
	mp_arena_free(arena);
	return rc;
}

static bool read_mode(const char *name, struct load *load)
{
	static const char *const names[] = {
		"spread", "hot_destination", "hot_source", "batch100", "top_up"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			load->mode = (enum mode)i;
			load->mode_name = names[i];
			return true;
		}
	}
	return false;
}

static bool read_options(int argc, char **argv, struct load *load)
{
	const struct option_row rows[] = {
		{.name = "port", .number = &load->port, .min = 1, .max = 65535},
		{.name = "connections", .number = &load->connections, .min = 1, .max = 10000},
		{.name = "seconds", .number = &load->seconds, .min = 1, .max = 100000},
		{.name = "wallets", .number = &load->wallets_count, .min = 2, .max = WALLETS_MAX},
		{.name = "jwks", .number = &load->jwks_port, .min = 1, .max = 65535},
		{.name = "count", .number = &load->count, .min = 1, .max = INT64_MAX},
		{.name = "same", .flag = &load->same},
		{.name = "funded", .flag = &load->is_funded},
		{.name = "audit", .flag = &load->audit},
	};
	const char *mode = "";

	return options_read(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &mode) &&
	       read_mode(mode, load) &&
	       mp_text_copy(load->token, sizeof(load->token), getenv("TOKEN")) == MP_OK;
}

/* Ids that every run makes alike are hashes, and lie anywhere among the others. */
static enum mp_rc make_wallets(struct load *load)
{
	struct mp_id base;

	load->wallets = calloc((size_t)load->wallets_count, sizeof(*load->wallets));
	if (load->wallets == NULL || !mp_id_parse(WALLETS_BASE, &base))
		return MP_NOMEM;
	for (int64_t i = 0; i < load->wallets_count; i++)
		load->wallets[i] =
			load->same ? mp_id_derive(&base, "wallet", i) : mp_id_new(mp_clock_ms());
	return MP_OK;
}

int main(int argc, char **argv)
{
	static struct load load = {
		.port = 8082, .connections = 64, .seconds = 10, .wallets_count = 1000};
	struct mp_http_server *keys = NULL;
	enum mp_rc rc;

	if (!read_options(argc, argv, &load)) {
		(void)fprintf(stderr,
			"Usage: load spread|hot_destination|hot_source|batch100|top_up "
			"[--port N] [--connections N] [--seconds N] [--wallets N] [--jwks PORT] "
			"[--count N] "
			"[--same] [--funded] [--audit]\n");
		return 2;
	}
	rc = mp_crypto_init();
	if (rc == MP_OK)
		rc = mp_http_client_global_init();
	mp_json_init();
	if (rc == MP_OK)
		rc = make_wallets(&load);
	if (rc == MP_OK && load.jwks_port > 0)
		rc = serve_keys(&load, &keys);
	if (rc == MP_OK && !load.is_funded)
		rc = fund(&load);
	if (rc == MP_OK)
		rc = measure(&load);
	if (rc == MP_OK && load.audit)
		rc = audit(&load);
	if (rc != MP_OK)
		(void)fprintf(stderr, "load: %s\n", mp_rc_name(rc));
	mp_http_server_close(keys, 0);
	json_decref(public_keys);
	free(load.wallets);
	return rc == MP_OK ? 0 : 1;
}
