#ifndef MP_EMAIL_DB_H
#define MP_EMAIL_DB_H

#include "due/due.h"
#include "email_types.h"
#include "store/store.h"

/*
 * The email service's table:
 *
 *	CONTACT#<user id>  CONTACT                     an entry of the address book
 *	MAIL#<mail id>     MAIL                        a row of the mail log
 *	USER#<user id>     MAIL#<event time>#<mail id> pointer: the notices to a user, by time
 *	DUE#mail#..                                    mails to be sent (lib/due)
 *
 * Errors are the store's, see store/store.h.
 */

/* MP_NOT_FOUND: the user service has not told of this user yet. */
enum mp_rc email_db_contact(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, struct email_contact *out) MP_MUST_CHECK;

/* Writes the contact unless a newer version stands there already. */
enum mp_rc email_db_contact_put(struct mp_store *store, struct mp_arena *arena,
	const struct email_contact *contact) MP_MUST_CHECK;

/*
 * Claims the mails, all in one transaction: log row, pointer, and due row. MP_EXISTS: one of them
 * is claimed already, and none was written. count is at most email_db_claim_max().
 */
enum mp_rc email_db_claim(struct mp_store *store, struct mp_arena *arena, struct mp_due *due,
	const struct email_mail *mails, size_t count) MP_MUST_CHECK;
size_t email_db_claim_max(const struct mp_store *store);

enum mp_rc email_db_mail(struct mp_store *store, struct mp_arena *arena, const struct mp_id *id,
	struct email_mail *out) MP_MUST_CHECK;

/* Writes the mail over the version that was read; *mail then has the next one. */
enum mp_rc email_db_mail_replace(
	struct mp_store *store, struct mp_arena *arena, struct email_mail *mail) MP_MUST_CHECK;

struct email_page {
	struct email_mail *mails; /* in the arena */
	size_t count;
	const char *after; /* where the next page begins; NULL at the end */
};

/* The notices to a user, newest first. */
enum mp_rc email_db_list(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, const char *after, size_t limit,
	struct email_page *out_page) MP_MUST_CHECK;

/* Those of events since then, oldest first. */
enum mp_rc email_db_list_since(struct mp_store *store, struct mp_arena *arena,
	const struct mp_id *user_id, int64_t since_ms, const char *after, size_t limit,
	struct email_page *out_page) MP_MUST_CHECK;

#endif
