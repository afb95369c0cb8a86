#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/testing.h"
#include "base/testing_alloc.h"

static void adds_are_joined_and_terminated(void **state)
{
	struct mp_buf buf;

	mp_buf_init(&buf, 1000);
	assert_string_equal(mp_buf_text(&buf), "");
	assert_int_equal(mp_buf_adds(&buf, "one"), MP_OK);
	assert_int_equal(mp_buf_add(&buf, ",two", 4), MP_OK);
	assert_int_equal(mp_buf_addf(&buf, ",%d", 3), MP_OK);
	assert_int_equal(mp_buf_add(&buf, NULL, 0), MP_OK);
	assert_string_equal(mp_buf_text(&buf), "one,two,3");
	assert_int_equal(buf.len, 9);
	assert_int_equal(mp_buf_rc(&buf), MP_OK);
	mp_buf_done(&buf);
}

static void it_fills_to_its_maximum_and_not_a_byte_more(void **state)
{
	struct mp_buf buf;

	mp_buf_init(&buf, 10);
	assert_int_equal(mp_buf_adds(&buf, "0123456789"), MP_OK);
	assert_int_equal(mp_buf_add(&buf, "", 0), MP_OK);
	assert_string_equal(mp_buf_text(&buf), "0123456789");
	assert_int_equal(mp_buf_adds(&buf, "x"), MP_TOO_LARGE);
	mp_buf_done(&buf);
}

static void the_first_failure_frees_and_is_remembered(void **state)
{
	struct mp_buf buf;
	char *data = NULL;
	size_t len = 99;

	mp_buf_init(&buf, 10);
	assert_int_equal(mp_buf_adds(&buf, "0123"), MP_OK);
	assert_int_equal(mp_buf_addf(&buf, "%s", "456789x"), MP_TOO_LARGE);
	assert_null(buf.data);
	assert_string_equal(mp_buf_text(&buf), "");
	assert_int_equal(mp_buf_adds(&buf, "fits"), MP_TOO_LARGE);
	assert_int_equal(mp_buf_rc(&buf), MP_TOO_LARGE);
	assert_int_equal(mp_buf_take(&buf, &data, &len), MP_TOO_LARGE);
	assert_null(data);
	assert_int_equal(len, 99);

	mp_buf_clear(&buf);
	assert_int_equal(mp_buf_adds(&buf, "fits"), MP_OK);
	assert_string_equal(mp_buf_text(&buf), "fits");
	mp_buf_done(&buf);
	mp_buf_done(NULL);
}

static void clear_keeps_the_memory(void **state)
{
	struct mp_buf buf;

	mp_buf_init(&buf, 1000);
	assert_int_equal(mp_buf_adds(&buf, "one"), MP_OK);
	mp_buf_clear(&buf);
	assert_string_equal(mp_buf_text(&buf), "");
	mp_alloc_fail_after(0);
	enum mp_rc rc = mp_buf_adds(&buf, "two");
	mp_alloc_fail_never();
	assert_int_equal(rc, MP_OK);
	assert_string_equal(mp_buf_text(&buf), "two");
	mp_buf_done(&buf);
}

static void take_moves_the_content_out(void **state)
{
	struct mp_buf buf;
	char *data = NULL;
	size_t len = 0;

	mp_buf_init(&buf, 1000);
	assert_int_equal(mp_buf_add(&buf, "a\0b", 3), MP_OK);
	assert_int_equal(mp_buf_take(&buf, &data, &len), MP_OK);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "a\0b", 4);
	free(data);
	assert_string_equal(mp_buf_text(&buf), "");

	/* An empty one gives an empty text. */
	assert_int_equal(mp_buf_take(&buf, &data, NULL), MP_OK);
	assert_string_equal(data, "");
	free(data);
}

static void growing_keeps_what_was_there(void **state)
{
	struct mp_buf buf;

	mp_buf_init(&buf, 100000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(mp_buf_addf(&buf, "%d", i % 10), MP_OK);
	assert_int_equal(buf.len, 10000);
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], '0' + (int)(i % 10));
	mp_buf_done(&buf);
}

static void no_memory_is_a_result(void **state)
{
	struct mp_buf buf;

	mp_buf_init(&buf, 100000);
	assert_int_equal(mp_buf_adds(&buf, "one"), MP_OK);
	mp_alloc_fail_after(0);
	enum mp_rc rc = mp_buf_addf(&buf, "%5000d", 1);
	mp_alloc_fail_never();
	assert_int_equal(rc, MP_NOMEM);
	assert_null(buf.data);
	assert_int_equal(mp_buf_adds(&buf, "x"), MP_NOMEM);
	mp_buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_are_joined_and_terminated),
		cmocka_unit_test(it_fills_to_its_maximum_and_not_a_byte_more),
		cmocka_unit_test(the_first_failure_frees_and_is_remembered),
		cmocka_unit_test(clear_keeps_the_memory),
		cmocka_unit_test(take_moves_the_content_out),
		cmocka_unit_test(growing_keeps_what_was_there),
		cmocka_unit_test(no_memory_is_a_result),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
