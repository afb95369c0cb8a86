#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "billing_http.h"

#define ANSWER_BYTES_MAX (3u << 20) /* of REPORT_ROWS_MAX rows; a request's arena holds it */
#define MONTHS_BY_DEFAULT 12

/* --- which months --- */

static void wrong(struct mp_request *req, const char *name, const char *message)
{
	const struct mp_field_errors *errors = mp_request_field_errors(req);

	errors->add(errors->ctx, name, message);
}

/* "2026-11" as 202611; absent: fallback; 0 when it is not a month. */
static int read_month(struct mp_request *req, const char *name, int fallback)
{
	const char *text = mp_request_query(req, name);
	char digits[7];
	int64_t month;

	if (text == NULL)
		return fallback;
	if (strlen(text) == 7 && text[4] == '-') {
		memcpy(digits, text, 4);
		memcpy(digits + 4, text + 5, 3);
		if (mp_text_to_int(digits, &month) == MP_OK && month >= 197001 && month <= 999912 &&
			month % 100 >= 1 && month % 100 <= 12)
			return (int)month;
	}
	wrong(req, name, "must be a month as year and number, such as 2026-11");
	return 0;
}

static enum mp_rc read_months(struct mp_request *req, int *out_from, int *out_to)
{
	int now = mp_time_month(mp_clock_ms());
	int to = read_month(req, "to", now);
	int from = read_month(
		req, "from", to == 0 ? now : billing_report_month_add(to, 1 - MONTHS_BY_DEFAULT));

	if (from == 0 || to == 0)
		return MP_INVALID;
	if (billing_report_months(from, to) == 0)
		wrong(req, "to", "must not be before from");
	else if (billing_report_months(from, to) > REPORT_MONTHS_MAX)
		wrong(req, "from", "must be at most 13 months from to, both included");
	else {
		*out_from = from;
		*out_to = to;
		return MP_OK;
	}
	return MP_INVALID;
}

/* --- JSON --- */

static int set_month(json_t *json, const char *name, int month)
{
	char text[16];

	return mp_text_format(text, sizeof(text), "%04d-%02d", month / 100, month % 100) != MP_OK ||
	       mp_json_set_text(json, name, text) != 0;
}

