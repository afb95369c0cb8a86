#include "testing.h"

#include "http_server/test_raw.h"
#include "log/log.h"
#include "user_http.h"

#define REGISTRATION                                                                               \
	"{\"first_name\":\"Ada\",\"last_name\":\"Lovelace\",\"user_name\":\"ada\","                \
	"\"password\":\"correct horse\"}"

static enum mp_rc verify_nobody(
	void *ctx, enum mp_auth want, const char *token, size_t token_len, struct mp_principal *out)
{
	return MP_UNAUTHENTICATED;
}

/* The answer to a registration sent over HTTP. */
static int enter(struct fixture *f, struct raw_answer *answer)
{
	struct user_app app = {.db = f->db, .passwords = f->passwords};
	const struct mp_http_server_config config = {
		.listen = "127.0.0.1:0",
		.routes = user_routes,
		.routes_count = user_routes_count,
		.ctx = &app,
		.verifier = {.verify = verify_nobody},
		.workers = 1,
	};
	struct mp_http_server *server = NULL;
	char reason[256] = "";

	assert_int_equal(lane_open(1, 1, &app.lane), MP_OK);
	if (mp_http_server_open(&config, &server, reason) != MP_OK)
		fail_msg("%s", reason);
	int status = raw_call(mp_http_server_port(server), "POST", "/v1/users",
		"Content-Type: application/json\r\n", REGISTRATION, answer);
	mp_http_server_close(server, 1000);
	lane_close(app.lane);
	return status;
}

static void who_is_perhaps_registered_is_told_how_to_find_out(void **state)
{
	static struct raw_answer answer;
	struct fixture *f = *state;

	mp_fault_store_arm(f->store, 1, true);
	assert_int_equal(enter(f, &answer), 503);
	assert_non_null(strstr(answer.body, "\"/problems/unknown_outcome\""));
	assert_non_null(strstr(answer.body, "Perhaps you are registered: try to log on."));
	mp_fault_store_arm(f->store, 0, false);
	assert_int_equal(enter(f, &answer), 409);
	assert_non_null(strstr(answer.body, "\"/problems/user_name_taken\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_is_perhaps_registered_is_told_how_to_find_out,
			fixture_setup, fixture_teardown),
	};

	mp_json_init();
	mp_log_init("test", "error");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
