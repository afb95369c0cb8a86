#ifndef MP_EMAIL_SMTP_CLIENT_H
#define MP_EMAIL_SMTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "email_types.h"

/*
 * Hands mails to an SMTP server (RFC 5321), by libcurl: as many kept-alive connections as threads
 * send at once. Threads: a client may be shared by any.
 */
struct smtp_client;

struct smtp_config {
	const char *url;      /* "smtp://host:port" or "smtps://host:port" */
	const char *user;     /* "": the server asks for no log-on */
	const char *password; /* never logged */
	const char *ca_file;  /* certificates to trust; "": the system's */
	bool plain_text;      /* smtp:// without TLS; otherwise STARTTLS, or nothing is sent */
	long timeout_ms;      /* of one mail, connecting included */
};

/* MP_INVALID: a sentence in reterr (size 256). MP_NOMEM. Nothing is connected yet. */
enum mp_rc smtp_open(const struct smtp_config *config, struct smtp_client **out_client,
	char reterr[256]) MP_MUST_CHECK;

/* Ends what is being sent: at once before the message itself goes, in two seconds else. */
void smtp_stop(struct smtp_client *client);

/* When nothing is sent any more. Takes NULL. */
void smtp_close(struct smtp_client *client);

struct smtp_mail {
	const char *from;
	const char *to;
	const char *message; /* lines ending in CRLF, of at most 998 bytes */
	size_t len;
	/*
	 * Called when the server has agreed to take the message, before its first byte goes: what
	 * happens afterwards may have no answer. Anything but MP_OK sends nothing.
	 */
	enum mp_rc (*before_message)(void *ctx);
	void *ctx;
};

enum smtp_outcome {
	SMTP_TAKEN,    /* the server answers for it now */
	SMTP_DEFERRED, /* 4xx to this mail: it may be taken later */
	SMTP_REFUSED,  /* 5xx to this mail: it never will be */
	SMTP_UNKNOWN,  /* the whole message was sent and the answer did not come */
	SMTP_TROUBLE,  /* not about this mail: no connection, no TLS, no log-on, sender refused */
};

struct smtp_answer {
	enum smtp_outcome outcome;
	int code;		       /* the server's 4xx or 5xx; 0 when it said neither */
	char words[EMAIL_ANSWER_SIZE]; /* the server's own; for TROUBLE and UNKNOWN a sentence of
					  ours. Printable ASCII, no secret. */
};

/*
 * MP_OK whatever the outcome. MP_INVALID: an address or the message breaks a rule, nothing was
 * sent. MP_NOMEM; MP_UNAVAILABLE, stopped: nothing was sent. What before_message returned, when
 * that was not MP_OK.
 */
enum mp_rc smtp_send(struct smtp_client *client, const struct smtp_mail *mail,
	struct smtp_answer *out_answer) MP_MUST_CHECK;

#endif
