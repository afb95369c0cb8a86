#ifndef MP_STORE_MOVE_H
#define MP_STORE_MOVE_H

#include "store/item_json.h"
#include "store/store.h"

/*
 * Moving house: all items of a service's store into a file, and from there into another store, of
 * whichever engine. Every item keeps its version, so that what was read before the move can still
 * be replaced after it.
 *
 * The file is JSON Lines, readable with any tool and bound to no engine's own format:
 *	{"moneypal_export":1,"service":"wallet"}                  its format, and whose items
 *	{"attributes":{...},"format":1,"pk":...,"sk":...,...}     an item (item_json.h)
 *	{"page":{"cursor":...,"digest":...,"items":500}}          all so far, and where to go on
 *	{"end":{"digest":...,"items":1234}}                       all; without it, it is not whole
 * The digest is that of struct mp_items_sum over the lines, so a changed, lost or doubled line does
 * not pass, and two stores can be compared whatever their order.
 *
 * Nobody else may use the source meanwhile. RocksDB's lock sees to that; of DynamoDB's table every
 * replica must be stopped by the operator. Both directions can be ended at any moment, and the same
 * call then goes on where it stopped.
 * Threads: one call on one store and file.
 */
struct mp_move {
	struct mp_store *store;
	const char *service;
	const char *path; /* of the file; an export is written beside it, as path.part */
	int patience_ms;  /* how long a write is tried again before the call gives up */
};

struct mp_moved {
	struct mp_items_sum sum;
	bool resumed;	 /* an earlier call had begun */
	int64_t passing; /* items that end soon, and were not compared (expiry) */
};

/*
 * Writes the file, then reads the store again: it must not have changed. MP_EXISTS: the file is
 * there already. MP_CONFLICT: the store changed, or holds an import that was not finished; what was
 * written is removed. MP_CORRUPT: what an earlier call left is damaged. Errors of the store;
 * MP_UNAVAILABLE for the file's. reterr (size 256): one sentence.
 */
enum mp_rc mp_export(
	const struct mp_move *move, struct mp_moved *out_moved, char reterr[256]) MP_MUST_CHECK;

/*
 * Reads the whole file, then writes its items into an empty store, then compares that store with
 * it. A row of ours says how far it is, and goes at the end. MP_CONFLICT: the store holds other
 * data, the file is another service's, or what was written differs. MP_CORRUPT: the file is not
 * whole, or damaged. MP_BUSY: another import is at work. Errors of the store. reterr (size 256):
 * one sentence.
 */
enum mp_rc mp_import(
	const struct mp_move *move, struct mp_moved *out_moved, char reterr[256]) MP_MUST_CHECK;

/* MP_CONFLICT: the store holds an import that was not finished, so no service may use it. */
enum mp_rc mp_move_check_finished(struct mp_store *store) MP_MUST_CHECK;

#endif
