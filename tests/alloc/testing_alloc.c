#include "base/testing_alloc.h"

#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "json/json.h"

#define FRAMES 4	/* of ours, that make a site: who allocates, for whom, for whom */
#define SITES_MAX 16384 /* a power of two; places of an open hash table */
#define TESTS_MAX 128

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

extern const char __executable_start[];
extern const char etext[];

struct site {
	uint64_t hash;
	uintptr_t frames[FRAMES]; /* from the program's start; the allocating call first */
	const char *test;	  /* that met it first; NULL: main, before any */
};

static _Thread_local bool inside;
static atomic_long left = -1; /* below zero: no end */
static struct site sites[SITES_MAX];
static size_t sites_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *sites_file;
static const struct CMUnitTest *tests; /* of the program */
static struct CMUnitTest observed[TESTS_MAX];
static size_t tests_begun;
static const char *_Atomic test; /* that runs */
static bool is_failing;		 /* at this site */
static uint64_t failing_site;
static atomic_bool has_failed;

void mp_alloc_fail_after(long count)
{
	atomic_store(&left, count);
}

void mp_alloc_fail_never(void)
{
	atomic_store(&left, -1);
}

/* --- sites --- */

struct walk {
	struct site site;
	size_t count;
};

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *arg)
{
	struct walk *walk = arg;
	uintptr_t at = _Unwind_GetIP(context);

	/* Frames of libraries are passed over, and those of this file. */
	if (at < (uintptr_t)__executable_start || at >= (uintptr_t)etext)
		return _URC_NO_REASON;
	if (walk->count >= 3 && walk->count < 3 + FRAMES)
		walk->site.frames[walk->count - 3] = at - (uintptr_t)__executable_start;
	walk->count++;
	return walk->count < 3 + FRAMES ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void remember(const struct site *site)
{
	(void)pthread_mutex_lock(&mutex);
	size_t i = site->hash % SITES_MAX;
	while (sites[i].hash != 0 && sites[i].hash != site->hash)
		i = (i + 1) % SITES_MAX;
	if (sites[i].hash == 0) {
		sites_count++;
		assert(sites_count < SITES_MAX); /* one left out would not be told of */
		sites[i] = *site;
		sites[i].test = atomic_load(&test);
	}
	(void)pthread_mutex_unlock(&mutex);
}

/* True when this allocation is the one to fail. */
__attribute__((noinline)) static bool at_site(void)
{
	struct walk walk = {.count = 0};
	uint64_t hash = 14695981039346656037u;

	(void)_Unwind_Backtrace(take_frame, &walk);
	for (size_t i = 0; i < FRAMES; i++)
		hash = (hash ^ walk.site.frames[i]) * 1099511628211u;
	walk.site.hash = hash;
	if (sites_file != NULL)
		remember(&walk.site);
	return is_failing && hash == failing_site && !atomic_exchange(&has_failed, true);
}

__attribute__((noinline)) static bool fails(void)
{
	long more = atomic_load(&left);

	while (more > 0 && !atomic_compare_exchange_weak(&left, &more, more - 1))
		continue;
	if (more == 0)
		return true;
	if ((sites_file == NULL && !is_failing) || inside || atomic_load(&has_failed))
		return false;
	inside = true;
	bool failed = at_site();
	inside = false;
	return failed;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* --- a run for tools/alloc --- */

static void write_sites(void)
{
	FILE *file = fopen(sites_file, "w");

	if (file == NULL)
		return;
	for (size_t i = 0; i < SITES_MAX; i++) {
		if (sites[i].hash == 0)
			continue;
		char hex[2 * sizeof(sites[i].hash) + 1];
		mp_hex((const uint8_t *)&sites[i].hash, sizeof(sites[i].hash), hex);
		(void)fprintf(file, "%s %s", hex, sites[i].test != NULL ? sites[i].test : "*");
		for (size_t frame = 0; frame < FRAMES; frame++)
			(void)fprintf(file, " %#zx", (size_t)sites[i].frames[frame]);
		(void)fprintf(file, "\n");
	}
	(void)fclose(file);
}

__attribute__((constructor)) static void begin(void)
{
	const char *site = getenv("MP_ALLOC_SITE");
	const char *only = getenv("MP_ALLOC_TEST");

	sites_file = getenv("MP_ALLOC_SITES");
	is_failing = mp_unhex(site, sizeof(failing_site), (uint8_t *)&failing_site);
	if (sites_file == NULL && !is_failing)
		return;
	mp_json_init(); /* as every service does */
	if (only != NULL)
		cmocka_set_test_filter(only);
	if (sites_file != NULL)
		(void)atexit(write_sites);
}

/* The setup of every test while sites are looked for; cmocka runs them in their order. */
static int begin_test(void **state)
{
	const struct CMUnitTest *begun = &tests[tests_begun++];

	atomic_store(&test, begun->name);
	return begun->setup_func != NULL ? begun->setup_func(state) : 0;
}

/* In the place of cmocka's: notes which test runs, and whether the site to fail was met. */
int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *group_tests, size_t count,
	CMFixtureFunction setup, CMFixtureFunction teardown)
{
	int (*cmockas)(const char *, const struct CMUnitTest *, size_t, CMFixtureFunction,
		CMFixtureFunction);

	*(void **)&cmockas = dlsym(RTLD_NEXT, "_cmocka_run_group_tests");
	if (sites_file != NULL) {
		assert(count <= TESTS_MAX);
		tests = group_tests;
		memcpy(observed, tests, count * sizeof(*tests));
		for (size_t i = 0; i < count; i++)
			observed[i].setup_func = begin_test;
		atomic_store(&test, tests[0].name); /* the group's setup is any test's */
		group_tests = observed;
	}
	int failed = cmockas(group, group_tests, count, setup, teardown);
	return failed == 0 && is_failing && !atomic_load(&has_failed) ? MP_ALLOC_UNMET : failed;
}

/*
 * In the place of cmocka's: what the test holds is still on its stack here, so whatever nobody
 * points to any more was lost by the code under test.
 */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void _fail(const char *file, int line)
{
	if (!atomic_load(&has_failed)) {
		void (*cmockas)(const char *, int);
		*(void **)&cmockas = dlsym(RTLD_NEXT, "_fail");
		cmockas(file, line);
		return;
	}
	inside = true;
	bool leaks =
		__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0;
	_exit(leaks ? MP_ALLOC_LEAKED : MP_ALLOC_NOTICED);
}
