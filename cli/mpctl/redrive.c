#include <stdio.h>

#include "call.h"

/* A payment that a person drives on. */

/* which: what is missing when there is none, behind the id. */
static enum mpctl_exit drive_on(struct mpctl *ctl, const char *payment, const char *operation,
	const char *which, json_t **out_answer)
{
	struct mp_id id;

	if (!mpctl_read_payment(payment, &id))
		return MPCTL_WRONG_USE;
	const char *path =
		mp_arena_printf(ctl->arena, "/v1/operations/payments/%s/%s", id.text, operation);
	if (path == NULL)
		return mpctl_no_memory();
	enum mpctl_exit result = mpctl_call(ctl, PEER_PAYMENT, "POST", path, NULL, out_answer);
	if (result == MPCTL_NO)
		mpctl_say("There is no payment %s%s.", id.text, which);
	return result;
}

enum mpctl_exit mpctl_redrive(struct mpctl *ctl, int argc, char **argv)
{
	json_t *answer = NULL;

	enum mpctl_exit result = drive_on(ctl, argv[0], "redrive", "", &answer);
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

	enum mpctl_exit result =
		drive_on(ctl, argv[0], "close", " in review for the provider's figures", &answer);
	if (result != MPCTL_DONE)
		return result;
	(void)puts("It ends as failed. Nothing is credited.");
	json_decref(answer);
	return MPCTL_DONE;
}
