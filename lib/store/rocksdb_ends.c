#include "store/codec.h"
#include "store/rocksdb_request.h"

/*
 * Where partitions end that items are appended to: the sort key of the last one, of those written
 * or on their way. What is appended behind it is absent, which takes no read to see; a read for
 * each entry of a ledger is what would grow most with it. The first append is looked for like any
 * insert, and what is refused later, or removed, leaves an end too far: that costs a read, and no
 * more. (A journal with a hole, which no crash leaves, is an audit's to find.)
 */

static bool is_behind(const struct prepared_write *write, const char *end, size_t end_len)
{
	size_t at = write->pk_len + 1;

	return mp_key_compare(write->key + at, write->key_len - at, end, end_len) > 0;
}

bool mp_rocksdb_is_behind_end(const struct mp_rocksdb *engine, const struct prepared_write *write)
{
	size_t end_len;

	if (!write->appends)
		return false;
	const char *end = mp_memo_get(engine->ends, write->key, write->pk_len, &end_len);
	return end != NULL && is_behind(write, end, end_len);
}

void mp_rocksdb_move_end(struct mp_rocksdb *engine, const struct prepared_write *write)
{
	size_t at = write->pk_len + 1;
	size_t end_len;

	if (write->becomes <= 0)
		return; /* nothing is added */
	const char *end = mp_memo_get(engine->ends, write->key, write->pk_len, &end_len);
	if (end != NULL ? is_behind(write, end, end_len) : write->appends)
		mp_memo_set(engine->ends, write->key, write->pk_len, write->key + at,
			write->key_len - at);
}
