#include "billing_http.h"
#include "fuzz_billing.h"

/* Requests to billing: filters, months, Accept. */

static struct billing_app app;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	fuzz_billing_open(&app);
	fuzz_server_open(billing_routes, billing_routes_count, &app);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_server_send(data, size, "");
	return 0;
}
