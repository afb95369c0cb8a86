#include "email.h"

#define SEARCH_PAGE 100
#define CLOCKS_APART_MS 60000 /* of the hosts that made a payment and told its first event */

enum mp_rc email_learn_contact(
	struct email_app *app, struct mp_arena *arena, const struct email_contact *contact)
{
	return email_db_contact_put(app->store, arena, contact);
}

enum mp_rc email_list(struct email_app *app, struct mp_arena *arena, const struct mp_id *user_id,
	const char *after, size_t limit, struct email_page *out_page)
{
	return email_db_list(app->store, arena, user_id, after, limit, out_page);
}

enum mp_rc email_find(struct email_app *app, struct mp_arena *arena, const struct mp_id *user_id,
	const struct mp_id *payment_id, struct email_found *out_found)
{
	int64_t since_ms = mp_id_time_ms(payment_id) - CLOCKS_APART_MS;
	const char *after = NULL;
	struct email_page page;
	size_t seen = 0;

	out_found->count = 0;
	do {
		enum mp_rc rc = email_db_list_since(
			app->store, arena, user_id, since_ms, after, SEARCH_PAGE, &page);
		if (rc != MP_OK)
			return rc;
		for (size_t i = 0; i < page.count; i++) {
			if (mp_id_equal(&page.mails[i].notice.payment_id, payment_id))
				out_found->mails[out_found->count++] = &page.mails[i];
		}
		seen += page.count;
		after = page.after;
	} while (after != NULL && seen + SEARCH_PAGE <= EMAIL_SEARCH_MAX);
	out_found->complete = after == NULL;
	return MP_OK;
}

/* A notice claimed before refuses the whole transaction: then each is claimed alone. */
static enum mp_rc claim_one_by_one(
	struct email_app *app, struct mp_arena *arena, const struct email_mail *mails, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum mp_rc rc = email_db_claim(app->store, arena, app->due, &mails[i], 1);
		if (rc != MP_OK && rc != MP_EXISTS)
			return rc;
	}
	return MP_OK;
}

enum mp_rc email_notify(struct email_app *app, struct mp_arena *arena,
	const struct email_notice *notices, size_t count, int64_t now_ms)
{
	struct email_mail *mails = mp_arena_array(arena, count, sizeof(*mails));
	size_t claim_max = email_db_claim_max(app->store);

	if (mails == NULL && count > 0)
		return MP_NOMEM;
	for (size_t i = 0; i < count; i++) {
		mails[i].id = email_mail_id(&notices[i]);
		mails[i].notice = notices[i];
		mails[i].state = EMAIL_PENDING;
		mails[i].created_ms = mails[i].changed_ms = now_ms;
	}
	for (size_t start = 0; start < count; start += claim_max) {
		size_t part = count - start < claim_max ? count - start : claim_max;
		enum mp_rc rc = email_db_claim(app->store, arena, app->due, &mails[start], part);
		if (rc == MP_EXISTS || rc == MP_INVALID) /* known, or twice in this batch */
			rc = claim_one_by_one(app, arena, &mails[start], part);
		if (rc != MP_OK)
			return rc;
	}
	mp_due_wake(app->due);
	return MP_OK;
}
