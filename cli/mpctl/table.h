#ifndef MP_MPCTL_TABLE_H
#define MP_MPCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/rc.h"

/*
 * Rows of texts, printed in columns as wide as their widest text. Texts are copied into the arena;
 * control characters are shown as '?', so that nothing stored can steer the terminal.
 */
#define TABLE_COLUMNS_MAX 10

struct table {
	struct mp_arena *arena;
	size_t columns;
	struct table_row *first;
	struct table_row **last;
	bool failed; /* without memory: told when it is printed */
};

/* headings: columns of them; a column whose heading begins with '>' is right-aligned. */
void table_begin(
	struct table *table, struct mp_arena *arena, size_t columns, const char *const *headings);
void table_add(struct table *table, const char *const *texts);

/* On stdout, each line behind indent. MP_NOMEM: something of it is missing, nothing was printed. */
enum mp_rc table_print(const struct table *table, const char *indent) MP_MUST_CHECK;

/* The text with control characters as '?'; NULL without memory. */
const char *table_clean(struct mp_arena *arena, const char *text);

#endif
