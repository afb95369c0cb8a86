#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "call.h"

#define REPUBLISH "/v1/operations/republish"

typedef enum mpctl_exit (*with_answer)(void *ctx, const json_t *answer);

/*
 * Page by page, so that a table of any size takes no more than a page's memory anywhere. The body's
 * cursor moves on with each page, and stays at one that failed. `then` is given each answer, where
 * there is one.
 */
static enum mpctl_exit tell_pages(struct mpctl *ctl, enum mpctl_peer peer, json_t *body,
	with_answer then, void *then_ctx, json_int_t *inout_told)
{
	enum mpctl_exit result = body != NULL ? MPCTL_DONE : mpctl_no_memory();
	bool more = true;

	while (result == MPCTL_DONE && more) {
		json_t *answer = NULL;

		result = mpctl_call(ctl, peer, "POST", REPUBLISH, body, &answer);
		if (result == MPCTL_NO) /* this route is always there */
			result = mpctl_not_of_this_version(ctl, peer, REPUBLISH);
		if (result == MPCTL_DONE && then != NULL)
			result = then(then_ctx, answer);
		if (result == MPCTL_DONE) {
			json_t *next = json_object_get(answer, "next_cursor");

			*inout_told += json_integer_value(json_object_get(answer, "told"));
			more = json_is_string(next);
			if (more && json_object_set(body, "cursor", next) != 0)
				result = mpctl_no_memory();
		}
		json_decref(answer);
	}
	return result;
}

/* Told twice is told once: after a failure, again, or the rest of it by the cursor. */
enum mpctl_exit mpctl_republish_users(struct mpctl *ctl, int argc, char **argv)
{
	json_int_t told = 0;

	json_t *body = json_pack("{s:s?}", "cursor", argc == 1 ? argv[0] : NULL);
	enum mpctl_exit result = tell_pages(ctl, PEER_USER, body, NULL, NULL, &told);
	(void)printf("%lld users told again.\n", (long long)told);
	if (result != MPCTL_DONE) {
		const char *at = json_string_value(json_object_get(body, "cursor"));
		mpctl_say("It goes on with: mpctl republish users %s", at != NULL ? at : "");
	}
	json_decref(body);
	return result;
}

/* --- notices --- */

static const struct {
	enum mpctl_peer peer;
	const char *what;
} tellers[] = {
	{PEER_WALLET, "credits"},
	{PEER_BILLING, "bills"},
	{PEER_PAYMENT, "payments that expired or failed"},
};
#define TELLERS (sizeof(tellers) / sizeof(tellers[0]))

struct notices {
	struct mpctl *ctl;
	char from[MP_TIME_TEXT_SIZE];
	json_int_t told[TELLERS];
};

static enum mpctl_exit tell_user(struct notices *notices, size_t teller, const char *user_id)
{
	json_t *body =
		json_pack("{s:s, s:s, s:n}", "user_id", user_id, "from", notices->from, "cursor");
	enum mpctl_exit result = tell_pages(
		notices->ctl, tellers[teller].peer, body, NULL, NULL, &notices->told[teller]);

	json_decref(body);
	return result;
}

/* People first, then what they are told: an address book that was lost has them by then. */
static enum mpctl_exit tell_page(void *ctx, const json_t *answer)
{
	const json_t *users = json_object_get(answer, "users");
	struct notices *notices = ctx;
	enum mpctl_exit result = MPCTL_DONE;
	const json_t *user;
	size_t i;

	if (!json_is_array(users))
		return mpctl_not_of_this_version(
			notices->ctl, PEER_USER, "users in its answer to " REPUBLISH);
	json_array_foreach(users, i, user)
	{
		for (size_t teller = 0; result == MPCTL_DONE && teller < TELLERS; teller++)
			result = tell_user(notices, teller, json_string_value(user));
	}
	return result;
}

enum mpctl_exit mpctl_republish_notices(struct mpctl *ctl, int argc, char **argv)
{
	struct notices notices = {.ctl = ctl};
	json_int_t users = 0;
	int64_t from_ms = 0;

	if (strcmp(argv[0], "--from") != 0 || !mpctl_read_day(argv[1], &from_ms))
		return mpctl_wrong_use("republish notices");
	mp_time_format(from_ms, notices.from);
	json_t *body = json_pack("{s:n}", "cursor");
	enum mpctl_exit result = tell_pages(ctl, PEER_USER, body, tell_page, &notices, &users);
	json_decref(body);
	(void)printf("%lld users told again.\n", (long long)users);
	for (size_t i = 0; i < TELLERS; i++)
		(void)printf("%lld %s told again.\n", (long long)notices.told[i], tellers[i].what);
	return result;
}
