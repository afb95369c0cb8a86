#include "page.h"

#include <string.h>

#include "currency.h"
#include "ids.h"

#define ID_TEMPLATE "{CHECKOUT_SESSION_ID}"
#define SUMMARY_ITEMS_MAX 10

static const char style[] =
	"*{box-sizing:border-box}"
	":root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--text:#1a1f36;--dim:#5a6275;"
	"--line:#d5d9e2;--edge:#858c9e;--accent:#4b45c6;--on-accent:#fff;--bad:#b3261e;"
	"--bad-back:#fdecea;"
	"--mark:#fff3cd;--on-mark:#5c4300}"
	"@media(prefers-color-scheme:dark){:root{--back:#12141c;--card:#1c1f2b;--text:#eceef5;"
	"--dim:#a7aec2;--line:#3a4052;--edge:#7d859b;--accent:#8c86ff;--on-accent:#12141c;"
	"--bad:#ffb4ab;"
	"--bad-back:#3b1715;--mark:#463a12;--on-mark:#ffe9a8}}"
	"html{font:17px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
	"background:var(--back);color:var(--text);-webkit-text-size-adjust:100%}"
	"body{margin:0;padding:0 16px 40px}"
	".mark{margin:0 -16px 20px;padding:10px 16px;background:var(--mark);color:var(--on-mark);"
	"text-align:center;font-size:15px}"
	"main{max-width:460px;margin:0 auto;background:var(--card);border-radius:16px;"
	"padding:24px 20px;box-shadow:0 1px 3px #0002,0 8px 28px #0001}"
	"h1{font-size:17px;font-weight:500;color:var(--dim);margin:0;overflow-wrap:anywhere}"
	".amount{font-size:36px;font-weight:650;letter-spacing:-.02em;margin:2px 0 16px;"
	"font-variant-numeric:tabular-nums}"
	"ul{list-style:none;margin:0 0 20px;padding:0;border-top:1px solid var(--line)}"
	"li{display:flex;justify-content:space-between;gap:16px;padding:10px 0;"
	"border-bottom:1px solid var(--line);overflow-wrap:anywhere}"
	"li span:last-child{white-space:nowrap;font-variant-numeric:tabular-nums}"
	"label{display:block;font-weight:600;font-size:15px;margin:0 0 6px}"
	"input{width:100%;min-height:52px;padding:0 14px;font:inherit;font-size:18px;"
	"color:inherit;background:transparent;border:1px solid var(--edge);border-radius:10px;"
	"font-variant-numeric:tabular-nums}"
	"input:focus-visible,button:focus-visible,a:focus-visible,summary:focus-visible"
	"{outline:3px solid var(--accent);outline-offset:2px}"
	"input[aria-invalid]{border-color:var(--bad);border-width:2px}"
	".field{margin:0 0 16px}.pair{display:grid;grid-template-columns:1fr 1fr;gap:12px}"
	".wrong{color:var(--bad);font-size:15px;margin:6px 0 0}"
	".refusal{background:var(--bad-back);color:var(--bad);border-radius:10px;"
	"padding:12px 14px;margin:0 0 18px;font-weight:600}"
	"button,.button{display:flex;align-items:center;justify-content:center;width:100%;"
	"min-height:54px;padding:8px 16px;font:inherit;font-weight:650;border-radius:10px;"
	"border:1px solid var(--accent);background:var(--accent);color:var(--on-accent);"
	"cursor:pointer;text-decoration:none;text-align:center}"
	"button.second{background:transparent;color:var(--accent);margin-top:12px}"
	".back{display:flex;align-items:center;justify-content:center;min-height:48px;"
	"margin-top:12px;color:var(--dim)}"
	"details{max-width:460px;margin:20px auto 0;color:var(--dim);font-size:15px}"
	"summary{cursor:pointer;padding:12px 4px}"
	"table{width:100%;border-collapse:collapse}"
	"td{padding:8px 4px;border-top:1px solid var(--line)}"
	"td:first-child{white-space:nowrap;font-variant-numeric:tabular-nums}";

