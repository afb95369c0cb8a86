#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "store/dynamo.h"
#include "store/dynamo_sign.h"

#define TARGET_PREFIX "DynamoDB_20120810."
#define CONTENT_TYPE "application/x-amz-json-1.0"
/* An answer of 16 MB, once as text, and what is made of it. */
#define SCRATCH_BYTES_MAX (64u << 20)
#define BODY_BYTES_MAX (32u << 20) /* a transaction of 4 MB whose texts are all escapes */
#define ATTEMPT_MS_MAX 3000
/* An attempt that is cut short would make a write ambiguous that so far was proven not written. */
#define ATTEMPT_MS_MIN 500
#define DEPTH_MAX 64 /* each of an item's levels is up to four of the JSON's */

/* Waits before a repetition: the first, and the most. */
#define WAIT_MS 25
#define WAIT_MS_MAX 1000
#define CONFLICT_WAIT_MS 8
#define CONFLICT_WAIT_MS_MAX 400
#define THROTTLE_WAIT_MS 50
#define THROTTLE_WAIT_MS_MAX 2000

enum mp_rc mp_dynamo_call_begin(struct dynamo_call *call, struct mp_dynamo *db)
{
	*call = (struct dynamo_call){
		.db = db, .deadline_mono_ms = mp_clock_mono_ms() + db->deadline_ms};
	mp_buf_init(&call->body, BODY_BYTES_MAX);
	call->scratch = mp_arena_new(SCRATCH_BYTES_MAX);
	return call->scratch == NULL ? MP_NOMEM : MP_OK;
}

void mp_dynamo_call_done(struct dynamo_call *call)
{
	json_decref(call->answer);
	mp_buf_done(&call->body);
	mp_arena_free(call->scratch);
}

bool mp_dynamo_wait(struct dynamo_call *call, long base_ms, long max_ms)
{
	unsigned doublings = call->attempt < 10 ? call->attempt : 10;
	long most_ms = base_ms << doublings;

	call->attempt++;
	if (most_ms > max_ms)
		most_ms = max_ms;
	/* Anything up to the most: those who failed together must not come again together. */
	long wait_ms = (long)(mp_random_number() % (uint64_t)most_ms) + 1;
	if (mp_clock_mono_ms() + wait_ms + ATTEMPT_MS_MIN > call->deadline_mono_ms)
		return false;
	mp_sleep_ms(wait_ms);
	mp_metric_add(call->db->retries, 1);
	return true;
}

enum mp_rc mp_dynamo_gave_up(struct dynamo_call *call)
{
	if (!call->ambiguous)
		return MP_UNAVAILABLE;
	mp_metric_add(call->db->unknowns, 1);
	return MP_UNKNOWN;
}

/* --- one attempt --- */

#define HEADERS_MAX 4

struct signed_post {
	struct mp_http_header headers[HEADERS_MAX];
	size_t headers_count;
};

/* MP_UNAVAILABLE: no keys. MP_NOMEM. */
static enum mp_rc sign_post(
	struct dynamo_call *call, const char *target, struct signed_post *out_post)
{
	struct mp_dynamo *db = call->db;
	struct mp_aws_keys keys;
	struct mp_signature signature;

	enum mp_rc rc = mp_credentials_get(db->credentials, call->scratch, &keys);
	if (rc != MP_OK)
		return rc;
	const struct mp_sign_request request = {
		.access_key_id = keys.access_key_id,
		.secret_access_key = keys.secret_access_key,
		.session_token = keys.session_token,
		.region = db->region,
		.host = db->host,
		.content_type = CONTENT_TYPE,
		.target = target,
		.body = mp_buf_text(&call->body),
		.body_len = call->body.len,
		.time_s = mp_clock_ms() / 1000,
	};
	rc = mp_sign(&request, call->scratch, &signature);
	const char *date = mp_arena_strdup(call->scratch, signature.date);
	if (rc != MP_OK || date == NULL)
		return MP_NOMEM;
	*out_post = (struct signed_post){
		.headers = {{"X-Amz-Target", target}, {"X-Amz-Date", date},
			{"Authorization", signature.authorization},
			{"X-Amz-Security-Token", keys.session_token}},
		.headers_count = keys.session_token == NULL ? HEADERS_MAX - 1 : HEADERS_MAX,
	};
	return MP_OK;
}

static long attempt_timeout_ms(const struct dynamo_call *call)
{
	int64_t left_ms = call->deadline_mono_ms - mp_clock_mono_ms();

	if (left_ms < ATTEMPT_MS_MIN)
		return ATTEMPT_MS_MIN;
	return left_ms > ATTEMPT_MS_MAX ? ATTEMPT_MS_MAX : (long)left_ms;
}

