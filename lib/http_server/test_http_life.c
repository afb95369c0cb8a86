#include "http_server/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/thread.h"
#include "http_server/test_raw.h"
#include "log/log.h"

/* A server's life: bounds, slow clients, answers from elsewhere, closing. */

/* --- handlers that wait at a gate, or leave the answer to someone else --- */

#define DETACHED_MAX 256

static sem_t entered;
static sem_t gate;
static sem_t ready_gate;
static pthread_mutex_t detached_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mp_request *detached[DETACHED_MAX];
static atomic_uint detached_count;

static enum mp_rc say(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_response_body(res, 200, "text/plain", "said", 4);
}

static enum mp_rc wait_at_gate(struct mp_request *req, struct mp_response *res, void *ctx)
{
	(void)sem_post(&entered);
	while (sem_wait(&gate) != 0)
		;
	return mp_response_body(res, 200, "text/plain", "passed", 6);
}

static enum mp_rc detach(struct mp_request *req, struct mp_response *res, void *ctx)
{
	mp_request_detach(req);
	(void)pthread_mutex_lock(&detached_mutex);
	detached[atomic_fetch_add(&detached_count, 1)] = req;
	(void)pthread_mutex_unlock(&detached_mutex);
	return MP_PENDING;
}

static enum mp_rc detach_in_vain(struct mp_request *req, struct mp_response *res, void *ctx)
{
	mp_request_detach(req);
	return MP_BUSY; /* could not be handed over */
}

static enum mp_rc finish_before_return(struct mp_request *req, struct mp_response *res, void *ctx)
{
	enum mp_rc rc;

	mp_request_detach(req);
	rc = mp_response_body(mp_request_response(req), 200, "text/plain", "early", 5);
	mp_request_finish(req, rc);
	return MP_PENDING;
}

static enum mp_rc finish_all_and_say(struct mp_request *req, struct mp_response *res, void *ctx);

