#include "service/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http_client/http_client.h"

#define EXIT_WRONG_USE 2
#define TIMEOUT_MS 2000
#define ANSWER_BYTES_MAX 4096

/* Where one that listens on every address is reached from the same machine. */
static enum mp_rc own_address(const char *listen, char out_url[96])
{
	const char *colon = strrchr(listen, ':');
	int64_t port = 0;

	if (colon == NULL || mp_text_to_int(colon + 1, &port) != MP_OK || port < 1 || port > 65535)
		return MP_INVALID;
	if (strncmp(listen, "0.0.0.0:", 8) == 0)
		return mp_text_format(out_url, 96, "http://127.0.0.1%s", colon);
	if (strncmp(listen, "[::]:", 5) == 0)
		return mp_text_format(out_url, 96, "http://[::1]%s", colon);
	return mp_text_format(out_url, 96, "http://%s", listen);
}

static enum mp_rc ask(struct mp_http_client *client, struct mp_arena *arena, const char *url)
{
	const struct mp_http_call call = {.method = "GET", .path = "/readyz"};
	struct mp_http_answer answer;
	enum mp_rc rc = mp_http_call(client, &call, arena, &answer);

	if (rc != MP_OK)
		(void)fprintf(stderr, "%s does not answer: %s.\n", url, mp_rc_name(rc));
	else if (answer.status != 200)
		(void)fprintf(stderr, "%s/readyz answers %ld.\n", url, answer.status);
	return rc == MP_OK && answer.status != 200 ? MP_UNAVAILABLE : rc;
}

int service_health(void)
{
	const char *listen = getenv("LISTEN");
	struct mp_http_client *client = NULL;
	struct mp_arena *arena = NULL;
	char url[96];

	if (listen == NULL || own_address(listen, url) != MP_OK) {
		(void)fprintf(stderr, "--health needs a LISTEN with the service's port.\n");
		return EXIT_WRONG_USE;
	}
	const struct mp_http_client_config config = {
		.base_url = url,
		.connect_timeout_ms = TIMEOUT_MS,
		.timeout_ms = TIMEOUT_MS,
		.answer_bytes_max = ANSWER_BYTES_MAX,
	};
	enum mp_rc rc = mp_http_client_global_init();
	if (rc == MP_OK)
		rc = mp_http_client_open(&config, &client);
	if (rc == MP_OK && (arena = mp_arena_new(4 * ANSWER_BYTES_MAX)) == NULL)
		rc = MP_NOMEM;
	if (rc == MP_OK)
		rc = ask(client, arena, url);
	mp_arena_free(arena);
	mp_http_client_close(client);
	return rc == MP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
