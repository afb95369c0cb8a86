#include "live_http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "json/json.h"
#include "live.h"
#include "payment.h"
#include "payment_http.h"

/*
 * Server-Sent Events (the HTML standard, section 9.2) of one payment:
 *
 *	id: 3
 *	event: timeline          a row, as the timeline has it; its id is the row's seq
 *	data: {"seq":3,...}
 *
 *	event: payment           the payment as it is now, whenever what its reader sees changes
 *	data: {"id":...}
 *
 *	event: end               the last one, with its reason
 *	data: {"reason":"payment_ended"}
 *
 * An end of the body without `end` is an accident: come back, with Last-Event-ID.
 */
#define WAITING_BYTES_MAX 32768u
#define EVENT_BYTES_MAX 16384u /* of one: a payment has at most two long texts */

struct reader {
	struct mp_stream *stream;
	struct mp_id user;
	bool for_payer;
	uint8_t told[MP_SHA256_BYTES]; /* of the payment, as it was told last */
};

static int add_text(const char *bytes, size_t len, void *ctx)
{
	return mp_buf_add(ctx, bytes, len) == MP_OK ? 0 : -1;
}

/* Takes json, NULL too. Compact JSON has no line breaks, so that one data line holds it. */
static enum mp_rc add_json(struct mp_buf *buf, json_t *json)
{
	int failed = json == NULL ? -1 : json_dump_callback(json, add_text, buf, JSON_COMPACT);

	json_decref(json);
	return failed == 0 ? MP_OK : MP_NOMEM;
}

static enum mp_rc tell_row(void *ctx, const struct payment_row *row)
{
	struct reader *reader = ctx;
	struct mp_buf event;

	mp_buf_init(&event, EVENT_BYTES_MAX);
	(void)mp_buf_addf(&event, "id: %" PRId64 "\nevent: timeline\ndata: ", row->seq);
	enum mp_rc rc = add_json(&event, payment_row_to_json(row, reader->for_payer));
	(void)mp_buf_adds(&event, "\n\n");
	if (rc == MP_OK)
		rc = mp_buf_rc(&event);
	if (rc == MP_OK)
		rc = mp_stream_write(reader->stream, event.data, event.len);
	mp_buf_done(&event);
	return rc;
}

static enum mp_rc tell_payment(void *ctx, const struct payment *payment)
{
	static const char head[] = "event: payment\ndata: ";
	struct reader *reader = ctx;
	uint8_t hash[MP_SHA256_BYTES];
	struct mp_buf event;

	mp_buf_init(&event, EVENT_BYTES_MAX);
	(void)mp_buf_adds(&event, head);
	enum mp_rc rc = add_json(&event, payment_to_json(payment, &reader->user));
	(void)mp_buf_adds(&event, "\n\n");
	if (rc == MP_OK)
		rc = mp_buf_rc(&event);
	if (rc == MP_OK) {
		mp_sha256(event.data, event.len, hash);
		/* A new version may be new in what this reader does not see. */
		if (memcmp(hash, reader->told, sizeof(hash)) != 0)
			rc = mp_stream_write(reader->stream, event.data, event.len);
	}
	if (rc == MP_OK)
		memcpy(reader->told, hash, sizeof(hash));
	mp_buf_done(&event);
	return rc;
}

static enum mp_rc tell_beat(void *ctx)
{
	struct reader *reader = ctx;

	return mp_stream_write(reader->stream, ":\n\n", 3);
}

static bool is_there(void *ctx)
{
	struct reader *reader = ctx;

	return mp_stream_is_read(reader->stream);
}

static void tell_end(void *ctx, enum live_end why)
{
	static const char *const ends[LIVE_ENDS] = {
		[LIVE_END_PAYMENT] = "event: end\ndata: {\"reason\":\"payment_ended\"}\n\n",
		[LIVE_END_TOKEN] = "event: end\ndata: {\"reason\":\"token_expired\"}\n\n",
		[LIVE_END_SESSION] = "event: end\ndata: {\"reason\":\"session_ended\"}\n\n",
	};
	struct reader *reader = ctx;

	/* Without room for it the end is one without a word, which says: come back. */
	if (ends[why] != NULL) {
		enum mp_rc rc = mp_stream_write(reader->stream, ends[why], strlen(ends[why]));
		(void)rc;
	}
	mp_stream_end(reader->stream);
	free(reader);
}

/* What the reader has seen already. A number that no row has yet is not from here. */
static enum mp_rc read_last_seq(
	struct mp_request *req, const struct payment *payment, int64_t *out_last_seq)
{
	const char *text = mp_request_header(req, "Last-Event-ID");
	int64_t seq = 0;

	if (text != NULL && text[0] != '\0' &&
		(mp_text_to_int(text, &seq) != MP_OK || seq < 0 || seq > payment->timeline_count)) {
		mp_request_problem(req, "last_event_id_unknown",
			"Last-Event-ID is not the id of an event of this payment.");
		return MP_INVALID;
	}
	*out_last_seq = seq;
	return MP_OK;
}

static enum mp_rc open_stream(struct mp_response *res, struct mp_stream **out_stream)
{
	/* Proxies that buffer usually are told not to. */
	enum mp_rc rc = mp_response_header(res, "X-Accel-Buffering", "no");

	return rc == MP_OK
		       ? mp_response_stream(res, "text/event-stream", WAITING_BYTES_MAX, out_stream)
		       : rc;
}

static enum mp_rc listen(struct mp_request *req, struct mp_response *res, struct payment_app *app,
	struct live_order *order)
{
	static const char hello[] = "retry: 1000\n\n";
	struct reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return MP_NOMEM;
	reader->user = order->user;
	reader->for_payer = order->for_payer;
	enum mp_rc rc = open_stream(res, &reader->stream);
	if (rc == MP_OK)
		rc = mp_stream_write(reader->stream, hello, sizeof(hello) - 1);
	order->reader =
		(struct live_reader){tell_row, tell_payment, tell_beat, is_there, tell_end, reader};
	if (rc == MP_OK)
		rc = live_listen(app->live, order);
	if (rc == MP_OK)
		return MP_OK; /* the reader is live's now */
	if (rc == MP_TOO_MANY)
		mp_request_problem(req, "too_many_streams",
			mp_arena_printf(mp_request_arena(req),
				"You have %d streams open, the most at once: close one first.",
				LIVE_LISTENERS_OF_USER_MAX));
	mp_stream_end(reader->stream);
	free(reader);
	return rc;
}

enum mp_rc get_payment_events(struct mp_request *req, struct mp_response *res, void *ctx)
{
	struct payment_app *app = ctx;
	struct live_order order = {.last_seq = 0};
	struct payment payment;

	enum mp_rc rc = payment_of_path(req, app, &order.user, &payment);
	if (rc == MP_OK)
		rc = caller_in_session(req, app, &order.session);
	if (rc == MP_OK)
		rc = read_last_seq(req, &payment, &order.last_seq);
	if (rc != MP_OK)
		return rc;
	int64_t expires_at_s = mp_request_principal(req)->expires_at_s;
	if (expires_at_s == 0)
		return MP_BUG; /* a stream must not outlive its token */
	order.expires_at_ms = expires_at_s < INT64_MAX / 1000 ? expires_at_s * 1000 : INT64_MAX;
	order.payment_id = payment.id;
	order.for_payer = mp_id_equal(&payment.paid_by, &order.user);
	return listen(req, res, app, &order);
}
