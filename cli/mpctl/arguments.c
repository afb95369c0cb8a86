#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "mpctl.h"

bool mpctl_read_payment(const char *text, struct mp_id *out_id)
{
	if (mp_id_parse(text, out_id))
		return true;
	mpctl_say("%s is not a payment's id, which looks like "
		  "019a1b2c-3d4e-7f01-8234-56789abcdef0.",
		text);
	return false;
}

bool mpctl_read_day(const char *text, int64_t *out_ms)
{
	char time[32];

	if (strlen(text) == 10 &&
		mp_text_format(time, sizeof(time), "%sT00:00:00Z", text) == MP_OK &&
		mp_time_parse(time, out_ms) == MP_OK)
		return true;
	mpctl_say("%s is not a day, which looks like 2026-11-23.", text);
	return false;
}
