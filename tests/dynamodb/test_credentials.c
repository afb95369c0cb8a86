#include "base/testing_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy.h"
#include "store/dynamo_credentials.h"

/* Keys from the container's endpoint, which the proxy plays. */

struct place {
	struct mp_test_folder folder;
	char token_file[MP_TEST_PATH_SIZE + 8];
	struct mp_store_config config;
};

static void write_token(const struct place *place, const char *token)
{
	FILE *file = fopen(place->token_file, "w");

	assert_non_null(file);
	assert_true(fprintf(file, "%s\n", token) > 0);
	assert_int_equal(fclose(file), 0);
}

static struct mp_store *open_place(struct world *w, struct place *place)
{
	struct mp_store *store = NULL;
	char error[256] = "";

	mp_test_folder_make(&place->folder);
	(void)snprintf(
		place->token_file, sizeof(place->token_file), "%s/token", place->folder.path);
	write_token(place, "first");
	place->config = world_config(w);
	place->config.aws.access_key_id = NULL;
	place->config.aws.secret_access_key = NULL;
	place->config.aws.container_uri =
		mp_arena_printf(w->arena, "%s/credentials", getenv("PROXY_ENDPOINT"));
	place->config.aws.container_token_file = place->token_file;
	if (mp_store_open(&place->config, NULL, &store, error) != MP_OK)
		print_error("%s\n", error);
	assert_non_null(store);
	return store;
}

static enum mp_rc read_with(struct world *w, struct mp_store *store)
{
	struct mp_item *item;

	return mp_store_get(store, "P", "1", w->arena, &item);
}

static void keys_come_from_the_container(void **state)
{
	struct world *w = *state;
	struct place place;

	proxy_credentials(w, "first", 3600, 200);
	struct mp_store *store = open_place(w, &place);
	proxy_say(w, "");
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_with(w, store), MP_NOT_FOUND);
	const char *log = proxy_log(w);
	assert_non_null(strstr(log, " KEY"));
	assert_null(strstr(log, "GIVEN"));
	/* One fetch for all: every line has the same key. */
	const char *key = strstr(log, "KEY");
	const char *text = mp_arena_strndup(w->arena, key, strcspn(key, "\n"));
	assert_int_equal(proxy_count(w, text), 3);
	mp_store_close(store);
	mp_test_folder_remove(&place.folder);
}

static void refused_keys_are_renewed_with_the_token_of_now(void **state)
{
	struct world *w = *state;
	struct place place;

	proxy_credentials(w, "first", 3600, 200);
	struct mp_store *store = open_place(w, &place);
	proxy_credentials(w, "second", 3600, 200);
	write_token(&place, "second");
	/* The engine asks again at most every ten seconds: the first fetch was just now. */
	proxy_say(w, "expired");
	assert_int_equal(read_with(w, store), MP_NOT_FOUND);
	mp_store_close(store);
	mp_test_folder_remove(&place.folder);
}

static void keys_that_end_soon_serve_while_renewal_fails(void **state)
{
	struct world *w = *state;
	struct place place;

	proxy_credentials(w, "first", 20, 200); /* due for renewal as soon as it came */
	struct mp_store *store = open_place(w, &place);
	proxy_credentials(w, "another", 3600, 500);
	proxy_say(w, "");
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_with(w, store), MP_NOT_FOUND);
	mp_store_close(store);
	mp_test_folder_remove(&place.folder);
}

static void keys_are_asked_of_known_places_only(void **state)
{
	static const struct {
		const char *url;
		bool allowed;
	} rows[] = {
		{"http://169.254.170.23/v1/credentials", true},
		{"http://169.254.170.2/v2/credentials/abc", true},
		{"http://[fd00:ec2::23]/v1/credentials", true},
		{"http://127.0.0.1:8080/keys", true},
		{"http://127.9.9.9/keys", true},
		{"http://localhost:1/keys", true},
		{"http://[::1]:80/keys", true},
		{"https://keys.example.com/keys", true},
		{"http://169.254.169.254/latest", false},
		{"http://169.254.170.23.example.com/", false},
		{"http://127.0.0.1.example.com/", false},
		{"http://127.evil/", false},
		{"http://169.254.170.2@example.com/", false},
		{"http://example.com/?169.254.170.2", false},
		{"http://[fd00:ec2::99]/", false},
		{"http://[::1", false},
		{"http:///keys", false},
		{"https:///keys", false},
		{"ftp://127.0.0.1/", false},
		{"file:///etc/passwd", false},
		{"http://127.0.0.1/a b", false},
		{"http://127.0.0.1/\r\nX: y", false},
		{"", false},
	};
	int failures = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (mp_credentials_url_is_allowed(rows[i].url) != rows[i].allowed) {
			print_error("%s\n", rows[i].url);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int run_credential_tests(void)
{
	const struct CMUnitTest tests[] = {
		T(keys_come_from_the_container),
		T(refused_keys_are_renewed_with_the_token_of_now),
		T(keys_that_end_soon_serve_while_renewal_fails),
		cmocka_unit_test(keys_are_asked_of_known_places_only),
	};

	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
