#ifndef MP_MPCTL_STORE_H
#define MP_MPCTL_STORE_H

#include "mpctl.h"
#include "service/store_settings.h"
#include "store/store.h"

/*
 * The store of a service, opened by mpctl itself with the service's own settings: STORE, DATA_DIR,
 * and those of DynamoDB. MPCTL_WRONG_USE: no such service, or wrong settings; MPCTL_NO: the store
 * is used by the service, or is not there; MPCTL_TROUBLE. The sentence was said.
 */
enum mpctl_exit mpctl_store_open(
	const char *service, enum store_use use, struct mp_store **out_store);

#endif
