#include "base/clock.h"
#include "store/codec.h"
#include "store/rocksdb.h"

/*
 * Items that expired read as absent at once; merging leaves them out, so that sessions and
 * idempotency keys of years do not pile up. Not before they have been expired for a day: a clock
 * that was put forward by mistake takes nothing along.
 */
#define EXPIRED_KEPT_S 86400

static unsigned char is_long_expired(void *state, int level, const char *key, size_t key_len,
	const char *value, size_t value_len, char **new_value, size_t *new_value_len,
	unsigned char *value_changed)
{
	struct mp_record_head head;

	return key_len > 0 && key[0] != '\0' && /* the table's own marks are no records */
	       mp_record_read_head(value, value_len, &head) == MP_OK &&
	       mp_record_is_expired(head.expires_at_s, mp_clock_ms() / 1000 - EXPIRED_KEPT_S);
}

static const char *filter_name(void *state)
{
	return "moneypal.expired";
}

static void filter_destroyed(void *state)
{
}

rocksdb_compactionfilter_t *mp_rocksdb_expiry_new(void)
{
	return rocksdb_compactionfilter_create(
		NULL, filter_destroyed, is_long_expired, filter_name);
}