void page_escape(struct mp_buf *out, const char *text)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "&<>\"'");

		(void)mp_buf_add(out, text, plain);
		text += plain;
		if (*text == '\0')
			return;
		(void)mp_buf_addf(out, "&#%d;", *text);
		text++;
	}
}

void page_write_return_url(struct mp_buf *out, const struct session *session)
{
	const char *url = session->success_url;
	const char *found;
	char id[STRIPE_ID_SIZE];

	stripe_id_format(SESSION_PREFIX, &session->id, id);
	while ((found = strstr(url, ID_TEMPLATE)) != NULL) {
		(void)mp_buf_add(out, url, (size_t)(found - url));
		(void)mp_buf_adds(out, id);
		url = found + strlen(ID_TEMPLATE);
	}
	(void)mp_buf_adds(out, url);
}

/* --- parts --- */

static void begin(struct mp_buf *out, const char *title)
{
	(void)mp_buf_addf(out,
		"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"robots\" content=\"noindex\">\n<title>%s</title>\n"
		"<style>%s</style>\n</head>\n<body>\n"
		"<p class=\"mark\">Test mode: this is a sandbox, no money moves.</p>\n<main>\n",
		title, style);
}

static void end(struct mp_buf *out)
{
	(void)mp_buf_adds(out, "</body>\n</html>\n");
}

static void write_amount(struct mp_buf *out, int64_t amount, const char *currency)
{
	char text[STRIPE_AMOUNT_TEXT_SIZE];

	stripe_amount_format(amount, currency, text);
	(void)mp_buf_adds(out, text);
}

static void write_item(
	struct mp_buf *out, const struct line_item *item, const struct session *session)
{
	(void)mp_buf_adds(out, "<li><span>");
	page_escape(out, item->name);
	if (item->quantity > 1)
		(void)mp_buf_addf(out, " &times; %lld", (long long)item->quantity);
	(void)mp_buf_adds(out, "</span><span>");
	/* No overflow: the total was checked when the session was made. */
	write_amount(out, item->unit_amount * item->quantity, session->currency);
	(void)mp_buf_adds(out, "</span></li>\n");
}

/* What for and how much; one item is said by the heading, several are listed. */
static void write_summary(struct mp_buf *out, const struct session *session)
{
	size_t shown =
		session->items_count < SUMMARY_ITEMS_MAX ? session->items_count : SUMMARY_ITEMS_MAX;

	(void)mp_buf_adds(out, "<h1>");
	page_escape(out, session->items_count == 1 ? session->items[0].name : "Your order");
	(void)mp_buf_adds(out, "</h1>\n<p class=\"amount\">");
	write_amount(out, session->amount_total, session->currency);
	(void)mp_buf_adds(out, "</p>\n");
	if (session->items_count == 1 && session->items[0].quantity == 1)
		return;
	(void)mp_buf_adds(out, "<ul>\n");
	for (size_t i = 0; i < shown; i++)
		write_item(out, &session->items[i], session);
	if (shown < session->items_count)
		(void)mp_buf_addf(out, "<li><span>and %zu more</span><span></span></li>\n",
			session->items_count - shown);
	(void)mp_buf_adds(out, "</ul>\n");
}

struct input {
	const char *name;
	const char *label;
	const char *placeholder;
	const char *autocomplete;
	int chars_max;
};

static void write_input(struct mp_buf *out, const struct input *input, const char *problem)
{
	(void)mp_buf_addf(out,
		"<div class=\"field\"><label for=\"%s\">%s</label>"
		"<input id=\"%s\" name=\"%s\" inputmode=\"numeric\" autocomplete=\"%s\" "
		"placeholder=\"%s\" maxlength=\"%d\" required",
		input->name, input->label, input->name, input->name, input->autocomplete,
		input->placeholder, input->chars_max);
	if (problem != NULL)
		(void)mp_buf_addf(out,
			" aria-invalid=\"true\" aria-describedby=\"%s-wrong\">"
			"<p class=\"wrong\" id=\"%s-wrong\" role=\"alert\">%s</p></div>\n",
			input->name, input->name, problem);
	else
		(void)mp_buf_adds(out, "></div>\n");
}

