#ifndef MP_SERVICE_PARTS_H
#define MP_SERVICE_PARTS_H

#include "bus/bus.h"
#include "due/due.h"
#include "outbox/outbox.h"
#include "service/service.h"

/*
 * The parts that services are made of, opened on the service's own store, broker, name and log.
 * Each is closed by its own function, before the service ends. Results: those of the part's open.
 */

/* Usable at once for adding; mp_outbox_start begins to publish. encode: see mp_outbox_config. */
enum mp_rc mp_service_outbox(struct mp_service *service, mp_event_encoder encode, void *encode_ctx,
	struct mp_outbox **out_outbox) MP_MUST_CHECK;

/* work: all but its store and its sink. Usable at once for adding; mp_due_start begins to work. */
enum mp_rc mp_service_due(struct mp_service *service, const struct mp_due_config *work,
	struct mp_due **out_due) MP_MUST_CHECK;

/* Handles what comes, from now on. */
enum mp_rc mp_service_consume(struct mp_service *service, const char *queue,
	mp_deliveries_handler handler, void *ctx, struct mp_consumer **out_consumer) MP_MUST_CHECK;

/* Passes a result on; a failure's sentence goes to reterr. */
enum mp_rc mp_service_because(enum mp_rc rc, const char *sentence, char reterr[256]) MP_MUST_CHECK;

#endif
