#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bus/bus.h"

#define ID "019aab12-3456-7abc-8def-0123456789ab"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct mp_event sample(void)
{
	struct mp_event event = {
		.type = "payment.requested",
		.source = "/moneypal/payment",
		.subject = ID,
		.time_ms = 1795392000123,
		.traceparent = TRACE,
		.data = json_pack("{s:s, s:i}", "payment_id", ID, "attempt", 1),
	};

	assert_true(mp_id_parse(ID, &event.id));
	assert_non_null(event.data);
	return event;
}

static void encoded_event_has_every_field_of_the_envelope(void **state)
{
	struct mp_event event = sample();
	struct mp_buf buf;

	mp_buf_init(&buf, MP_EVENT_BYTES_MAX);
	assert_int_equal(mp_event_encode(&event, &buf), MP_OK);
	assert_string_equal(mp_buf_text(&buf),
		"{\"specversion\":\"1.0\",\"id\":\"" ID "\",\"source\":\"/moneypal/payment\","
		"\"type\":\"payment.requested\",\"subject\":\"" ID "\","
		"\"time\":\"2026-11-23T00:00:00.123Z\","
		"\"datacontenttype\":\"application/json\",\"traceparent\":\"" TRACE "\","
		"\"data\":{\"payment_id\":\"" ID "\",\"attempt\":1}}");
	mp_buf_done(&buf);
	json_decref(event.data);
}

static void decoded_event_is_what_was_encoded(void **state)
{
	struct mp_event event = sample();
	struct mp_event back;
	json_t *json = NULL;
	char error[160] = "";
	struct mp_buf buf;

	mp_buf_init(&buf, MP_EVENT_BYTES_MAX);
	assert_int_equal(mp_event_encode(&event, &buf), MP_OK);
	assert_int_equal(mp_event_decode(mp_buf_text(&buf), buf.len, &json, &back, error), MP_OK);
	assert_true(mp_id_equal(&back.id, &event.id));
	assert_string_equal(back.type, event.type);
	assert_string_equal(back.source, event.source);
	assert_string_equal(back.subject, event.subject);
	assert_true(back.time_ms == event.time_ms);
	assert_string_equal(back.traceparent, event.traceparent);
	assert_true(json_equal(back.data, event.data));
	json_decref(json);
	mp_buf_done(&buf);
	json_decref(event.data);
}

static void incomplete_events_are_not_encoded(void **state)
{
	json_t *array = json_array();
	struct mp_buf buf;
	int wrong = 0;

	mp_buf_init(&buf, MP_EVENT_BYTES_MAX);
	for (int broken = 0; broken < 8; broken++) {
		struct mp_event event = sample();
		json_t *data = event.data;

		if (broken == 0)
			memset(&event.id, 0, sizeof(event.id));
		else if (broken == 1)
			event.type = NULL;
		else if (broken == 2)
			event.type = "nobody.listens";
		else if (broken == 3)
			event.source = NULL;
		else if (broken == 4)
			event.source = "";
		else if (broken == 5)
			event.subject = NULL;
		else if (broken == 6)
			event.data = NULL;
		else
			event.data = array;
		if (mp_event_encode(&event, &buf) != MP_INVALID || buf.len != 0) {
			print_error("case %d was encoded\n", broken);
			wrong++;
		}
		json_decref(data);
	}
	mp_buf_done(&buf);
	json_decref(array);
	assert_int_equal(wrong, 0);
}

static void event_over_the_buffers_maximum_is_too_large(void **state)
{
	struct mp_event event = sample();
	struct mp_buf buf;

	mp_buf_init(&buf, 100);
	assert_int_equal(mp_event_encode(&event, &buf), MP_TOO_LARGE);
	mp_buf_done(&buf);
	json_decref(event.data);
}

#define HEAD "{\"specversion\":\"1.0\",\"id\":\"" ID "\","
#define MIDDLE "\"source\":\"/s\",\"type\":\"payment.requested\",\"subject\":\"x\","
#define TAIL "\"time\":\"2026-11-23T00:00:00Z\",\"data\":{}}"

