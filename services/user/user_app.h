#ifndef MP_USER_USER_APP_H
#define MP_USER_USER_APP_H

#include "clients.h"
#include "lane.h"
#include "session.h"
#include "throttle.h"
#include "tokens.h"
#include "user.h"

/* The running parts of the service, made by main.c and given to every handler. */
struct user_app {
	struct user_db db; /* its store is the service's, its outbox is ours */
	struct password_policy passwords;
	struct throttle_policy throttle;
	struct tokens *tokens;
	struct clients *clients;
	struct lane *lane;
	bool cookie_secure; /* the refresh cookie is for https only */
};

#endif
