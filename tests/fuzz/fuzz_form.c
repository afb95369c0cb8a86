#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "form.h"

/* Forms, and the Authorization header of OAuth clients: the input's first line is the header. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	return 0;
}

static void check_text(const char *text)
{
	FUZZ_CHECK(text != NULL && mp_text_is_utf8(text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_arena *arena = fuzz_arena();
	struct fuzz_input input;
	struct form form;
	const char *id;
	const char *secret;

	fuzz_split(data, size, &input);
	if (basic_parse(arena, input.line, &id, &secret) == MP_OK) {
		check_text(id);
		check_text(secret);
	}
	if (form_parse(arena, input.rest, input.rest_len, &form) != MP_OK)
		return 0;
	FUZZ_CHECK(form.count <= FORM_FIELDS_MAX);
	for (size_t i = 0; i < form.count; i++) {
		check_text(form.fields[i].name);
		check_text(form.fields[i].value);
		FUZZ_CHECK(form_value(&form, form.fields[i].name) == form.fields[i].value);
	}
	return 0;
}
