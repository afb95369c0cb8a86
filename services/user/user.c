#include "user.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "names.h"
#include "user_metrics.h"

#define TRIES_MAX 5 /* of a change that others overtake */

/* The texts keep the rules of names.h, and so have room. */
static void set_text(char *out, size_t out_size, const char *text)
{
	enum mp_rc rc = mp_text_copy(out, out_size, text);

	assert(rc == MP_OK);
	(void)rc;
}

enum mp_rc user_register(const struct user_db *db, const struct password_policy *passwords,
	struct mp_arena *arena, const struct user_registration *registration, int64_t now_ms,
	struct user *out_user)
{
	struct user user = {.id = mp_id_new(now_ms), .created_at_ms = now_ms, .version = 1};
	char hash[PASSWORD_HASH_SIZE];
	struct user_index index;
	struct mp_id owner;

	set_text(user.user_name, sizeof(user.user_name), registration->user_name);
	set_text(user.first_name, sizeof(user.first_name), registration->first_name);
	set_text(user.last_name, sizeof(user.last_name), registration->last_name);
	set_text(user.email, sizeof(user.email), registration->email);
	names_index(&user, &index);

	/* Names are public: a taken one need not cost a hash. The insert decides. */
	enum mp_rc rc = user_db_find_name(db, arena, index.folded_name, &owner);
	if (rc != MP_NOT_FOUND)
		return rc == MP_OK ? MP_EXISTS : rc;
	rc = password_hash(passwords, registration->password, hash);
	if (rc == MP_OK)
		rc = user_db_insert(db, arena, &user, &index, hash);
	if (rc != MP_OK)
		return rc;
	mp_metric_add(user_metrics.registered, 1);
	*out_user = user;
	return MP_OK;
}

static bool same(const struct user *a, const struct user *b)
{
	return strcmp(a->first_name, b->first_name) == 0 &&
	       strcmp(a->last_name, b->last_name) == 0 && strcmp(a->email, b->email) == 0;
}

/* One try. MP_STALE: overtaken. */
static enum mp_rc change_once(const struct user_db *db, struct mp_arena *arena,
	const struct mp_id *id, const struct user_change *change, int64_t now_ms,
	struct user *out_user)
{
	struct user_index index_before;
	struct user_index index_after;
	struct user before;

	enum mp_rc rc = user_db_get(db, arena, id, &before);
	if (rc != MP_OK)
		return rc;
	struct user after = before;
	if (change->first_name != NULL)
		set_text(after.first_name, sizeof(after.first_name), change->first_name);
	if (change->last_name != NULL)
		set_text(after.last_name, sizeof(after.last_name), change->last_name);
	if (change->sets_email)
		set_text(after.email, sizeof(after.email), change->email);

	if (!same(&before, &after)) {
		after.version++;
		names_index(&before, &index_before);
		names_index(&after, &index_after);
		rc = user_db_replace(
			db, arena, &before, &index_before, &after, &index_after, now_ms);
	}
	if (rc == MP_OK)
		*out_user = after;
	return rc;
}

enum mp_rc user_change(const struct user_db *db, struct mp_arena *arena, const struct mp_id *id,
	const struct user_change *change, int64_t now_ms, struct user *out_user)
{
	enum mp_rc rc = MP_STALE;

	/* A change names what it sets, so it stays right over whatever came in between. */
	for (int i = 0; i < TRIES_MAX && rc == MP_STALE; i++)
		rc = change_once(db, arena, id, change, now_ms, out_user);
	return rc == MP_STALE ? MP_BUSY : rc;
}

enum mp_rc user_get(const struct user_db *db, struct mp_arena *arena, const struct mp_id *id,
	struct user *out_user)
{
	return user_db_get(db, arena, id, out_user);
}

enum mp_rc user_people(const struct user_db *db, struct mp_arena *arena, const struct mp_id *ids,
	size_t ids_count, struct user *out_users, size_t *out_count)
{
	assert(ids_count > 0 && ids_count <= PEOPLE_IDS_MAX);
	return user_db_get_many(db, arena, ids, ids_count, out_users, out_count);
}

enum mp_rc user_search(const struct user_db *db, struct mp_arena *arena, const char *text,
	struct user out_users[SEARCH_RESULTS_MAX], size_t *out_count)
{
	struct search_text wanted;

	names_search_text(text, &wanted);
	if (wanted.prefix_bytes == 0 || names_length(text) > SEARCH_CHARS_MAX)
		return MP_INVALID;
	return user_db_search(db, arena, &wanted, out_users, out_count);
}
