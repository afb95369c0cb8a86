#include "bus/connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "bus/bus.h"

/* A short string has at most 255 bytes. One with a NUL inside ends there: it is none of ours. */
static void copy_short(char out_text[256], amqp_bytes_t bytes)
{
	size_t len = bytes.len < 256 ? bytes.len : 255;

	if (len > 0)
		memcpy(out_text, bytes.bytes, len);
	out_text[len] = '\0';
}

/* Frames do not stay, so what the later ones do not say again is copied. */
static void begin_content(struct mp_amqp_content *content, const amqp_method_t *method)
{
	free(content->body);
	memset(content, 0, sizeof(*content));
	content->method = method->id;
	if (method->id == AMQP_BASIC_DELIVER_METHOD) {
		const amqp_basic_deliver_t *deliver = method->decoded;
		content->tag = deliver->delivery_tag;
		copy_short(content->routing_key, deliver->routing_key);
	} else {
		const amqp_basic_return_t *returned = method->decoded;
		copy_short(content->routing_key, returned->routing_key);
	}
}

static enum mp_rc finish_content(struct mp_amqp_channel *channel)
{
	enum mp_rc rc = channel->content(channel->ctx, &channel->incoming);

	free(channel->incoming.body);
	memset(&channel->incoming, 0, sizeof(channel->incoming));
	return rc;
}

static enum mp_rc take_header(struct mp_amqp_channel *channel, const amqp_frame_t *frame)
{
	struct mp_amqp_content *content = &channel->incoming;
	const amqp_basic_properties_t *properties = frame->payload.properties.decoded;

	if (content->method == 0)
		return MP_CORRUPT;
	if (properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		copy_short(content->message_id, properties->message_id);
	if (properties->_flags & AMQP_BASIC_HEADERS_FLAG)
		mp_dead_headers_read(&properties->headers, &content->dead);
	content->body_size = frame->payload.properties.body_size;
	if (content->method == AMQP_BASIC_DELIVER_METHOD &&
		content->body_size <= MP_EVENT_BYTES_MAX) {
		content->body = malloc(content->body_size + 1);
		if (content->body == NULL)
			return MP_NOMEM;
		content->body[content->body_size] = '\0';
	}
	return content->body_size == 0 ? finish_content(channel) : MP_OK;
}

static enum mp_rc take_body(struct mp_amqp_channel *channel, amqp_bytes_t fragment)
{
	struct mp_amqp_content *content = &channel->incoming;

	if (content->method == 0 || fragment.len > content->body_size - content->body_got)
		return MP_CORRUPT;
	if (content->body != NULL)
		memcpy(content->body + content->body_got, fragment.bytes, fragment.len);
	content->body_got += fragment.len;
	return content->body_got == content->body_size ? finish_content(channel) : MP_OK;
}

static enum mp_rc take_method(
	struct mp_amqp *amqp, struct mp_amqp_channel *channel, const amqp_method_t *method)
{
	switch (method->id) {
	case AMQP_CONNECTION_CLOSE_METHOD:
	case AMQP_CHANNEL_CLOSE_METHOD:
		return mp_amqp_lose_closed(amqp, "closed by the broker", method);
	case AMQP_BASIC_DELIVER_METHOD:
	case AMQP_BASIC_RETURN_METHOD:
		begin_content(&channel->incoming, method);
		return MP_OK;
	default:
		return channel->method(channel->ctx, method->id, method->decoded);
	}
}

static enum mp_rc dispatch(struct mp_amqp *amqp, const amqp_frame_t *frame)
{
	struct mp_amqp_channel *channel = NULL;

	if (frame->channel >= 1 && frame->channel <= MP_AMQP_CHANNELS_MAX)
		channel = &amqp->channels[frame->channel];
	/* Channel 0 says nothing that matters here, but that it closes. */
	if (channel == NULL || channel->method == NULL) {
		if (frame->frame_type == AMQP_FRAME_METHOD &&
			frame->payload.method.id == AMQP_CONNECTION_CLOSE_METHOD)
			return take_method(amqp, NULL, &frame->payload.method);
		return frame->channel == 0 ? MP_OK : MP_CORRUPT;
	}
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		return take_method(amqp, channel, &frame->payload.method);
	case AMQP_FRAME_HEADER:
		return take_header(channel, frame);
	case AMQP_FRAME_BODY:
		return take_body(channel, frame->payload.body_fragment);
	default:
		return MP_OK;
	}
}

enum mp_rc mp_amqp_pump(struct mp_amqp *amqp, int timeout_ms)
{
	struct timeval timeout = {
		.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000L};
	amqp_frame_t frame;

	assert(amqp->state != NULL && timeout_ms >= 0);
	int status = amqp_simple_wait_frame_noblock(amqp->state, &frame, &timeout);
	if (status == AMQP_STATUS_TIMEOUT)
		return MP_PENDING;

	enum mp_rc rc = mp_amqp_check(amqp, "reading", status);
	if (rc != MP_OK)
		return rc;
	rc = dispatch(amqp, &frame);
	if (rc == MP_OK) {
		amqp_maybe_release_buffers_on_channel(amqp->state, frame.channel);
		return MP_OK;
	}
	if (amqp->state == NULL)
		return MP_UNAVAILABLE; /* lost, and told, on the way */
	return mp_amqp_lose(amqp, "reading", mp_rc_name(rc));
}
