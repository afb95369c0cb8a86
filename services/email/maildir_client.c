#include "maildir_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

struct maildir {
	int tmp_fd; /* folders, so that later moves of the path do not matter */
	int new_fd;
};

static enum mp_rc open_folder(const char *path, const char *name, int *out_fd, char reterr[256])
{
	char full[4096];

	if (mp_text_format(full, sizeof(full), "%s%s", path, name) != MP_OK)
		return MP_INVALID;
	if (mkdir(full, 0700) != 0 && errno != EEXIST) {
		(void)snprintf(reterr, 256, "The maildir folder %.150s cannot be made: %s.", full,
			strerror(errno));
		return MP_UNAVAILABLE;
	}
	*out_fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*out_fd < 0) {
		(void)snprintf(reterr, 256, "The maildir folder %.150s cannot be opened: %s.", full,
			strerror(errno));
		return MP_UNAVAILABLE;
	}
	return MP_OK;
}

enum mp_rc maildir_open(const char *path, struct maildir **out_maildir, char reterr[256])
{
	struct maildir *maildir = calloc(1, sizeof(*maildir));
	int unused_fd = -1;
	enum mp_rc rc;

	if (maildir == NULL)
		return MP_NOMEM;
	maildir->tmp_fd = maildir->new_fd = -1;
	rc = open_folder(path, "", &unused_fd, reterr);
	if (unused_fd >= 0)
		close(unused_fd);
	unused_fd = -1;
	if (rc == MP_OK)
		rc = open_folder(path, "/cur", &unused_fd, reterr);
	if (unused_fd >= 0)
		close(unused_fd);
	if (rc == MP_OK)
		rc = open_folder(path, "/tmp", &maildir->tmp_fd, reterr);
	if (rc == MP_OK)
		rc = open_folder(path, "/new", &maildir->new_fd, reterr);
	if (rc != MP_OK) {
		maildir_close(maildir);
		return rc;
	}
	*out_maildir = maildir;
	return MP_OK;
}

void maildir_close(struct maildir *maildir)
{
	if (maildir == NULL)
		return;
	if (maildir->tmp_fd >= 0)
		close(maildir->tmp_fd);
	if (maildir->new_fd >= 0)
		close(maildir->new_fd);
	free(maildir);
}

static enum mp_rc write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return MP_UNAVAILABLE;
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? MP_OK : MP_UNAVAILABLE;
}

/*
 * From the link into new/ until maildir_forget the mail has a second name in tmp/: wherever a
 * reader moves the first one, to cur/ or a folder of its own, the count of its names tells of it.
 */
static bool has_two_names(const struct maildir *maildir, const char *mail_id)
{
	struct stat file;

	return fstatat(maildir->tmp_fd, mail_id, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
	       file.st_nlink > 1;
}

enum mp_rc maildir_deliver(
	struct maildir *maildir, const char *mail_id, const char *message, size_t len)
{
	enum mp_rc rc;

	if (has_two_names(maildir, mail_id))
		return fsync(maildir->new_fd) == 0 ? MP_OK : MP_UNAVAILABLE;
	/* What else lies there is a part that a crash left. */
	(void)unlinkat(maildir->tmp_fd, mail_id, 0);
	int fd = openat(maildir->tmp_fd, mail_id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return MP_UNAVAILABLE;
	rc = write_all(fd, message, len);
	if (close(fd) != 0)
		rc = MP_UNAVAILABLE;
	if (rc == MP_OK && linkat(maildir->tmp_fd, mail_id, maildir->new_fd, mail_id, 0) != 0 &&
		errno != EEXIST)
		rc = MP_UNAVAILABLE;
	if (rc == MP_OK && fsync(maildir->new_fd) != 0)
		rc = MP_UNAVAILABLE;
	return rc;
}

void maildir_forget(struct maildir *maildir, const char *mail_id)
{
	(void)unlinkat(maildir->tmp_fd, mail_id, 0); /* what stays in tmp/ is swept by readers */
}
