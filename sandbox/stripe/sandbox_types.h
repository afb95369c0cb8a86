#ifndef MP_SANDBOX_SANDBOX_TYPES_H
#define MP_SANDBOX_SANDBOX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

/*
 * What the provider keeps: Checkout Sessions, PaymentIntents and Events. Texts live in the arena
 * that the record was read into or built in. Outside, an id is a prefix and a UUIDv7's 32 digits,
 * so that ids sort by time; `created` is the id's own time.
 */
#define SESSION_PREFIX "cs_test_"
#define INTENT_PREFIX "pi_"
#define EVENT_PREFIX "evt_"
#define STRIPE_ID_SIZE 48

#define METADATA_MAX 50
#define LINE_ITEMS_MAX 100

struct pair {
	const char *name;
	const char *value;
};

struct metadata {
	struct pair *pairs;
	size_t count;
};

struct line_item {
	const char *name;
	const char *description; /* or NULL */
	int64_t unit_amount;	 /* in the provider's minor units, as all amounts here */
	int64_t quantity;
};

enum session_status {
	SESSION_OPEN,
	SESSION_COMPLETE,
	SESSION_EXPIRED,
};

struct session {
	struct mp_id id;
	int64_t version; /* 0: not stored yet */
	int64_t expires_at_s;
	enum session_status status;
	bool paid;
	char currency[4]; /* lower case */
	int64_t amount_total;
	struct line_item *items;
	size_t items_count;
	const char *success_url;
	const char *cancel_url;		 /* or NULL */
	const char *client_reference_id; /* or NULL */
	const char *customer_email;	 /* or NULL */
	struct metadata metadata;
	struct metadata intent_metadata;
	const char *intent_description; /* or NULL */
	struct mp_id intent;		/* none until the first try to pay */
};

enum intent_status {
	INTENT_REQUIRES_PAYMENT_METHOD,
	INTENT_PROCESSING,
	INTENT_SUCCEEDED,
	INTENT_CANCELED,
};

struct intent {
	struct mp_id id;
	int64_t version;
	struct mp_id session;
	enum intent_status status;
	char currency[4];
	int64_t amount;
	bool bank; /* paid by bank transfer, not by card */
	struct metadata metadata;
	const char *description; /* or NULL */
	/* Why the last try failed; NULL when it did not. */
	const char *error_code;
	const char *decline_code; /* or NULL */
	const char *error_message;
};

struct event {
	struct mp_id id;
	int64_t version;
	const char *type;
	const char *object;	/* JSON text: the session or intent as it was then */
	const char *request_id; /* of the API request that caused it, or NULL */
	const char *request_key;
	bool pending; /* its webhook has not been taken yet */
};

#endif
