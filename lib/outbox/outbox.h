#ifndef MP_OUTBOX_OUTBOX_H
#define MP_OUTBOX_OUTBOX_H

#include "bus/bus.h"
#include "store/item_json.h"
#include "store/store.h"

/*
 * Transactional outbox: an event's row is written in the transaction of its effect; a relay thread
 * publishes rows, and erases each once the broker has confirmed it. A crash in between publishes
 * twice, never not at all.
 *
 * Rows: pk OUTBOX#00..31 by event id, sk the event id; attributes: type, subject, time, written
 * (when, in milliseconds), trace, and data (the event's fields as a map). Commits tell the relay
 * their rows' ids, and about once a second it reads every partition from its start, never from a
 * remembered cursor. A row that cannot be made an event is told to the sink and stays; others pass
 * it.
 */
struct mp_outbox;

#define MP_OUTBOX_PARTITIONS 32
#define MP_OUTBOX_ROW_FORMAT 1

/* Fills event->data (to be made and owned by the encoder) from the row's data map. */
typedef enum mp_rc (*mp_event_encoder)(
	const char *type, const struct mp_map *data, json_t **out_data, void *ctx);

struct mp_outbox_config {
	struct mp_store *store;
	const char *source; /* "/moneypal/billing" */
	const char *amqp_url;
	mp_event_encoder encode; /* NULL: the map as it is, names and values (mp_map_to_json) */
	void *encode_ctx;
	struct mp_sink sink;
};

/* Usable at once for adding; the relay runs from mp_outbox_start to close. */
enum mp_rc mp_outbox_open(
	const struct mp_outbox_config *config, struct mp_outbox **out_outbox) MP_MUST_CHECK;
enum mp_rc mp_outbox_start(struct mp_outbox *outbox) MP_MUST_CHECK;
void mp_outbox_close(struct mp_outbox *outbox);

/*
 * Adds the event's row to its effect's transaction and returns the map for its fields (NULL without
 * memory: remembered by the transaction). The current trace goes with it. Commit wakes the relay.
 * The id is the transition's own, so an event told again has the same id, and its row may be
 * written again whether or not the first is still waiting.
 */
struct mp_map *mp_outbox_add(struct mp_outbox *outbox, struct mp_txn *txn, const struct mp_id *id,
	const char *type, const char *subject, int64_t time_ms);

#endif
