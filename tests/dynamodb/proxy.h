#ifndef MP_TESTS_DYNAMODB_PROXY_H
#define MP_TESTS_DYNAMODB_PROXY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "http_client/http_client.h"
#include "store/store.h"

/* Tests of the DynamoDB engine through the fault proxy (proxy.py); run starts both for them. */

#define DEADLINE_MS 20000 /* a loaded machine is not what is tested */
#define HASTY_MS 1500	  /* for what ends at its deadline */

struct world {
	struct mp_arena *arena;
	struct mp_http_client *control; /* the proxy's own addresses */
	struct mp_http_client *direct;	/* DynamoDB Local */
	struct mp_store *store;		/* through the proxy */
	struct mp_store *hasty;		/* the same, with a short deadline */
	struct mp_store *truth;		/* the same table without it */
	char table[64];
};

/* cmocka's setup and teardown; the state is a struct world with an empty table. */
int world_setup(void **state);
int world_teardown(void **state);

/* Faults as proxy.py has them, divided by newlines; "" passes everything and clears the log. */
void proxy_say(struct world *w, const char *faults);

/* What passed since then, a line a request: operation, fault, token, access key. */
const char *proxy_log(struct world *w);
int proxy_count(struct world *w, const char *operation);

/* The keys that the proxy hands out as a container's endpoint. */
void proxy_credentials(struct world *w, const char *token, int seconds, int status);

/* The config of a store through the proxy. */
struct mp_store_config world_config(const struct world *w);

struct mp_item *make_item(struct mp_arena *arena, const char *pk, const char *sk, int64_t n);
enum mp_rc insert_one(struct world *w, const char *sk, int64_t n);

/* Whether the row P/sk is there, in truth. */
bool is_there(struct world *w, const char *sk);

/* The groups, one a file. */
int run_fault_tests(void);
int run_open_tests(void);
int run_credential_tests(void);

#endif
