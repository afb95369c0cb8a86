#ifndef MP_EMAIL_MIME_H
#define MP_EMAIL_MIME_H

#include <stddef.h>

#include "base/buf.h"

/* The encodings that a message is made of. Pure. Failures are remembered by the buffer. */

/*
 * Quoted-printable text (RFC 2045 section 6.7): '\n' becomes a CRLF line end. A '.' that begins a
 * line is encoded, so that no line of a body can be taken for the end of SMTP's data.
 */
void email_mime_quoted_printable(struct mp_buf *out, const char *text);

/*
 * Unstructured header text (RFC 2047): as it is when printable ASCII and short, otherwise encoded
 * words of at most 75 characters in UTF-8 and base64, cut between characters, a line each.
 */
void email_mime_header_text(struct mp_buf *out, const char *text);

/* name <address>: the name quoted when it is ASCII and short, otherwise encoded words. */
void email_mime_mailbox(struct mp_buf *out, const char *name, const char *address);

/* HTML with &, <, >, " and ' escaped. */
void email_mime_html(struct mp_buf *out, const char *text);

/* RFC 5322 date-time in UTC: "Mon, 23 Nov 2026 01:02:03 +0000". */
void email_mime_date(struct mp_buf *out, long long time_ms);

#endif
