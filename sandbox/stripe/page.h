#ifndef MP_SANDBOX_PAGE_H
#define MP_SANDBOX_PAGE_H

#include "base/buf.h"
#include "cards.h"
#include "sandbox_types.h"

/*
 * The hosted page, as plain HTML without script. All writers append to out, whose failure is the
 * caller's to check. Pure.
 */
#define PAGE_BYTES_MAX (512u * 1024)

struct page {
	const struct session *session;
	const char *refusal;	       /* what the bank said last; or NULL */
	struct card_problems problems; /* of the last form; all NULL: none */
};

/* The form to pay at, of an open session. */
void page_write_form(struct mp_buf *out, const struct page *page);

/* Of a session that is paid, awaits a bank transfer, or has expired. */
void page_write_closed(struct mp_buf *out, const struct session *session);

/* Of an address that is no session's. */
void page_write_unknown(struct mp_buf *out);

/* Text with &, <, >, " and ' made harmless, for elements and quoted attributes. */
void page_escape(struct mp_buf *out, const char *text);

/* success_url with the session's id in the place of {CHECKOUT_SESSION_ID}. */
void page_write_return_url(struct mp_buf *out, const struct session *session);

#endif
