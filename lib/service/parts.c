#include "service/parts.h"

#include "base/text.h"

enum mp_rc mp_service_outbox(struct mp_service *service, mp_event_encoder encode, void *encode_ctx,
	struct mp_outbox **out_outbox)
{
	const struct mp_outbox_config config = {
		.store = mp_service_store(service),
		.source = mp_service_source(service),
		.amqp_url = mp_service_config(service)->amqp_url,
		.encode = encode,
		.encode_ctx = encode_ctx,
		.sink = mp_service_sink(service),
	};

	return mp_outbox_open(&config, out_outbox);
}

enum mp_rc mp_service_due(
	struct mp_service *service, const struct mp_due_config *work, struct mp_due **out_due)
{
	struct mp_due_config config = *work;

	config.store = mp_service_store(service);
	config.sink = mp_service_sink(service);
	return mp_due_open(&config, out_due);
}

enum mp_rc mp_service_consume(struct mp_service *service, const char *queue,
	mp_deliveries_handler handler, void *ctx, struct mp_consumer **out_consumer)
{
	const struct mp_sink sink = mp_service_sink(service);

	return mp_consumer_open(
		mp_service_config(service)->amqp_url, queue, handler, ctx, &sink, out_consumer);
}

enum mp_rc mp_service_because(enum mp_rc rc, const char *sentence, char reterr[256])
{
	if (rc == MP_OK)
		return MP_OK;
	return mp_text_copy(reterr, 256, sentence) == MP_OK ? rc : MP_BUG;
}
