#ifndef MP_STORE_ROCKSDB_REQUEST_H
#define MP_STORE_ROCKSDB_REQUEST_H

#include <semaphore.h>

#include "store/rocksdb.h"

/* What a committing thread asks of the leader of its group, and gets back. */

#define EXPECT_NOTHING (-1) /* no condition */
#define VERSION_STAYS (-1)

struct prepared_write {
	const char *key;
	const char *value; /* NULL: the key goes */
	size_t key_len;
	size_t pk_len; /* of the key, which goes on with a zero byte */
	size_t value_len;
	int64_t expected; /* the version to be at; 0: absent; or EXPECT_NOTHING */
	int64_t becomes;  /* the version afterwards; 0: absent; VERSION_STAYS: a check only */
	int64_t expires_at_s;
	enum mp_rc refusal;
	bool appends;
};

struct rocksdb_request {
	struct rocksdb_request *next;		/* in the queue, then in the group */
	struct prepared_write *writes;		/* owned, with all that they point to */
	const struct prepared_write **in_order; /* by key */
	size_t count;
	size_t keys_bytes;
	size_t bytes; /* with the values */
	bool durable;
	sem_t wake;    /* posted once, to lead or because rc is there */
	bool leads;    /* woken to lead */
	bool by_group; /* refused because of what an earlier one of the group changes */
	enum mp_rc rc;
	size_t refused;
};

/* --- rocksdb_ends.c: for who checks --- */

/* Whether the write appends an item that is absent, after all that is checked so far. */
bool mp_rocksdb_is_behind_end(const struct mp_rocksdb *engine, const struct prepared_write *write);

/* The write is among what is checked. */
void mp_rocksdb_move_end(struct mp_rocksdb *engine, const struct prepared_write *write);

/* --- rocksdb_group.c --- */

/*
 * Makes the batch of those whose conditions hold, and gives the others their rc. before: the group
 * that is being written meanwhile, NULL: none; what it changes counts as written.
 */
void mp_rocksdb_check_group(
	struct mp_rocksdb *engine, struct rocksdb_group *group, const struct rocksdb_group *before);

/*
 * With write_lock held, before the next group is checked: checks again if the group before came to
 * nothing. False: nothing can be written, and each request has its rc.
 */
bool mp_rocksdb_confirm_group(struct mp_rocksdb *engine, struct rocksdb_group *group);

/* Writes the batch: each request has its rc. With write_lock held. */
void mp_rocksdb_write_group(struct mp_rocksdb *engine, struct rocksdb_group *group);

#endif
