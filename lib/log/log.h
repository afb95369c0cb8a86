#ifndef MP_LOG_LOG_H
#define MP_LOG_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/*
 * One JSON object a line on stderr: time, level, service, event, trace, then the given fields.
 * Never a body, token, password or whole record. Lines over 4 KiB are cut at a field.
 * Threads: any; a line is written with one write(2).
 */
enum mp_log_level {
	MP_LOG_DEBUG,
	MP_LOG_INFO,
	MP_LOG_WARN,
	MP_LOG_ERROR,
};

struct mp_log_field {
	const char *name;
	const char *text; /* NULL: number */
	int64_t number;
};

static inline struct mp_log_field mp_log_text(const char *name, const char *text)
{
	return (struct mp_log_field){.name = name, .text = text != NULL ? text : ""};
}

/* For texts, arrays of char too; NULL is written as "". */
#define MP_TEXT(field_name, value) mp_log_text((field_name), (value))
#define MP_INT(field_name, value) ((struct mp_log_field){.name = (field_name), .number = (value)})
#define MP_RC(value) ((struct mp_log_field){.name = "rc", .text = mp_rc_name(value)})

/* service is borrowed for the life of the process. Level names: debug, info, warn, error. */
void mp_log_init(const char *service, const char *level);

void mp_log_fields(enum mp_log_level level, const char *event, const struct mp_log_field *fields,
	size_t count);

/* mp_log(MP_LOG_INFO, "listening", MP_TEXT("address", address), MP_INT("port", port)); */
#define mp_log(level, event, ...)                                                                  \
	mp_log_fields((level), (event), (const struct mp_log_field[]){__VA_ARGS__},                \
		sizeof((const struct mp_log_field[]){__VA_ARGS__}) / sizeof(struct mp_log_field))

/* A sink that logs: warn for a failure, info for MP_OK. */
struct mp_sink mp_log_sink(void);

#endif
