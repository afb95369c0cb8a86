#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/testing.h"
#include "base/testing_alloc.h"

static void memory_is_zeroed_and_aligned_even_when_reused(void **state)
{
	struct mp_arena *arena = mp_arena_new(1 << 20);

	assert_non_null(arena);
	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 700; size += 7) {
			unsigned char *piece = mp_arena_alloc(arena, size);
			assert_non_null(piece);
			assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(piece[i], 0);
			memset(piece, 0xa5, size);
		}
		mp_arena_reset(arena);
	}
	mp_arena_free(arena);
}

static void pieces_do_not_overlap(void **state)
{
	struct mp_arena *arena = mp_arena_new(1 << 20);
	assert_non_null(arena);
	unsigned char *pieces[500];

	for (size_t i = 0; i < 500; i++) {
		pieces[i] = mp_arena_alloc(arena, i + 1);
		assert_non_null(pieces[i]);
		memset(pieces[i], (int)(i % 251), i + 1);
	}
	for (size_t i = 0; i < 500; i++) {
		for (size_t at = 0; at <= i; at++)
			assert_int_equal(pieces[i][at], i % 251);
	}
	mp_arena_free(arena);
}

static void the_bound_holds_and_reset_gives_it_back(void **state)
{
	struct mp_arena *arena = mp_arena_new(64);
	assert_non_null(arena);

	for (int round = 0; round < 3; round++) {
		assert_non_null(mp_arena_alloc(arena, 32));
		assert_null(mp_arena_alloc(arena, 33));
		assert_non_null(mp_arena_alloc(arena, 32));
		assert_null(mp_arena_alloc(arena, 0)); /* even nothing has a place of its own */
		mp_arena_reset(arena);
	}
	assert_null(mp_arena_alloc(arena, 65));
	assert_null(mp_arena_alloc(arena, SIZE_MAX));
	mp_arena_free(arena);
}

static void a_bound_below_the_alignment_gives_nothing(void **state)
{
	struct mp_arena *arena = mp_arena_new(1);
	assert_non_null(arena);

	assert_null(mp_arena_alloc(arena, 1));
	mp_arena_free(arena);
}

static void an_array_whose_size_overflows_is_refused(void **state)
{
	struct mp_arena *arena = mp_arena_new(SIZE_MAX);
	assert_non_null(arena);

	assert_null(mp_arena_array(arena, SIZE_MAX / 2 + 1, 2));
	assert_null(mp_arena_alloc(arena, SIZE_MAX));
	assert_non_null(mp_arena_array(arena, 100, 100));
	mp_arena_free(arena);
}

static void a_piece_larger_than_a_block_gets_one_of_its_own(void **state)
{
	struct mp_arena *arena = mp_arena_new(4 << 20);
	assert_non_null(arena);

	assert_non_null(mp_arena_alloc(arena, 10));
	char *large = mp_arena_alloc(arena, 1 << 20);
	assert_non_null(large);
	memset(large, 1, 1 << 20);
	assert_non_null(mp_arena_alloc(arena, 10));
	mp_arena_reset(arena);
	assert_non_null(mp_arena_alloc(arena, 1 << 20));
	mp_arena_free(arena);
}

static void texts_are_copied_with_their_end(void **state)
{
	struct mp_arena *arena = mp_arena_new(1 << 16);
	assert_non_null(arena);

	assert_string_equal(mp_arena_strdup(arena, "wallet"), "wallet");
	assert_string_equal(mp_arena_strdup(arena, ""), "");
	assert_null(mp_arena_strdup(arena, NULL));
	assert_string_equal(mp_arena_strndup(arena, "wallet", 3), "wal");
	assert_string_equal(mp_arena_strndup(arena, "wallet", 300), "wallet");
	assert_null(mp_arena_strndup(arena, NULL, 3));
	assert_string_equal(mp_arena_printf(arena, "USER#%s/%d", "a", 7), "USER#a/7");
	assert_null(mp_arena_printf(arena, "%70000d", 1));
	mp_arena_free(arena);
}

static void reset_keeps_one_block_for_reuse(void **state)
{
	struct mp_arena *arena = mp_arena_new(1 << 20);
	assert_non_null(arena);

	for (int i = 0; i < 200; i++)
		assert_non_null(mp_arena_alloc(arena, 1000));
	mp_arena_reset(arena);
	mp_alloc_fail_after(0);
	char *piece = mp_arena_alloc(arena, 30000);
	mp_alloc_fail_never();
	assert_non_null(piece);
	mp_arena_free(arena);
}

static void no_memory_gives_null_and_the_arena_goes_on(void **state)
{
	mp_alloc_fail_after(0);
	struct mp_arena *none = mp_arena_new(100);
	mp_alloc_fail_never();
	assert_null(none);
	mp_arena_free(NULL);

	struct mp_arena *arena = mp_arena_new(1 << 20);
	assert_non_null(arena);
	mp_alloc_fail_after(0);
	char *piece = mp_arena_alloc(arena, 100);
	char *text = mp_arena_printf(arena, "%d", 12);
	mp_alloc_fail_never();
	assert_null(piece);
	assert_null(text);
	assert_non_null(mp_arena_alloc(arena, 100));
	mp_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned_even_when_reused),
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(the_bound_holds_and_reset_gives_it_back),
		cmocka_unit_test(a_bound_below_the_alignment_gives_nothing),
		cmocka_unit_test(an_array_whose_size_overflows_is_refused),
		cmocka_unit_test(a_piece_larger_than_a_block_gets_one_of_its_own),
		cmocka_unit_test(texts_are_copied_with_their_end),
		cmocka_unit_test(reset_keeps_one_block_for_reuse),
		cmocka_unit_test(no_memory_gives_null_and_the_arena_goes_on),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
