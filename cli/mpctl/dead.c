#include "bus/dead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/topology.h"
#include "json/json.h"
#include "mpctl.h"
#include "table.h"

/* The queue that a service's name stands for; NULL for a service without one. */
static const char *queue_of(const char *service)
{
	for (size_t i = 0; i < mp_queues_count; i++) {
		const char *dot = strrchr(mp_queues[i], '.');
		if (dot != NULL && strcmp(dot + 1, service) == 0)
			return mp_queues[i];
	}
	mpctl_say("%s has no queue of events; billing, payment and email have.", service);
	return NULL;
}

static const char *service_of(const char *queue)
{
	return strrchr(queue, '.') + 1;
}

bool mpctl_say_unvisited(const char *queue, const struct mp_dead_count *count)
{
	if (count->visited >= count->waiting)
		return false;
	mpctl_say("Of the dead letters of %s only the oldest %zu of %zu were looked at.",
		service_of(queue), count->visited, count->waiting);
	return true;
}

static enum mpctl_exit say_trouble(const char *queue, enum mp_rc rc, const char *why)
{
	mpctl_say("The dead letters of %s cannot be looked at (%s): %s.", service_of(queue),
		rc == MP_BUSY ? "try again in a moment"
			      : "is the broker running, and is AMQP_URL right?",
		why);
	return MPCTL_TROUBLE;
}

struct list {
	struct table table;
	const char *service;
};

static enum mp_dead_choice add_letter(void *ctx, const struct mp_dead_letter *letter)
{
	struct list *list = ctx;
	const char *const texts[] = {list->service, letter->time,
		letter->id[0] != '\0' ? letter->id : "(none)", letter->type, letter->reason};

	table_add(&list->table, texts);
	return MP_DEAD_KEEP;
}

/* How a look at one queue ended: said behind the table of what was seen. */
struct look {
	bool tried;
	enum mp_rc rc;
	struct mp_dead_count count;
	char why[256];
};

/* Others are looked at when one is busy; not without a broker. Returns how many letters wait. */
static size_t look_at(struct mpctl *ctl, const char *only, struct list *list, struct look *looks)
{
	size_t waiting = 0;

	for (size_t i = 0; i < mp_queues_count; i++) {
		struct look *look = &looks[i];

		if (only != NULL && only != mp_queues[i])
			continue;
		list->service = service_of(mp_queues[i]);
		look->tried = true;
		look->rc = mp_dead_visit(ctl->settings.amqp_url, mp_queues[i], add_letter, list,
			&look->count, look->why);
		waiting += look->count.waiting;
		if (look->rc != MP_OK && look->rc != MP_BUSY)
			break;
	}
	return waiting;
}

static enum mpctl_exit say_what_was_not_seen(const struct look *looks)
{
	enum mpctl_exit result = MPCTL_DONE;

	for (size_t i = 0; i < mp_queues_count; i++) {
		if (!looks[i].tried)
			continue;
		if (looks[i].rc != MP_OK)
			result = say_trouble(mp_queues[i], looks[i].rc, looks[i].why);
		else
			(void)mpctl_say_unvisited(mp_queues[i], &looks[i].count);
	}
	return result;
}

enum mpctl_exit mpctl_dead_list(struct mpctl *ctl, int argc, char **argv)
{
	static const char *const headings[] = {"SERVICE", "SINCE", "ID", "EVENT", "REASON"};
	const char *only = argc == 1 ? queue_of(argv[0]) : NULL;
	struct look *looks = mp_arena_array(ctl->arena, mp_queues_count, sizeof(*looks));
	struct list list;

	if (argc == 1 && only == NULL)
		return MPCTL_WRONG_USE;
	if (looks == NULL)
		return mpctl_no_memory();
	table_begin(&list.table, ctl->arena, 5, headings);
	size_t waiting = look_at(ctl, only, &list, looks);
	if (waiting > 0 && table_print(&list.table, "") != MP_OK)
		return mpctl_no_memory();
	enum mpctl_exit result = say_what_was_not_seen(looks);
	if (waiting == 0 && result == MPCTL_DONE)
		(void)puts("There are no dead letters.");
	return result;
}

/* --- one of them --- */

struct show {
	struct mp_arena *arena;
	const char *id;
	bool found;
};

static void show_body(struct mp_arena *arena, const struct mp_dead_letter *letter)
{
	char reason[160];
	json_t *json = NULL;
	char *text = NULL;

	if (letter->body == NULL) {
		(void)printf(
			"\nIts %zu bytes are more than an event may have.\n", letter->body_len);
		return;
	}
	if (mp_json_parse(letter->body, letter->body_len, &json, reason) == MP_OK)
		text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	const char *raw = text == NULL ? table_clean(arena, letter->body) : NULL;
	(void)printf("\n%s\n", text != NULL ? text : raw != NULL ? raw : "");
	free(text);
	json_decref(json);
}

