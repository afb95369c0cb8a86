#include "bus/bus.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define SPEC_VERSION "1.0"
#define DATA_CONTENT_TYPE "application/json"
#define TYPE_BYTES_MAX 100
#define TEXT_BYTES_MAX 200
#define TRACEPARENT_BYTES 55

/* --- out --- */

static bool is_text(const char *text)
{
	return text != NULL && text[0] != '\0' && mp_text_is_utf8(text, strlen(text));
}

/* Everything that a consumer relies on is there: a mistake of the publisher stays with it. */
static bool is_complete(const struct mp_event *event)
{
	return !mp_id_is_none(&event->id) && event->type != NULL &&
	       mp_topology_routes(event->type) && is_text(event->source) &&
	       is_text(event->subject) && json_is_object(event->data);
}

static json_t *envelope(const struct mp_event *event)
{
	json_t *json = json_object();
	int failed = json == NULL;

	failed = failed || mp_json_set_text(json, "specversion", SPEC_VERSION);
	failed = failed || mp_json_set_id(json, "id", &event->id);
	failed = failed || mp_json_set_text(json, "source", event->source);
	failed = failed || mp_json_set_text(json, "type", event->type);
	failed = failed || mp_json_set_text(json, "subject", event->subject);
	failed = failed || mp_json_set_time(json, "time", event->time_ms);
	failed = failed || mp_json_set_text(json, "datacontenttype", DATA_CONTENT_TYPE);
	if (event->traceparent[0] != '\0')
		failed = failed || mp_json_set_text(json, "traceparent", event->traceparent);
	failed = failed || json_object_set(json, "data", event->data); /* takes a reference */
	if (failed) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static int add_bytes(const char *bytes, size_t len, void *buf)
{
	return mp_buf_add(buf, bytes, len) == MP_OK ? 0 : -1;
}

enum mp_rc mp_event_encode(const struct mp_event *event, struct mp_buf *out)
{
	if (!is_complete(event))
		return MP_INVALID;
	json_t *json = envelope(event);
	if (json == NULL)
		return MP_NOMEM;

	int failed = json_dump_callback(json, add_bytes, out, JSON_COMPACT);
	json_decref(json);
	enum mp_rc rc = mp_buf_rc(out);
	if (rc == MP_OK && failed)
		rc = MP_NOMEM;
	return rc;
}

/* --- in --- */

/* Keeps the first wrong field; one is enough for the dead letter's reason. */
struct first_error {
	char *text; /* size 160; "" so far */
};

static void keep_first(void *ctx, const char *field, const char *message)
{
	struct first_error *error = ctx;

	if (error->text[0] != '\0')
		return;
	if (mp_text_format(error->text, 160, "%.60s: %.90s", field, message) != MP_OK)
		error->text[0] = '\0';
}

/* The trace is a convenience: one that is not well-formed is left out, the event is taken. */
static void read_trace(const json_t *json, char out_traceparent[56])
{
	const char *trace = json_string_value(json_object_get(json, "traceparent"));

	if (trace == NULL || strlen(trace) != TRACEPARENT_BYTES ||
		mp_text_copy(out_traceparent, 56, trace) != MP_OK)
		out_traceparent[0] = '\0';
}

static enum mp_rc read_envelope(
	const json_t *json, struct mp_event *event, const struct mp_field_errors *errors)
{
	const char *content_type = DATA_CONTENT_TYPE;
	const char *spec_version = NULL;
	const json_t *data = NULL;
	struct mp_json_reader r;

	mp_json_read_begin(&r, json, "", errors);
	mp_json_read_ignore_unknown(&r);
	mp_json_read_text(&r, "specversion", 1, TEXT_BYTES_MAX, &spec_version);
	mp_json_read_id(&r, "id", &event->id);
	mp_json_read_text(&r, "source", 1, TEXT_BYTES_MAX, &event->source);
	mp_json_read_text(&r, "type", 1, TYPE_BYTES_MAX, &event->type);
	mp_json_read_text(&r, "subject", 1, TEXT_BYTES_MAX, &event->subject);
	mp_json_read_time(&r, "time", &event->time_ms);
	mp_json_read_optional(&r);
	mp_json_read_text(&r, "datacontenttype", 1, TEXT_BYTES_MAX, &content_type);
	mp_json_read_object(&r, "data", &data);
	if (spec_version != NULL && strcmp(spec_version, SPEC_VERSION) != 0)
		mp_json_read_refuse(&r, "specversion", "is not " SPEC_VERSION);
	if (strcmp(content_type, DATA_CONTENT_TYPE) != 0)
		mp_json_read_refuse(&r, "datacontenttype", "is not " DATA_CONTENT_TYPE);
	if (mp_json_read_end(&r) != MP_OK)
		return MP_INVALID;
	read_trace(json, event->traceparent);
	event->data = json_object_get(json, "data");
	return MP_OK;
}

enum mp_rc mp_event_decode(const char *body, size_t body_len, json_t **out_json,
	struct mp_event *out_event, char reterr[160])
{
	char text[160] = "";
	struct first_error error = {text};
	const struct mp_field_errors errors = {.add = keep_first, .ctx = &error};
	struct mp_event event = {.type = NULL};
	json_t *json = NULL;

	enum mp_rc rc = mp_json_parse(body, body_len, &json, reterr);
	if (rc != MP_OK)
		return rc;
	rc = MP_INVALID;
	if (!json_is_object(json))
		keep_first(&error, "event", "is not a JSON object");
	else
		rc = read_envelope(json, &event, &errors);
	if (rc != MP_OK) {
		memcpy(reterr, text, sizeof(text));
		json_decref(json);
		return rc;
	}
	*out_json = json; /* now the caller's, with everything that event points into */
	*out_event = event;
	return MP_OK;
}
