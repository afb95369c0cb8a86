#include "fuzz_deliver.h"
#include "fuzz_payment.h"
#include "payment_events.h"

/* Events to the payment service. */

static struct payment_app app;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	fuzz_payment_open(&app);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_deliver(data, size, payment_handle, &app);
	return 0;
}
