#ifndef MP_PAYMENT_USER_CLIENT_H
#define MP_PAYMENT_USER_CLIENT_H

#include "base/arena.h"
#include "base/id.h"
#include "base/rc.h"

/* The user service's contract, as far as payment needs it: does somebody exist who can be paid. */
struct users {
	/* MP_OK, MP_NOT_FOUND, or MP_UNAVAILABLE when it cannot be known now. */
	enum mp_rc (*exists)(void *ctx, const struct mp_id *user_id, struct mp_arena *arena);
	void *ctx;
};

struct user_client;

struct user_client_config {
	const char *user_url;
	const char *token_url;
	const char *client_id;
	const char *client_secret;
};

enum mp_rc user_client_open(
	const struct user_client_config *config, struct user_client **out_client) MP_MUST_CHECK;
void user_client_close(struct user_client *client);

/* Threads: any. Who was found once is remembered: users are never removed. */
struct users user_client_calls(struct user_client *client);

#endif
