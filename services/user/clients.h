#ifndef MP_USER_CLIENTS_H
#define MP_USER_CLIENTS_H

#include <stdbool.h>

#include "base/rc.h"

/*
 * The services that may ask for a token (OAuth 2.0 clients): read once from a file such as
 * {"billing": {"secret": "...", "scopes": ["wallet:transfer"]}}. Secrets are kept as hashes only.
 * Threads: any, once loaded.
 */
#define CLIENT_ID_MAX 63
#define CLIENT_SCOPES_MAX 127 /* bytes, separated by spaces */
#define CLIENT_SECRET_MIN 16

struct clients;

/* MP_INVALID, MP_NOT_FOUND, MP_NOMEM, each with a sentence in reterr that has no secret in it. */
enum mp_rc clients_load(
	const char *path, struct clients **out_clients, char reterr[256]) MP_MUST_CHECK;
void clients_free(struct clients *clients);

/*
 * Checks a client's secret in the same time for any. MP_UNAUTHENTICATED: no such client, or another
 * secret. *out_scopes: all it may have; borrowed.
 */
enum mp_rc clients_authenticate(const struct clients *clients, const char *id, const char *secret,
	const char **out_scopes) MP_MUST_CHECK;

/*
 * True when each of wanted's scopes (separated by spaces, at least one) is in granted, and a token
 * has room for all: CLIENT_SCOPES_MAX. Pure.
 */
bool clients_scopes_within(const char *wanted, const char *granted);

#endif
