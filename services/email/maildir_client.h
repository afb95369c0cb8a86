#ifndef MP_EMAIL_MAILDIR_CLIENT_H
#define MP_EMAIL_MAILDIR_CLIENT_H

#include <stddef.h>

#include "base/rc.h"

/*
 * Delivery into a maildir (qmail's maildir(5)): written and synced in tmp/, then linked
 * into new/ under the mail's id, so a mail delivered before is found there and delivered once.
 */
struct maildir;

/* Makes the folders when absent. MP_UNAVAILABLE: a sentence in reterr (size 256). */
enum mp_rc maildir_open(
	const char *path, struct maildir **out_maildir, char reterr[256]) MP_MUST_CHECK;
void maildir_close(struct maildir *maildir);

/*
 * MP_OK once the mail lies in new/, now or from before. MP_UNAVAILABLE: no room, no permission; it
 * is not there. Threads: any.
 */
enum mp_rc maildir_deliver(struct maildir *maildir, const char *mail_id, const char *message,
	size_t len) MP_MUST_CHECK;

#endif