static const struct mp_route routes[] = {
	{.method = "GET", .path = "/say", .handler = say, .flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/work", .handler = say},
	{.method = "GET", .path = "/gate", .handler = wait_at_gate},
	{.method = "GET", .path = "/provider", .handler = wait_at_gate, .flags = MP_ROUTE_PROVIDER},
	{.method = "POST", .path = "/inline", .handler = detach, .flags = MP_ROUTE_INLINE},
	{.method = "POST", .path = "/worker", .handler = detach},
	{.method = "GET", .path = "/vain", .handler = detach_in_vain, .flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/vain-worker", .handler = detach_in_vain},
	{.method = "GET",
		.path = "/early",
		.handler = finish_before_return,
		.flags = MP_ROUTE_INLINE},
	{.method = "GET", .path = "/early-worker", .handler = finish_before_return},
	{.method = "GET", .path = "/all", .handler = finish_all_and_say},
};

/* One answer each: the body as it came, in capitals so that a mistake shows. */
static enum mp_rc finish_one(struct mp_request *req)
{
	size_t len;
	const char *body = mp_request_body(req, &len);
	enum mp_rc rc = mp_response_body(mp_request_response(req), 200, "text/plain", body, len);

	mp_request_finish(req, rc);
	return rc;
}

static void finish_all(void)
{
	(void)pthread_mutex_lock(&detached_mutex);
	unsigned count = atomic_exchange(&detached_count, 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(finish_one(detached[i]), MP_OK);
	(void)pthread_mutex_unlock(&detached_mutex);
}

static enum mp_rc finish_all_and_say(struct mp_request *req, struct mp_response *res, void *ctx)
{
	finish_all();
	return say(req, res, ctx);
}

/* --- helpers --- */

static void nap_ms(long ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

static void wait_for_detached(unsigned count)
{
	for (int i = 0; i < 5000 && atomic_load(&detached_count) < count; i++)
		nap_ms(1);
	assert_int_equal(atomic_load(&detached_count), count);
}

static struct mp_http_server *open_server(struct mp_http_server_config config)
{
	char reason[256] = "";
	struct mp_http_server *server = NULL;

	config.listen = "127.0.0.1:0";
	config.routes = routes;
	config.routes_count = sizeof(routes) / sizeof(routes[0]);
	if (mp_http_server_open(&config, &server, reason) != MP_OK)
		fail_msg("%s", reason);
	return server;
}

static void raw_get(struct raw *raw, const char *path)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	raw_send(raw, text);
}

/* The first of them that is answered. */
static int wait_for_answer(const struct raw *raws, int count)
{
	struct pollfd ready[8];
	int first = 0;

	assert_true(count <= 8);
	for (int i = 0; i < count; i++)
		ready[i] = (struct pollfd){.fd = raws[i].fd, .events = POLLIN};
	assert_true(poll(ready, (nfds_t)count, 20000) > 0);
	while (ready[first].revents == 0)
		first++;
	return first;
}

static void assert_is(const struct raw_answer *answer, int status, const char *has)
{
	assert_int_equal(answer->status, status);
	assert_non_null(strstr(answer->body, has));
	if (status == 503)
		assert_non_null(raw_header(answer, "Retry-After"));
}

static void assert_answer(struct raw *raw, int status, const char *has)
{
	static struct raw_answer answer;

	assert_true(raw_read(raw, &answer));
	assert_is(&answer, status, has);
}

/*
 * Where one can run and one can wait. Returns which of the pair is refused: the other surely waits,
 * whichever came first.
 */
static int run_and_fill_the_queue(
	uint16_t port, const char *path, struct raw *running, struct raw pair[2])
{
	raw_open(running, port);
	raw_get(running, path);
	(void)sem_wait(&entered);
	for (int i = 0; i < 2; i++) {
		raw_open(&pair[i], port);
		raw_get(&pair[i], path);
	}
	int refused = wait_for_answer(pair, 2);
	assert_answer(&pair[refused], 503, "/problems/busy");
	return refused;
}

static int set_up(void **state)
{
	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	mp_log_init("test", "error");
	(void)sem_init(&entered, 0, 0);
	(void)sem_init(&gate, 0, 0);
	(void)sem_init(&ready_gate, 0, 0);
	return 0;
}

/* --- bounds --- */

static void a_connection_over_the_bound_is_told_so(void **state)
{
	struct mp_http_server *server =
		open_server((struct mp_http_server_config){.connections_max = 2});
	uint16_t port = mp_http_server_port(server);
	struct raw first;
	struct raw second;
	struct raw third;
	static struct raw_answer answer;

	raw_open(&first, port);
	raw_get(&first, "/say");
	assert_answer(&first, 200, "said");
	raw_open(&second, port);
	raw_get(&second, "/say");
	assert_answer(&second, 200, "said");
	raw_open(&third, port);
	raw_get(&third, "/say");
	assert_answer(&third, 503, "/problems/busy");
	assert_false(raw_read(&third, &answer));
	raw_close(&third);
	raw_get(&first, "/work");
	assert_answer(&first, 200, "said");

	raw_close(&second); /* makes room, as soon as the server sees it */
	int status = 503;
	for (int i = 0; i < 500 && status == 503; i++) {
		nap_ms(2);
		status = raw_call(port, "GET", "/say", "", "", &answer);
	}
	assert_int_equal(status, 200);
	raw_close(&first);
	mp_http_server_close(server, 1000);
}

static void a_flood_of_connections_is_turned_away(void **state)
{
	struct mp_http_server *server =
		open_server((struct mp_http_server_config){.connections_max = 4});
	uint16_t port = mp_http_server_port(server);
	static struct raw raws[64];
	static struct raw_answer answer;
	int served = 0;
	int told = 0;

	for (int i = 0; i < 64; i++)
		raw_open(&raws[i], port);
	nap_ms(50);
	for (int i = 0; i < 64; i++) {
		raw_get(&raws[i], "/say");
		if (!raw_read(&raws[i], &answer))
			continue;
		served += answer.status == 200;
		told += answer.status == 503 && raw_header(&answer, "Retry-After") != NULL &&
			strstr(answer.body, "/problems/busy") != NULL;
	}
	assert_int_equal(served, 4);
	assert_int_equal(told, 60);
	for (int i = 0; i < 64; i++)
		raw_close(&raws[i]);
	mp_http_server_close(server, 1000);
}

static void a_request_over_the_queue_is_told_so(void **state)
{
	struct mp_http_server *server =
		open_server((struct mp_http_server_config){.workers = 1, .queue_max = 1});
	struct raw running;
	struct raw pair[2];

	int over = run_and_fill_the_queue(mp_http_server_port(server), "/gate", &running, pair);
	raw_get(&pair[over], "/say"); /* inline routes go on, and so does the connection */
	assert_answer(&pair[over], 200, "said");
	(void)sem_post(&gate);
	(void)sem_post(&gate);
	assert_answer(&running, 200, "passed");
	assert_answer(&pair[1 - over], 200, "passed");
	(void)sem_wait(&entered);
	raw_close(&running);
	raw_close(&pair[0]);
	raw_close(&pair[1]);
	mp_http_server_close(server, 1000);
}

static void the_provider_takes_a_quarter_of_the_workers(void **state)
{
	struct mp_http_server *server =
		open_server((struct mp_http_server_config){.workers = 4, .queue_max = 8});
	uint16_t port = mp_http_server_port(server);
	struct raw provider[4];
	static struct raw_answer answer;

	/* One runs, two wait, one is too many. */
	for (int i = 0; i < 4; i++) {
		raw_open(&provider[i], port);
		raw_get(&provider[i], "/provider");
		if (i == 0)
			(void)sem_wait(&entered);
	}
	int refused = wait_for_answer(provider, 4);
	assert_int_not_equal(sem_trywait(&entered), 0);
	assert_answer(&provider[refused], 503, "/problems/busy");
	assert_int_equal(raw_call(port, "GET", "/work", "", "", &answer), 200);
	for (int i = 0; i < 3; i++)
		(void)sem_post(&gate);
	for (int i = 0; i < 4; i++) {
		if (i != refused)
			assert_answer(&provider[i], 200, "passed");
	}
	(void)sem_wait(&entered);
	(void)sem_wait(&entered);
	for (int i = 0; i < 4; i++)
		raw_close(&provider[i]);
	mp_http_server_close(server, 1000);
}

static void slow_clients_are_hung_up_on(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){.timeout_s = 1});
	uint16_t port = mp_http_server_port(server);
	static struct raw_answer answer;
	struct raw silent;
	struct raw half;
	struct raw dripping;
	int64_t began_ms = mp_clock_mono_ms();

	raw_open(&silent, port);
	raw_open(&half, port);
	raw_send(&half, "GET /say HTTP/1.1\r\nHost:");
	raw_open(&dripping, port);
	raw_send(&dripping, "POST /inline HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
	for (int i = 0; i < 8; i++) {
		nap_ms(400);
		raw_send(&dripping, "x"); /* never idle for long, and never done */
	}
	assert_false(raw_read(&dripping, &answer));
	assert_false(raw_read(&silent, &answer));
	assert_false(raw_read(&half, &answer));
	assert_true(mp_clock_mono_ms() - began_ms < 5000);
	assert_int_equal(raw_call(port, "GET", "/say", "", "", &answer), 200);
	raw_close(&silent);
	raw_close(&half);
	raw_close(&dripping);
	mp_http_server_close(server, 1000);
}

/* --- answers from elsewhere --- */

static void *finish_all_run(void *arg)
{
	finish_all();
	return NULL;
}

static void one_thread_finishes_many(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){0});
	static struct raw raws[64];
	pthread_t thread;
	char text[128];

	for (int i = 0; i < 64; i++)
		raw_open(&raws[i], mp_http_server_port(server));
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 64; i++) {
			(void)snprintf(text, sizeof(text),
				"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: "
				"6\r\n\r\n<%02d%02d>",
				i % 2 == 0 ? "inline" : "worker", round, i);
			raw_send(&raws[i], text);
		}
		wait_for_detached(64);
		assert_int_equal(mp_thread_start(&thread, "finisher", finish_all_run, NULL), MP_OK);
		for (int i = 0; i < 64; i++) {
			(void)snprintf(text, sizeof(text), "<%02d%02d>", round, i);
			assert_answer(&raws[i], 200, text);
		}
		(void)pthread_join(thread, NULL);
	}
	for (int i = 0; i < 64; i++)
		raw_close(&raws[i]);
	mp_http_server_close(server, 1000);
}

