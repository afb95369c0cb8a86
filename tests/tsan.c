/*
 * For the build with ThreadSanitizer alone: what it is not to report. Debian's RocksDB is not
 * instrumented, so the order that its own atomics make is not seen; a report with one of its frames
 * says nothing. Nothing else is left out.
 */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "race:librocksdb.so\n";
}
