#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "store/rocksdb.h"

/*
 * RocksDB's secondary instance: it takes no lock and reads what the process that has the folder
 * open has written so far, at the moment of its opening. It wants a folder for its own notes.
 */
enum mp_rc mp_rocksdb_beside_init(struct mp_rocksdb *engine, char reterr[256])
{
	const char *temporary = getenv("TMPDIR");
	char path[4096];

	if (temporary == NULL || temporary[0] == '\0')
		temporary = "/tmp";
	if (mp_text_format(path, sizeof(path), "%s/moneypal-beside-XXXXXX", temporary) == MP_OK &&
		mkdtemp(path) != NULL)
		engine->beside = strdup(path);
	if (engine->beside != NULL)
		return MP_OK;
	mp_store_say(reterr, 256, "No folder can be made in %s: %s.", temporary, strerror(errno));
	return MP_UNAVAILABLE;
}

rocksdb_t *mp_rocksdb_open_beside(struct mp_rocksdb *engine, char **error)
{
	rocksdb_options_set_create_if_missing(engine->options, 0);
	rocksdb_options_set_max_open_files(engine->options, -1); /* they may be removed meanwhile */
	return rocksdb_open_as_secondary(engine->options, engine->directory, engine->beside, error);
}

void mp_rocksdb_beside_done(struct mp_rocksdb *engine)
{
	DIR *dir = engine->beside == NULL ? NULL : opendir(engine->beside);

	if (dir != NULL) {
		for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
		(void)closedir(dir);
		(void)rmdir(engine->beside);
	}
	free(engine->beside);
}
