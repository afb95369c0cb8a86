#include "store/move.h"

#include <stdio.h>

#include "store.h"

#define PATIENCE_MS 60000

static enum mpctl_exit say_moved(const char *service, const char *path, const char *did,
	enum mp_rc rc, const struct mp_moved *moved, const char *reason)
{
	char digest[MP_SHA256_HEX_SIZE];

	if (rc != MP_OK) {
		mpctl_say("%s%s", reason,
			mp_rc_is_transient(rc) ? " The same call goes on from there." : "");
		return mp_rc_is_transient(rc) ? MPCTL_TROUBLE : MPCTL_NO;
	}
	mp_hex(moved->sum.digest, sizeof(moved->sum.digest), digest);
	(void)printf("%s: %lld items %s %s%s, digest %s\n", service, (long long)moved->sum.count,
		did, path, moved->resumed ? " (an earlier call had begun)" : "", digest);
	if (moved->passing > 0)
		(void)printf("%lld of them end within the hour, and were not compared\n",
			(long long)moved->passing);
	return MPCTL_DONE;
}

/* mpctl export SERVICE FILE */
enum mpctl_exit mpctl_export(struct mpctl *ctl, int argc, char **argv)
{
	struct mp_store *store;
	struct mp_moved moved;
	char reason[256] = "";

	enum mpctl_exit result = mpctl_store_open(argv[0], STORE_EXISTING, &store);
	if (result != MPCTL_DONE)
		return result;
	const struct mp_move move = {store, argv[0], argv[1], PATIENCE_MS};
	enum mp_rc rc = mp_export(&move, &moved, reason);
	mp_store_close(store);
	return say_moved(argv[0], argv[1], "are in", rc, &moved, reason);
}

/* mpctl import SERVICE FILE */
enum mpctl_exit mpctl_import(struct mpctl *ctl, int argc, char **argv)
{
	struct mp_store *store;
	struct mp_moved moved;
	char reason[256] = "";

	enum mpctl_exit result = mpctl_store_open(argv[0], STORE_SERVE, &store);
	if (result != MPCTL_DONE)
		return result;
	const struct mp_move move = {store, argv[0], argv[1], PATIENCE_MS};
	enum mp_rc rc = mp_import(&move, &moved, reason);
	mp_store_close(store);
	return say_moved(argv[0], argv[1], "came from", rc, &moved, reason);
}
