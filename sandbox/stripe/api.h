#ifndef MP_SANDBOX_API_H
#define MP_SANDBOX_API_H

#include "checkout.h"
#include "form.h"
#include "http_server/http_server.h"
#include "json/json.h"

/*
 * What every request to the provider's API goes through: the secret key, faults on request, the
 * Idempotency-Key, the form, and errors in the provider's shape.
 */
struct app {
	struct sandbox sandbox;
	struct webhook *webhook; /* NULL: no endpoint */
	const char *secret_key;
	char basic[512]; /* the Authorization header that has the key as user name */
};

struct api_call {
	struct sandbox *sandbox;
	struct mp_request *req;
	struct mp_arena *arena;
	int64_t now_ms;
	struct form form; /* of a POST's body, of a GET's query */
	struct cause cause;
	struct stripe_error error; /* to be filled in by whoever fails for a reason to tell */
	const char *answer;	   /* JSON text, in the arena */
	unsigned kept_status;	   /* of the failure that a fault wants kept */
};

/* Sets call->answer, or fails; what it does not tell in call->error is told by its code. */
typedef enum mp_rc (*api_operation)(struct api_call *call);

/* Fills in app->basic. MP_TOO_LARGE. */
enum mp_rc api_init(struct app *app) MP_MUST_CHECK;

/* True when the request has the secret key, as bearer token or as user name. */
bool api_knows_caller(const struct app *app, struct mp_request *req);

/* Runs operation for a handler, and answers whatever comes of it. */
enum mp_rc api_serve(
	struct mp_request *req, struct mp_response *res, struct app *app, api_operation operation);

/* Takes json. */
enum mp_rc api_answer(struct api_call *call, json_t *json) MP_MUST_CHECK;

#endif