static void show_line(struct mp_arena *arena, const char *name, const char *text)
{
	const char *clean = table_clean(arena, text);

	(void)printf("%-8s %s\n", name, clean != NULL ? clean : "");
}

static enum mp_dead_choice show_letter(void *ctx, const struct mp_dead_letter *letter)
{
	struct show *show = ctx;

	if (strcmp(letter->id, show->id) != 0)
		return MP_DEAD_KEEP;
	if (show->found) {
		(void)puts("");
		show_line(show->arena, "again", letter->time);
		return MP_DEAD_KEEP;
	}
	show->found = true;
	show_line(show->arena, "id", letter->id);
	show_line(show->arena, "event", letter->type);
	show_line(show->arena, "since", letter->time);
	show_line(show->arena, "reason", letter->reason);
	show_body(show->arena, letter);
	return MP_DEAD_KEEP;
}

static enum mpctl_exit say_absent(const char *queue, const char *id)
{
	mpctl_say(
		"%s has no dead letter with the id %s; mpctl dead list %s shows those that it has.",
		service_of(queue), id, service_of(queue));
	return MPCTL_NO;
}

enum mpctl_exit mpctl_dead_show(struct mpctl *ctl, int argc, char **argv)
{
	struct show show = {.arena = ctl->arena, .id = argc == 2 ? argv[1] : ""};
	struct mp_dead_count count;
	char why[256];

	const char *queue = queue_of(argv[0]);
	if (queue == NULL)
		return MPCTL_WRONG_USE;
	enum mp_rc rc =
		mp_dead_visit(ctl->settings.amqp_url, queue, show_letter, &show, &count, why);
	if (rc != MP_OK)
		return say_trouble(queue, rc, why);
	if (mpctl_say_unvisited(queue, &count))
		return MPCTL_TROUBLE;
	return show.found ? MPCTL_DONE : say_absent(queue, argv[1]);
}

/* --- again --- */

struct replay {
	const char *id; /* NULL: all */
	json_t *data;	/* of the first with this id: its twins need no second replay */
	size_t too_large;
};

/* What an event tells, without the trace of the telling; NULL for none that can be read. */
static json_t *data_of(const struct mp_dead_letter *letter)
{
	char reason[160];
	json_t *json = NULL;

	if (mp_json_parse(letter->body, letter->body_len, &json, reason) != MP_OK)
		return NULL;
	json_t *data = json_incref(json_object_get(json, "data"));
	json_decref(json);
	return data;
}

static enum mp_dead_choice replay_letter(void *ctx, const struct mp_dead_letter *letter)
{
	struct replay *replay = ctx;

	if (replay->id != NULL && strcmp(letter->id, replay->id) != 0)
		return MP_DEAD_KEEP;
	if (letter->body == NULL) {
		replay->too_large++;
		return MP_DEAD_KEEP;
	}
	if (replay->id == NULL)
		return MP_DEAD_REPLAY;
	json_t *data = data_of(letter);
	bool is_twin = data != NULL && replay->data != NULL && json_equal(data, replay->data) != 0;
	if (replay->data == NULL)
		replay->data = json_incref(data);
	json_decref(data);
	return is_twin ? MP_DEAD_DROP : MP_DEAD_REPLAY;
}

static enum mpctl_exit say_replayed(
	const char *queue, const struct replay *replay, const struct mp_dead_count *count)
{
	(void)printf("%zu given to %s again", count->replayed, service_of(queue));
	if (count->dropped > 0)
		(void)printf(", for %zu dead letters that were the same",
			count->replayed + count->dropped);
	(void)puts(".");
	if (replay->too_large > 0)
		mpctl_say(
			"%zu are larger than an event may be and would only die again: they stay.",
			replay->too_large);
	bool is_more = mpctl_say_unvisited(queue, count);
	if (is_more && replay->id == NULL)
		mpctl_say("The same again goes on with the next ones.");
	return is_more || replay->too_large > 0 ? MPCTL_NO : MPCTL_DONE;
}

enum mpctl_exit mpctl_dead_replay(struct mpctl *ctl, int argc, char **argv)
{
	bool all = argc == 2 && strcmp(argv[1], "--all") == 0;
	struct replay replay = {.id = NULL};
	struct mp_dead_count count;
	char why[256];

	const char *queue = queue_of(argv[0]);
	if (queue == NULL)
		return MPCTL_WRONG_USE;
	replay.id = all ? NULL : argv[1];
	enum mp_rc rc =
		mp_dead_visit(ctl->settings.amqp_url, queue, replay_letter, &replay, &count, why);
	json_decref(replay.data);
	if (rc != MP_OK && count.replayed > 0)
		mpctl_say("%zu were given to %s again before this:", count.replayed,
			service_of(queue));
	if (rc != MP_OK)
		return say_trouble(queue, rc, why);
	if (!all && count.replayed + replay.too_large == 0 && count.visited == count.waiting)
		return say_absent(queue, argv[1]);
	return say_replayed(queue, &replay, &count);
}