static enum mp_rc post(struct dynamo_call *call, const struct signed_post *signed_post, bool once,
	struct mp_http_answer *out_answer)
{
	const struct mp_http_call http = {
		.method = "POST",
		.path = "/",
		.content_type = CONTENT_TYPE,
		.body = mp_buf_text(&call->body),
		.body_len = call->body.len,
		.headers = signed_post->headers,
		.headers_count = signed_post->headers_count,
		.timeout_ms = attempt_timeout_ms(call),
		.once = once,
	};

	mp_metric_add(call->db->calls, 1);
	return mp_http_call(call->db->http, &http, call->scratch, out_answer);
}

/* "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException" and the like. */
static void read_error_name(struct dynamo_call *call)
{
	const char *type = json_string_value(json_object_get(call->answer, "__type"));
	const char *hash = type == NULL ? NULL : strrchr(type, '#');

	if (hash != NULL)
		type = hash + 1;
	if (mp_text_copy(call->error, sizeof(call->error), type) != MP_OK)
		call->error[0] = '\0';
}

/* MP_CORRUPT: the body is no JSON object. */
static enum mp_rc read_body(struct dynamo_call *call, const struct mp_http_answer *http)
{
	char reason[160];

	json_decref(call->answer);
	call->answer = NULL;
	enum mp_rc rc =
		mp_json_parse_within(http->body, http->body_len, DEPTH_MAX, &call->answer, reason);
	if (rc == MP_NOMEM)
		return rc;
	return rc == MP_OK && json_is_object(call->answer) ? MP_OK : MP_CORRUPT;
}

/* --- what an answer proves --- */

enum verdict {
	DONE,	  /* the call ends with .rc */
	UNSENT,	  /* nothing was written: again */
	CONFLICT, /* another transaction was faster: again, soon */
	THROTTLE, /* too much at once: again, later */
	OPEN,	  /* perhaps written: again */
};

struct judgement {
	enum verdict verdict;
	enum mp_rc rc;
};

static struct judgement done(enum mp_rc rc)
{
	return (struct judgement){.verdict = DONE, .rc = rc};
}

static struct judgement again(enum verdict verdict)
{
	return (struct judgement){.verdict = verdict};
}

static bool is_throttle(const char *error)
{
	return strcmp(error, "ProvisionedThroughputExceededException") == 0 ||
	       strcmp(error, "ThrottlingException") == 0 || strcmp(error, "ThrottlingError") == 0 ||
	       strcmp(error, "ProvisionedThroughputExceeded") == 0 ||
	       strcmp(error, "RequestLimitExceeded") == 0 ||
	       strcmp(error, "LimitExceededException") == 0;
}

/*
 * Reasons stand in the order of the operations. A refused condition decides, whatever else stands
 * beside it; otherwise the least patient of the others says when to come again.
 */
static struct judgement judge_canceled(struct dynamo_call *call)
{
	const json_t *reasons = json_object_get(call->answer, "CancellationReasons");
	enum verdict verdict = DONE;
	const char *other = "";
	const json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason)
	{
		const char *code = json_string_value(json_object_get(reason, "Code"));
		if (code == NULL || strcmp(code, "None") == 0)
			continue;
		if (strcmp(code, "ConditionalCheckFailed") == 0)
			return done(MP_CONFLICT);
		if (strcmp(code, "TransactionConflict") == 0 && verdict == DONE)
			verdict = CONFLICT;
		else if (is_throttle(code))
			verdict = THROTTLE;
		else if (strcmp(code, "TransactionConflict") != 0)
			other = code;
	}
	if (other[0] != '\0' || verdict == DONE) {
		mp_dynamo_trouble(call->db, MP_BUG, "DynamoDB cancels a transaction with %s.",
			other[0] != '\0' ? other : "no reason");
		return done(strcmp(other, "ItemCollectionSizeLimitExceeded") == 0 ? MP_TOO_LARGE
										  : MP_BUG);
	}
	return again(verdict);
}

static struct judgement judge_refusal(
	struct dynamo_call *call, const char *operation, const char *date)
{
	const char *error = call->error;

	if (strcmp(error, "ConditionalCheckFailedException") == 0)
		return done(MP_CONFLICT);
	if (strcmp(error, "TransactionCanceledException") == 0)
		return judge_canceled(call);
	if (strcmp(error, "TransactionConflictException") == 0)
		return again(CONFLICT);
	if (strcmp(error, "TransactionInProgressException") == 0)
		return again(OPEN); /* an earlier attempt of ours is still at work */
	if (is_throttle(error))
		return again(THROTTLE);
	if (strcmp(error, "ExpiredTokenException") == 0 && call->attempt == 0) {
		mp_credentials_refused(call->db->credentials);
		return again(UNSENT);
	}
	return done(mp_dynamo_refusal(call->db, operation, error, date));
}

