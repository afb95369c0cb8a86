#include "fuzz.h"

#include <string.h>

#include "bus/bus.h"

/* Events as they come from the broker: what is decoded can be published again, and is the same. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_event event = {.data = NULL};
	struct mp_event again = {.data = NULL};
	char reason[160] = "";
	json_t *again_json = NULL;
	json_t *json = NULL;
	struct mp_buf out;

	enum mp_rc rc = mp_event_decode((const char *)data, size, &json, &event, reason);
	FUZZ_CHECK(rc == MP_OK || (rc == MP_INVALID && reason[0] != '\0'));
	if (rc != MP_OK)
		return 0;
	mp_buf_init(&out, 8 * MP_EVENT_BYTES_MAX);
	if (mp_event_encode(&event, &out) == MP_OK) {
		FUZZ_CHECK(mp_event_decode(mp_buf_text(&out), out.len, &again_json, &again,
				   reason) == MP_OK);
		FUZZ_CHECK(mp_id_equal(&event.id, &again.id) && event.time_ms == again.time_ms);
		FUZZ_CHECK(strcmp(event.type, again.type) == 0);
		FUZZ_CHECK(json_equal(event.data, again.data));
	}
	mp_buf_done(&out);
	json_decref(again_json);
	json_decref(json);
	return 0;
}
