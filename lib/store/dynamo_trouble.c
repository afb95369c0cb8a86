#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/dynamo.h"

/* One report in this time: a table that is away fails every call. */
#define REPORT_EVERY_MS 10000
/* AWS takes signatures that are at most 5 minutes off. */
#define CLOCK_OFF_S 240

void mp_dynamo_trouble(struct mp_dynamo *db, enum mp_rc rc, const char *format, ...)
{
	char text[DYNAMO_TROUBLE_SIZE];
	int64_t now_ms = mp_clock_mono_ms();
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);

	(void)pthread_mutex_lock(&db->lock);
	bool report = strcmp(db->trouble, text) != 0 && now_ms - db->reported_ms >= REPORT_EVERY_MS;
	if (report)
		db->reported_ms = now_ms;
	memcpy(db->trouble, text, sizeof(text));
	(void)pthread_mutex_unlock(&db->lock);
	if (report)
		mp_sink_report(&db->sink, "store_trouble", rc, text);
}

void mp_dynamo_untroubled(struct mp_dynamo *db)
{
	(void)pthread_mutex_lock(&db->lock);
	db->trouble[0] = '\0';
	(void)pthread_mutex_unlock(&db->lock);
}

void mp_dynamo_trouble_text(struct mp_dynamo *db, char *out, size_t out_size)
{
	(void)pthread_mutex_lock(&db->lock);
	mp_store_say(out, out_size, "%s", db->trouble);
	(void)pthread_mutex_unlock(&db->lock);
}

int64_t mp_dynamo_clock_ahead_s(const char *date, int64_t now_s)
{
	struct tm utc = {0};
	const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S", &utc);

	return end == NULL || strcmp(end, " GMT") != 0 ? 0 : (int64_t)timegm(&utc) - now_s;
}

static bool is_one_of(const char *error, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(error, *names) == 0)
			return true;
	}
	return false;
}

static bool is_about_keys(const char *error)
{
	static const char *const names[] = {"ExpiredTokenException", "ExpiredToken",
		"UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch",
		"IncompleteSignatureException", "IncompleteSignature", "InvalidClientTokenId",
		"MissingAuthenticationTokenException", "MissingAuthenticationToken",
		"RequestTimeTooSkewed", "RequestExpired", NULL};

	return is_one_of(error, names);
}

static enum mp_rc keys_refused(struct mp_dynamo *db, const char *error, const char *date)
{
	int64_t ahead_s = mp_dynamo_clock_ahead_s(date, mp_clock_ms() / 1000);

	mp_credentials_refused(db->credentials);
	if (ahead_s >= CLOCK_OFF_S || ahead_s <= -CLOCK_OFF_S)
		mp_dynamo_trouble(db, MP_UNAVAILABLE,
			"This machine's clock is %lld minutes %s AWS's, which refuses what it "
			"signs.",
			(long long)((ahead_s < 0 ? -ahead_s : ahead_s) + 30) / 60,
			ahead_s < 0 ? "ahead of" : "behind");
	else
		mp_dynamo_trouble(db, MP_UNAVAILABLE, "AWS refuses the credentials (%s).", error);
	return MP_UNAVAILABLE;
}

enum mp_rc mp_dynamo_refusal(
	struct mp_dynamo *db, const char *operation, const char *error, const char *date)
{
	if (strcmp(error, "ValidationException") == 0)
		return MP_INVALID;
	if (strcmp(error, "ResourceNotFoundException") == 0) {
		if (strcmp(operation, "DescribeTable") != 0) /* which asks whether there is one */
			mp_dynamo_trouble(db, MP_NOT_FOUND, "There is no table %s at %s.",
				db->table, db->endpoint);
		return MP_NOT_FOUND;
	}
	if (is_about_keys(error))
		return keys_refused(db, error, date);
	if (strcmp(error, "AccessDeniedException") == 0) {
		mp_dynamo_trouble(db, MP_UNAVAILABLE, "AWS does not allow %s on the table %s.",
			operation, db->table);
		return MP_UNAVAILABLE;
	}
	/* Of the table or the account, not of this call: it may be taken later. */
	mp_dynamo_trouble(db, MP_UNAVAILABLE, "DynamoDB refuses %s with %s.", operation,
		error[0] ? error : "400");
	return MP_UNAVAILABLE;
}
