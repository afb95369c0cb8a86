#ifndef MP_MPCTL_TESTING_MPCTL_H
#define MP_MPCTL_TESTING_MPCTL_H

/*
 * For tests only: main.c's sentences written down, and call.c's answers from a table. One test
 * program includes it once.
 */

#include "base/testing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"

static char testing_said[4096];

void mpctl_say(const char *format, ...)
{
	char sentence[1024];
	size_t len = strlen(testing_said);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	(void)snprintf(testing_said + len, sizeof(testing_said) - len, "%s\n", sentence);
}

enum mpctl_exit mpctl_no_memory(void)
{
	mpctl_say("There is not enough memory.");
	return MPCTL_TROUBLE;
}

enum mpctl_exit mpctl_wrong_use(const char *name)
{
	mpctl_say("It is used as: mpctl %s", name);
	return MPCTL_WRONG_USE;
}

enum mpctl_exit mpctl_not_of_this_version(
	const struct mpctl *ctl, enum mpctl_peer peer, const char *what)
{
	(void)ctl, (void)peer;
	mpctl_say("It lacks %s.", what);
	return MPCTL_TROUBLE;
}

/* --- answers --- */

struct testing_answer {
	enum mpctl_peer peer;
	const char *path; /* what a request's begins with */
	const char *json;
};

static const struct testing_answer *testing_answers; /* up to one without a path; the first fits */

enum mpctl_exit mpctl_get(
	struct mpctl *ctl, enum mpctl_peer peer, const char *path, json_t **out_json)
{
	(void)ctl;
	for (const struct testing_answer *each = testing_answers; each->path != NULL; each++) {
		if (each->peer != peer || strncmp(path, each->path, strlen(each->path)) != 0)
			continue;
		*out_json = json_loads(each->json, 0, NULL);
		assert_non_null(*out_json);
		return MPCTL_DONE;
	}
	return MPCTL_NO;
}

/* --- one run --- */

static char testing_printed[16384];

/* Runs a command with these arguments, up to NULL: see testing_said and testing_printed. */
static enum mpctl_exit testing_run(
	enum mpctl_exit (*run)(struct mpctl *ctl, int argc, char **argv), const char *const *words)
{
	struct mpctl ctl = {.arena = mp_arena_new(1u << 26)};
	char texts[8][64];
	char *argv[8] = {NULL};
	FILE *printed = tmpfile();
	int argc = 0;

	assert_non_null(ctl.arena);
	assert_non_null(printed);
	for (; words[argc] != NULL; argc++) {
		assert_true(argc < 7);
		(void)snprintf(texts[argc], sizeof(texts[argc]), "%s", words[argc]);
		argv[argc] = texts[argc];
	}
	testing_said[0] = '\0';
	(void)fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(printed), STDOUT_FILENO) >= 0);
	enum mpctl_exit result = run(&ctl, argc, argv);
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(kept);
	rewind(printed);
	size_t len = fread(testing_printed, 1, sizeof(testing_printed) - 1, printed);
	testing_printed[len] = '\0';
	(void)fclose(printed);
	mp_arena_free(ctl.arena);
	return result;
}

static inline size_t testing_count(const char *text, const char *what)
{
	size_t count = 0;

	for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
		count++;
	return count;
}

#endif
