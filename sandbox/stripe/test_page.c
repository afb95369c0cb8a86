#include "base/testing.h"

#include <string.h>

#include "cards.h"
#include "currency.h"
#include "ids.h"
#include "page.h"

static struct line_item items[] = {{.name = "<b>&\"'", .unit_amount = 5, .quantity = 3}};
static const struct session session = {
	.id = {"01990f3c-1a2b-7000-8000-0123456789ab"},
	.currency = "jpy",
	.amount_total = 15,
	.items = items,
	.items_count = 1,
	.success_url = "https://a.b/{CHECKOUT_SESSION_ID}?s={CHECKOUT_SESSION_ID}&x={}",
	.cancel_url = "https://a.b/?a=1&b='2'",
};
#define SESSION_ID "cs_test_01990f3c1a2b700080000123456789ab"

static void what_is_not_ours_is_escaped(void **state)
{
	const struct page page = {.session = &session, .refusal = "No."};
	struct mp_buf html;

	mp_buf_init(&html, PAGE_BYTES_MAX);
	page_write_form(&html, &page);
	assert_int_equal(mp_buf_rc(&html), MP_OK);
	assert_null(strstr(mp_buf_text(&html), "<b>"));
	assert_non_null(strstr(mp_buf_text(&html), "<h1>&#60;b&#62;&#38;&#34;&#39;</h1>"));
	assert_non_null(strstr(mp_buf_text(&html), "href=\"https://a.b/?a=1&#38;b=&#39;2&#39;\""));
	assert_non_null(strstr(mp_buf_text(&html), "15 JPY"));
	assert_non_null(strstr(mp_buf_text(&html), ">No.<"));
	mp_buf_done(&html);
}

static void the_return_address_gets_the_sessions_id(void **state)
{
	struct mp_buf url;

	mp_buf_init(&url, 1024);
	page_write_return_url(&url, &session);
	assert_string_equal(mp_buf_text(&url), "https://a.b/" SESSION_ID "?s=" SESSION_ID "&x={}");
	mp_buf_done(&url);
}

static void closed_pages_have_no_form(void **state)
{
	static const struct {
		enum session_status status;
		bool paid;
		const char *says;
	} rows[] = {
		{SESSION_COMPLETE, true, "has been paid"},
		{SESSION_COMPLETE, false, "on its way"},
		{SESSION_EXPIRED, false, "has expired"},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session closed = session;
		struct mp_buf html;

		closed.status = rows[i].status;
		closed.paid = rows[i].paid;
		mp_buf_init(&html, PAGE_BYTES_MAX);
		page_write_closed(&html, &closed);
		wrong += mp_wrong(strstr(mp_buf_text(&html), rows[i].says) != NULL &&
					  strstr(mp_buf_text(&html), "<form") == NULL,
			"%s", rows[i].says);
		mp_buf_done(&html);
	}
	assert_int_equal(wrong, 0);
}

static void ids_are_read_as_they_are_written(void **state)
{
	static const char *const bad[] = {"", "cs_test_", "cs_test_01990f3c1a2b700080000123456789a",
		"cs_test_01990f3c1a2b700080000123456789abc",
		"cs_test_01990F3C1a2b700080000123456789ab",
		"cs_test_01990f3c-1a2b-7000-8000-0123456789ab",
		"pi_01990f3c1a2b700080000123456789ab"};
	char text[STRIPE_ID_SIZE];
	struct mp_id id;
	int wrong = 0;

	stripe_id_format(SESSION_PREFIX, &session.id, text);
	assert_string_equal(text, SESSION_ID);
	assert_true(stripe_id_parse(SESSION_PREFIX, text, &id));
	assert_true(mp_id_equal(&id, &session.id));
	assert_false(stripe_id_parse(SESSION_PREFIX, NULL, &id));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		wrong += mp_wrong(!stripe_id_parse(SESSION_PREFIX, bad[i], &id), "%s", bad[i]);
	assert_int_equal(wrong, 0);
}

static void cards_are_judged(void **state)
{
	const int64_t now_ms = 1800000000000; /* 2027-01 */
	static const struct {
		struct card card;
		enum mp_rc rc;
		const char *decline_code; /* "": charged */
	} rows[] = {
		{{"4242424242424242", "01/27", "123"}, MP_OK, ""},
		{{"4242 4242 4242 4242", "12 / 34", "1234"}, MP_OK, ""},
		{{"4242-4242-4242-4242", "1234", "123"}, MP_OK, ""},
		{{"378282246310005", "12/2034", "123"}, MP_OK, ""},
		{{"4000000000000002", "12/34", "123"}, MP_OK, "generic_decline"},
		{{"4000000000009995", "12/34", "123"}, MP_OK, "insufficient_funds"},
		{{"4111111111111111", "12/34", "123"}, MP_OK, "test_mode_live_card"},
		{{"4242424242424241", "12/34", "123"}, MP_INVALID, ""},
		{{"", "12/34", "123"}, MP_INVALID, ""},
		{{"42424242424242424242", "12/34", "123"}, MP_INVALID, ""},
		{{"4242424242424242", "12/26", "123"}, MP_INVALID, ""},
		{{"4242424242424242", "00/34", "123"}, MP_INVALID, ""},
		{{"4242424242424242", "13/34", "123"}, MP_INVALID, ""},
		{{"4242424242424242", "1/234", "123"}, MP_INVALID, ""},
		{{"4242424242424242", "12/34", "12"}, MP_INVALID, ""},
		{{"4242424242424242", "12/34", "12a"}, MP_INVALID, ""},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct card_verdict verdict = {.code = NULL};
		struct card_problems problems;
		enum mp_rc rc = card_judge(&rows[i].card, now_ms, &verdict, &problems);
		const char *code = verdict.decline_code == NULL ? "" : verdict.decline_code;

		wrong += mp_wrong(rc == rows[i].rc && strcmp(code, rows[i].decline_code) == 0,
			"%s %s %s: %s, %s", rows[i].card.number, rows[i].card.expiry,
			rows[i].card.cvc, mp_rc_name(rc), code);
	}
	assert_int_equal(wrong, 0);
}

static void amounts_have_their_currencys_digits(void **state)
{
	char text[STRIPE_AMOUNT_TEXT_SIZE];

	stripe_amount_format(13000, "usd", text);
	assert_string_equal(text, "130.00 USD");
	stripe_amount_format(1230, "KWD", text);
	assert_string_equal(text, "1.230 KWD");
	assert_null(stripe_currency_find("usdx"));
	assert_null(stripe_currency_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_ours_is_escaped),
		cmocka_unit_test(the_return_address_gets_the_sessions_id),
		cmocka_unit_test(closed_pages_have_no_form),
		cmocka_unit_test(ids_are_read_as_they_are_written),
		cmocka_unit_test(cards_are_judged),
		cmocka_unit_test(amounts_have_their_currencys_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
