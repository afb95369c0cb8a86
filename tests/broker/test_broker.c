#include "broker.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

/* One program for all that needs a broker, as that takes seconds to start. */
int main(int argc, char **argv)
{
	struct CMUnitTest tests[64];
	size_t count = 0;

	if (getenv("AMQP_URL") == NULL || getenv("BROKER_SAY") == NULL) {
		fprintf(stderr, "run me as: tests/broker/run %s [NAME]\n", argv[0]);
		return 2;
	}
	if (mp_crypto_init() != MP_OK)
		return 2;
	mp_json_init();
	memcpy(tests, publish_tests, publish_tests_count * sizeof(tests[0]));
	count = publish_tests_count;
	memcpy(tests + count, consume_tests, consume_tests_count * sizeof(tests[0]));
	count += consume_tests_count;
	memcpy(tests + count, dead_tests, dead_tests_count * sizeof(tests[0]));
	count += dead_tests_count;
	memcpy(tests + count, outage_tests, outage_tests_count * sizeof(tests[0]));
	count += outage_tests_count;
	memcpy(tests + count, tls_tests, tls_tests_count * sizeof(tests[0]));
	count += tls_tests_count;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return _cmocka_run_group_tests("broker", tests, count, NULL, NULL);
}
