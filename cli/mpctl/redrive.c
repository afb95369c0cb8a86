#include <stdio.h>

#include "call.h"

/* A payment that a person drives on. */

static enum mpctl_exit post(
	struct mpctl *ctl, const struct mp_id *id, const char *what, json_t **out)
{
	const char *path =
		mp_arena_printf(ctl->arena, "/v1/operations/payments/%s/%s", id->text, what);

	if (path == NULL)
		return mpctl_no_memory();
	return mpctl_call(ctl, PEER_PAYMENT, "POST", path, NULL, out);
}

enum mpctl_exit mpctl_redrive(struct mpctl *ctl, int argc, char **argv)
{
	json_t *answer = NULL;
	struct mp_id id;

	if (!mpctl_read_payment(argv[0], &id))
		return MPCTL_WRONG_USE;
	enum mpctl_exit result = post(ctl, &id, "redrive", &answer);
	if (result == MPCTL_NO)
		mpctl_say("There is no payment %s.", id.text);
	if (result != MPCTL_DONE)
		return result;
	bool told = json_is_true(json_object_get(answer, "told"));
	(void)puts(told ? "Its last events are told again."
			: "There is nothing to tell again: it has ended, or waits for its payer.");
	json_decref(answer);
	return MPCTL_DONE;
}

enum mpctl_exit mpctl_close(struct mpctl *ctl, int argc, char **argv)
{
	json_t *answer = NULL;
	struct mp_id id;

	if (!mpctl_read_payment(argv[0], &id))
		return MPCTL_WRONG_USE;
	enum mpctl_exit result = post(ctl, &id, "close", &answer);
	if (result == MPCTL_NO)
		mpctl_say("There is no payment %s in review for the provider's figures.", id.text);
	if (result != MPCTL_DONE)
		return result;
	(void)puts("It ends as failed. Nothing is credited.");
	json_decref(answer);
	return MPCTL_DONE;
}
