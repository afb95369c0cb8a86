#ifndef MP_SERVICE_SERVICE_H
#define MP_SERVICE_SERVICE_H

#include "config/config.h"
#include "http_server/http_server.h"
#include "jwt/jwt.h"
#include "money/money.h"
#include "store/store.h"

/*
 * What every service's main is made of: arguments, settings, log, store, HTTP server, a run until
 * SIGTERM or SIGINT, and an orderly end. A service adds its own settings, routes and parts.
 */

/* Settings that every service has (table in service.c): the service's own come beside them. */
struct mp_service_config {
	const char *listen;	     /* LISTEN */
	const char *data_dir;	     /* DATA_DIR: folder of the embedded engine */
	const char *backup_dir;	     /* BACKUP_DIR: where copies of it may be made; "": nowhere */
	const char *store;	     /* STORE: rocksdb, dynamodb */
	int64_t store_wait_s;	     /* STORE_WAIT_S: for a DynamoDB that is away at the start */
	const char *log_level;	     /* LOG_LEVEL */
	const char *currencies_text; /* CURRENCIES, see docs/MONEY.md */
	const char *amqp_url;	     /* AMQP_URL, secret */
	const char *jwks_url;	     /* JWKS_URL */
	const char *public_url;	     /* PUBLIC_URL: the gateway's address, as people see it */
	int64_t workers;	     /* WORKERS: threads for requests that may wait */
};

struct mp_service; /* the running parts */

struct mp_service_spec {
	const char *name;  /* "wallet" */
	const char *about; /* what it is, for --help */
	const struct mp_setting *settings;
	size_t settings_count;
	void *config; /* the service's own struct, filled by its settings */
	const struct mp_route *routes;
	size_t routes_count;
	unsigned network_threads; /* 0: the server's default */
	unsigned connections_max; /* 0: the server's default */
	bool standalone; /* no currencies, broker or keys (and no settings for them): the sandbox */

	/*
	 * Opens the service's parts (service/parts.h), with config loaded and the store open.
	 * *out_app goes to every handler. A failure may be one sentence in reterr (size 256).
	 */
	enum mp_rc (*start)(struct mp_service *service, void **out_app, char reterr[256]);
	/* Once the server listens: relays, consumers, due workers. May be NULL. */
	enum mp_rc (*run)(struct mp_service *service, char reterr[256]);
	/*
	 * Before the server closes, which waits for handlers: ends those that take minutes. Also
	 * after failure, when start may not have come to its end. May be NULL.
	 */
	void (*ending)(void);
	/* Closes what start and run opened; also after failure, when some of it was not. */
	void (*stop)(void);
	/* The verifier of tokens; NULL: that of JWKS_URL. Called after start. */
	struct mp_verifier (*verifier)(void);
};

const struct mp_service_config *mp_service_config(const struct mp_service *service);
const char *mp_service_source(const struct mp_service *service); /* of its events: /moneypal/NAME */
struct mp_store *mp_service_store(struct mp_service *service);
const struct mp_currencies *mp_service_currencies(struct mp_service *service);
struct mp_sink mp_service_sink(struct mp_service *service);

/*
 * main's body. Answers --help, --version, --check-config, --print-table and --health (whether the
 * one that listens at LISTEN is ready). Returns the exit status.
 */
int mp_service_main(int argc, char **argv, const struct mp_service_spec *spec);

#endif