static void a_detached_request_may_be_finished_at_once_or_in_vain(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){0});
	struct raw raw;

	raw_open(&raw, mp_http_server_port(server));
	for (int i = 0; i < 50; i++) {
		raw_get(&raw, "/early");
		assert_answer(&raw, 200, "early");
		raw_get(&raw, "/early-worker");
		assert_answer(&raw, 200, "early");
		raw_get(&raw, "/vain");
		assert_answer(&raw, 503, "/problems/busy");
		raw_get(&raw, "/vain-worker");
		assert_answer(&raw, 503, "/problems/busy");
	}
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void waiting_costs_no_time(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){0});
	struct rusage before;
	struct rusage after;
	struct raw raw;

	raw_open(&raw, mp_http_server_port(server));
	raw_send(&raw, "POST /inline HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	wait_for_detached(1);
	(void)getrusage(RUSAGE_SELF, &before);
	nap_ms(300);
	(void)getrusage(RUSAGE_SELF, &after);
	int64_t used_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
				  before.ru_stime.tv_sec) *
				  1000000 +
			  (after.ru_utime.tv_usec - before.ru_utime.tv_usec +
				  after.ru_stime.tv_usec - before.ru_stime.tv_usec);
	assert_true(used_us < 100000);
	finish_all();
	assert_answer(&raw, 200, "hi");
	raw_close(&raw);
	mp_http_server_close(server, 1000);
}

