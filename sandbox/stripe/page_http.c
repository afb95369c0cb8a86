#include "sandbox_http.h"

#include <string.h>

#include "api.h"
#include "base/clock.h"
#include "ids.h"
#include "page.h"

#define RETURN_URL_BYTES_MAX 65536
#define FIELD_CHARS_MAX 100

/* The page has no script and takes nothing from elsewhere; its form leads to the return address. */
static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
			     "frame-ancestors 'none'";

static enum mp_rc send(struct mp_response *res, unsigned status, struct mp_buf *html)
{
	enum mp_rc rc = mp_buf_rc(html);

	if (rc == MP_OK)
		rc = mp_response_header(res, "Content-Security-Policy", policy);
	if (rc == MP_OK)
		rc = mp_response_header(res, "Referrer-Policy", "no-referrer");
	if (rc == MP_OK)
		rc = mp_response_body(
			res, status, "text/html; charset=utf-8", mp_buf_text(html), html->len);
	mp_buf_done(html);
	return rc;
}

static enum mp_rc send_form(struct mp_response *res, unsigned status, const struct page *page)
{
	struct mp_buf html;

	mp_buf_init(&html, PAGE_BYTES_MAX);
	page_write_form(&html, page);
	return send(res, status, &html);
}

static enum mp_rc send_closed(struct mp_response *res, const struct session *session)
{
	struct mp_buf html;

	mp_buf_init(&html, PAGE_BYTES_MAX);
	page_write_closed(&html, session);
	return send(res, 410, &html);
}

static enum mp_rc send_unknown(struct mp_response *res)
{
	struct mp_buf html;

	mp_buf_init(&html, PAGE_BYTES_MAX);
	page_write_unknown(&html);
	return send(res, 404, &html);
}

static enum mp_rc send_back(struct mp_response *res, const struct session *session)
{
	struct mp_buf url;

	mp_buf_init(&url, RETURN_URL_BYTES_MAX);
	page_write_return_url(&url, session);
	enum mp_rc rc = mp_buf_rc(&url);
	if (rc == MP_OK)
		rc = mp_response_header(res, "Location", mp_buf_text(&url));
	if (rc == MP_OK)
		rc = mp_response_empty(res, 303);
	mp_buf_done(&url);
	return rc;
}

static enum mp_rc find_session(struct mp_request *req, struct app *app, struct session *out)
{
	struct mp_id id;

	if (!stripe_id_parse(SESSION_PREFIX, mp_request_param(req, "id"), &id))
		return MP_NOT_FOUND;
	return db_session_get(app->sandbox.store, &id, mp_request_arena(req), out);
}

/* GET /pay/{id} */
enum mp_rc page_get(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct app *app = ctx;
	struct session session;

	enum mp_rc rc = find_session(req, app, &session);
	if (rc == MP_NOT_FOUND)
		return send_unknown(res);
	if (rc != MP_OK)
		return rc;
	if (!checkout_is_open(&session, mp_clock_ms()))
		return send_closed(res, &session);
	const struct page page = {.session = &session};
	return send_form(res, 200, &page);
}

/* --- paying --- */

static const char *text_or_empty(struct form *form, const char *name)
{
	struct stripe_error *error = form->error;
	const char *text = form_text(form, name, FIELD_CHARS_MAX);

	/* What is empty or too long is told like anything else that is no card. */
	form->rc = form->rc == MP_INVALID ? MP_OK : form->rc;
	*error = (struct stripe_error){.status = 0};
	return text == NULL ? "" : text;
}

static enum mp_rc pay_card(struct mp_request *req, struct mp_response *res, struct app *app,
	const struct card *card, struct session *session)
{
	struct page page = {.session = session};
	struct card_verdict verdict;
	int64_t now_ms = mp_clock_ms();

	if (!checkout_is_open(session, now_ms))
		return send_closed(res, session);
	if (card_judge(card, now_ms, &verdict, &page.problems) != MP_OK)
		return send_form(res, 402, &page);
	enum mp_rc rc = checkout_pay_card(
		&app->sandbox, &session->id, &verdict, mp_request_arena(req), now_ms, session);
	if (rc == MP_CONFLICT)
		return send_closed(res, session);
	if (rc != MP_OK)
		return rc;
	page.refusal = verdict.message;
	return verdict.code == NULL ? send_back(res, session) : send_form(res, 402, &page);
}

static enum mp_rc pay_bank(
	struct mp_request *req, struct mp_response *res, struct app *app, struct session *session)
{
	enum mp_rc rc = checkout_pay_bank(
		&app->sandbox, &session->id, mp_request_arena(req), mp_clock_ms(), session);

	if (rc == MP_CONFLICT)
		return send_closed(res, session);
	return rc == MP_OK ? send_back(res, session) : rc;
}

/* POST /pay/{id} */
enum mp_rc page_post(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct app *app = ctx;
	struct stripe_error error = {.status = 0};
	struct session session;
	struct form form;
	size_t len;
	const char *body = mp_request_body(req, &len);

	enum mp_rc rc = find_session(req, app, &session);
	if (rc == MP_NOT_FOUND)
		return send_unknown(res);
	if (rc != MP_OK)
		return rc;
	form_begin(&form, mp_request_arena(req), &error);
	form_decode(&form, body, len);
	if (form.rc != MP_OK)
		return form.rc;
	const struct card card = {
		.number = text_or_empty(&form, "card_number"),
		.expiry = text_or_empty(&form, "expiry"),
		.cvc = text_or_empty(&form, "cvc"),
	};
	if (form.rc != MP_OK)
		return form.rc;
	if (strcmp(text_or_empty(&form, "method"), "bank") == 0)
		return pay_bank(req, res, app, &session);
	return pay_card(req, res, app, &card, &session);
}
