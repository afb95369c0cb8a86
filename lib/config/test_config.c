#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/testing_alloc.h"
#include "base/testing_folder.h"
#include "config/config.h"

struct test_config {
	const char *listen;
	const char *key;
	int64_t workers;
	bool secure;
	const char *store;
	const char *note;
};

static const struct mp_setting settings[] = {
	{"T_LISTEN", MP_SETTING_TEXT, "127.0.0.1:8001", offsetof(struct test_config, listen),
		.help = "Address and port."},
	{"T_KEY", MP_SETTING_SECRET, NULL, offsetof(struct test_config, key),
		.help = "Key of the provider."},
	{"T_WORKERS", MP_SETTING_INT, "8", offsetof(struct test_config, workers), 1, 64,
		.help = "Threads."},
	{"T_SECURE", MP_SETTING_BOOL, "true", offsetof(struct test_config, secure),
		.help = "Cookies by TLS only."},
	{"T_STORE", MP_SETTING_CHOICE, "rocksdb", offsetof(struct test_config, store),
		.choices = "rocksdb|dynamodb", .help = "Engine."},
	{"T_NOTE", MP_SETTING_TEXT, "", offsetof(struct test_config, note), .help = "A note."},
};
#define SETTINGS_COUNT (sizeof(settings) / sizeof(settings[0]))

static struct mp_buf problems;

static enum mp_rc load(struct test_config *config)
{
	mp_buf_clear(&problems);
	return mp_config_load(settings, SETTINGS_COUNT, config, &problems);
}

static void set(const char *name, const char *value)
{
	assert_int_equal(setenv(name, value, 1), 0);
}

/* A file with the text, whose name the caller frees and removes. */
static char *file_with(const char *text, size_t len)
{
	char *path = malloc(MP_TEST_PATH_SIZE);

	assert_non_null(path);
	mp_test_path(path);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(close(fd), 0);
	return path;
}

static void remove_file(char *path)
{
	assert_int_equal(unlink(path), 0);
	free(path);
}

static void what_is_not_set_gets_its_default(void **state)
{
	struct test_config config;

	set("T_KEY", "k1");
	set("T_LISTEN", ""); /* empty is not set */
	assert_int_equal(load(&config), MP_OK);
	assert_string_equal(mp_buf_text(&problems), "");
	assert_string_equal(config.listen, "127.0.0.1:8001");
	assert_string_equal(config.key, "k1");
	assert_int_equal(config.workers, 8);
	assert_true(config.secure);
	assert_string_equal(config.store, "rocksdb");
	assert_string_equal(config.note, "");
	mp_config_done(settings, SETTINGS_COUNT, &config);
	assert_null(config.listen);
	mp_config_done(settings, SETTINGS_COUNT, &config); /* twice is harmless */
}

static void what_is_set_is_taken(void **state)
{
	struct test_config config;

	set("T_KEY", "k1");
	set("T_WORKERS", "64");
	set("T_SECURE", "false");
	set("T_STORE", "dynamodb");
	set("T_LISTEN", "[::1]:80");
	assert_int_equal(load(&config), MP_OK);
	set("T_LISTEN", "changed"); /* the config owns its texts */
	assert_string_equal(config.listen, "[::1]:80");
	assert_int_equal(config.workers, 64);
	assert_false(config.secure);
	assert_string_equal(config.store, "dynamodb");
	mp_config_done(settings, SETTINGS_COUNT, &config);
}

static void every_wrong_setting_is_told_at_once(void **state)
{
	struct test_config config;

	set("T_WORKERS", "65");
	set("T_SECURE", "yes");
	set("T_STORE", "rocks");
	assert_int_equal(load(&config), MP_INVALID);
	assert_string_equal(mp_buf_text(&problems),
		"T_KEY (or its _FILE) is required.\n"
		"T_WORKERS must be a whole number from 1 to 64, not \"65\".\n"
		"T_SECURE must be true or false, not \"yes\".\n"
		"T_STORE must be one of rocksdb|dynamodb, not \"rocks\".\n");
	assert_null(config.listen); /* nothing is left to free */
	set("T_WORKERS", "many");
	assert_int_equal(load(&config), MP_INVALID);
	assert_non_null(strstr(mp_buf_text(&problems), "not \"many\""));
}

