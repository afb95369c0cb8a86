#ifndef MP_MPCTL_AMOUNT_H
#define MP_MPCTL_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* Amounts as the services tell them: mpctl does not know a currency's digits, and counts them. */

/* "12.50" is 1250 with two digits; false for anything else. */
bool mpctl_read_amount(const char *text, int64_t *out_minor, int *out_digits);

/* And back; NULL without memory. */
const char *mpctl_write_amount(struct mp_arena *arena, int64_t minor, int digits);

#endif
