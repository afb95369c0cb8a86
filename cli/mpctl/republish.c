#include <stdio.h>

#include "call.h"

/*
 * Page by page, so that a table of any size takes no more than a page's memory anywhere. Told twice
 * is told once, so after a failure the whole is simply asked for again, or the rest of it by the
 * cursor that was printed.
 */
enum mpctl_exit mpctl_republish_users(struct mpctl *ctl, int argc, char **argv)
{
	json_t *body = json_pack("{s:s?}", "cursor", argc == 1 ? argv[0] : NULL);
	enum mpctl_exit result = MPCTL_DONE;
	json_int_t told = 0;

	if (argc > 1) {
		json_decref(body);
		return mpctl_wrong_use("republish users");
	}
	while (body != NULL) {
		json_t *answer = NULL;

		result = mpctl_call(
			ctl, PEER_USER, "POST", "/v1/operations/republish", body, &answer);
		if (result != MPCTL_DONE)
			break;
		told += json_integer_value(json_object_get(answer, "told"));
		const char *next = json_string_value(json_object_get(answer, "next_cursor"));
		json_decref(body);
		body = next != NULL ? json_pack("{s:s}", "cursor", next) : NULL;
		json_decref(answer);
	}
	(void)printf("%lld users told again.\n", (long long)told);
	if (result != MPCTL_DONE) {
		const char *at = json_string_value(json_object_get(body, "cursor"));
		mpctl_say("It goes on with: mpctl republish users %s", at != NULL ? at : "");
	}
	json_decref(body);
	return result;
}
