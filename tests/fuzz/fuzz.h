#ifndef MP_FUZZ_H
#define MP_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "http_server/http_server.h"
#include "store/store.h"

/*
 * For the fuzz targets: what they stand on. A target is one file with libFuzzer's two functions. It
 * finds crashes and undefined behaviour by the sanitizers, and broken rules by FUZZ_CHECK.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, and so tells the input, when a rule that holds for any input is broken. */
#define FUZZ_CHECK(rule) fuzz_check((rule), #rule, __FILE__, __LINE__)
void fuzz_check(bool holds, const char *rule, const char *file, int line);

/* What main does first in every program. */
void fuzz_begin(void);

/* An arena that is empty at every call. */
struct mp_arena *fuzz_arena(void);

extern const struct mp_currencies *fuzz_currencies; /* USD, UGX (0, the provider's 2), JPY */

/* Splits the input at its first newline: a line to steer by, then the rest. */
struct fuzz_input {
	char line[512];
	const char *rest;
	size_t rest_len;
};
void fuzz_split(const uint8_t *data, size_t size, struct fuzz_input *out);

/* --- fuzz_service.c: what is outside of a service --- */

/* A store in which nothing is ever found and everything can be written. */
struct mp_store *fuzz_store(void);
struct mp_outbox *fuzz_outbox(struct mp_store *store);
struct mp_due *fuzz_due(struct mp_store *store, const char *kind);

/*
 * A server of these routes, at which every token is good. Each input is one request: its first line
 * is "METHOD target", header fields follow, then an empty line and the body. Checks the answer: it
 * is HTTP, no 500, and a refusal is a problem with a type.
 */
void fuzz_server_open(const struct mp_route *routes, size_t routes_count, void *ctx);
void fuzz_server_send(const uint8_t *data, size_t size, const char *more_headers);
/* The bytes as they are. */
void fuzz_server_send_raw(const uint8_t *data, size_t size);

/* --- fuzz_peer.c: a server of somebody else's, which answers every request with these bytes --- */

/* Its base url. */
const char *fuzz_peer_open(void);
/* To requests of which the path has the text (NULL: any); copied. status as in "200 OK". */
void fuzz_peer_answer(const char *path, const char *status, const char *body, size_t body_len);

#endif
