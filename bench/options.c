#include "options.h"

#include <string.h>

#include "base/text.h"

static const struct option_row *find(
	const struct option_row *rows, size_t rows_count, const char *name)
{
	for (size_t i = 0; i < rows_count; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

bool options_read(int argc, char **argv, const struct option_row *rows, size_t rows_count,
	const char **out_word)
{
	const char *word = NULL;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0) {
			if (word != NULL)
				return false;
			word = argv[i];
			continue;
		}
		const struct option_row *row = find(rows, rows_count, argv[i] + 2);
		if (row == NULL)
			return false;
		if (row->number == NULL) {
			*row->flag = true;
			continue;
		}
		if (++i == argc || mp_text_to_int(argv[i], row->number) != MP_OK ||
			*row->number < row->min || *row->number > row->max)
			return false;
	}
	if (word != NULL)
		*out_word = word;
	return true;
}
