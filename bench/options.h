#ifndef MP_BENCH_OPTIONS_H
#define MP_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An option of a bench program: "--port 8082", or "--audit" for one that is a flag. */
struct option_row {
	const char *name; /* without "--" */
	int64_t *number;  /* where it goes; NULL: a flag */
	int64_t min;
	int64_t max;
	bool *flag;
};

/*
 * Reads a command line of options and at most one other word, which goes to *out_word (untouched
 * without one). False: an unknown option, a number that is none or out of bounds, a second word.
 */
bool options_read(int argc, char **argv, const struct option_row *rows, size_t rows_count,
	const char **out_word);

#endif
