#include "broker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "base/trace.h"

/* --- orders --- */

static int descriptor(const char *name)
{
	int64_t number = -1;
	const char *text = getenv(name);

	assert_non_null(text); /* the tests are run by tests/broker/run */
	assert_int_equal(mp_text_to_int(text, &number), MP_OK);
	return (int)number;
}

void broker_do(const char *order)
{
	char answer[3];
	char line[64];
	size_t got = 0;

	assert_int_equal(mp_text_format(line, sizeof(line), "%s\n", order), MP_OK);
	assert_int_equal(write(descriptor("BROKER_SAY"), line, strlen(line)), strlen(line));
	while (got < sizeof(answer)) {
		ssize_t len = read(descriptor("BROKER_HEAR"), answer + got, sizeof(answer) - got);
		assert_true(len > 0);
		got += (size_t)len;
	}
	assert_memory_equal(answer, "ok\n", 3);
}

const char *broker_url(void)
{
	const char *url = getenv("AMQP_URL");

	assert_non_null(url);
	return url;
}

void sleep_ms(long duration_ms)
{
	struct timespec left = {
		.tv_sec = duration_ms / 1000, .tv_nsec = (duration_ms % 1000) * 1000000L};

	while (nanosleep(&left, &left) != 0)
		continue;
}

/* --- a look into queues --- */

struct look {
	char *url;
	amqp_connection_state_t state;
};

static void look_open(struct look *look)
{
	struct amqp_connection_info info;

	look->url = strdup(broker_url());
	assert_int_equal(amqp_parse_url(look->url, &info), AMQP_STATUS_OK);
	look->state = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(look->state);
	assert_int_equal(amqp_socket_open(socket, info.host, info.port), AMQP_STATUS_OK);
	assert_int_equal(amqp_login(look->state, info.vhost, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN,
				 info.user, info.password)
				 .reply_type,
		AMQP_RESPONSE_NORMAL);
	(void)amqp_channel_open(look->state, 1);
	assert_int_equal(amqp_get_rpc_reply(look->state).reply_type, AMQP_RESPONSE_NORMAL);
}

static void look_close(struct look *look)
{
	(void)amqp_connection_close(look->state, AMQP_REPLY_SUCCESS);
	(void)amqp_destroy_connection(look->state);
	free(look->url);
}

long queue_length(const char *queue)
{
	struct look look;

	look_open(&look);
	const amqp_queue_declare_ok_t *ok = amqp_queue_declare(look.state, 1,
		amqp_cstring_bytes(queue), 1, 1, 0, 0, amqp_empty_table); /* passive */
	assert_non_null(ok);
	long length = ok->message_count;
	look_close(&look);
	return length;
}

static void copy_bytes(char *out, size_t out_size, amqp_bytes_t bytes)
{
	assert_true(bytes.len < out_size);
	memcpy(out, bytes.bytes, bytes.len);
	out[bytes.len] = '\0';
}

static void read_headers(const amqp_table_t *headers, struct letter *letter)
{
	for (int i = 0; i < headers->num_entries; i++) {
		const amqp_table_entry_t *entry = &headers->entries[i];
		char name[64];

		copy_bytes(name, sizeof(name), entry->key);
		if (strcmp(name, MP_DEAD_REASON) == 0)
			copy_bytes(
				letter->reason, sizeof(letter->reason), entry->value.value.bytes);
		else if (strcmp(name, MP_DEAD_QUEUE) == 0)
			copy_bytes(letter->queue, sizeof(letter->queue), entry->value.value.bytes);
		else if (strcmp(name, MP_DEAD_TIME) == 0)
			copy_bytes(letter->time, sizeof(letter->time), entry->value.value.bytes);
		else if (strcmp(name, MP_DEAD_ROUTING_KEY) == 0)
			copy_bytes(letter->routing_key, sizeof(letter->routing_key),
				entry->value.value.bytes);
		else if (strcmp(name, "x-first-death-reason") == 0) {
			memcpy(letter->reason, "x-death: ", 9);
			copy_bytes(letter->reason + 9, sizeof(letter->reason) - 9,
				entry->value.value.bytes);
		}
	}
}

void queue_take(const char *queue, struct letter *out_letter)
{
	int64_t deadline_ms = mp_clock_mono_ms() + 5000;
	amqp_rpc_reply_t reply;
	amqp_message_t message;
	struct look look;

	look_open(&look);
	do {
		reply = amqp_basic_get(look.state, 1, amqp_cstring_bytes(queue), 1);
		assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
		assert_true(mp_clock_mono_ms() < deadline_ms);
	} while (reply.reply.id != AMQP_BASIC_GET_OK_METHOD);
	reply = amqp_read_message(look.state, 1, &message, 0);
	assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);

	memset(out_letter, 0, sizeof(*out_letter));
	out_letter->body_len = message.body.len;
	if (message.body.len < sizeof(out_letter->body))
		copy_bytes(out_letter->body, sizeof(out_letter->body), message.body);
	if (message.properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		copy_bytes(out_letter->message_id, sizeof(out_letter->message_id),
			message.properties.message_id);
	if (message.properties._flags & AMQP_BASIC_HEADERS_FLAG)
		read_headers(&message.properties.headers, out_letter);
	amqp_destroy_message(&message);
	look_close(&look);
}

