#include "billing_report.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void billing_report_begin(
	struct billing_report *report, struct mp_arena *arena, const struct mp_id *user_id)
{
	*report = (struct billing_report){.arena = arena, .user_id = *user_id};
}

/* --- lists kept in order --- */

static int compare(const struct report_row *a, const struct report_row *b)
{
	if (a->month != b->month)
		return a->month < b->month ? -1 : 1;
	int by_currency = strcmp(a->currency, b->currency);

	return by_currency != 0 ? by_currency : strcmp(a->counterparty.text, b->counterparty.text);
}

/* Where the group is, or where it belongs. */
static size_t position(const struct report_list *list, const struct report_row *group)
{
	size_t low = 0;
	size_t high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&list->rows[middle], group) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum mp_rc grow(struct mp_arena *arena, struct report_list *list)
{
	size_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
	struct report_row *rows;

	if (list->count >= REPORT_ROWS_MAX)
		return MP_TOO_LARGE;
	if (list->count < list->capacity)
		return MP_OK;
	rows = mp_arena_array(arena, capacity, sizeof(*rows));
	if (rows == NULL)
		return MP_NOMEM;
	if (list->count > 0)
		memcpy(rows, list->rows, list->count * sizeof(*rows));
	list->rows = rows;
	list->capacity = capacity;
	return MP_OK;
}

static enum mp_rc add_sums(struct report_sums *to, const struct report_sums *sums)
{
	struct report_sums all;

	if (mp_minor_add(to->paid_minor, sums->paid_minor, &all.paid_minor) != MP_OK ||
		mp_minor_add(to->received_minor, sums->received_minor, &all.received_minor) !=
			MP_OK ||
		mp_minor_add(to->funded_minor, sums->funded_minor, &all.funded_minor) != MP_OK)
		return MP_INVALID;
	all.count = to->count + sums->count;
	*to = all;
	return MP_OK;
}

static enum mp_rc add_to_list(
	struct mp_arena *arena, struct report_list *list, const struct report_row *row)
{
	size_t at = position(list, row);
	enum mp_rc rc;

	if (at < list->count && compare(&list->rows[at], row) == 0)
		return add_sums(&list->rows[at].sums, &row->sums);
	rc = grow(arena, list);
	if (rc != MP_OK)
		return rc;
	memmove(&list->rows[at + 1], &list->rows[at], (list->count - at) * sizeof(*list->rows));
	list->rows[at] = *row;
	list->count++;
	return MP_OK;
}

/* Adds the row to each list, without what that list does not group by. */
static enum mp_rc add_row(struct billing_report *report, const struct report_row *row)
{
	struct report_row month = *row;
	struct report_row counterparty = *row;
	struct report_row total = *row;
	enum mp_rc rc = add_to_list(report->arena, &report->detail, row);

	month.counterparty = (struct mp_id){0};
	counterparty.month = 0;
	total.counterparty = (struct mp_id){0};
	total.month = 0;
	if (rc == MP_OK)
		rc = add_to_list(report->arena, &report->months, &month);
	if (rc == MP_OK && !mp_id_is_none(&row->counterparty))
		rc = add_to_list(report->arena, &report->counterparties, &counterparty);
	return rc == MP_OK ? add_to_list(report->arena, &report->totals, &total) : rc;
}

enum mp_rc billing_report_add_bill(struct billing_report *report, const struct bill *bill)
{
	bool paid = mp_id_equal(&bill->user_id, &report->user_id);
	struct report_row row = {
		.month = mp_time_month(mp_id_time_ms(&bill->id)),
		.counterparty = paid ? bill->provider_id : bill->user_id,
		.sums = {.count = 1},
	};

	if (bill->state != BILL_SETTLED)
		return MP_OK;
	memcpy(row.currency, bill->amount.currency, sizeof(row.currency));
	if (paid)
		row.sums.paid_minor = bill->amount.minor;
	else
		row.sums.received_minor = bill->amount.minor;
	return add_row(report, &row);
}

enum mp_rc billing_report_add_funding(
	struct billing_report *report, const struct billing_funding *funding)
{
	struct report_row row = {
		.month = mp_time_month(mp_id_time_ms(&funding->transfer_id)),
		.sums = {.funded_minor = funding->amount.minor, .count = 1},
	};

	memcpy(row.currency, funding->amount.currency, sizeof(row.currency));
	return add_row(report, &row);
}

/* --- months --- */

static int month_index(int month)
{
	return month / 100 * 12 + month % 100 - 1;
}

int billing_report_months(int from, int to)
{
	int count = month_index(to) - month_index(from) + 1;

	return count > 0 ? count : 0;
}

int billing_report_month_add(int month, int months)
{
	int index = month_index(month) + months;

	return index / 12 * 100 + index % 12 + 1;
}

int64_t billing_report_month_start_ms(int month)
{
	char text[MP_TIME_TEXT_SIZE];
	int64_t time_ms = 0;
	int len = snprintf(
		text, sizeof(text), "%04d-%02d-01T00:00:00Z", month / 100 % 10000, month % 100);
	enum mp_rc rc = mp_time_parse(text, &time_ms);

	assert(len > 0 && rc == MP_OK); /* a month that was checked where it came in */
	(void)len;
	(void)rc;
	return time_ms;
}