static json_t *row_to_json(
	const struct billing_app *app, const struct report_row *row, bool has_counterparty)
{
	const struct mp_currency *currency = mp_currencies_find(app->db.currencies, row->currency);
	json_t *json = json_object();
	int bad = currency == NULL;

	if (row->month != 0)
		bad |= set_month(json, "month", row->month);
	if (has_counterparty)
		bad |= mp_json_set_id(json, "counterparty", &row->counterparty);
	bad |= mp_json_set_text(json, "currency", row->currency);
	if (bad == 0) {
		bad |= mp_json_set_minor(json, "paid", row->sums.paid_minor, currency);
		bad |= mp_json_set_minor(json, "received", row->sums.received_minor, currency);
		bad |= mp_json_set_minor(json, "funded", row->sums.funded_minor, currency);
	}
	bad |= mp_json_set_int(json, "count", row->sums.count);
	if (bad != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static int set_list(json_t *json, const char *name, const struct billing_app *app,
	const struct report_list *list, bool has_counterparty)
{
	json_t *rows = json_array();
	int bad = 0;

	for (size_t i = 0; i < list->count; i++)
		bad |= json_array_append_new(
			rows, row_to_json(app, &list->rows[i], has_counterparty));
	return bad | json_object_set_new(json, name, rows);
}

static int add_text(const char *bytes, size_t len, void *ctx)
{
	return mp_buf_add(ctx, bytes, len) == MP_OK ? 0 : -1;
}

static enum mp_rc answer_json(struct mp_response *res, const struct billing_app *app,
	const struct billing_report *report, int from, int to)
{
	json_t *json = json_object();
	struct mp_buf text;
	int bad = 0;

	bad |= set_month(json, "from", from);
	bad |= set_month(json, "to", to);
	bad |= set_list(json, "totals", app, &report->totals, false);
	bad |= set_list(json, "months", app, &report->months, false);
	bad |= set_list(json, "counterparties", app, &report->counterparties, true);
	mp_buf_init(&text, ANSWER_BYTES_MAX);
	bad |= bad == 0 && json_dump_callback(json, add_text, &text, JSON_COMPACT) != 0;
	json_decref(json);
	enum mp_rc rc = MP_NOMEM;
	if (bad == 0)
		rc = mp_response_body(res, 200, "application/json", mp_buf_text(&text), text.len);
	mp_buf_done(&text);
	return rc;
}

/* --- CSV (RFC 4180): every group, so that any sum can be made from it --- */

static enum mp_rc write_csv(
	struct mp_buf *out, const struct billing_app *app, const struct billing_report *report)
{
	mp_buf_adds(out, "month,currency,counterparty,paid,received,funded,count\r\n");
	for (size_t i = 0; i < report->detail.count; i++) {
		const struct report_row *row = &report->detail.rows[i];
		const struct mp_currency *currency =
			mp_currencies_find(app->db.currencies, row->currency);
		char paid[MP_AMOUNT_TEXT_SIZE], received[MP_AMOUNT_TEXT_SIZE];
		char funded[MP_AMOUNT_TEXT_SIZE];

		if (currency == NULL)
			return MP_CORRUPT;
		mp_money_format(row->sums.paid_minor, currency, paid);
		mp_money_format(row->sums.received_minor, currency, received);
		mp_money_format(row->sums.funded_minor, currency, funded);
		mp_buf_addf(out, "%04d-%02d,%s,%s,%s,%s,%s,%lld\r\n", row->month / 100,
			row->month % 100, row->currency, row->counterparty.text, paid, received,
			funded, (long long)row->sums.count);
	}
	return mp_buf_rc(out);
}

static enum mp_rc answer_csv(struct mp_response *res, const struct billing_app *app,
	const struct billing_report *report, int from, int to)
{
	char file[96];
	struct mp_buf csv;

	mp_buf_init(&csv, ANSWER_BYTES_MAX);
	enum mp_rc rc = write_csv(&csv, app, report);
	if (rc == MP_OK)
		rc = mp_text_format(file, sizeof(file),
			"attachment; filename=\"moneypal-%04d-%02d-to-%04d-%02d.csv\"", from / 100,
			from % 100, to / 100, to % 100);
	if (rc == MP_OK)
		rc = mp_response_header(res, "Content-Disposition", file);
	if (rc == MP_OK)
		rc = mp_response_body(
			res, 200, "text/csv; charset=utf-8", mp_buf_text(&csv), csv.len);
	mp_buf_done(&csv);
	return rc;
}

static enum mp_rc answer(struct mp_request *req, struct mp_response *res, struct billing_app *app,
	const struct mp_id *user_id, struct mp_arena *arena)
{
	const char *accept = mp_request_header(req, "Accept");
	struct billing_report report;
	int from, to;

	enum mp_rc rc = read_months(req, &from, &to);
	if (rc == MP_OK)
		rc = billing_summary(app, user_id, from, to, arena, &report);
	if (rc == MP_TOO_LARGE)
		mp_request_problem(req, "report_too_large",
			"There are too many counterparties in these months; ask for fewer months.");
	if (rc != MP_OK)
		return rc == MP_TOO_LARGE ? MP_INVALID : rc;
	if (accept != NULL && strstr(accept, "text/csv") != NULL)
		return answer_csv(res, app, &report, from, to);
	return answer_json(res, app, &report, from, to);
}

static enum mp_rc make_report(struct mp_request *req, struct mp_response *res,
	struct billing_app *app, const struct mp_id *user_id)
{
	struct mp_arena *arena = mp_arena_new(REPORT_ARENA_BYTES);
	enum mp_rc rc = arena == NULL ? MP_NOMEM : answer(req, res, app, user_id, arena);

	mp_arena_free(arena);
	return rc;
}

/* GET /v1/reports/summary: over the bound refused, so that a few tabs do not take all memory. */
enum mp_rc billing_get_summary(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct billing_app *app = ctx;
	struct mp_id user_id;
	enum mp_rc rc = MP_BUSY;

	if (!mp_id_parse(mp_request_principal(req)->subject, &user_id))
		return MP_UNAUTHENTICATED;
	if (atomic_fetch_add(&app->reports, 1) < REPORTS_MAX)
		rc = make_report(req, res, app, &user_id);
	(void)atomic_fetch_sub(&app->reports, 1);
	return rc;
}
