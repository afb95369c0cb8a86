#include "base/testing.h"

#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/text.h"
#include "billing_http.h"
#include "http_server/test_raw.h"
#include "json/json.h"
#include "log/log.h"
#include "store/engine.h"

/* Reports over HTTP: how many are made at once. */

#define GET "GET /v1/reports/summary HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n"

#define ASKED_S_MAX 20

/* --- a store without rows that answers when it is let --- */

static sem_t asked;
static sem_t gate;

static enum mp_rc query_at_gate(void *engine, const struct mp_query *query, struct mp_arena *arena,
	struct mp_page *out_page)
{
	(void)sem_post(&asked);
	while (sem_wait(&gate) != 0)
		;
	*out_page = (struct mp_page){.count = 0};
	return MP_OK;
}

static void close_nothing(void *engine)
{
}

static enum mp_rc verify(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	return mp_text_copy(
		out->subject, sizeof(out->subject), "0193f5a0-0000-7000-8000-000000000001");
}

static struct billing_app app;
static struct mp_http_server *server;

static int set_up(void **state)
{
	static const struct mp_store_engine engine = {
		.name = "gate", .txn_ops_max = 100, .query = query_at_gate, .close = close_nothing};
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = billing_routes,
		.routes_count = billing_routes_count,
		.ctx = &app,
		.verifier = {.verify = verify},
	};
	char reason[256] = "";

	(void)state;
	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	mp_log_init("test", "error");
	(void)sem_init(&asked, 0, 0);
	(void)sem_init(&gate, 0, 0);
	app.db.store = mp_store_new(&engine, NULL);
	assert_non_null(app.db.store);
	if (mp_http_server_open(&config, &server, reason) != MP_OK)
		fail_msg("%s", reason);
	return 0;
}

static void open_gate(void)
{
	for (int i = 0; i < 100; i++)
		(void)sem_post(&gate);
}

static int tear_down(void **state)
{
	(void)state;
	open_gate(); /* for whom a test that failed has left there */
	mp_http_server_close(server, 1000);
	mp_store_close(app.db.store);
	return 0;
}

static void ask(struct raw *raw)
{
	raw_open(raw, mp_http_server_port(server));
	raw_send(raw, GET);
}

static void assert_answer(struct raw *raw, int status, const char *has)
{
	static struct raw_answer answer;

	assert_true(raw_read(raw, &answer));
	assert_int_equal(answer.status, status);
	assert_non_null(strstr(answer.body, has));
	if (status == 503)
		assert_non_null(raw_header(&answer, "Retry-After"));
	raw_close(raw);
}

static void wait_until_asked(void)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ASKED_S_MAX;
	assert_int_equal(sem_clockwait(&asked, CLOCK_MONOTONIC, &until), 0);
}

static void a_report_over_the_bound_is_told_so(void **state)
{
	static struct raw made[REPORTS_MAX];
	static struct raw over;

	(void)state;
	for (int i = 0; i < REPORTS_MAX; i++)
		ask(&made[i]);
	for (int i = 0; i < REPORTS_MAX; i++)
		wait_until_asked();
	for (int i = 0; i < 3; i++) { /* who is refused takes no place */
		ask(&over);
		assert_answer(&over, 503, "/problems/busy");
	}
	open_gate();
	for (int i = 0; i < REPORTS_MAX; i++)
		assert_answer(&made[i], 200, "\"totals\":[]");
	for (int i = 0; i < 2 * REPORTS_MAX; i++) { /* their places are free again */
		ask(&over);
		assert_answer(&over, 200, "\"totals\":[]");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_over_the_bound_is_told_so),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
