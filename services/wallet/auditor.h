#ifndef MP_WALLET_AUDITOR_H
#define MP_WALLET_AUDITOR_H

#include "wallet.h"

/*
 * A thread that audits the ledger at its start, and then again and again. What it finds is told as
 * wallet_audit does; an audit that could not be made is logged, and made again soon.
 */
struct auditor;

/*
 * every_s: from one's end to the next one's start. The wallet is borrowed. MP_UNAVAILABLE: there is
 * no thread to be had. MP_NOMEM.
 */
enum mp_rc auditor_open(
	struct wallet *wallet, int64_t every_s, struct auditor **out_auditor) MP_MUST_CHECK;

/* Ends the audit that runs. Takes NULL. */
void auditor_close(struct auditor *auditor);

#endif
