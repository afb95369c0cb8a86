#ifndef MP_SANDBOX_IDS_H
#define MP_SANDBOX_IDS_H

#include "sandbox_types.h"

/* "cs_test_" and the id's 32 digits. Pure. */
void stripe_id_format(const char *prefix, const struct mp_id *id, char out_text[STRIPE_ID_SIZE]);

/* The way back; false for anything that stripe_id_format would not write. NULL gives false. */
bool stripe_id_parse(const char *prefix, const char *text, struct mp_id *out_id);

/* When the id was made, in seconds: the record's `created`. */
int64_t stripe_id_created_s(const struct mp_id *id);

#endif
