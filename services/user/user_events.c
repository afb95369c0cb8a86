#include "user_events.h"

#include <string.h>

#include "json/json.h"

enum mp_rc user_event_encode(
	const char *type, const struct mp_map *data, json_t **out_data, void *ctx)
{
	json_t *json = mp_map_to_json(data);

	if (json == NULL)
		return MP_NOMEM;
	/* A stored row has no null, which the contract has for a user without an address. */
	bool is_user = strncmp(type, "user.", strlen("user.")) == 0;
	if (is_user && json_object_get(json, "email") == NULL &&
		mp_json_set_text(json, "email", NULL) != 0) {
		json_decref(json);
		return MP_NOMEM;
	}
	*out_data = json;
	return MP_OK;
}
