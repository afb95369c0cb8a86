#ifndef MP_USER_USER_H
#define MP_USER_USER_H

#include "password.h"
#include "user_db.h"
#include "user_types.h"

/*
 * People: registration, profile, search. Texts given must keep the rules of names.h. Errors of the
 * store (store.h) pass through. Threads: any.
 */

struct user_registration {
	const char *user_name;
	const char *password; /* at most PASSWORD_BYTES_MAX */
	const char *first_name;
	const char *last_name;
	const char *email; /* NULL: none */
};

/* Hashes: in the lane only. MP_EXISTS: the user name is taken. */
enum mp_rc user_register(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const struct user_registration *registration, int64_t now_ms,
	struct user *out_user) MP_MUST_CHECK;

/* What a PATCH says; a NULL name stays as it is. */
struct user_change {
	const char *first_name;
	const char *last_name;
	bool sets_email;
	const char *email; /* with sets_email: the new one, or NULL for none */
};

/*
 * Changes a profile; a change that changes nothing writes nothing. MP_NOT_FOUND; MP_BUSY: others
 * changed it again and again meanwhile.
 */
enum mp_rc user_change(const struct user_db *db, struct mp_arena *arena, const struct mp_id *id,
	const struct user_change *change, int64_t now_ms, struct user *out_user) MP_MUST_CHECK;

/* MP_NOT_FOUND. */
enum mp_rc user_get(const struct user_db *db, struct mp_arena *arena, const struct mp_id *id,
	struct user *out_user) MP_MUST_CHECK;

/* People by their ids, 1 to PEOPLE_IDS_MAX, none twice; who is not there is left out. */
enum mp_rc user_people(const struct user_db *db, struct mp_arena *arena, const struct mp_id *ids,
	size_t ids_count, struct user *out_users, size_t *out_count) MP_MUST_CHECK;

/*
 * People whose user name, first name, full name or last name begins with text, whatever its case.
 * MP_INVALID: fewer than SEARCH_CHARS_MIN characters, or more than SEARCH_CHARS_MAX.
 */
enum mp_rc user_search(const struct user_db *db, struct mp_arena *arena, const char *text,
	struct user out_users[SEARCH_RESULTS_MAX], size_t *out_count) MP_MUST_CHECK;

#endif