void queue_put(const char *exchange, const char *routing_key, size_t body_len)
{
	amqp_bytes_t body = amqp_bytes_malloc(body_len);
	struct look look;

	assert_non_null(body.bytes);
	memset(body.bytes, 'x', body_len);
	look_open(&look);
	assert_int_equal(amqp_basic_publish(look.state, 1, amqp_cstring_bytes(exchange),
				 amqp_cstring_bytes(routing_key), 0, 0, NULL, body),
		AMQP_STATUS_OK);
	look_close(&look);
	amqp_bytes_free(body);
}

/* --- events --- */

static char *encoded(const struct mp_id *id, const char *type, size_t number, size_t *out_len)
{
	struct mp_event event = {
		.id = *id,
		.type = type,
		.source = "/moneypal/test",
		.subject = id->text,
		.time_ms = mp_clock_ms(),
		.data = json_pack("{s:i}", "number", (int)number),
	};
	struct mp_buf buf;
	char *body = NULL;

	mp_buf_init(&buf, MP_EVENT_BYTES_MAX);
	mp_trace_begin(NULL);
	mp_trace_next(event.traceparent);
	mp_trace_end();
	assert_int_equal(mp_event_encode(&event, &buf), MP_OK);
	assert_int_equal(mp_buf_take(&buf, &body, out_len), MP_OK);
	json_decref(event.data);
	return body;
}

struct batch *batch_new(const char *type, size_t count)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	assert_non_null(batch);
	batch->count = count;
	batch->ids = calloc(count, sizeof(*batch->ids));
	batch->messages = calloc(count, sizeof(*batch->messages));
	assert_true(batch->ids != NULL && batch->messages != NULL);
	for (size_t i = 0; i < count; i++) {
		struct mp_message *message = &batch->messages[i];

		batch->ids[i] = mp_id_new(mp_clock_ms());
		message->routing_key = type;
		message->message_id = batch->ids[i].text;
		message->body = encoded(&batch->ids[i], type, i, &message->body_len);
	}
	return batch;
}

void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		free((void *)(uintptr_t)batch->messages[i].body);
	free(batch->ids);
	free(batch->messages);
	free(batch);
}

size_t batch_confirmed(const struct batch *batch)
{
	size_t confirmed = 0;

	for (size_t i = 0; i < batch->count; i++)
		confirmed += batch->messages[i].confirmed;
	return confirmed;
}

/* --- reports --- */

static void note(void *ctx, const char *event, enum mp_rc rc, const char *detail)
{
	struct notes *notes = ctx;
	char line[300];

	assert_int_equal(
		mp_text_format(line, sizeof(line), "%s %s\n", event, detail ? detail : ""), MP_OK);
	pthread_mutex_lock(&notes->mutex);
	if (notes->len + strlen(line) < sizeof(notes->text)) {
		memcpy(notes->text + notes->len, line, strlen(line) + 1);
		notes->len += strlen(line);
	}
	pthread_mutex_unlock(&notes->mutex);
}

struct mp_sink notes_sink(struct notes *notes)
{
	memset(notes, 0, sizeof(*notes));
	pthread_mutex_init(&notes->mutex, NULL);
	return (struct mp_sink){.report = note, .ctx = notes};
}

unsigned notes_count(struct notes *notes, const char *event)
{
	unsigned count = 0;

	pthread_mutex_lock(&notes->mutex);
	for (const char *at = notes->text; (at = strstr(at, event)) != NULL; at++)
		count++;
	pthread_mutex_unlock(&notes->mutex);
	return count;
}

void notes_wait(struct notes *notes, const char *event, unsigned count)
{
	int64_t deadline_ms = mp_clock_mono_ms() + 20000;

	while (notes_count(notes, event) < count && mp_clock_mono_ms() < deadline_ms)
		sleep_ms(10);
	assert_true(notes_count(notes, event) >= count);
}

/* --- deliveries --- */

struct record *record_new(decide_fn decide)
{
	struct record *record = calloc(1, sizeof(*record));

	assert_non_null(record);
	pthread_mutex_init(&record->mutex, NULL);
	record->decide = decide;
	record->seen = calloc(SEEN_MAX * 2, sizeof(*record->seen));
	assert_non_null(record->seen);
	return record;
}

void record_free(struct record *record)
{
	free(record->seen);
	free(record);
}

/* Ids end in random digits, so these are hash enough. */
static struct seen *find_seen(struct record *record, const struct mp_id *id)
{
	uint8_t tail[4] = {0};

	assert_true(mp_unhex(id->text + 28, 4, tail));
	uint32_t at = (uint32_t)tail[0] << 24 | (uint32_t)tail[1] << 16 | (uint32_t)tail[2] << 8 |
		      tail[3];
	for (at %= SEEN_MAX * 2; !mp_id_is_none(&record->seen[at].id);
		at = (at + 1) % (SEEN_MAX * 2)) {
		if (mp_id_equal(&record->seen[at].id, id))
			break;
	}
	return &record->seen[at];
}