static void a_client_that_leaves_while_its_request_waits_does_no_harm(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){0});
	uint16_t port = mp_http_server_port(server);
	static struct raw_answer answer;
	struct raw raws[8];

	for (int i = 0; i < 8; i++) {
		raw_open(&raws[i], port);
		raw_send(&raws[i],
			"POST /inline HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	}
	wait_for_detached(8);
	for (int i = 0; i < 8; i++)
		raw_close(&raws[i]);
	finish_all();
	assert_int_equal(raw_call(port, "GET", "/say", "", "", &answer), 200);
	mp_http_server_close(server, 1000);
}

/* --- closing --- */

struct closing {
	struct mp_http_server *server;
	int drain_ms;
};

static void *close_run(void *arg)
{
	struct closing *closing = arg;

	mp_http_server_close(closing->server, closing->drain_ms);
	return NULL;
}

static void closing_lets_running_requests_end(void **state)
{
	struct closing closing = {
		.server = open_server((struct mp_http_server_config){.workers = 1, .queue_max = 1}),
		.drain_ms = 20000,
	};
	uint16_t port = mp_http_server_port(closing.server);
	struct raw running;
	struct raw pair[2];
	pthread_t thread;
	static struct raw_answer answer;

	int idle = run_and_fill_the_queue(port, "/gate", &running, pair);
	raw_get(&pair[idle], "/say");
	assert_answer(&pair[idle], 200, "said");
	assert_int_equal(mp_thread_start(&thread, "closer", close_run, &closing), MP_OK);
	int64_t deadline_ms = mp_clock_mono_ms() + 10000;
	do { /* until closing has begun: no new ones */
		raw_get(&pair[idle], "/say");
		assert_true(raw_read(&pair[idle], &answer));
	} while (answer.status == 200 && mp_clock_mono_ms() < deadline_ms);
	assert_is(&answer, 503, "/problems/unavailable");
	(void)sem_post(&gate);
	(void)sem_post(&gate);
	assert_answer(&running, 200, "passed");
	assert_answer(&pair[1 - idle], 200, "passed");
	assert_false(raw_read(&running, &answer));
	(void)pthread_join(thread, NULL);
	(void)sem_wait(&entered);
	raw_close(&running);
	raw_close(&pair[0]);
	raw_close(&pair[1]);
}

/* The provider's, of which one runs at a time: so a worker is free to answer while it does. */
static void closing_answers_503_to_what_waits_in_the_queue(void **state)
{
	struct closing closing = {
		.server = open_server((struct mp_http_server_config){.workers = 2, .queue_max = 1}),
		.drain_ms = 50,
	};
	uint16_t port = mp_http_server_port(closing.server);
	struct raw running;
	struct raw pair[2];
	pthread_t thread;

	int refused = run_and_fill_the_queue(port, "/provider", &running, pair);
	assert_int_equal(mp_thread_start(&thread, "closer", close_run, &closing), MP_OK);
	assert_answer(&pair[1 - refused], 503, "/problems/unavailable");
	(void)sem_post(&gate);
	assert_answer(&running, 200, "passed");
	(void)pthread_join(thread, NULL);
	raw_close(&running);
	raw_close(&pair[0]);
	raw_close(&pair[1]);
}

static void closing_answers_503_to_what_nobody_finished(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){0});
	static struct raw raws[32];

	for (int i = 0; i < 32; i++) {
		raw_open(&raws[i], mp_http_server_port(server));
		raw_send(&raws[i], i % 2 == 0 ? "POST /inline HTTP/1.1\r\nHost: x\r\n"
						"Content-Length: 2\r\n\r\nhi"
					      : "POST /worker HTTP/1.1\r\nHost: x\r\n"
						"Content-Length: 2\r\n\r\nhi");
	}
	wait_for_detached(32);
	mp_http_server_close(server, 20);
	for (int i = 0; i < 32; i++) {
		assert_answer(&raws[i], 503, "/problems/unknown_outcome");
		raw_close(&raws[i]);
	}
	finish_all(); /* too late, and harmless */
}

