#ifndef MP_PAYMENT_WORK_H
#define MP_PAYMENT_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"
#include "payment_types.h"

/*
 * What inputs do to one payment, in memory: the record as it will be, and everything that has to be
 * written with it in one transaction (attempts, captures, timeline rows, events, work that is due).
 * Pure: the time is given, nothing is read or written elsewhere. All memory is the arena's.
 */

/* Starts from a payment as it was read. */
void work_begin(struct payment_work *work, struct mp_arena *arena,
	const struct payment_rules *rules, int64_t now_ms, const struct payment *payment);

/* Rows that the inputs to come may need. NULL is taken and ignored. */
void work_add_attempt(struct payment_work *work, struct payment_attempt *attempt);
void work_add_capture(struct payment_work *work, struct payment_capture *capture);
struct payment_attempt *work_find_attempt(struct payment_work *work, int64_t number);
struct payment_capture *work_find_capture(struct payment_work *work, const char *payment_intent);

/*
 * A new payment: id, parties, amount, currency, source and description are given in payment.
 * A top-up is always from the card. From the wallet it is settling at once, otherwise its session
 * is wanted.
 */
void work_create(struct payment_work *work, struct mp_arena *arena,
	const struct payment_rules *rules, int64_t now_ms, const struct payment *payment);

/* Applies one input; the verdict says what it did. Repeated inputs are ignored. */
enum verdict work_apply(struct payment_work *work, const struct payment_input *input);

/*
 * Tells the last events of a payment that stands still again, with their ids as they were. asked: a
 * person wants it, also of what is looked into.
 */
void work_redrive(struct payment_work *work, bool asked);

/*
 * When a re-drive comes that is to wait about so long. All of a payment's lie on such points from
 * its beginning, where two that meet are one row (lib/due: same time, same id): so there are few,
 * however often it is tried again.
 */
int64_t work_redrive_point(const struct payment *payment, int64_t pause_ms, int64_t now_ms);

/* Tells again that the payment, which it is, has expired or failed. */
void work_tell_ended(struct payment_work *work);

/* True when there is nothing to write. */
bool work_is_empty(const struct payment_work *work);

#endif