static void record_one(struct record *record, struct mp_delivery *delivery)
{
	struct seen *seen = find_seen(record, &delivery->event.id);

	if (mp_id_is_none(&seen->id)) {
		assert_true(record->ids < SEEN_MAX);
		seen->id = delivery->event.id;
		record->ids++;
	}
	seen->calls++;
	record->deliveries++;
	delivery->verdict = record->decide != NULL ? record->decide(delivery, seen->calls) : MP_ACK;
	if (delivery->verdict == MP_ACK && seen->acks++ == 0)
		record->acked++;
	if (mp_text_copy(record->subject_last, sizeof(record->subject_last),
		    delivery->event.subject) != MP_OK)
		record->subject_last[0] = '\0';
}

void record_handle(void *ctx, struct mp_arena *arena, struct mp_delivery *deliveries, size_t count)
{
	struct record *record = ctx;
	size_t len = strlen(record->last_sizes);

	assert_non_null(mp_arena_alloc(arena, 100));
	if (record->handler_ms > 0)
		sleep_ms(record->handler_ms);
	pthread_mutex_lock(&record->mutex);
	record->batches++;
	if (count > record->batch_max)
		record->batch_max = count;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 &&
			strcmp(deliveries[i - 1].event.id.text, deliveries[i].event.id.text) > 0)
			record->out_of_order = true;
		record_one(record, &deliveries[i]);
	}
	if (mp_text_format(record->last_sizes + len, sizeof(record->last_sizes) - len, "%zu ",
		    count) != MP_OK ||
		mp_text_copy(record->trace, sizeof(record->trace), mp_trace_id()) != MP_OK)
		record->trace[0] = '\0';
	pthread_mutex_unlock(&record->mutex);
}

unsigned record_calls(struct record *record, const struct mp_id *id)
{
	pthread_mutex_lock(&record->mutex);
	unsigned calls = find_seen(record, id)->calls;
	pthread_mutex_unlock(&record->mutex);
	return calls;
}

unsigned record_acked(struct record *record)
{
	pthread_mutex_lock(&record->mutex);
	unsigned acked = record->acked;
	pthread_mutex_unlock(&record->mutex);
	return acked;
}

bool record_wait_acked(struct record *record, unsigned ids, int timeout_ms)
{
	int64_t deadline_ms = mp_clock_mono_ms() + timeout_ms;

	do
		sleep_ms(10);
	while (record_acked(record) < ids && mp_clock_mono_ms() < deadline_ms);
	return record_acked(record) >= ids;
}

static unsigned record_batches(struct record *record)
{
	pthread_mutex_lock(&record->mutex);
	unsigned batches = record->batches;
	pthread_mutex_unlock(&record->mutex);
	return batches;
}

void record_wait_begun(struct record *record)
{
	int64_t deadline_ms = mp_clock_mono_ms() + 20000;

	while (record_batches(record) == 0 && mp_clock_mono_ms() < deadline_ms)
		sleep_ms(10);
	assert_true(record_batches(record) > 0);
}

/* --- consumers --- */

#define CONSUMERS_MAX 2

static struct mp_consumer *consumers[CONSUMERS_MAX];

struct mp_consumer *consumer_open(struct record *record, const struct mp_sink *sink)
{
	struct mp_consumer **place = consumers;

	while (place < consumers + CONSUMERS_MAX && *place != NULL)
		place++;
	assert_true(place < consumers + CONSUMERS_MAX);
	assert_int_equal(mp_consumer_open(broker_url(), MP_QUEUE_BILLING, record_handle, record,
				 sink, place),
		MP_OK);
	return *place;
}

void consumer_close(struct mp_consumer *consumer)
{
	for (size_t i = 0; i < CONSUMERS_MAX; i++) {
		if (consumers[i] == consumer)
			consumers[i] = NULL;
	}
	mp_consumer_close(consumer);
}

static void purge_queues(void)
{
	struct mp_publisher *publisher = NULL;
	struct look look;
	char dead[64];

	assert_int_equal(mp_publisher_open(broker_url(), NULL, &publisher), MP_OK);
	mp_publisher_idle(publisher, 1); /* declares what is not there yet */
	mp_publisher_close(publisher);
	look_open(&look);
	for (size_t i = 0; i < mp_queues_count; i++) {
		assert_non_null(amqp_queue_purge(look.state, 1, amqp_cstring_bytes(mp_queues[i])));
		assert_int_equal(
			mp_text_format(dead, sizeof(dead), "%s.dead", mp_queues[i]), MP_OK);
		assert_non_null(amqp_queue_purge(look.state, 1, amqp_cstring_bytes(dead)));
	}
	look_close(&look);
}

int purge(void **state)
{
	for (size_t i = 0; i < CONSUMERS_MAX; i++)
		consumer_close(consumers[i]);
	purge_queues();
	return 0;
}