static void a_secret_may_stand_in_a_file(void **state)
{
	struct test_config config;
	char *path = file_with("from file\n", 10);

	set("T_KEY_FILE", path);
	assert_int_equal(load(&config), MP_OK);
	assert_string_equal(config.key, "from file");
	mp_config_done(settings, SETTINGS_COUNT, &config);

	set("T_KEY", "and here");
	assert_int_equal(load(&config), MP_INVALID);
	assert_string_equal(
		mp_buf_text(&problems), "T_KEY and its _FILE are both set: one of them.\n");
	remove_file(path);
}

static void a_secret_file_that_cannot_serve_is_named(void **state)
{
	struct test_config config;
	static char large[20000];
	const char *says = "T_KEY_FILE does not name a readable file of at most 16 KiB of text.\n";

	set("T_KEY_FILE", "/does/not/exist");
	assert_int_equal(load(&config), MP_INVALID);
	assert_string_equal(mp_buf_text(&problems), says);

	set("T_KEY_FILE", "/tmp");
	assert_int_equal(load(&config), MP_INVALID);
	assert_string_equal(mp_buf_text(&problems), says);

	char *path = file_with("a\0b", 3);
	set("T_KEY_FILE", path);
	assert_int_equal(load(&config), MP_INVALID);
	assert_string_equal(mp_buf_text(&problems), says);
	remove_file(path);

	memset(large, 'k', sizeof(large));
	path = file_with(large, sizeof(large));
	set("T_KEY_FILE", path);
	assert_int_equal(load(&config), MP_INVALID);
	assert_string_equal(mp_buf_text(&problems), says);
	remove_file(path);

	path = file_with("\n", 1);
	set("T_KEY_FILE", path);
	assert_int_equal(load(&config), MP_INVALID);
	assert_string_equal(mp_buf_text(&problems), "T_KEY (or its _FILE) is required.\n");
	remove_file(path);
}

static void help_shows_the_table_and_no_secret(void **state)
{
	struct mp_buf help;

	set("T_KEY", "hush");
	mp_buf_init(&help, 4096);
	mp_config_print_help(settings, SETTINGS_COUNT, true, &help);
	mp_config_print_help(settings, SETTINGS_COUNT, false, &help);
	assert_int_equal(mp_buf_rc(&help), MP_OK);
	assert_string_equal(mp_buf_text(&help),
		"  T_KEY or T_KEY_FILE (required)\n      Key of the provider.\n"
		"  T_LISTEN (default 127.0.0.1:8001)\n      Address and port.\n"
		"  T_WORKERS (default 8)\n      Threads. (1 to 64)\n"
		"  T_SECURE (default true)\n      Cookies by TLS only.\n"
		"  T_STORE (default rocksdb)\n      Engine. (rocksdb|dynamodb)\n"
		"  T_NOTE (optional)\n      A note.\n");
	mp_buf_done(&help);
}

static void no_memory_at_any_point_is_a_result(void **state)
{
	struct test_config config;
	char *path = file_with("from file", 9);
	enum mp_rc rc;
	long fails_at = 0;

	set("T_KEY_FILE", path);
	do {
		mp_buf_clear(&problems);
		mp_alloc_fail_after(fails_at++);
		rc = mp_config_load(settings, SETTINGS_COUNT, &config, &problems);
		mp_alloc_fail_never();
		if (rc != MP_OK) {
			assert_int_equal(rc, MP_NOMEM);
			assert_null(config.listen);
			assert_null(config.key);
		}
	} while (rc != MP_OK && fails_at < 100);
	assert_int_equal(rc, MP_OK);
	assert_true(fails_at > 4); /* four texts and a file */
	mp_config_done(settings, SETTINGS_COUNT, &config);
	remove_file(path);
}

static int clear_environment(void **state)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		(void)unsetenv(settings[i].name);
	(void)unsetenv("T_KEY_FILE");
	mp_buf_init(&problems, 4096);
	return 0;
}

static int free_problems(void **state)
{
	mp_buf_done(&problems);
	return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, clear_environment, free_problems)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_is_not_set_gets_its_default),
		test(what_is_set_is_taken),
		test(every_wrong_setting_is_told_at_once),
		test(a_secret_may_stand_in_a_file),
		test(a_secret_file_that_cannot_serve_is_named),
		test(help_shows_the_table_and_no_secret),
		test(no_memory_at_any_point_is_a_result),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
