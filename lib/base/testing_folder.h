#ifndef MP_BASE_TESTING_FOLDER_H
#define MP_BASE_TESTING_FOLDER_H

/* For tests only: a folder of the test's own in TMPDIR, gone with all in it at the test's end. */

#include "base/testing.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MP_TEST_PATH_SIZE 128

struct mp_test_folder {
	char path[MP_TEST_PATH_SIZE];
};

/* What mkdtemp and mkstemp make a path of. */
static inline void mp_test_path(char path[MP_TEST_PATH_SIZE])
{
	const char *temporary = getenv("TMPDIR");

	if (temporary == NULL || temporary[0] == '\0')
		temporary = "/tmp";
	assert_true(snprintf(path, MP_TEST_PATH_SIZE, "%s/moneypal-test-XXXXXX", temporary) <
		    MP_TEST_PATH_SIZE);
}

static inline void mp_test_folder_make(struct mp_test_folder *folder)
{
	mp_test_path(folder->path);
	assert_non_null(mkdtemp(folder->path));
}

static inline int mp_test_remove_entry(
	const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	return remove(path);
}

static inline void mp_test_remove(const char *path)
{
	(void)nftw(path, mp_test_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Takes a folder that was never made, too. */
static inline void mp_test_folder_remove(struct mp_test_folder *folder)
{
	if (folder->path[0] != '\0')
		mp_test_remove(folder->path);
	folder->path[0] = '\0';
}

#endif
