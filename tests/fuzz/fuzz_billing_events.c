#include "billing_events.h"
#include "fuzz_billing.h"
#include "fuzz_deliver.h"

/* Events to billing. */

static struct billing_app app;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	fuzz_billing_open(&app);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_deliver(data, size, billing_handle, &app);
	return 0;
}
