#ifndef MP_PAYMENT_ITEM_DB_H
#define MP_PAYMENT_ITEM_DB_H

#include "payment_types.h"
#include "store/item.h"

/*
 * Payment's records as items and back: names of attributes, formats, sort keys. Writers give NULL
 * without memory (the transaction that gets it says so); readers MP_CORRUPT for what is not whole,
 * not ours or newer than this program. Texts that are read are borrowed from the item.
 */

#define PK_PREFIX_PAYMENT "PAYMENT#"
#define PK_PREFIX_USER "USER#"
#define PK_PREFIX_EVENT "EVENT#"
#define SK_PAYMENT "PAYMENT"
#define SK_EVENT "EVENT"
#define SK_PREFIX_PAYMENT "PAYMENT#"
#define SK_PREFIX_ATTEMPT "ATTEMPT#"
#define SK_PREFIX_CAPTURE "CAPTURE#"
#define SK_PREFIX_TIMELINE "TIMELINE#"
#define SK_LAST "~" /* after every digit and letter: the end of a range with a prefix */

/* NULL without memory. */
const char *item_payment_pk(struct mp_arena *arena, const struct mp_id *id);
const char *item_user_pk(struct mp_arena *arena, const struct mp_id *id);
const char *item_event_pk(struct mp_arena *arena, const struct mp_id *id);
const char *item_attempt_sk(struct mp_arena *arena, int64_t number);
const char *item_capture_sk(struct mp_arena *arena, const char *payment_intent);
const char *item_row_sk(struct mp_arena *arena, int64_t seq);

struct mp_item *item_from_payment(struct mp_arena *arena, const struct payment *payment);
struct mp_item *item_from_attempt(
	struct mp_arena *arena, const struct mp_id *id, const struct payment_attempt *attempt);
struct mp_item *item_from_capture(
	struct mp_arena *arena, const struct mp_id *id, const struct payment_capture *capture);
struct mp_item *item_from_row(
	struct mp_arena *arena, const struct mp_id *id, const struct payment_row *row);
struct mp_item *item_from_event(
	struct mp_arena *arena, const struct mp_id *id, const struct provider_event *event);
/* The pointer under a user: role "payer" or "payee". */
struct mp_item *item_pointer(struct mp_arena *arena, const struct mp_id *user,
	const struct mp_id *payment, const char *role);

enum mp_rc item_to_payment(const struct mp_item *item, const struct mp_currencies *currencies,
	struct payment *out_payment) MP_MUST_CHECK;
enum mp_rc item_to_attempt(
	const struct mp_item *item, struct payment_attempt *out_attempt) MP_MUST_CHECK;
enum mp_rc item_to_capture(
	const struct mp_item *item, struct payment_capture *out_capture) MP_MUST_CHECK;
enum mp_rc item_to_row(const struct mp_item *item, struct payment_row *out_row) MP_MUST_CHECK;
enum mp_rc item_to_event(
	const struct mp_item *item, struct provider_event *out_event) MP_MUST_CHECK;
enum mp_rc item_to_pointer(
	const struct mp_item *item, struct mp_id *out_payment, const char **out_role) MP_MUST_CHECK;

#endif