/* Finishing races with closing: each is answered 200 or 503, and nothing is touched too late. */
static void closing_and_finishing_may_race(void **state)
{
	static struct raw_answer answer;
	static struct raw raws[16];

	for (int round = 0; round < 30; round++) {
		struct mp_http_server *server = open_server((struct mp_http_server_config){0});
		pthread_t thread;
		for (int i = 0; i < 16; i++) {
			raw_open(&raws[i], mp_http_server_port(server));
			raw_send(&raws[i], "POST /inline HTTP/1.1\r\nHost: x\r\n"
					   "Content-Length: 2\r\n\r\nhi");
		}
		wait_for_detached(16);
		assert_int_equal(mp_thread_start(&thread, "finisher", finish_all_run, NULL), MP_OK);
		mp_http_server_close(server, 0);
		(void)pthread_join(thread, NULL);
		for (int i = 0; i < 16; i++) {
			assert_true(raw_read(&raws[i], &answer));
			assert_true(answer.status == 200 || answer.status == 503);
			raw_close(&raws[i]);
		}
	}
}

static void closing_does_not_wait_for_idle_or_slow_connections(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){0});
	uint16_t port = mp_http_server_port(server);
	struct raw idle;
	struct raw half;
	int64_t began_ms = mp_clock_mono_ms();

	raw_open(&idle, port);
	raw_get(&idle, "/say");
	assert_answer(&idle, 200, "said");
	raw_open(&half, port);
	raw_send(&half, "POST /inline HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhi");
	nap_ms(20);
	mp_http_server_close(server, 5000);
	assert_true(mp_clock_mono_ms() - began_ms < 2000);
	raw_close(&idle);
	raw_close(&half);
}

static enum mp_rc ready_rc;
static enum mp_rc ready(void *ctx, char reterr[160])
{
	if (ready_rc != MP_OK)
		(void)snprintf(reterr, 160, "the store is closed");
	return ready_rc;
}

static void the_server_tells_how_it_is(void **state)
{
	static struct raw_answer answer;
	struct mp_http_server *server = open_server((struct mp_http_server_config){.ready = ready});
	uint16_t port = mp_http_server_port(server);

	assert_int_equal(raw_call(port, "GET", "/healthz", "", "", &answer), 200);
	assert_int_equal(raw_call(port, "GET", "/readyz", "", "", &answer), 200);
	ready_rc = MP_UNAVAILABLE;
	assert_int_equal(raw_call(port, "GET", "/readyz", "", "", &answer), 503);
	assert_non_null(strstr(answer.body, "the store is closed"));
	assert_int_equal(raw_call(port, "GET", "/healthz", "", "", &answer), 200);
	ready_rc = MP_OK;

	assert_int_equal(raw_call(port, "GET", "/metrics", "", "", &answer), 200);
	assert_non_null(strstr(answer.body,
		"moneypal_http_requests_total{route=\"GET /readyz\",status=\"503\"} 1\n"));
	assert_non_null(strstr(answer.body, "moneypal_http_request_seconds_count{route=\"GET /"));
	mp_http_server_close(server, 1000);
}

static enum mp_rc ready_at_gate(void *ctx, char reterr[160])
{
	(void)sem_post(&entered);
	while (sem_wait(&ready_gate) != 0)
		;
	return MP_OK;
}

