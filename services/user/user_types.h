#ifndef MP_USER_USER_TYPES_H
#define MP_USER_USER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/id.h"

/* --- people --- */

#define USER_NAME_MIN 3 /* letters, digits, '.', '_', '-': characters are bytes */
#define USER_NAME_MAX 32
#define PERSON_NAME_CHARS_MAX 64 /* of first_name and of last_name: code points */
#define PERSON_NAME_BYTES_MAX (4 * PERSON_NAME_CHARS_MAX)
#define EMAIL_MIN 3
#define EMAIL_MAX 254

struct user {
	struct mp_id id;
	char user_name[USER_NAME_MAX + 1]; /* as it was written */
	char first_name[PERSON_NAME_BYTES_MAX + 1];
	char last_name[PERSON_NAME_BYTES_MAX + 1];
	char email[EMAIL_MAX + 1]; /* "": none */
	int64_t created_at_ms;
	int64_t version; /* one more by each change; also the events' */
};

/* What a person is found by, folded (names.h); search rows follow from it. */
#define SEARCH_CHARS_MIN 3
#define SEARCH_CHARS_MAX 129 /* two names and a space */
#define SEARCH_TEXT_BYTES_MAX 192
#define SEARCH_TEXTS_MAX 3
#define SEARCH_RESULTS_MAX 10
#define PEOPLE_IDS_MAX 20 /* asked for by id at once */

struct search_text {
	char text[SEARCH_TEXT_BYTES_MAX + 1];
	size_t prefix_bytes; /* of its first SEARCH_CHARS_MIN characters; 0: it has fewer */
};

struct user_index {
	char folded_name[USER_NAME_MAX + 1];	    /* of the user name: unique */
	struct search_text texts[SEARCH_TEXTS_MAX]; /* all different */
	size_t texts_count;
};

/* --- passwords --- */

#define PASSWORD_CHARS_MIN 8
#define PASSWORD_BYTES_MAX 128
#define PASSWORD_HASH_SIZE 128 /* libsodium's crypto_pwhash_STRBYTES */

struct user_password {
	char hash[PASSWORD_HASH_SIZE];
	int64_t version; /* the stored item's */
};

/* --- sessions --- */

#define ACCESS_TOKEN_LIFE_S 900
#define SESSIONS_MAX 20			/* of one user; the oldest gives way */
#define SESSION_LIFE_S (30 * 24 * 3600) /* from the last refresh */
#define SESSION_GRACE_MS 20000		/* in which a token just rotated is good once more */
#define REFRESH_SECRET_BYTES 32

/* "<user id>.<session id>.<43 characters of secret>" and its NUL */
#define REFRESH_TOKEN_SIZE (36 + 1 + 36 + 1 + 43 + 1)

/*
 * A family of refresh tokens. Only their SHA-256 is kept, in hex; "": none.
 *
 *	current   the newest token: good
 *	sibling   a second one, given when previous came once more within its grace: good, too
 *	previous  the token that was rotated last; whoever shows it later, or any other, has stolen
 *	          it or was stolen from: the session ends
 */
struct session {
	struct mp_id id;
	struct mp_id user_id;
	char current[MP_SHA256_HEX_SIZE];
	char sibling[MP_SHA256_HEX_SIZE];
	char previous[MP_SHA256_HEX_SIZE];
	int64_t created_at_ms;
	int64_t rotated_at_ms; /* when current's elder was used */
	int64_t expires_at_s;
	int64_t version; /* the stored item's */
};

/* --- signing keys --- */

#define SIGNING_KEYS_MAX 16 /* stored at once */
#define KEY_ID_MAX 64
#define KEY_JWK_MAX 1024

enum signing_key_state {
	KEY_NEXT,    /* published, so that every verifier has it before it signs */
	KEY_ACTIVE,  /* signs */
	KEY_RETIRED, /* published until the last token that it signed is over */
};

struct signing_key {
	char kid[KEY_ID_MAX + 1];
	enum signing_key_state state;
	char jwk[KEY_JWK_MAX + 1]; /* private: never logged, never answered */
	int64_t created_at_ms;
	int64_t changed_at_ms; /* of state */
	int64_t version;       /* the stored item's */
};

#endif
