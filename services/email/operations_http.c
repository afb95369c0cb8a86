#include "email.h"
#include "email_http.h"

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

/* Newest first, as in the user's own list. */
static json_t *found_to_json(const struct email_found *found)
{
	json_t *items = json_array();
	json_t *json = json_object();
	int bad = 0;

	for (size_t i = found->count; i > 0; i--)
		bad |= add_mail(items, found->mails[i - 1]);
	bad |= json_object_set_new(json, "items", items);
	bad |= mp_json_set_text(json, "next_cursor", NULL);
	bad |= mp_json_set_bool(json, "complete", found->complete);
	if (bad == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* GET /v1/operations/payments/{id}/mails */
enum mp_rc email_get_operated(struct mp_request *req, struct mp_response *res, void *ctx)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);
	struct email_found found;
	struct mp_id payment_id;
	struct mp_id user_id;

	enum mp_rc rc = mp_request_param_id(req, "id", &payment_id);
	if (rc == MP_OK && !mp_id_parse(mp_request_query(req, "user_id"), &user_id)) {
		errors->add(errors->ctx, "user_id", "must be a user's id");
		rc = MP_INVALID;
	}
	if (rc != MP_OK)
		return rc;
	rc = email_find(ctx, mp_request_arena(req), &user_id, &payment_id, &found);
	if (rc == MP_OK && found.count == 0 && found.complete)
		rc = MP_NOT_FOUND;
	return rc == MP_OK ? mp_response_json(res, 200, found_to_json(&found)) : rc;
}