static void write_inputs(struct mp_buf *out, const struct card_problems *problems)
{
	static const struct input number = {
		"card_number", "Card number", "4242 4242 4242 4242", "cc-number", 23};
	static const struct input expiry = {"expiry", "Expiry", "MM/YY", "cc-exp", 9};
	static const struct input cvc = {"cvc", "Security code", "CVC", "cc-csc", 4};

	write_input(out, &number, problems->number);
	(void)mp_buf_adds(out, "<div class=\"pair\">\n");
	write_input(out, &expiry, problems->expiry);
	write_input(out, &cvc, problems->cvc);
	(void)mp_buf_adds(out, "</div>\n");
}

static void write_test_cards(struct mp_buf *out)
{
	const char *number;
	const char *what;

	(void)mp_buf_adds(out, "<details open><summary>Test cards, with any future expiry and any "
			       "security code</summary>\n<table>\n");
	for (size_t i = 0; (number = card_listed(i, &what)) != NULL; i++)
		(void)mp_buf_addf(out, "<tr><td>%s</td><td>%s</td></tr>\n", number, what);
	(void)mp_buf_adds(out, "</table>\n</details>\n");
}

/* --- pages --- */

void page_write_form(struct mp_buf *out, const struct page *page)
{
	const struct session *session = page->session;

	begin(out, "Pay");
	write_summary(out, session);
	if (page->refusal != NULL)
		(void)mp_buf_addf(
			out, "<p class=\"refusal\" role=\"alert\">%s</p>\n", page->refusal);
	/* Without an action it is posted to where it was read from, whatever stands in front. */
	(void)mp_buf_adds(out, "<form method=\"post\">\n");
	write_inputs(out, &page->problems);
	(void)mp_buf_adds(out, "<button>Pay ");
	write_amount(out, session->amount_total, session->currency);
	(void)mp_buf_adds(out, "</button>\n<button class=\"second\" name=\"method\" value=\"bank\" "
			       "formnovalidate>Pay by bank transfer</button>\n</form>\n");
	if (session->cancel_url != NULL) {
		(void)mp_buf_adds(out, "<a class=\"back\" id=\"cancel\" href=\"");
		page_escape(out, session->cancel_url);
		(void)mp_buf_adds(out, "\">Cancel and go back</a>\n");
	}
	(void)mp_buf_adds(out, "</main>\n");
	write_test_cards(out);
	end(out);
}

static void write_return_link(struct mp_buf *out, const struct session *session)
{
	struct mp_buf url;

	mp_buf_init(&url, PAGE_BYTES_MAX);
	page_write_return_url(&url, session);
	(void)mp_buf_adds(out, "<a class=\"button\" href=\"");
	page_escape(out, mp_buf_text(&url));
	(void)mp_buf_adds(out, "\">Continue</a>\n");
	mp_buf_done(&url);
}

void page_write_closed(struct mp_buf *out, const struct session *session)
{
	bool complete = session->status == SESSION_COMPLETE;

	begin(out, complete ? "Done" : "Expired");
	write_summary(out, session);
	(void)mp_buf_addf(out, "<p>%s</p>\n",
		session->paid ? "This has been paid. Nothing more is charged."
		: complete    ? "A bank transfer is on its way. Nothing more is charged."
			      : "This page has expired, and nothing can be paid here any more. "
				"Nothing was charged.");
	if (complete) {
		write_return_link(out, session);
	} else if (session->cancel_url != NULL) {
		(void)mp_buf_adds(out, "<a class=\"button\" href=\"");
		page_escape(out, session->cancel_url);
		(void)mp_buf_adds(out, "\">Go back</a>\n");
	}
	(void)mp_buf_adds(out, "</main>\n");
	end(out);
}

void page_write_unknown(struct mp_buf *out)
{
	begin(out, "Nothing here");
	(void)mp_buf_adds(out, "<h1>Nothing here</h1>\n<p>There is no payment at this address. "
			       "Go back to where you came from and start again.</p>\n</main>\n");
	end(out);
}
