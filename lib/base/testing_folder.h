#ifndef MP_BASE_TESTING_FOLDER_H
#define MP_BASE_TESTING_FOLDER_H

/* For tests only: a folder of the test's own under /tmp, gone with all in it at the test's end. */

#include "base/testing.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct mp_test_folder {
	char path[32];
};

static inline void mp_test_folder_make(struct mp_test_folder *folder)
{
	*folder = (struct mp_test_folder){.path = "/tmp/moneypal-test-XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
}

static inline int mp_test_folder_remove_entry(
	const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	return remove(path);
}

/* Takes a folder that was never made, too. */
static inline void mp_test_folder_remove(struct mp_test_folder *folder)
{
	if (folder->path[0] != '\0')
		(void)nftw(folder->path, mp_test_folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	folder->path[0] = '\0';
}

#endif
