/*
 * For the build with ThreadSanitizer alone: what it is not to report. Debian's RocksDB and the C++
 * library, which it alone uses, are not instrumented, so the order that their own atomics make is
 * not seen; a report with one of their frames says nothing. The two functions read and free what
 * RocksDB wrote: their reports have lost its frames when they are old. Nothing else is left out.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_options(void);

const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librocksdb.so\n"
	       "called_from_lib:libstdc++.so\n"
	       "race:librocksdb.so\n"
	       "race:libstdc++.so\n"
	       "race:^mp_record_read$\n"
	       "race:^mp_rocksdb_batch_get$\n";
}

/* As much of each thread's past as there can be, so that a report has all its frames. */
const char *__tsan_default_options(void)
{
	return "history_size=7";
}
