#include "bus/dead.h"

#include <stdio.h>
#include <string.h>

#include "bus/topology.h"
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

static enum mpctl_exit say_trouble(const char *queue, enum mp_rc rc, const char *why)
{
	mpctl_say("The dead letters of %s cannot be looked at (%s): %s.", service_of(queue),
		rc == MP_BUSY ? "try again in a moment"
			      : "is the broker running, and is AMQP_URL right?",
		why);
	return MPCTL_TROUBLE;
}

static enum mpctl_exit list_queue(
	struct mpctl *ctl, struct list *list, const char *queue, size_t *inout_waiting)
{
	struct mp_dead_count count;
	char why[256];

	list->service = service_of(queue);
	enum mp_rc rc = mp_dead_visit(ctl->settings.amqp_url, queue, add_letter, list, &count, why);
	if (rc != MP_OK)
		return say_trouble(queue, rc, why);
	*inout_waiting += count.waiting;
	if (count.visited < count.waiting)
		mpctl_say("Of %s the oldest %zu of %zu are shown.", list->service, count.visited,
			count.waiting);
	return MPCTL_DONE;
}

enum mpctl_exit mpctl_dead_list(struct mpctl *ctl, int argc, char **argv)
{
	static const char *const headings[] = {"SERVICE", "SINCE", "ID", "EVENT", "REASON"};
	const char *only = argc == 1 ? queue_of(argv[0]) : NULL;
	enum mpctl_exit result = MPCTL_DONE;
	struct list list;
	size_t waiting = 0;

	if (argc > 1)
		return mpctl_wrong_use("dead list");
	if (argc == 1 && only == NULL)
		return MPCTL_WRONG_USE;
	table_begin(&list.table, ctl->arena, 5, headings);
	for (size_t i = 0; result == MPCTL_DONE && i < mp_queues_count; i++) {
		if (only == NULL || only == mp_queues[i])
			result = list_queue(ctl, &list, mp_queues[i], &waiting);
	}
	if (result != MPCTL_DONE)
		return result;
	if (waiting == 0)
		(void)puts("There are no dead letters.");
	else if (table_print(&list.table, "") != MP_OK)
		mpctl_say("There is not enough memory to show them all.");
	return MPCTL_DONE;
}
