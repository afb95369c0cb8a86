#include <stdio.h>

#include "call.h"

enum mpctl_exit mpctl_redrive(struct mpctl *ctl, int argc, char **argv)
{
	json_t *answer = NULL;
	struct mp_id id;

	if (!mpctl_read_payment(argv[0], &id))
		return MPCTL_WRONG_USE;
	const char *path =
		mp_arena_printf(ctl->arena, "/v1/operations/payments/%s/redrive", id.text);
	if (path == NULL)
		return mpctl_no_memory();
	enum mpctl_exit result = mpctl_call(ctl, PEER_PAYMENT, "POST", path, NULL, &answer);
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
