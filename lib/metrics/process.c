#include "metrics/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

static int64_t started_ms;

static void render(struct mp_buf *out, const char *name, const char *type, const char *help,
	int64_t whole, int64_t micros)
{
	(void)mp_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64, name, help, name, type,
		name, whole);
	if (micros >= 0)
		(void)mp_buf_addf(out, ".%06" PRId64, micros);
	(void)mp_buf_adds(out, "\n");
}

static void render_cpu(struct mp_buf *out)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return;
	int64_t micros = (int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	render(out, "process_cpu_seconds_total", "counter", "User and system CPU time spent",
		(int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + micros / 1000000,
		micros % 1000000);
}

static void render_memory(struct mp_buf *out)
{
	const int64_t page_bytes = sysconf(_SC_PAGESIZE);
	FILE *file = fopen("/proc/self/statm", "re");
	int64_t virtual_pages, resident_pages;

	if (file == NULL)
		return;
	if (fscanf(file, "%" SCNd64 "%" SCNd64, &virtual_pages, &resident_pages) == 2) {
		render(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size",
			virtual_pages * page_bytes, -1);
		render(out, "process_resident_memory_bytes", "gauge", "Resident memory size",
			resident_pages * page_bytes, -1);
	}
	(void)fclose(file);
}

static void render_files(struct mp_buf *out)
{
	struct rlimit limit;
	DIR *folder = opendir("/proc/self/fd");
	int64_t count = -3; /* ".", ".." and the folder itself */

	if (folder != NULL) {
		while (readdir(folder) != NULL)
			count++;
		(void)closedir(folder);
		render(out, "process_open_fds", "gauge", "Open file descriptors", count, -1);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		render(out, "process_max_fds", "gauge", "As many may be open",
			(int64_t)limit.rlim_cur, -1);
}

void mp_metrics_process_start(void)
{
	started_ms = mp_clock_ms();
}

void mp_metrics_render_process(struct mp_buf *out)
{
	render_cpu(out);
	render_memory(out);
	render_files(out);
	render(out, "process_start_time_seconds", "gauge", "When it was started, since 1970",
		started_ms / 1000, -1);
	(void)mp_buf_adds(out, "# HELP moneypal_build_info The version that runs\n"
			       "# TYPE moneypal_build_info gauge\n"
			       "moneypal_build_info{version=\"" MP_VERSION "\"} 1\n");
}