static struct judgement judge_answer(
	struct dynamo_call *call, const char *operation, const struct mp_http_answer *http)
{
	struct mp_dynamo *db = call->db;
	enum mp_rc rc = read_body(call, http);

	if (rc == MP_NOMEM)
		return again(OPEN);
	if (rc == MP_OK && http->status == 200)
		return done(MP_OK);
	if (rc == MP_OK && http->status == 400) {
		read_error_name(call);
		if (call->error[0] != '\0')
			return judge_refusal(call, operation, http->date);
	}
	/* 5xx, or words of somebody in between: they do not say whether anything was written. */
	if (http->status >= 500)
		mp_dynamo_trouble(db, MP_UNAVAILABLE, "DynamoDB at %s fails with status %ld.",
			db->endpoint, http->status);
	else
		mp_dynamo_trouble(db, MP_UNAVAILABLE,
			"What answers at %s is not DynamoDB (status %ld).", db->endpoint,
			http->status);
	return again(OPEN);
}

/* The request was not answered. */
static struct judgement judge_silence(struct dynamo_call *call, enum mp_rc rc)
{
	struct mp_dynamo *db = call->db;

	if (rc == MP_UNAVAILABLE) {
		mp_dynamo_trouble(db, rc, "DynamoDB at %s cannot be reached.", db->endpoint);
		return again(UNSENT);
	}
	if (rc == MP_INVALID) { /* refused before it was sent */
		mp_dynamo_trouble(db, rc, "The AWS credentials hold a character that none have.");
		return done(MP_UNAVAILABLE);
	}
	mp_dynamo_trouble(db, rc, "DynamoDB at %s does not answer in time.", db->endpoint);
	return again(OPEN); /* also without memory for the answer: it may have been sent */
}

static struct judgement attempt(
	struct dynamo_call *call, const char *operation, const char *target, bool once)
{
	struct mp_http_answer http;
	struct signed_post signed_post;
	enum mp_rc rc = sign_post(call, target, &signed_post);

	if (rc == MP_NOMEM)
		return done(rc);
	if (rc != MP_OK) {
		mp_dynamo_trouble(
			call->db, rc, "The container's endpoint gives no AWS credentials.");
		return again(UNSENT);
	}
	rc = post(call, &signed_post, once, &http);
	return rc == MP_OK ? judge_answer(call, operation, &http) : judge_silence(call, rc);
}

/* --- the call --- */

/* Whether to come again, after a wait. */
static bool wait_for(struct dynamo_call *call, enum verdict verdict)
{
	struct mp_dynamo *db = call->db;

	if (verdict == CONFLICT) {
		mp_metric_add(db->conflicts, 1);
		return mp_dynamo_wait(call, CONFLICT_WAIT_MS, CONFLICT_WAIT_MS_MAX);
	}
	if (verdict == THROTTLE) {
		mp_metric_add(db->throttles, 1);
		mp_dynamo_trouble(
			db, MP_UNAVAILABLE, "DynamoDB throttles the table %s.", db->table);
		return mp_dynamo_wait(call, THROTTLE_WAIT_MS, THROTTLE_WAIT_MS_MAX);
	}
	return mp_dynamo_wait(call, WAIT_MS, WAIT_MS_MAX);
}

/*
 * An answer that ends the call, in the light of the attempts before it. After an ambiguous one, a
 * refused condition proves something only where a token ties the attempts together: without one, it
 * may have been our own first attempt that it met. Other refusals never saw what was sent before.
 */
static enum mp_rc conclude(struct dynamo_call *call, enum dynamo_kind kind, enum mp_rc rc)
{
	if (rc == MP_OK || (rc == MP_CONFLICT && kind == DYNAMO_TOKEN))
		call->ambiguous = false;
	if (call->ambiguous)
		return mp_dynamo_gave_up(call);
	if (rc == MP_OK || rc == MP_CONFLICT)
		mp_dynamo_untroubled(call->db);
	return rc;
}

enum mp_rc mp_dynamo_send(struct dynamo_call *call, const char *operation, enum dynamo_kind kind)
{
	const char *target = mp_arena_printf(call->scratch, TARGET_PREFIX "%s", operation);
	enum mp_rc rc = target == NULL ? MP_NOMEM : mp_buf_rc(&call->body);

	if (rc != MP_OK)
		return rc;
	/* libcurl's own repetition would hide that a write was ambiguous. */
	bool once = kind != DYNAMO_READ;
	for (;;) {
		struct judgement judgement = attempt(call, operation, target, once);
		if (judgement.verdict == DONE)
			return conclude(call, kind, judgement.rc);
		if (judgement.verdict == OPEN && kind != DYNAMO_READ)
			call->ambiguous = true;
		if (!wait_for(call, judgement.verdict))
			return mp_dynamo_gave_up(call);
	}
}
