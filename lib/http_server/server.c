#include "http_server/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "metrics/process.h"

#define METRICS_BYTES_MAX (1024u * 1024)
#define SEND_WAIT_MS 1000 /* for answers that are on their way when the server closes */

/* --- what the server answers itself --- */

static enum mp_rc get_healthz(struct mp_request *req, struct mp_response *res, void *ctx)
{
	return mp_response_body(res, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static enum mp_rc get_readyz(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const struct mp_http_server *server = ctx;
	char reason[160] = "";
	enum mp_rc rc = MP_OK;

	if (server->config.ready != NULL)
		rc = server->config.ready(server->config.ready_ctx, reason);
	if (rc == MP_OK)
		return mp_response_body(res, 200, "text/plain; charset=utf-8", "ready\n", 6);
	mp_request_problem(req, "unavailable", reason[0] == '\0' ? NULL : reason);
	return MP_UNAVAILABLE;
}

static enum mp_rc get_metrics(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct mp_buf text;

	mp_buf_init(&text, METRICS_BYTES_MAX);
	mp_metrics_render(&text);
	mp_metrics_render_process(&text);
	enum mp_rc rc = mp_buf_rc(&text);
	if (rc == MP_OK)
		rc = mp_response_body(res, 200, "text/plain; version=0.0.4; charset=utf-8",
			mp_buf_text(&text), text.len);
	mp_buf_done(&text);
	return rc;
}

const struct mp_route http_builtin_routes[] = {
	{.method = "GET",
		.path = "/healthz",
		.flags = MP_ROUTE_INLINE | MP_ROUTE_QUIET,
		.handler = get_healthz},
	{.method = "GET",
		.path = "/readyz",
		.flags = HTTP_ROUTE_READYZ | MP_ROUTE_QUIET,
		.handler = get_readyz},
	{.method = "GET",
		.path = "/metrics",
		.flags = MP_ROUTE_INLINE | MP_ROUTE_QUIET,
		.handler = get_metrics},
};
const size_t http_builtin_routes_count =
	sizeof(http_builtin_routes) / sizeof(http_builtin_routes[0]);

/* --- opening --- */

static unsigned or_usual(unsigned number, unsigned usual)
{
	return number == 0 ? usual : number;
}

static enum mp_rc fill_config(
	struct mp_http_server *server, const struct mp_http_server_config *config)
{
	server->config = *config;
	server->config.network_threads = or_usual(config->network_threads, 2);
	server->config.workers = or_usual(config->workers, 16);
	server->config.queue_max = or_usual(config->queue_max, 1024);
	server->config.connections_max = or_usual(config->connections_max, 1536);
	server->config.timeout_s = or_usual(config->timeout_s, 30);
	server->config.origin = NULL;
	if (config->origin != NULL) {
		server->origin = strdup(config->origin);
		if (server->origin == NULL)
			return MP_NOMEM;
	}
	return MP_OK;
}

static enum mp_rc open_networks(struct mp_http_server *server)
{
	unsigned count = server->config.network_threads;

	server->networks = calloc(count, sizeof(*server->networks));
	if (server->networks == NULL)
		return MP_NOMEM;
	for (unsigned i = 0; i < count; i++) {
		server->networks[i].server = server;
		(void)pthread_mutex_init(&server->networks[i].mutex, NULL);
	}
	for (unsigned i = 0; i < count; i++) {
		enum mp_rc rc = http_network_open(&server->networks[i]);
		if (rc != MP_OK)
			return rc;
	}
	return MP_OK;
}

static enum mp_rc open_all(
	struct mp_http_server *server, const struct mp_http_server_config *config, char reterr[256])
{
	enum mp_rc rc = fill_config(server, config);

	if (rc == MP_OK)
		rc = http_routes_compile(server, reterr);
	if (rc == MP_OK)
		rc = http_acceptor_open(server, reterr);
	server->config.listen = NULL; /* was borrowed for the call */
	if (rc != MP_OK)
		return rc;
	server->abandoned = http_abandoned_new();
	if (server->abandoned == NULL)
		return MP_NOMEM;
	rc = http_pool_open(server->config.workers, server->config.queue_max, &server->pool);
	if (rc == MP_OK)
		rc = http_pool_open(1, HTTP_READYZ_QUEUE_MAX, &server->readyz);
	if (rc == MP_OK)
		rc = open_networks(server);
	if (rc == MP_OK)
		rc = http_acceptor_start(server);
	return rc;
}

enum mp_rc mp_http_server_open(const struct mp_http_server_config *config,
	struct mp_http_server **out_server, char reterr[256])
{
	struct mp_http_server *server = calloc(1, sizeof(*server));
	char reason[256] = "no memory or threads for the HTTP server";
	enum mp_rc rc = MP_NOMEM;

	if (server != NULL) {
		(void)pthread_mutex_init(&server->streams_mutex, NULL);
		server->acceptor.listen_fd = -1;
		server->acceptor.wake_fd = -1;
		rc = open_all(server, config, reason);
	}
	if (rc == MP_OK) {
		*out_server = server;
		return MP_OK;
	}
	mp_http_server_close(server, 0);
	memcpy(reterr, reason, sizeof(reason));
	return rc;
}

uint16_t mp_http_server_port(const struct mp_http_server *server)
{
	return server->acceptor.port;
}

/* --- closing --- */

static void wait_until_none(const atomic_uint *count, int wait_ms)
{
	int64_t until_ms = mp_clock_mono_ms() + wait_ms;

	while (atomic_load(count) > 0 && mp_clock_mono_ms() < until_ms)
		mp_sleep_ms(1);
}

/* libmicrohttpd aborts when it is stopped with a suspended connection, so all are resumed. */
static void abandon_detached(struct mp_http_server *server)
{
	while (atomic_load(&server->dispatched) > 0 || atomic_load(&server->finishers) > 0) {
		for (unsigned i = 0; i < server->config.network_threads; i++)
			http_network_abandon(&server->networks[i]);
		mp_sleep_ms(1);
	}
}

void mp_http_server_close(struct mp_http_server *server, int drain_ms)
{
	if (server == NULL)
		return;
	atomic_store(&server->closing, true);
	http_acceptor_close(server);
	http_streams_end(server); /* they would never be done by themselves */
	wait_until_none(&server->dispatched, drain_ms);
	http_pool_stop(server->pool);
	http_pool_stop(server->readyz);
	if (server->networks != NULL) {
		abandon_detached(server);
		http_streams_end(server); /* of those that ran until now */
		wait_until_none(&server->requests, SEND_WAIT_MS);
		for (unsigned i = 0; i < server->config.network_threads; i++) {
			http_network_close(&server->networks[i]);
			(void)pthread_mutex_destroy(&server->networks[i].mutex);
		}
	}
	http_pool_free(server->pool);
	http_pool_free(server->readyz);
	if (server->abandoned != NULL)
		MHD_destroy_response(server->abandoned);
	(void)pthread_mutex_destroy(&server->streams_mutex);
	free(server->networks);
	free(server->routes);
	free(server->origin);
	free(server);
}
