#include "email.h"
#include "email_http.h"

#define PAGE 100
#define MAILS_MAX 500 /* looked through for one payment */

static int add_mail(json_t *items, const struct email_mail *mail)
{
	json_t *json = email_mail_to_json(mail);

	if (json == NULL || mp_json_set_int(json, "attempts", mail->attempts) != 0 ||
		mp_json_set_time(json, "changed_at", mail->changed_ms) != 0 ||
		mp_json_set_text(json, "trace", mail->notice.traceparent) != 0) {
		json_decref(json);
		return -1;
	}
	return json_array_append_new(items, json);
}

/* Newest first, so that what is older than the payment itself ends the search. */
static enum mp_rc find_mails(struct email_app *app, struct mp_arena *arena,
	const struct mp_id *user_id, const struct mp_id *payment_id, json_t *items)
{
	const char *after = NULL;
	struct email_page page;
	size_t seen = 0;

	do {
		enum mp_rc rc = email_list(app, arena, user_id, after, PAGE, &page);
		if (rc != MP_OK)
			return rc;
		for (size_t i = 0; i < page.count; i++) {
			const struct email_mail *mail = &page.mails[i];

			if (mail->notice.event_time_ms + 60000 < mp_id_time_ms(payment_id))
				return MP_OK;
			if (mp_id_equal(&mail->notice.payment_id, payment_id) &&
				add_mail(items, mail) != 0)
				return MP_NOMEM;
		}
		seen += page.count;
		after = page.after;
	} while (after != NULL && seen < MAILS_MAX);
	return MP_OK;
}

/* GET /v1/operations/payments/{id}/mails */
enum mp_rc email_get_operated(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	struct mp_id payment_id;
	struct mp_id user_id;

	enum mp_rc rc = mp_request_param_id(req, "id", &payment_id);
	if (rc == MP_OK && !mp_id_parse(mp_request_query(req, "user_id"), &user_id)) {
		errors->add(errors->ctx, "user_id", "must be a user's id");
		rc = MP_INVALID;
	}
	if (rc != MP_OK)
		return rc;
	json_t *items = json_array();
	rc = items == NULL ? MP_NOMEM
			   : find_mails(ctx, mp_request_arena(req), &user_id, &payment_id, items);
	if (rc == MP_OK && json_array_size(items) == 0)
		rc = MP_NOT_FOUND;
	if (rc == MP_OK)
		return mp_response_list(res, items, NULL);
	json_decref(items);
	return rc;
}
