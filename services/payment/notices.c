#include "payment.h"

#include <string.h>

/*
 * Billing's answers come in batches for many payments: each round reads them all at once, applies
 * the notices in their order, and writes one transaction for all. Where another writer was faster,
 * each is taken by itself.
 */

struct round {
	struct payment_load *loads;
	struct payment_work *works;
	struct payment_work **filled; /* of works: those with something to write */
	size_t *load_of;	      /* by notice; count of notices: not of this round */
	bool *full;		      /* by load: its later notices wait for the next round */
	size_t loads_count;
	size_t filled_count;
};

#define NOT_NOW SIZE_MAX

static void take_alone(struct payment_app *app, struct payment_notice *notice, int64_t now_ms,
	struct mp_arena *arena)
{
	const struct payment_change change = {.id = notice->payment_id, .input = notice->input};
	struct payment payment;
	enum verdict verdict;

	notice->rc = payment_apply(app, &change, now_ms, arena, &payment, &verdict);
	notice->taken = true;
}

static void take_each_alone(struct payment_app *app, struct payment_notice *notices,
	const struct round *round, size_t count, int64_t now_ms, struct mp_arena *arena)
{
	for (size_t i = 0; i < count; i++) {
		if (round->load_of[i] != NOT_NOW)
			take_alone(app, &notices[i], now_ms, arena);
	}
}

static enum mp_rc round_begin(struct round *round, size_t count, struct mp_arena *arena)
{
	*round = (struct round){
		.loads = mp_arena_array(arena, count, sizeof(*round->loads)),
		.works = mp_arena_array(arena, count, sizeof(*round->works)),
		.filled = mp_arena_array(arena, count, sizeof(struct payment_work *)),
		.load_of = mp_arena_array(arena, count, sizeof(*round->load_of)),
		.full = mp_arena_array(arena, count, sizeof(*round->full)),
	};
	if (round->loads == NULL || round->works == NULL || round->filled == NULL ||
		round->load_of == NULL || round->full == NULL)
		return MP_NOMEM;
	return MP_OK;
}

/* A load has room for one capture: a second one of the same payment waits for the next round. */
static size_t place_notice(struct round *round, const struct payment_notice *notice)
{
	const char *intent = notice->input.payment_intent;
	size_t i = 0;

	while (i < round->loads_count && !mp_id_equal(&round->loads[i].id, &notice->payment_id))
		i++;
	if (i == round->loads_count) {
		round->loads[round->loads_count++] =
			(struct payment_load){.id = notice->payment_id, .payment_intent = intent};
		return i;
	}
	const char *loaded = round->loads[i].payment_intent;
	if (intent != NULL && loaded != NULL && strcmp(intent, loaded) != 0)
		round->full[i] = true;
	if (round->full[i])
		return NOT_NOW;
	if (intent != NULL)
		round->loads[i].payment_intent = intent;
	return i;
}

static void apply_all(struct payment_app *app, struct round *round, struct payment_notice *notices,
	size_t count, int64_t now_ms, struct mp_arena *arena)
{
	for (size_t i = 0; i < round->loads_count; i++) {
		if (!round->loads[i].found)
			continue;
		work_begin(&round->works[i], arena, &app->rules, now_ms, &round->loads[i].payment);
		work_add_capture(&round->works[i], round->loads[i].capture_row);
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = round->load_of[i];
		if (at != NOT_NOW && round->loads[at].found)
			(void)work_apply(&round->works[at], &notices[i].input);
	}
	for (size_t i = 0; i < round->loads_count; i++) {
		if (round->loads[i].found && !work_is_empty(&round->works[i]))
			round->filled[round->filled_count++] = &round->works[i];
	}
}

/* As many works as fit into one transaction at a time; stops at the first that is not written. */
static enum mp_rc commit_all(struct payment_app *app, struct round *round, struct mp_arena *arena)
{
	size_t ops_max = payment_db_ops_max(&app->db);
	size_t first = 0;

	while (first < round->filled_count) {
		size_t ops = payment_db_ops(round->filled[first]);
		size_t end = first + 1;
		while (end < round->filled_count &&
			ops + payment_db_ops(round->filled[end]) <= ops_max)
			ops += payment_db_ops(round->filled[end++]);
		enum mp_rc rc =
			payment_commit(app, &round->filled[first], end - first, NULL, 0, arena);
		if (rc != MP_OK)
			return rc;
		first = end;
	}
	return MP_OK;
}

static void take_round(struct payment_app *app, struct payment_notice *notices, size_t count,
	int64_t now_ms, struct mp_arena *arena)
{
	struct round round;

	enum mp_rc rc = round_begin(&round, count, arena);
	for (size_t i = 0; rc == MP_OK && i < count; i++)
		round.load_of[i] = notices[i].taken ? NOT_NOW : place_notice(&round, &notices[i]);
	if (rc != MP_OK) {
		for (size_t i = 0; i < count; i++) {
			notices[i].rc = notices[i].taken ? notices[i].rc : rc;
			notices[i].taken = true;
		}
		return;
	}
	rc = payment_db_load(&app->db, round.loads, round.loads_count, arena);
	if (rc == MP_OK) {
		apply_all(app, &round, notices, count, now_ms, arena);
		rc = commit_all(app, &round, arena);
	}
	/* Refused together: every notice by itself says which one it was. All are repeatable. */
	if (rc == MP_STALE || rc == MP_EXISTS || rc == MP_CORRUPT || rc == MP_TOO_LARGE) {
		take_each_alone(app, notices, &round, count, now_ms, arena);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (round.load_of[i] == NOT_NOW)
			continue;
		bool unknown = rc == MP_OK && !round.loads[round.load_of[i]].found;
		notices[i].rc = unknown ? MP_NOT_FOUND : rc;
		notices[i].taken = true;
	}
}

void payment_take_notices(struct payment_app *app, struct payment_notice *notices, size_t count,
	int64_t now_ms, struct mp_arena *arena)
{
	size_t left = count;

	for (size_t i = 0; i < count; i++)
		notices[i].taken = false;
	while (left > 0) { /* every round takes at least one */
		take_round(app, notices, count, now_ms, arena);
		left = 0;
		for (size_t i = 0; i < count; i++)
			left += notices[i].taken ? 0 : 1;
	}
}
