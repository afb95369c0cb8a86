#include "bus/dead.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "bus/bus.h"
#include "bus/confirms.h"
#include "json/json.h"

#define QUIET_MS 3000 /* letters that were there at the beginning come within this time */
#define CONFIRM_MS 10000
#define LOCKING "locking"
#define BUSY_TRIES_MAX 10 /* the last visit's end may take a moment to get around */
#define BUSY_PAUSE_MS 200
#define GIVEN_BACK_TRIES_MAX 100
#define GIVEN_BACK_PAUSE_MS 20

/* Letters that came in while a confirm was awaited wait here, in their order. */
struct arrived {
	struct arrived *next;
	struct mp_amqp_content content; /* with its body */
};

struct visit {
	struct mp_amqp amqp;
	struct mp_confirms confirms;
	const char *queue;
	char dead_queue[128];
	struct mp_dead_count count;
	struct arrived *first;
	struct arrived **last;
};

/* --- receiving --- */

static enum mp_rc on_method(void *ctx, amqp_method_number_t id, const void *decoded)
{
	(void)ctx;
	(void)decoded;
	return id == AMQP_BASIC_CANCEL_METHOD ? MP_UNAVAILABLE : MP_OK;
}

static enum mp_rc on_content(void *ctx, struct mp_amqp_content *content)
{
	struct visit *visit = ctx;
	struct arrived *arrived = calloc(1, sizeof(*arrived));

	if (arrived == NULL)
		return MP_NOMEM;
	arrived->content = *content;
	content->body = NULL; /* taken */
	*visit->last = arrived;
	visit->last = &arrived->next;
	return MP_OK;
}

static struct arrived *take_first(struct visit *visit)
{
	struct arrived *arrived = visit->first;

	visit->first = arrived->next;
	if (visit->first == NULL)
		visit->last = &visit->first;
	return arrived;
}

static void free_arrived(struct arrived *arrived)
{
	free(arrived->content.body);
	free(arrived);
}

/* --- beginning --- */

/*
 * A second visitor would see a part of the letters, and take it for all. Quorum queues know no
 * exclusive consumers, so the lock is a queue that is the connection's own and ends with it.
 */
static enum mp_rc lock(struct visit *visit)
{
	char name[160];
	enum mp_rc rc = mp_text_format(name, sizeof(name), "%s.visit", visit->dead_queue);

	if (rc != MP_OK)
		return rc;
	(void)amqp_queue_declare(visit->amqp.state, MP_AMQP_CONSUMING, amqp_cstring_bytes(name), 0,
		0, 1, 1, amqp_empty_table);
	return mp_amqp_check_rpc(&visit->amqp, LOCKING, amqp_get_rpc_reply(visit->amqp.state));
}

static enum mp_rc count_letters(struct visit *visit, amqp_channel_t channel, size_t *out_count)
{
	amqp_queue_declare_ok_t *declared = amqp_queue_declare(visit->amqp.state, channel,
		amqp_cstring_bytes(visit->dead_queue), 1, 0, 0, 0, amqp_empty_table);
	enum mp_rc rc = mp_amqp_check_rpc(
		&visit->amqp, "counting letters", amqp_get_rpc_reply(visit->amqp.state));

	if (rc == MP_OK && declared != NULL)
		*out_count = declared->message_count;
	return rc;
}

static enum mp_rc set_up(void *ctx)
{
	struct visit *visit = ctx;
	struct mp_amqp *amqp = &visit->amqp;
	const struct mp_amqp_channel channel = {
		.method = on_method, .content = on_content, .ctx = visit};

