#ifndef MP_MPCTL_MPCTL_H
#define MP_MPCTL_MPCTL_H

#include "base/arena.h"
#include "base/id.h"
#include "base/rc.h"
#include "settings.h"

/*
 * The operator's tool: one command a run, then it ends. Each command is a file of its own and a row
 * of the table in main.c. What it found goes to stdout; what went wrong to stderr, in one sentence
 * that says what to do.
 */
enum mpctl_exit {
	MPCTL_DONE = 0,
	MPCTL_NO = 1, /* it is not there, or not as it should be */
	MPCTL_WRONG_USE = 2,
	MPCTL_TROUBLE = 3, /* it cannot be told now */
};

struct mpctl {
	struct mpctl_settings settings; /* those that the command needs are loaded */
	struct mpctl_calls *calls;	/* with MPCTL_NEEDS_SERVICES */
	struct mp_arena *arena;		/* of this run */
};

struct mpctl_command {
	const char *name; /* "dead list": one word or two */
	const char *arguments;
	int arguments_min;
	int arguments_max;
	const char *help;
	unsigned needs; /* MPCTL_NEEDS_x */
	/* argc is within the bounds. */
	enum mpctl_exit (*run)(struct mpctl *ctl, int argc, char **argv);
};

#define MPCTL_NEEDS_SERVICES 1u /* the services' addresses, and a token for them */
#define MPCTL_NEEDS_BROKER 2u

/* "mpctl: <sentence>" on stderr. */
void mpctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Tells how the command is used; MPCTL_WRONG_USE. */
enum mpctl_exit mpctl_wrong_use(const char *name);

/* Says that there is not enough memory; MPCTL_TROUBLE. */
enum mpctl_exit mpctl_no_memory(void);

struct mp_dead_count;

/* Says that not all dead letters of a queue were looked at; false, and silent, when they were. */
bool mpctl_say_unvisited(const char *queue, const struct mp_dead_count *count);

/* A payment's id; a day as 2026-11-23, in UTC. False when it is none, which was said. */
bool mpctl_read_payment(const char *text, struct mp_id *out_id);
bool mpctl_read_day(const char *text, int64_t *out_ms);

enum mpctl_exit mpctl_dead_list(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_dead_show(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_dead_replay(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_export(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_import(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_show(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_backup(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_payment(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_redrive(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_close(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_reconcile(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_republish_notices(struct mpctl *ctl, int argc, char **argv);
enum mpctl_exit mpctl_republish_users(struct mpctl *ctl, int argc, char **argv);

#endif