static const struct decode_case {
	const char *name;
	const char *body;
	const char *error; /* a part of the sentence; NULL: it is taken */
} decode_cases[] = {
	{"smallest", HEAD MIDDLE TAIL, NULL},
	{"json content type", HEAD MIDDLE "\"datacontenttype\":\"application/json\"," TAIL, NULL},
	{"unknown extensions", HEAD MIDDLE "\"region\":\"eu\",\"sequence\":7," TAIL, NULL},
	{"broken trace", HEAD MIDDLE "\"traceparent\":\"00-zz\"," TAIL, NULL},
	{"trace of another type", HEAD MIDDLE "\"traceparent\":5," TAIL, NULL},
	{"empty", "", ""},
	{"not JSON", "hello", ""},
	{"cut", HEAD MIDDLE, ""},
	{"something behind it", HEAD MIDDLE TAIL "{}", ""},
	{"array", "[]", "object"},
	{"text", "\"" ID "\"", ""},
	{"a key twice", HEAD "\"id\":\"" ID "\"," MIDDLE TAIL, ""},
	{"other version", "{\"specversion\":\"0.3\",\"id\":\"" ID "\"," MIDDLE TAIL, "specversion"},
	{"no version", "{\"id\":\"" ID "\"," MIDDLE TAIL, "specversion"},
	{"no id", "{\"specversion\":\"1.0\"," MIDDLE TAIL, "id"},
	{"id that is none", "{\"specversion\":\"1.0\",\"id\":\"7\"," MIDDLE TAIL, "id"},
	{"id of upper case",
		"{\"specversion\":\"1.0\",\"id\":\"019AAB12-3456-7ABC-8DEF-0123456789AB\"," MIDDLE
			TAIL,
		"id"},
	{"no source", HEAD "\"type\":\"a.b\",\"subject\":\"x\"," TAIL, "source"},
	{"no type", HEAD "\"source\":\"/s\",\"subject\":\"x\"," TAIL, "type"},
	{"type of a number", HEAD "\"source\":\"/s\",\"type\":3,\"subject\":\"x\"," TAIL, "type"},
	{"no subject", HEAD "\"source\":\"/s\",\"type\":\"a.b\"," TAIL, "subject"},
	{"control character", HEAD "\"source\":\"/s\\n\",\"type\":\"a.b\",\"subject\":\"x\"," TAIL,
		"source"},
	{"no time", HEAD MIDDLE "\"data\":{}}", "time"},
	{"time that is none", HEAD MIDDLE "\"time\":\"yesterday\",\"data\":{}}", "time"},
	{"other content", HEAD MIDDLE "\"datacontenttype\":\"text/xml\"," TAIL, "datacontenttype"},
	{"no data", HEAD MIDDLE "\"time\":\"2026-11-23T00:00:00Z\"}", "data"},
	{"data of a text", HEAD MIDDLE "\"time\":\"2026-11-23T00:00:00Z\",\"data\":\"{}\"}",
		"data"},
};

static void decoding_takes_events_and_refuses_the_rest_with_a_sentence(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof(decode_cases) / sizeof(decode_cases[0]); i++) {
		const struct decode_case *c = &decode_cases[i];
		struct mp_event event = {.subject = "untouched"};
		json_t *json = NULL;
		char error[160] = "";

		enum mp_rc rc = mp_event_decode(c->body, strlen(c->body), &json, &event, error);
		bool right = c->error == NULL
				     ? rc == MP_OK && strcmp(event.subject, "x") == 0
				     : rc == MP_INVALID && json == NULL && error[0] != '\0' &&
					       strstr(error, c->error) != NULL &&
					       strcmp(event.subject, "untouched") == 0;
		if (!right) {
			print_error("%s: %s, \"%s\"\n", c->name, mp_rc_name(rc), error);
			wrong++;
		}
		json_decref(json);
	}
	assert_int_equal(wrong, 0);
}

static void broken_trace_is_left_out(void **state)
{
	const char *body = HEAD MIDDLE "\"traceparent\":\"" TRACE "x\"," TAIL;
	struct mp_event event;
	json_t *json = NULL;
	char error[160];

	assert_int_equal(mp_event_decode(body, strlen(body), &json, &event, error), MP_OK);
	assert_string_equal(event.traceparent, "");
	json_decref(json);
}

static void every_binding_names_a_queue_of_the_topology(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < mp_bindings_count; i++) {
		bool known = false;
		for (size_t q = 0; q < mp_queues_count; q++)
			known = known || strcmp(mp_bindings[i].queue, mp_queues[q]) == 0;
		wrong += !known;
		wrong += !mp_topology_routes(mp_bindings[i].type);
	}
	assert_int_equal(wrong, 0);
	assert_false(mp_topology_routes("nobody.listens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded_event_has_every_field_of_the_envelope),
		cmocka_unit_test(decoded_event_is_what_was_encoded),
		cmocka_unit_test(incomplete_events_are_not_encoded),
		cmocka_unit_test(event_over_the_buffers_maximum_is_too_large),
		cmocka_unit_test(decoding_takes_events_and_refuses_the_rest_with_a_sentence),
		cmocka_unit_test(broken_trace_is_left_out),
		cmocka_unit_test(every_binding_names_a_queue_of_the_topology),
	};

	mp_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
