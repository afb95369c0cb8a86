#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "call.h"
#include "mpctl.h"

#define BACKUPS "/v1/backups"

/*
 * A backup of all services at one moment. First writes wait in every one of them, then each is
 * copied, then all go on. At the first copy all of them wait, so none of the copies can hold what
 * followed from something that another copy does not hold: together they are what would be found
 * had the machine lost its power at that moment. What was on its way in the broker then is driven
 * again, as after any crash. One after another without waiting would be worse in any order: a bill
 * that is settled without its transfer, or a payment that the wallet knows and payment does not.
 */
struct backup {
	struct mpctl *ctl;
	const char *folder;
	struct mp_id name;
	bool held[PEERS];
};

static enum mpctl_exit hold(struct backup *b, enum mpctl_peer peer)
{
	json_t *body = json_pack("{s:s}", "name", b->name.text);
	json_t *answer = NULL;

	enum mpctl_exit result = mpctl_call(b->ctl, peer, "POST", BACKUPS, body, &answer);
	b->held[peer] = result == MPCTL_DONE;
	if (result == MPCTL_NO)
		result = mpctl_not_of_this_version(b->ctl, peer, BACKUPS);
	json_decref(body);
	json_decref(answer);
	return result;
}

/* The folder of the copy becomes DIR/<service>. */
static enum mpctl_exit take_copy(struct backup *b, enum mpctl_peer peer, const char *copy)
{
	struct mp_arena *arena = b->ctl->arena;
	const char *to = mp_arena_printf(arena, "%s/%s", b->folder, mpctl_peer_name(peer));
	const char *slash = strrchr(copy, '/');
	const char *parent =
		slash == NULL ? NULL : mp_arena_strndup(arena, copy, (size_t)(slash - copy));

	if (to == NULL || rename(copy, to) != 0) {
		mpctl_say("The copy %s cannot be moved to %s (%s): both must be on one disk.", copy,
			b->folder, strerror(errno));
		return MPCTL_TROUBLE;
	}
	if (parent != NULL)
		(void)rmdir(parent); /* once the last of them has left it */
	return MPCTL_DONE;
}

static enum mpctl_exit copy(struct backup *b, enum mpctl_peer peer)
{
	json_t *answer = NULL;
	const char *path = mp_arena_printf(b->ctl->arena, BACKUPS "/%s/copy", b->name.text);

	enum mpctl_exit result = mpctl_call(b->ctl, peer, "POST", path, NULL, &answer);
	if (result == MPCTL_NO)
		mpctl_say("The %s service was not copied in time; nothing was lost, try again.",
			mpctl_peer_name(peer));
	const char *made = json_string_value(json_object_get(answer, "folder"));
	if (result == MPCTL_DONE)
		result = take_copy(b, peer, made == NULL ? "" : made);
	json_decref(answer);
	return result;
}

static enum mpctl_exit copy_all(struct backup *b)
{
	enum mpctl_exit result = MPCTL_DONE;

	for (int peer = 0; peer < PEERS && result == MPCTL_DONE; peer++)
		result = hold(b, (enum mpctl_peer)peer);
	for (int peer = 0; peer < PEERS && result == MPCTL_DONE; peer++)
		result = copy(b, (enum mpctl_peer)peer);
	return result;
}

/* They go on by themselves, too, only later. */
static void let_go(struct backup *b)
{
	const char *path = mp_arena_printf(b->ctl->arena, BACKUPS "/%s", b->name.text);
	json_t *answer = NULL;

	for (int peer = 0; peer < PEERS; peer++) {
		if (!b->held[peer])
			continue;
		(void)mpctl_call(b->ctl, (enum mpctl_peer)peer, "DELETE", path, NULL, &answer);
		json_decref(answer);
		answer = NULL;
	}
}

/* mpctl backup DIR */
enum mpctl_exit mpctl_backup(struct mpctl *ctl, int argc, char **argv)
{
	struct backup b = {
		.ctl = ctl, .folder = argc == 1 ? argv[0] : "", .name = mp_id_new(mp_clock_ms())};
	int64_t began_ms = mp_clock_mono_ms();

	if (mkdir(b.folder, 0700) != 0) {
		if (errno == EEXIST)
			mpctl_say("%s is there already: name a folder that is not.", b.folder);
		else
			mpctl_say("The folder %s cannot be made (%s): the one above it must be "
				  "there, and yours to write.",
				b.folder, strerror(errno));
		return MPCTL_NO;
	}
	enum mpctl_exit result = copy_all(&b);
	let_go(&b);
	if (result != MPCTL_DONE) {
		if (rmdir(b.folder) != 0) /* what is in it stays, to be looked at */
			mpctl_say("%s holds an unfinished backup: remove it.", b.folder);
		return result;
	}
	(void)printf("%s holds the data of all services at one moment; writes waited %lld ms\n",
		b.folder, (long long)(mp_clock_mono_ms() - began_ms));
	return MPCTL_DONE;
}
