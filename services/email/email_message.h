#ifndef MP_EMAIL_MESSAGE_H
#define MP_EMAIL_MESSAGE_H

#include "base/buf.h"
#include "email_types.h"

/*
 * A mail's words and its form on the wire. Pure: no clock, no I/O.
 */

struct email_parties {
	const struct email_contact *recipient;
	const struct email_contact *other; /* NULL: not known, told as "another user" */
	const struct email_sender *from;
	const char *public_url; /* for the link to the payment */
};

/*
 * The whole message (RFC 5322): multipart/alternative of text and HTML (RFC 2046), bodies
 * quoted-printable (RFC 2045), subject and names encoded where they are not ASCII (RFC 2047), lines
 * ending in CRLF. Message-ID is the mail's id, so a mail sent again is the same one.
 * Errors: MP_INVALID when an address is not plain, or a name would break out of its header (control
 * characters), MP_TOO_LARGE, MP_NOMEM.
 */
enum mp_rc email_message_write(const struct email_mail *mail, const struct email_parties *parties,
	struct mp_buf *out) MP_MUST_CHECK;

#endif
