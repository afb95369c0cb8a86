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

/* What errno says; MP_UNAVAILABLE. */
static enum mp_rc say_not_done(const char *doing, char reterr[256])
{
	(void)snprintf(reterr, 256, "The maildir takes no mail (%s): %s.", doing, strerror(errno));
	return MP_UNAVAILABLE;
}

static enum mp_rc write_all(int fd, const char *bytes, size_t len, char reterr[256])
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return say_not_done("writing a file", reterr);
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? MP_OK : say_not_done("syncing a file", reterr);
}

/*
 * The mail's file lies in tmp/ under two names, its id and this one, when it is renamed from the
 * first into new/: with only this one left it was delivered, whatever a reader has done with it.
 */
struct kept {
	char name[64];
};

static enum mp_rc kept_name(const char *mail_id, struct kept *out_kept)
{
	return mp_text_format(out_kept->name, sizeof(out_kept->name), "%s.sent", mail_id);
}

static bool lies_in_tmp(const struct maildir *maildir, const char *name)
{
	struct stat file;

	return fstatat(maildir->tmp_fd, name, &file, AT_SYMLINK_NOFOLLOW) == 0;
}

/* In this order: half of it does not look like a delivery. */
static void remove_names(struct maildir *maildir, const char *mail_id, const struct kept *kept)
{
	(void)unlinkat(maildir->tmp_fd, kept->name, 0);
	(void)unlinkat(maildir->tmp_fd, mail_id, 0);
}

static enum mp_rc write_to_tmp(struct maildir *maildir, const char *mail_id, const char *message,
	size_t len, char reterr[256])
{
	int fd = openat(maildir->tmp_fd, mail_id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum mp_rc rc;

	if (fd < 0)
		return say_not_done("making a file in tmp", reterr);
	rc = write_all(fd, message, len, reterr);
	if (close(fd) != 0 && rc == MP_OK)
		rc = say_not_done("closing a file", reterr);
	return rc;
}

enum mp_rc maildir_deliver(struct maildir *maildir, const char *mail_id, const char *message,
	size_t len, char reterr[256])
{
	struct kept kept;
	enum mp_rc rc = kept_name(mail_id, &kept);

	if (rc != MP_OK)
		return rc;
	if (!lies_in_tmp(maildir, kept.name) || lies_in_tmp(maildir, mail_id)) {
		remove_names(maildir, mail_id, &kept); /* what a crash left */
		rc = write_to_tmp(maildir, mail_id, message, len, reterr);
		if (rc != MP_OK)
			return rc;
		if (linkat(maildir->tmp_fd, mail_id, maildir->tmp_fd, kept.name, 0) != 0 ||
			renameat(maildir->tmp_fd, mail_id, maildir->new_fd, mail_id) != 0)
			return say_not_done("moving a file to new", reterr);
	}
	return fsync(maildir->new_fd) == 0 ? MP_OK : say_not_done("syncing new", reterr);
}

void maildir_forget(struct maildir *maildir, const char *mail_id)
{
	struct kept kept;

	if (kept_name(mail_id, &kept) == MP_OK)
		remove_names(maildir, mail_id, &kept); /* what stays is swept by readers */
}
