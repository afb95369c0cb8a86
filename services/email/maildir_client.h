#ifndef MP_EMAIL_MAILDIR_CLIENT_H
#define MP_EMAIL_MAILDIR_CLIENT_H

#include <stddef.h>

#include "base/rc.h"

/*
 * Delivery into a maildir (qmail's maildir(5)): written and synced in tmp/, then renamed into new/
 * under the mail's id. A second name stays in tmp/ until the delivery is recorded, and tells until
 * then that it was done, even when a reader has moved the mail to cur/ or deleted it meanwhile.
 */
struct maildir;

/* Makes the folders when absent. MP_UNAVAILABLE: a sentence in reterr (size 256). */
enum mp_rc maildir_open(
	const char *path, struct maildir **out_maildir, char reterr[256]) MP_MUST_CHECK;
void maildir_close(struct maildir *maildir);

/*
 * MP_OK once the mail was put into new/, now or before. MP_UNAVAILABLE: no room, no permission;
 * repeat it; a sentence in reterr (size 256), without the mail's id. Threads: any, one mail by one
 * at a time.
 */
enum mp_rc maildir_deliver(struct maildir *maildir, const char *mail_id, const char *message,
	size_t len, char reterr[256]) MP_MUST_CHECK;

/* The delivery is recorded: nobody will repeat it. */
void maildir_forget(struct maildir *maildir, const char *mail_id);

#endif
