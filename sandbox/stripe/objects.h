#ifndef MP_SANDBOX_OBJECTS_H
#define MP_SANDBOX_OBJECTS_H

#include "base/arena.h"
#include "json/json.h"
#include "sandbox_types.h"
#include "stripe_error.h"

/*
 * The provider's JSON, field for field. public_url is where the hosted pages are. NULL without
 * memory; trees are the caller's.
 */
#define STRIPE_API_VERSION "2025-08-27.basil"

json_t *session_to_json(const struct session *session, const char *public_url);
json_t *intent_to_json(const struct intent *intent);
json_t *event_to_json(const struct event *event);
json_t *stripe_error_to_json(const struct stripe_error *error);

/* Takes items. */
json_t *list_to_json(const char *url, json_t *items, bool has_more);

/* Takes json (NULL gives NULL): its text, laid out as the provider does, in the arena. */
const char *json_to_text(struct mp_arena *arena, json_t *json);

#endif
