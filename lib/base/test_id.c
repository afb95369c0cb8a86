#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/id.h"
#include "base/testing.h"

#define NOW 1795392000000 /* 2026-11-23 */

static bool is_uuid(const struct mp_id *id, char version)
{
	struct mp_id read;

	return mp_id_parse(id->text, &read) && mp_id_equal(id, &read) && id->text[14] == version &&
	       strchr("89ab", id->text[19]) != NULL;
}

static void new_ids_are_uuids_of_version_7_with_their_time(void **state)
{
	struct mp_id id = mp_id_new(NOW);

	assert_true(is_uuid(&id, '7'));
	assert_int_equal(mp_id_time_ms(&id), NOW);
	assert_memory_equal(id.text, "01a205b3-d000", 13);
}

static void ids_are_in_the_order_of_their_making(void **state)
{
	struct mp_id last = mp_id_new(NOW + 10);
	int wrong = 0;

	/* Thousands in one millisecond, clocks a little behind, then time goes on. */
	for (int i = 0; i < 20000; i++) {
		int64_t now = NOW + 10 + (i > 10000 ? i / 2000 : 0) - (i % 7);
		struct mp_id id = mp_id_new(now);
		wrong +=
			mp_wrong(strcmp(last.text, id.text) < 0, "%s, then %s", last.text, id.text);
		last = id;
	}
	assert_int_equal(wrong, 0);
	assert_true(mp_id_time_ms(&last) - NOW < 30);
}

static void a_time_long_ago_is_taken_as_it_is(void **state)
{
	struct mp_id id = mp_id_new(NOW + 100000);

	id = mp_id_new(NOW - 100000);
	assert_int_equal(mp_id_time_ms(&id), NOW - 100000);
	id = mp_id_new(0);
	assert_int_equal(mp_id_time_ms(&id), 0);
	assert_true(is_uuid(&id, '7'));
}

#define THREADS 4
#define IDS_PER_THREAD 5000

static void *make_ids(void *arg)
{
	struct mp_id *ids = arg;

	for (size_t i = 0; i < IDS_PER_THREAD; i++)
		ids[i] = mp_id_new(NOW + 200000 + (int64_t)i / 100);
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct mp_id *)a)->text, ((const struct mp_id *)b)->text);
}

static void threads_make_different_ids_each_in_order(void **state)
{
	struct mp_id *ids = calloc(THREADS * IDS_PER_THREAD, sizeof(*ids));
	pthread_t threads[THREADS];

	assert_non_null(ids);
	for (size_t t = 0; t < THREADS; t++)
		assert_int_equal(
			pthread_create(&threads[t], NULL, make_ids, ids + t * IDS_PER_THREAD), 0);
	for (size_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);

	for (size_t i = 1; i < THREADS * IDS_PER_THREAD; i++) {
		if (i % IDS_PER_THREAD != 0)
			assert_true(compare_ids(&ids[i - 1], &ids[i]) < 0);
	}
	qsort(ids, THREADS * IDS_PER_THREAD, sizeof(*ids), compare_ids);
	for (size_t i = 1; i < THREADS * IDS_PER_THREAD; i++) {
		assert_false(mp_id_equal(&ids[i - 1], &ids[i]));
		/* The random part differs too, not only the counter. */
		assert_string_not_equal(ids[i - 1].text + 19, ids[i].text + 19);
	}
	free(ids);
}

static void derived_ids_are_the_same_each_time(void **state)
{
	struct mp_id origin;

	assert_true(mp_id_parse("01a205e4-0400-7abc-8def-0123456789ab", &origin));
	struct mp_id id = mp_id_derive(&origin, "settle", 1);
	struct mp_id again = mp_id_derive(&origin, "settle", 1);

	/* SHA-256("01a2...89ab" NUL "settle" NUL "1"): recorded ids depend on it for ever. */
	assert_string_equal(id.text, "01a205e4-0400-8fd2-84e9-9e62a74c4528");
	assert_true(mp_id_equal(&id, &again));
	assert_true(is_uuid(&id, '8'));
	assert_int_equal(mp_id_time_ms(&id), mp_id_time_ms(&origin));

	id = mp_id_derive_text(NOW, "fund", "pi_123");
	assert_string_equal(id.text, "01a205b3-d000-81a9-8512-ea5b12d8e6f1");
	assert_true(is_uuid(&id, '8'));
	assert_int_equal(mp_id_time_ms(&id), NOW);
}

static void different_parts_give_different_ids(void **state)
{
	struct mp_id a;
	struct mp_id b;
	struct mp_id ids[9];

	assert_true(mp_id_parse("01a205e4-0400-7abc-8def-0123456789ab", &a));
	assert_true(mp_id_parse("01a205e4-0400-7abc-8def-0123456789ac", &b));
	ids[0] = mp_id_derive(&a, "settle", 1);
	ids[1] = mp_id_derive(&a, "settle", 2);
	ids[2] = mp_id_derive(&a, "settle", -1);
	ids[3] = mp_id_derive(&a, "settle", INT64_MIN);
	ids[4] = mp_id_derive(&a, "settle1", 1);
	ids[5] = mp_id_derive(&b, "settle", 1);
	ids[6] = mp_id_derive_text(mp_id_time_ms(&a), "settle", a.text);
	ids[7] = mp_id_derive_text(mp_id_time_ms(&a), "settle1", a.text);
	ids[8] = a;
	for (size_t i = 0; i < 9; i++) {
		for (size_t j = 0; j < i; j++)
			assert_false(mp_id_equal(&ids[i], &ids[j]));
	}
}

static void parse_takes_canonical_text_only(void **state)
{
	static const char *const refused[] = {
		"",
		"01a205e4",
		"01A205E4-0400-7abc-8def-0123456789ab",
		"01a205e404007abc8def0123456789ab",
		"01a205e4-0400-7abc-8def-0123456789a",
		"01a205e4-0400-7abc-8def-0123456789abc",
		"01a205e4-0400-7abc-8def-0123456789ag",
		"01a205e4_0400-7abc-8def-0123456789ab",
		"01a205e40-400-7abc-8def-0123456789ab",
		"{01a205e4-0400-7abc-8def-0123456789ab}",
		" 01a205e4-0400-7abc-8def-0123456789ab",
	};
	struct mp_id id = {0};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		wrong += mp_wrong(!mp_id_parse(refused[i], &id), "\"%s\" was taken", refused[i]);
	assert_int_equal(wrong, 0);
	assert_false(mp_id_parse(NULL, &id));
	assert_true(mp_id_is_none(&id));
	assert_true(mp_id_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8", &id)); /* a version 1 */
	assert_string_equal(id.text, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	assert_false(mp_id_is_none(&id));
}

static int init(void **state)
{
	return mp_crypto_init() == MP_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_ids_are_uuids_of_version_7_with_their_time),
		cmocka_unit_test(ids_are_in_the_order_of_their_making),
		cmocka_unit_test(a_time_long_ago_is_taken_as_it_is),
		cmocka_unit_test(threads_make_different_ids_each_in_order),
		cmocka_unit_test(derived_ids_are_the_same_each_time),
		cmocka_unit_test(different_parts_give_different_ids),
		cmocka_unit_test(parse_takes_canonical_text_only),
	};
	return cmocka_run_group_tests_name("id", tests, init, NULL);
}