/* A store that does not answer holds up who asks for it, and nobody else. */
static void asking_whether_it_is_ready_holds_nobody_up(void **state)
{
	struct mp_http_server *server = open_server((struct mp_http_server_config){
		.network_threads = 1, .workers = 1, .ready = ready_at_gate});
	struct raw asking;
	struct raw other;

	raw_open(&asking, mp_http_server_port(server));
	raw_get(&asking, "/readyz");
	(void)sem_wait(&entered);
	raw_open(&other, mp_http_server_port(server));
	for (const char *const *path = (const char *const[]){"/say", "/work", NULL}; *path != NULL;
		path++) {
		raw_get(&other, *path);
		assert_int_equal(wait_for_answer(&other, 1), 0);
		assert_answer(&other, 200, "said");
	}
	(void)sem_post(&ready_gate);
	assert_answer(&asking, 200, "ready\n");

	raw_get(&other, "/gate"); /* nor does work hold up who asks */
	(void)sem_wait(&entered);
	(void)sem_post(&ready_gate);
	raw_get(&asking, "/readyz");
	(void)sem_wait(&entered);
	assert_answer(&asking, 200, "ready\n");
	(void)sem_post(&gate);
	assert_answer(&other, 200, "passed");
	raw_close(&asking);
	raw_close(&other);
	mp_http_server_close(server, 1000);
}

static void what_cannot_be_opened_is_told_in_a_sentence(void **state)
{
	static const char *const wrong[] = {"", "8081", ":8081", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "localhost:80", "::1:80",
		"[127.0.0.1]:80", "[::1]80", "[::1:80", "127.0.0.1:-1"};
	static const struct mp_route bad[][2] = {
		{{.method = "GET", .path = "x", .handler = say}},
		{{.method = "GET", .path = "/x/", .handler = say}},
		{{.method = "GET", .path = "/{}", .handler = say}},
		{{.method = "GET", .path = "/x"}},
		{{.method = "GET", .path = "/x", .handler = say, .auth = MP_AUTH_SERVICE}},
		{{.method = "GET", .path = "/x/{a}", .handler = say},
			{.method = "GET", .path = "/x/{b}", .handler = say}},
	};
	struct mp_http_server *other = NULL;
	struct mp_http_server *server = open_server((struct mp_http_server_config){0});
	char taken[32];
	char reason[256] = "";

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(mp_http_listen_check(wrong[i], reason), MP_INVALID);
	assert_int_equal(mp_http_listen_check("[::1]:80", reason), MP_OK);

	(void)snprintf(taken, sizeof(taken), "127.0.0.1:%u", (unsigned)mp_http_server_port(server));
	struct mp_http_server_config config = {.listen = taken};
	assert_int_equal(mp_http_server_open(&config, &other, reason), MP_UNAVAILABLE);
	assert_non_null(strstr(reason, "Address already in use"));
	assert_non_null(strstr(reason, taken));

	config.listen = "127.0.0.1:0";
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		config.routes = bad[i];
		config.routes_count = bad[i][1].method == NULL ? 1 : 2;
		assert_int_equal(mp_http_server_open(&config, &other, reason), MP_INVALID);
		assert_non_null(strstr(reason, "route GET "));
	}
	assert_null(other);
	mp_http_server_close(server, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_tells_how_it_is),
		cmocka_unit_test(asking_whether_it_is_ready_holds_nobody_up),
		cmocka_unit_test(what_cannot_be_opened_is_told_in_a_sentence),
		cmocka_unit_test(a_connection_over_the_bound_is_told_so),
		cmocka_unit_test(a_flood_of_connections_is_turned_away),
		cmocka_unit_test(a_request_over_the_queue_is_told_so),
		cmocka_unit_test(the_provider_takes_a_quarter_of_the_workers),
		cmocka_unit_test(slow_clients_are_hung_up_on),
		cmocka_unit_test(one_thread_finishes_many),
		cmocka_unit_test(a_detached_request_may_be_finished_at_once_or_in_vain),
		cmocka_unit_test(waiting_costs_no_time),
		cmocka_unit_test(a_client_that_leaves_while_its_request_waits_does_no_harm),
		cmocka_unit_test(closing_lets_running_requests_end),
		cmocka_unit_test(closing_answers_503_to_what_waits_in_the_queue),
		cmocka_unit_test(closing_answers_503_to_what_nobody_finished),
		cmocka_unit_test(closing_and_finishing_may_race),
		cmocka_unit_test(closing_does_not_wait_for_idle_or_slow_connections),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
