#include "ids.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

#define ID_DIGITS 32

void stripe_id_format(const char *prefix, const struct mp_id *id, char out_text[STRIPE_ID_SIZE])
{
	const char *text = id->text;

	enum mp_rc rc = mp_text_format(out_text, STRIPE_ID_SIZE, "%s%.8s%.4s%.4s%.4s%.12s", prefix,
		text, text + 9, text + 14, text + 19, text + 24);
	assert(rc == MP_OK);
}

bool stripe_id_parse(const char *prefix, const char *text, struct mp_id *out_id)
{
	char uuid[sizeof(out_id->text)];
	size_t prefix_len = strlen(prefix);

	if (text == NULL || strncmp(text, prefix, prefix_len) != 0 ||
		strlen(text) != prefix_len + ID_DIGITS)
		return false;
	text += prefix_len;
	enum mp_rc rc = mp_text_format(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", text,
		text + 8, text + 12, text + 16, text + 20);
	return rc == MP_OK && mp_id_parse(uuid, out_id);
}

int64_t stripe_id_created_s(const struct mp_id *id)
{
	return mp_id_time_ms(id) / 1000;
}
