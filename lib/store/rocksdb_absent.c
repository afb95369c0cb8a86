#include "store/engine.h"

/* Stands in for the engine in builds without it. */
enum mp_rc mp_rocksdb_open(const struct mp_store_config *config, const struct mp_sink *sink,
	struct mp_store **out_store, char reterr[256])
{
	mp_store_say(reterr, 256, "This program was built without the engine rocksdb.");
	return MP_INVALID;
}
