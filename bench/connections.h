#ifndef MP_BENCH_CONNECTIONS_H
#define MP_BENCH_CONNECTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/*
 * A closed loop over keep-alive HTTP/1.1 connections, on one thread (epoll): each connection sends
 * a request, waits for the whole answer, and sends the next.
 */
struct connections_job {
	struct sockaddr_in address;
	unsigned connections;

	/* Fills the next request for a connection; returns its length, at most size. */
	size_t (*make)(void *ctx, unsigned connection, char *out, size_t size);

	/* A whole answer came. False ends the run. */
	bool (*answered)(void *ctx, unsigned connection, int status, const char *body,
		size_t body_len, int64_t duration_us);

	/* False when a connection shall send no more; the run ends when none does. */
	bool (*goes_on)(void *ctx);
	void *ctx;
	size_t request_bytes_max;
	size_t answer_bytes_max;
};

/* MP_UNAVAILABLE: not connected, or a connection was lost; MP_CORRUPT: not HTTP; MP_NOMEM. */
enum mp_rc connections_run(const struct connections_job *job) MP_MUST_CHECK;

#endif
