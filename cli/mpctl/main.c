#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "call.h"
#include "http_client/http_client.h"
#include "json/json.h"
#include "mpctl.h"

#define RUN_ARENA_BYTES (256u * 1024 * 1024)

static const struct mpctl_command commands[] = {
	{"payment", "ID", 1, 1, "where the money is: one payment across the services",
		MPCTL_NEEDS_SERVICES | MPCTL_NEEDS_BROKER, mpctl_payment},
	{"redrive", "PAYMENT", 1, 1, "asks the provider, and tells a payment's last events again",
		MPCTL_NEEDS_SERVICES, mpctl_redrive},
	{"close", "PAYMENT", 1, 1, "ends one with wrong figures, once its money is refunded",
		MPCTL_NEEDS_SERVICES, mpctl_close},
	{"reconcile", "[DAY | --from DAY --to DAY] [--grace S]", 0, 6,
		"the provider's captures and our credits: yesterday, late ones before",
		MPCTL_NEEDS_SERVICES, mpctl_reconcile},
	{"dead list", "[SERVICE]", 0, 1, "the events that a service could not handle",
		MPCTL_NEEDS_BROKER, mpctl_dead_list},
	{"dead show", "SERVICE ID", 2, 2, "one of them, whole", MPCTL_NEEDS_BROKER,
		mpctl_dead_show},
	{"dead replay", "SERVICE ID|--all", 2, 2, "gives them to the service again",
		MPCTL_NEEDS_BROKER, mpctl_dead_replay},
	{"republish users", "[CURSOR]", 0, 1, "every user is told to the others again",
		MPCTL_NEEDS_SERVICES, mpctl_republish_users},
	{"republish notices", "--from DAY", 2, 2, "what people were to be told since then, again",
		MPCTL_NEEDS_SERVICES, mpctl_republish_notices},
	{"backup", "DIR", 1, 1, "a copy of all services' data at one moment, while they run",
		MPCTL_NEEDS_SERVICES, mpctl_backup},
	{"export", "SERVICE FILE", 2, 2, "all data of a stopped service, into a file", 0,
		mpctl_export},
	{"import", "SERVICE FILE", 2, 2, "into an empty store, of whichever engine", 0,
		mpctl_import},
	{"show", "SERVICE KEY [SORT]", 2, 3, "items as JSON, a line each", 0, mpctl_show},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* --- what it says --- */

void mpctl_say(const char *format, ...)
{
	va_list arguments;

	(void)fflush(stdout);
	(void)fputs("mpctl: ", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
}

enum mpctl_exit mpctl_no_memory(void)
{
	mpctl_say("There is not enough memory.");
	return MPCTL_TROUBLE;
}

enum mpctl_exit mpctl_wrong_use(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			mpctl_say("It is used as: mpctl %s%s%s", name,
				commands[i].arguments[0] != '\0' ? " " : "", commands[i].arguments);
	}
	return MPCTL_WRONG_USE;
}

static void print_help(void)
{
	struct mp_buf out;

	(void)puts("mpctl: the operator's tool of MoneyPal\n\n"
		   "Usage: mpctl COMMAND [ARGUMENTS]\n"
		   "       mpctl help [COMMAND] | --version | --check-config\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		char usage[80];
		(void)snprintf(
			usage, sizeof(usage), "%s %s", commands[i].name, commands[i].arguments);
		(void)printf("  %-44s %s\n", usage, commands[i].help);
	}
	(void)puts("\nExit status: 0 done; 1 not there, or not as it should be; 2 used wrongly;\n"
		   "3 it could not be told.\n\n"
		   "Its settings come from the environment; a secret NAME may come from the file "
		   "that\nNAME_FILE names. A command needs only those that it uses.\n");
	mp_buf_init(&out, 65536);
	mpctl_settings_print_help(&out);
	(void)fputs(mp_buf_text(&out), stdout);
	mp_buf_done(&out);
}

/* --- one run --- */

static enum mpctl_exit load_settings(struct mpctl *ctl, unsigned needs)
{
	struct mp_buf problems;

	mp_buf_init(&problems, 65536);
	enum mp_rc rc = mpctl_settings_load(needs, &ctl->settings, &problems);
	if (rc != MP_OK) {
		const char *text = mp_buf_text(&problems);
		(void)fputs(text[0] != '\0' ? text : "The settings need memory.\n", stderr);
	}
	mp_buf_done(&problems);
	return rc == MP_OK ? MPCTL_DONE : MPCTL_WRONG_USE;
}

static enum mp_rc open_parts(struct mpctl *ctl, unsigned needs)
{
	enum mp_rc rc = mp_crypto_init();

	if (rc == MP_OK)
		rc = mp_http_client_global_init();
	mp_json_init();
	ctl->arena = mp_arena_new(RUN_ARENA_BYTES);
	if (rc == MP_OK && ctl->arena == NULL)
		rc = MP_NOMEM;
	if (rc == MP_OK && (needs & MPCTL_NEEDS_SERVICES) != 0)
		rc = mpctl_calls_open(&ctl->settings, &ctl->calls);
	return rc;
}

static enum mpctl_exit run(const struct mpctl_command *command, int argc, char **argv)
{
	struct mpctl ctl = {.calls = NULL};
	enum mpctl_exit result = load_settings(&ctl, command->needs);

	if (result == MPCTL_DONE && open_parts(&ctl, command->needs) != MP_OK)
		result = mpctl_no_memory();
	if (result == MPCTL_DONE)
		result = command->run(&ctl, argc, argv);
	mpctl_calls_close(ctl.calls);
	mp_arena_free(ctl.arena);
	mpctl_settings_done(&ctl.settings);
	if (fflush(stdout) != 0 && result == MPCTL_DONE) {
		mpctl_say("What was found could not be written.");
		result = MPCTL_TROUBLE;
	}
	return result;
}

static enum mpctl_exit check_settings(void)
{
	struct mpctl ctl = {.calls = NULL};
	enum mpctl_exit result = load_settings(&ctl, ~0u);

	mpctl_settings_done(&ctl.settings);
	if (result == MPCTL_DONE)
		(void)puts("The settings are right.");
	return result;
}

/* How many words of argv name the command: 0 when they do not. */
static int words_of(const struct mpctl_command *command, int argc, char **argv)
{
	const char *space = strchr(command->name, ' ');
	size_t first = space != NULL ? (size_t)(space - command->name) : strlen(command->name);

	if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], command->name, first) != 0)
		return 0;
	if (space == NULL)
		return 1;
	return argc >= 2 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

