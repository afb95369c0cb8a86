#include "email.h"
#include "email_events.h"
#include "fuzz_deliver.h"

/* Events to the email service. */

static const struct email_sender sender = {"MoneyPal", "fuzz@moneypal.test"};
static struct email_app app;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_begin();
	app.store = fuzz_store();
	app.due = fuzz_due(app.store, "mail");
	app.from = &sender;
	app.public_url = "http://fuzz";
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_deliver(data, size, email_handle, &app);
	return 0;
}
