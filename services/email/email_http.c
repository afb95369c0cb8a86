#include "email_http.h"

#include "email.h"

json_t *email_mail_to_json(const struct email_mail *mail)
{
	json_t *json = json_object();
	int bad = 0;

	bad |= mp_json_set_id(json, "id", &mail->id);
	bad |= mp_json_set_text(json, "event", mail->notice.event);
	bad |= mp_json_set_text(json, "template", email_template_name(mail->notice.template));
	bad |= mp_json_set_text(json, "state", email_state_name(mail->state));
	bad |= mp_json_set_text(json, "answer", mail->answer[0] == '\0' ? NULL : mail->answer);
	bad |= mp_json_set_id(json, "payment_id", &mail->notice.payment_id);
	bad |= mp_json_set_time(json, "date", mail->notice.event_time_ms);
	if (bad != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* GET /v1/mails */
static enum mp_rc get_mails(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct email_page page;
	struct mp_id user_id;
	const char *after;
	size_t limit;
	json_t *items;

	if (!mp_id_parse(mp_request_principal(req)->subject, &user_id))
		return MP_UNAUTHENTICATED;
	enum mp_rc rc = mp_request_page(req, &limit, &after);
	if (rc == MP_OK)
		rc = email_list(ctx, mp_request_arena(req), &user_id, after, limit, &page);
	if (rc != MP_OK)
		return rc;
	items = json_array();
	for (size_t i = 0; i < page.count; i++) {
		if (json_array_append_new(items, email_mail_to_json(&page.mails[i])) != 0) {
			json_decref(items);
			return MP_NOMEM;
		}
	}
	return mp_response_list(res, items, page.after);
}

const struct mp_route email_routes[] = {
	{"GET", "/v1/mails", MP_AUTH_USER, NULL, MP_KEY_NONE, 0, 0, get_mails},

	/* Inside only: the gateway does not route it. */
	{"GET", "/v1/operations/payments/{id}/mails", MP_AUTH_SERVICE, "operations:read",
		MP_KEY_NONE, 0, 0, email_get_operated},
};
const size_t email_routes_count = sizeof(email_routes) / sizeof(email_routes[0]);
