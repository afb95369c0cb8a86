#include "base/testing_alloc.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include "base/crypto.h"
#include "json/json.h"

#define FRAMES 4 /* of ours, that make a site: who allocates, for whom, for whom */
#define SITES_MAX 8192

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
void _fail(const char *file, int line); /* cmocka's, which every assertion of its ends with */

extern const char __executable_start[];
extern const char etext[];

struct site {
	uint64_t hash;
	uintptr_t frames[FRAMES]; /* from the program's start; the allocating call first */
};

static _Thread_local bool inside;
static atomic_long left = -1; /* below zero: no end */
static struct site sites[SITES_MAX];
static size_t sites_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *sites_file;
static bool is_failing; /* at this site */
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
	size_t i = 0;
	while (i < sites_count && sites[i].hash != site->hash)
		i++;
	if (i == sites_count && i < SITES_MAX)
		sites[sites_count++] = *site;
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
	for (size_t i = 0; i < sites_count; i++) {
		char hex[2 * sizeof(sites[i].hash) + 1];
		mp_hex((const uint8_t *)&sites[i].hash, sizeof(sites[i].hash), hex);
		(void)fprintf(file, "%s", hex);
		for (size_t frame = 0; frame < FRAMES; frame++)
			(void)fprintf(file, " %#zx", (size_t)sites[i].frames[frame]);
		(void)fprintf(file, "\n");
	}
	(void)fclose(file);
}

__attribute__((constructor)) static void begin(void)
{
	const char *site = getenv("MP_ALLOC_SITE");

	sites_file = getenv("MP_ALLOC_SITES");
	is_failing = mp_unhex(site, sizeof(failing_site), (uint8_t *)&failing_site);
	if (sites_file == NULL && !is_failing)
		return;
	mp_json_init(); /* as every service does */
	if (sites_file != NULL)
		(void)atexit(write_sites);
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
