#include "payment_types.h"

#include <assert.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const state_names[] = {"created", "awaiting_provider", "settling",
	"requires_funding", "closing", "succeeded", "canceled", "expired", "failed", "review"};
static const char *const source_names[] = {"wallet", "card"};
static const char *const kind_names[] = {"wallet", "session"};
static const char *const session_names[] = {
	"wanted", "open", "processing", "paid", "expired", "failed"};
static const char *const event_names[] = {"payment.requested", "payment.captured",
	"payment.canceled", "payment.expired", "payment.failed"};

_Static_assert(COUNT(state_names) == PAYMENT_STATES, "every state has a name");
_Static_assert(COUNT(session_names) == SESSION_STATES, "every session state has a name");
_Static_assert(COUNT(event_names) == EVENT_TYPES, "every event has a name");

static bool find_name(const char *const *names, size_t count, const char *name, size_t *out_index)
{
	for (size_t i = 0; name != NULL && i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			*out_index = i;
			return true;
		}
	}
	return false;
}

const char *payment_state_name(enum payment_state state)
{
	assert(state < PAYMENT_STATES);
	return state_names[state];
}

bool payment_state_from_name(const char *name, enum payment_state *out_state)
{
	size_t index = 0;
	if (!find_name(state_names, COUNT(state_names), name, &index))
		return false;
	*out_state = (enum payment_state)index;
	return true;
}

const char *payment_source_name(enum payment_source source)
{
	assert(source < COUNT(source_names));
	return source_names[source];
}

bool payment_source_from_name(const char *name, enum payment_source *out_source)
{
	size_t index = 0;
	if (!find_name(source_names, COUNT(source_names), name, &index))
		return false;
	*out_source = (enum payment_source)index;
	return true;
}

const char *attempt_kind_name(enum attempt_kind kind)
{
	assert(kind < COUNT(kind_names));
	return kind_names[kind];
}

bool attempt_kind_from_name(const char *name, enum attempt_kind *out_kind)
{
	size_t index = 0;
	if (!find_name(kind_names, COUNT(kind_names), name, &index))
		return false;
	*out_kind = (enum attempt_kind)index;
	return true;
}

const char *session_state_name(enum session_state state)
{
	assert(state < SESSION_STATES);
	return session_names[state];
}

bool session_state_from_name(const char *name, enum session_state *out_state)
{
	size_t index = 0;
	if (!find_name(session_names, COUNT(session_names), name, &index))
		return false;
	*out_state = (enum session_state)index;
	return true;
}

const char *payment_event_name(enum payment_event_type type)
{
	assert(type < EVENT_TYPES);
	return event_names[type];
}
