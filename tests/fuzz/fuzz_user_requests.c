#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "user_http.h"
#include "user_metrics.h"

/* Requests to the user service, but for those that read nothing of the request: keys. */

#define CLIENTS "{\"fuzz\":{\"secret\":\"nobody knows this one\",\"scopes\":[\"user:read\"]}}"

static struct user_app app;
static struct mp_route routes[32];

static void load_clients(void)
{
	int fd = memfd_create("clients", 0);
	char reason[256] = "";
	char path[64];

	FUZZ_CHECK(fd >= 0 && write(fd, CLIENTS, strlen(CLIENTS)) == (ssize_t)strlen(CLIENTS));
	FUZZ_CHECK(mp_text_format(path, sizeof(path), "/proc/self/fd/%d", fd) == MP_OK);
	FUZZ_CHECK(clients_load(path, &app.clients, reason) == MP_OK);
	(void)close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t count = 0;

	fuzz_begin();
	user_metrics_register();
	load_clients();
	app.db.store = fuzz_store();
	app.db.outbox = fuzz_outbox(app.db.store);
	app.throttle = (struct throttle_policy){.name = {10, 1000}, .network = {1000, 1000}};
	FUZZ_CHECK(password_policy_init(&app.passwords, 1, 1) == MP_OK);
	FUZZ_CHECK(lane_open(2, 32, &app.lane) == MP_OK);
	for (size_t i = 0; i < user_routes_count; i++) {
		if (user_routes[i].handler != get_jwks && user_routes[i].handler != post_rotation)
			routes[count++] = user_routes[i];
	}
	fuzz_server_open(routes, count, &app);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_server_send(data, size, "");
	return 0;
}
