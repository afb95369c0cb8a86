#ifndef MP_PAYMENT_TEST_FIXTURE_H
#define MP_PAYMENT_TEST_FIXTURE_H

#include <pthread.h>

#include "base/testing.h"
#include "base/testing_folder.h"
#include "payment.h"
#include "store/fault.h"

/*
 * The domain over a real store (RocksDB in a folder of its own), with a store that fails when told
 * so in front of it, and a provider that keeps sessions like the real one and can lose answers.
 */

enum trouble {
	TROUBLE_NONE,
	TROUBLE_DOWN,	 /* the call does not arrive */
	TROUBLE_LOST,	 /* it arrives, the answer does not */
	TROUBLE_REFUSED, /* a create is refused for good */
	TROUBLE_STRANGE, /* it knows no session of ours: the key is another account's */
};

struct fake_session {
	char key[64];
	char id[32];
	char intent[32];
	struct mp_id payment_id;
	int64_t attempt;
	int64_t amount;
	int64_t expires_at_s;
	char currency[4];
	enum stripe_status status;
	bool paid;
	bool livemode;
	bool intent_failed;
};

#define FAKE_SESSIONS_MAX 64

struct fake_provider {
	pthread_mutex_t lock; /* over all below */
	struct fake_session sessions[FAKE_SESSIONS_MAX];
	size_t count;
	enum trouble trouble;
	int trouble_calls; /* how many more calls it hits */
	int calls;
};

struct fixture {
	struct mp_test_folder folder;
	struct mp_store *store; /* the failing one, over RocksDB */
	struct mp_arena *arena;
	struct mp_currencies currencies;
	struct payment_app app;
	struct fake_provider provider;
	enum mp_rc users_rc; /* what the user service says */
	int64_t now_ms;
	struct mp_id ada; /* pays */
	struct mp_id bob; /* is paid */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Ada's payment with a key; paid_to NULL: a top-up. */
enum mp_rc fixture_create(struct fixture *f, const struct mp_id *paid_to, int64_t minor,
	enum payment_source source, const char *key, struct payment *out);
enum mp_rc fixture_create_in(struct fixture *f, struct mp_arena *arena, const struct mp_id *paid_to,
	int64_t minor, enum payment_source source, const char *key, struct payment *out);
struct payment fixture_pay(struct fixture *f, int64_t minor, enum payment_source source);
struct payment fixture_top_up(struct fixture *f, int64_t minor);
struct payment fixture_get(struct fixture *f, const struct mp_id *id);
void assert_state(struct fixture *f, const struct mp_id *id, enum payment_state state);

/* The session of the payment's attempt at the provider, NULL when it was never opened. */
struct fake_session *fixture_session(struct fixture *f, const struct mp_id *id, int64_t attempt);

/* A webhook about the session arrives, and is looked into; the worker's result. */
struct mp_due_result fixture_webhook(
	struct fixture *f, const struct fake_session *session, const char *type);

/* Somebody pays at the provider's page, and its webhook arrives. */
void fixture_pay_at_page(struct fixture *f, const struct mp_id *id, int64_t attempt);

/* Answers of billing. */
enum mp_rc fixture_settled(struct fixture *f, const struct mp_id *id, int64_t attempt);
enum mp_rc fixture_unfunded(
	struct fixture *f, const struct mp_id *id, int64_t attempt, int64_t shortfall);
enum mp_rc fixture_voided(struct fixture *f, const struct mp_id *id);
enum mp_rc fixture_funded(struct fixture *f, const struct mp_id *id, const char *intent);

/* Workers, by hand. */
struct mp_due_result fixture_align(struct fixture *f, const struct mp_id *id);
struct mp_due_result fixture_redrive(struct fixture *f, const struct mp_id *id);

/* Events waiting in the outbox: of the type (NULL: all), about the payment (NULL: any). */
size_t fixture_events(struct fixture *f, const char *type, const struct mp_id *id);
/* The data of the one event of the type; fails when there is not exactly one. */
const struct mp_map *fixture_event(struct fixture *f, const char *type, const struct mp_id *id);
/* Work of the kind that is due up to now, for the payment. */
size_t fixture_due(struct fixture *f, const char *kind, const struct mp_id *id);

/* Rows of the timeline: their number, and that they are without gaps. */
size_t fixture_rows(struct fixture *f, const struct mp_id *id, bool for_payer);

#endif