	enum mp_rc rc = mp_amqp_channel_open(amqp, MP_AMQP_CONSUMING, &channel);
	if (rc == MP_OK)
		rc = mp_topology_declare(amqp);
	if (rc == MP_OK)
		rc = mp_confirms_begin(&visit->confirms, amqp);
	if (rc == MP_OK)
		rc = lock(visit);
	if (rc == MP_OK)
		rc = count_letters(visit, MP_AMQP_CONSUMING, &visit->count.waiting);
	if (rc != MP_OK)
		return rc;
	(void)amqp_basic_qos(amqp->state, MP_AMQP_CONSUMING, 0, MP_DEAD_VISIT_MAX, 0);
	rc = mp_amqp_check_rpc(amqp, "setting the prefetch", amqp_get_rpc_reply(amqp->state));
	if (rc != MP_OK)
		return rc;
	(void)amqp_basic_consume(amqp->state, MP_AMQP_CONSUMING,
		amqp_cstring_bytes(visit->dead_queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	return mp_amqp_check_rpc(amqp, "subscribing", amqp_get_rpc_reply(amqp->state));
}

static enum mp_rc begin(struct visit *visit)
{
	for (int i = 0; i < BUSY_TRIES_MAX; i++) {
		enum mp_rc rc = mp_amqp_connect(&visit->amqp, set_up, visit);
		if (rc == MP_OK || strstr(visit->amqp.told, LOCKING ": 405") == NULL)
			return rc;
		int wait_ms = mp_amqp_wait_ms(&visit->amqp);
		mp_sleep_ms(wait_ms > BUSY_PAUSE_MS ? wait_ms : BUSY_PAUSE_MS);
	}
	return MP_BUSY;
}

/* --- one letter --- */

static enum mp_rc acknowledge(struct visit *visit, uint64_t tag)
{
	return mp_amqp_check(&visit->amqp, "acknowledging",
		amqp_basic_ack(visit->amqp.state, MP_AMQP_CONSUMING, tag, 0));
}

/* To its queue alone, by the default exchange: others that hear this type have handled it. */
static enum mp_rc replay(struct visit *visit, const struct mp_amqp_content *content)
{
	const struct mp_confirms_message message = {
		.exchange = "",
		.routing_key = visit->queue,
		.message_id = content->message_id,
		.content_type = MP_EVENT_CONTENT_TYPE,
		.body = content->body,
		.body_len = content->body_size,
	};
	int64_t deadline_ms = mp_clock_mono_ms() + CONFIRM_MS;
	bool confirmed = false;

	enum mp_rc rc = mp_confirms_send(&visit->confirms, &message, &confirmed, deadline_ms);
	if (rc == MP_OK)
		rc = mp_confirms_wait(&visit->confirms, deadline_ms);
	if (rc == MP_OK && !confirmed)
		rc = mp_amqp_lose(&visit->amqp, "replaying", "the queue refused it (is it full?)");
	if (rc == MP_OK)
		rc = acknowledge(visit, content->tag);
	if (rc == MP_OK)
		visit->count.replayed++;
	return rc;
}

/*
 * As the event itself says: the broker only knows by which key it came here last, and that is the
 * queue's name when it was replayed. Texts are the event's.
 */
static const char *type_of(const struct mp_amqp_content *content, json_t **out_event)
{
	const char *key = content->dead.routing_key;
	char reason[160];

	if (content->body != NULL &&
		mp_json_parse(content->body, content->body_size, out_event, reason) == MP_OK) {
		const char *type = json_string_value(json_object_get(*out_event, "type"));

		if (type != NULL && !mp_text_has_control(type))
			return type;
	}
	return key[0] != '\0' ? key : content->routing_key;
}

static enum mp_rc visit_letter(struct visit *visit, const struct mp_amqp_content *content,
	mp_dead_visitor visitor, void *ctx)
{
	json_t *event = NULL;
	const struct mp_dead_letter letter = {
		.id = content->message_id,
		.type = type_of(content, &event),
		.reason = content->dead.reason,
		.time = content->dead.time,
		.body = content->body,
		.body_len = content->body_size,
	};

	visit->count.visited++;
	enum mp_dead_choice choice = visitor(ctx, &letter);
	json_decref(event);
	if (choice == MP_DEAD_KEEP || content->body == NULL)
		return MP_OK;
	if (choice == MP_DEAD_REPLAY)
		return replay(visit, content);
	visit->count.dropped++;
	return acknowledge(visit, content->tag);
}

/* --- all of them --- */

static enum mp_rc visit_all(struct visit *visit, mp_dead_visitor visitor, void *ctx)
{
	size_t wanted =
		visit->count.waiting < MP_DEAD_VISIT_MAX ? visit->count.waiting : MP_DEAD_VISIT_MAX;
	enum mp_rc rc = MP_OK;

	while (rc == MP_OK && visit->count.visited < wanted) {
		if (visit->first == NULL) {
			rc = mp_amqp_pump(&visit->amqp, QUIET_MS);
			if (rc == MP_PENDING)
				return mp_amqp_lose(&visit->amqp, "reading",
					"letters that are there do not come");
			continue;
		}
		struct arrived *arrived = take_first(visit);
		rc = visit_letter(visit, &arrived->content, visitor, ctx);
		free_arrived(arrived);
	}
	return rc;
}

/*
 * Gives back what was kept, in its order, and waits until the broker counts it again: the next
 * visitor counts first, and would take what it is told for all. The lock is held until then.
 */
static void give_back(struct visit *visit)
{
	size_t kept = visit->count.waiting - visit->count.replayed - visit->count.dropped;
	size_t counted = 0;
	enum mp_rc rc = mp_amqp_check_rpc(&visit->amqp, "giving back",
		amqp_channel_close(visit->amqp.state, MP_AMQP_CONSUMING, AMQP_REPLY_SUCCESS));

	for (int i = 0; rc == MP_OK && i < GIVEN_BACK_TRIES_MAX; i++) {
		rc = count_letters(visit, MP_AMQP_PUBLISHING, &counted);
		if (rc == MP_OK && counted >= kept)
			return;
		mp_sleep_ms(GIVEN_BACK_PAUSE_MS);
	}
}

static enum mp_rc open_visit(struct visit *visit, const char *amqp_url, const char *queue)
{
	memset(visit, 0, sizeof(*visit));
	visit->last = &visit->first;
	for (size_t i = 0; i < mp_queues_count; i++) {
		if (strcmp(mp_queues[i], queue) == 0)
			visit->queue = mp_queues[i];
	}
	if (visit->queue == NULL)
		return MP_INVALID;
	enum mp_rc rc = mp_text_format(
		visit->dead_queue, sizeof(visit->dead_queue), "%s.dead", visit->queue);
	return rc == MP_OK ? mp_amqp_init(&visit->amqp, amqp_url, "visitor", NULL) : rc;
}

static void say_why(const struct visit *visit, enum mp_rc rc, char reterr[256])
{
	const char *why = visit->amqp.told;

	if (rc == MP_INVALID)
		why = "it needs amqp://user:password@host:port/vhost, and a queue of ours";
	if (rc == MP_BUSY)
		why = "they are being looked at by somebody else";
	enum mp_rc copied = mp_text_copy(reterr, 256, why[0] != '\0' ? why : mp_rc_name(rc));
	if (copied != MP_OK)
		reterr[0] = '\0';
}

enum mp_rc mp_dead_visit(const char *amqp_url, const char *queue, mp_dead_visitor visitor,
	void *ctx, struct mp_dead_count *out_count, char reterr[256])
{
	struct visit visit;
	enum mp_rc rc = open_visit(&visit, amqp_url, queue);

	if (rc == MP_OK)
		rc = begin(&visit);
	if (rc == MP_OK)
		rc = visit_all(&visit, visitor, ctx);
	if (rc == MP_OK)
		give_back(&visit);
	else
		say_why(&visit, rc, reterr);
	*out_count = visit.count;
	mp_amqp_done(&visit.amqp); /* after a failure it is this that gives back */
	while (visit.first != NULL)
		free_arrived(take_first(&visit));
	return rc;
}
