/*
 * A clock that jumps, for tests: preloaded into a program, it shifts the wall clock that the
 * program's own code reads by the milliseconds in the file that CLOCK_SHIFT_FILE names (8 bytes,
 * native order, changed at any time). Libraries keep the true clock, as their timed waits need it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *shift_ms; /* NULL: no file, no shift */
static uintptr_t program_begin;
static uintptr_t program_end;
static int (*true_clock_gettime)(clockid_t clock, struct timespec *out);

/* The program itself is the first object. */
static int note_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0)
			continue;
		program_begin = begin;
		program_end = begin + header->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void set_up(void)
{
	const char *path = getenv("CLOCK_SHIFT_FILE");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	(void)dl_iterate_phdr(note_program, NULL);
	if (fd < 0)
		return;
	void *page = mmap(NULL, sizeof(*shift_ms), PROT_READ, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		shift_ms = page;
	(void)close(fd);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	if (true_clock_gettime == NULL) /* another object's constructor may come before ours */
		*(void **)&true_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	int failed = true_clock_gettime(clock, out);
	if (failed != 0 || clock != CLOCK_REALTIME || shift_ms == NULL || caller < program_begin ||
		caller >= program_end)
		return failed;
	int64_t ns = out->tv_nsec + atomic_load(shift_ms) % 1000 * 1000000;
	out->tv_sec += (time_t)(atomic_load(shift_ms) / 1000 + ns / 1000000000);
	out->tv_nsec = ns % 1000000000;
	if (out->tv_nsec < 0) {
		out->tv_nsec += 1000000000;
		out->tv_sec--;
	}
	return 0;
}
