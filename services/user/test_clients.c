#include "base/testing_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "clients.h"
#include "json/json.h"

#define SECRET "0123456789abcdef"

static enum mp_rc load_text(const char *text, struct clients **out_clients, char reterr[256])
{
	char path[MP_TEST_PATH_SIZE];

	mp_test_path(path);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	enum mp_rc rc = clients_load(path, out_clients, reterr);
	assert_int_equal(unlink(path), 0);
	return rc;
}

static void a_client_gets_its_scopes_for_its_secret(void **state)
{
	struct clients *clients = NULL;
	const char *scopes = "untouched";
	char reason[256] = "";

	assert_int_equal(
		load_text("{\"billing\":{\"secret\":\"" SECRET "\",\"scopes\":[\"a:b\",\"c\"]},"
			  "\"email\":{\"secret\":\"" SECRET "-2\",\"scopes\":[]}}",
			&clients, reason),
		MP_OK);
	assert_int_equal(
		clients_authenticate(clients, "billing", SECRET "-2", &scopes), MP_UNAUTHENTICATED);
	assert_int_equal(
		clients_authenticate(clients, "nobody", SECRET, &scopes), MP_UNAUTHENTICATED);
	assert_int_equal(clients_authenticate(clients, "billing", "", &scopes), MP_UNAUTHENTICATED);
	assert_string_equal(scopes, "untouched");
	assert_int_equal(clients_authenticate(clients, "billing", SECRET, &scopes), MP_OK);
	assert_string_equal(scopes, "a:b c");
	assert_int_equal(clients_authenticate(clients, "email", SECRET "-2", &scopes), MP_OK);
	assert_string_equal(scopes, "");
	clients_free(clients);
}

static void wrong_files_are_refused_in_a_sentence_without_secrets(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{\"billing\":1}",
		"{\"billing\":{\"secret\":\"" SECRET "\"}}",
		"{\"billing\":{\"secret\":\"" SECRET "\",\"scopes\":\"a\"}}",
		"{\"billing\":{\"secret\":\"" SECRET "\",\"scopes\":[\"a b\"]}}",
		"{\"billing\":{\"secret\":\"" SECRET "\",\"scopes\":[\"\"]}}",
		"{\"billing\":{\"secret\":\"" SECRET "\",\"scopes\":[1]}}",
		"{\"billing\":{\"secret\":\"short\",\"scopes\":[]}}",
		"{\"billing\":{\"secret\":7,\"scopes\":[]}}",
		"{\"\":{\"secret\":\"" SECRET "\",\"scopes\":[]}}",
		"{\"billing\":{\"secret\":\"" SECRET "\",\"scopes\":[]}",
		"{\"a\":{\"secret\":\"" SECRET "\",\"scopes\":[]},"
		"\"a\":{\"secret\":\"" SECRET "\",\"scopes\":[]}}",
	};
	struct clients *clients = NULL;
	char reason[256];
	int wrong = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		reason[0] = '\0';
		enum mp_rc rc = load_text(texts[i], &clients, reason);

		wrong += mp_wrong(rc == MP_INVALID, "taken: %s", texts[i]);
		wrong += mp_wrong(reason[0] != '\0', "no sentence: %s", texts[i]);
		wrong += mp_wrong(strstr(reason, SECRET) == NULL, "tells: %s", reason);
	}
	assert_int_equal(clients_load("/nowhere/clients.json", &clients, reason), MP_NOT_FOUND);
	assert_non_null(strstr(reason, "/nowhere/clients.json"));
	assert_null(clients);
	assert_int_equal(wrong, 0);
}

static void wanted_scopes_must_be_granted(void **state)
{
#define THRICE(text) text " " text " " text
	static const struct {
		const char *wanted;
		const char *granted;
		bool within;
	} rows[] = {
		{"a", "a", true},
		{"a", "a b", true},
		{"b a", "a b", true},
		{" a  b ", "a b", true},
		{"", "a", false},
		{" ", "a", false},
		{"a", "", false},
		{"c", "a b", false},
		{"a c", "a b", false},
		{"a", "ab", false},
		{"ab", "a", false},
		{"a a a", "a", true},
		/* No token has room for it: */
		{THRICE(THRICE("wallet:transfer")), "wallet:transfer", false},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wrong += mp_wrong(
			clients_scopes_within(rows[i].wanted, rows[i].granted) == rows[i].within,
			"\"%s\" of \"%s\"", rows[i].wanted, rows[i].granted);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_gets_its_scopes_for_its_secret),
		cmocka_unit_test(wrong_files_are_refused_in_a_sentence_without_secrets),
		cmocka_unit_test(wanted_scopes_must_be_granted),
	};

	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
