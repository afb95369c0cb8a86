#include "table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct table_row {
	struct table_row *next;
	const char *texts[TABLE_COLUMNS_MAX];
};

const char *table_clean(struct mp_arena *arena, const char *text)
{
	char *copy = mp_arena_strdup(arena, text);

	for (char *at = copy; at != NULL && *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	return copy;
}

/* Characters, not bytes: names and descriptions are UTF-8. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++) {
		if (((unsigned char)*text & 0xC0) != 0x80)
			width++;
	}
	return width;
}

void table_begin(
	struct table *table, struct mp_arena *arena, size_t columns, const char *const *headings)
{
	assert(columns >= 1 && columns <= TABLE_COLUMNS_MAX);
	*table = (struct table){.arena = arena, .columns = columns};
	table->last = &table->first;
	table_add(table, headings);
}

void table_add(struct table *table, const char *const *texts)
{
	struct table_row *row = mp_arena_alloc(table->arena, sizeof(*row));

	if (row == NULL) {
		table->failed = true;
		return;
	}
	for (size_t i = 0; i < table->columns; i++) {
		row->texts[i] = table_clean(table->arena, texts[i] != NULL ? texts[i] : "");
		if (row->texts[i] == NULL) {
			table->failed = true;
			return;
		}
	}
	*table->last = row;
	table->last = &row->next;
}

static void print_row(const struct table *table, const struct table_row *row, const size_t *widths,
	const bool *right)
{
	for (size_t i = 0; i < table->columns; i++) {
		const char *text = row->texts[i] + (row == table->first && right[i] ? 1 : 0);
		int pad = (int)(widths[i] - width_of(text));

		if (right[i])
			(void)printf("%*s%s", pad, "", text);
		else if (i + 1 < table->columns)
			(void)printf("%s%*s", text, pad, "");
		else
			(void)printf("%s", text);
		(void)printf("%s", i + 1 < table->columns ? "  " : "\n");
	}
}

enum mp_rc table_print(const struct table *table, const char *indent)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};
	bool right[TABLE_COLUMNS_MAX] = {false};

	if (table->failed)
		return MP_NOMEM;
	for (const struct table_row *row = table->first; row != NULL; row = row->next) {
		for (size_t i = 0; i < table->columns; i++) {
			const char *text = row->texts[i];
			if (row == table->first && text[0] == '>') {
				right[i] = true;
				text++;
			}
			if (width_of(text) > widths[i])
				widths[i] = width_of(text);
		}
	}
	for (const struct table_row *row = table->first; row != NULL; row = row->next) {
		(void)printf("%s", indent);
		print_row(table, row, widths, right);
	}
	return MP_OK;
}