/* The command that argv begins with, and how many words it took; NULL, which was said. */
static const struct mpctl_command *find_command(int argc, char **argv, int *out_words)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		*out_words = words_of(&commands[i], argc, argv);
		if (*out_words > 0)
			return &commands[i];
	}
	if (argc == 0)
		mpctl_say("What is to be done? mpctl help lists the commands.");
	else
		mpctl_say("There is no command %s%s%s; mpctl help lists them.", argv[0],
			argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	return NULL;
}

static enum mpctl_exit print_usage(const struct mpctl_command *command)
{
	(void)printf(
		"Usage: mpctl %s %s\n\n  %s\n", command->name, command->arguments, command->help);
	return MPCTL_DONE;
}

static bool is_one_of(const char *word, const char *one, const char *other)
{
	return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* argv: the command and its arguments. Settings are looked at once it is known what is wanted. */
static enum mpctl_exit obey(int argc, char **argv)
{
	bool wants_help = argc > 0 && strcmp(argv[0], "help") == 0;
	int words = 0;

	if (wants_help) {
		argc--;
		argv++;
	}
	const struct mpctl_command *command = find_command(argc, argv, &words);
	if (command == NULL)
		return MPCTL_WRONG_USE;
	argc -= words;
	argv += words;
	if (wants_help || (argc == 1 && is_one_of(argv[0], "--help", "-h")))
		return print_usage(command);
	if (argc < command->arguments_min || argc > command->arguments_max)
		return mpctl_wrong_use(command->name);
	return run(command, argc, argv);
}

int main(int argc, char **argv)
{
	const char *only = argc == 2 ? argv[1] : "";

	if (is_one_of(only, "help", "--help")) {
		print_help();
		return EXIT_SUCCESS;
	}
	if (strcmp(only, "--version") == 0) {
		(void)printf("mpctl %s\n", MP_VERSION);
		return EXIT_SUCCESS;
	}
	if (strcmp(only, "--check-config") == 0)
		return (int)check_settings();
	return (int)obey(argc - 1, argv + 1);
}
