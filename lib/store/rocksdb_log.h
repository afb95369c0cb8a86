#ifndef MP_STORE_ROCKSDB_LOG_H
#define MP_STORE_ROCKSDB_LOG_H

#include <stddef.h>

#include "base/rc.h"

/*
 * Reads the folder's logs before RocksDB does. RocksDB refuses a record whose content is damaged,
 * but takes some damaged headers for the end of the log, and would go on without the commits behind
 * them. Here a log that breaks off must have nothing behind: a torn tail has not.
 *
 * MP_CORRUPT: reterr (size 128) names the log and the place. MP_UNAVAILABLE: a log cannot be read;
 * reterr says why. MP_NOMEM. A folder that is not there has no logs.
 */
enum mp_rc mp_rocksdb_check_logs(const char *directory, char reterr[128]) MP_MUST_CHECK;

#endif
