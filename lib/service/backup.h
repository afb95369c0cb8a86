#ifndef MP_SERVICE_BACKUP_H
#define MP_SERVICE_BACKUP_H

#include "http_server/http_server.h"

/*
 * For lib/service: the routes by which mpctl takes a backup of all services at one moment. All ask
 * for the scope store:backup.
 *	POST /v1/backups {"name"}       201: writes wait from now on, at most BACKUP_HOLD_MS
 *	POST /v1/backups/{name}/copy    200 {"folder"}: the store is copied, as it was then
 *	DELETE /v1/backups/{name}       200: writes go on
 * The name is letters, digits and dashes, so that the copy is always BACKUP_DIR/<name>/<service>.
 */
#define BACKUP_HOLD_MS 10000

extern const struct mp_route backup_routes[];
extern const size_t backup_routes_count;

/* What the routes are about: one service in a process. All borrowed. directory "": no backups. */
void backup_init(struct mp_store *store, const char *service, const char *directory);

#endif
