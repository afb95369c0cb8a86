#ifndef MP_HTTP_SERVER_REPUBLISH_H
#define MP_HTTP_SERVER_REPUBLISH_H

#include "http_server/http_server.h"

/*
 * Writes into the outbox again a page of what a user was to be told since from_ms, under the
 * events' own ids, so that nobody is told twice. cursor: NULL at first, then *out_next until it
 * comes back NULL. Errors: MP_INVALID, a cursor that was not given out here; the store's.
 */
typedef enum mp_rc (*mp_tell_again)(void *ctx, struct mp_arena *arena, const struct mp_id *user_id,
	int64_t from_ms, const char *cursor, size_t *out_told, const char **out_next);

/* POST /v1/operations/republish {user_id, from, cursor}, in the services that tell people. */
enum mp_rc mp_republish(struct mp_request *req, struct mp_response *res, mp_tell_again tell,
	void *ctx) MP_MUST_CHECK;

#endif
