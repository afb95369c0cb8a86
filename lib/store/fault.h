#ifndef MP_STORE_FAULT_H
#define MP_STORE_FAULT_H

#include "store/store.h"

/*
 * For tests: a store that passes everything on to another, and fails the nth commit, before its
 * effect (MP_UNAVAILABLE) or after it (MP_UNKNOWN). Takes inner over, also
 * where it has no memory and returns NULL. nth counts from 1; 0: never.
 *
 * before_query, before_commit: what somebody else does just before the next query reads, or the
 * next commit writes, once. The hook may use the store.
 */
struct mp_store *mp_fault_store_new(struct mp_store *inner);
void mp_fault_store_arm(struct mp_store *fault, unsigned nth_commit, bool after_effect);
void mp_fault_store_before_query(struct mp_store *fault, void (*hook)(void *ctx), void *ctx);
void mp_fault_store_before_commit(struct mp_store *fault, void (*hook)(void *ctx), void *ctx);

#endif
