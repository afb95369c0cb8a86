#include "email.h"
#include "email_http.h"
#include "fuzz.h"

/* Requests to the email service: pages of the mail log, and what operators ask. */

static struct email_app app;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	app.store = fuzz_store();
	fuzz_server_open(email_routes, email_routes_count, &app);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_server_send(data, size, "");
	return 0;
}
