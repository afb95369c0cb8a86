#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "store/item.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

static int setup(void **state)
{
	*state = mp_arena_new(1u << 20);
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	mp_arena_free(*state);
	return 0;
}

/* NULL without memory. */
static struct mp_item *try_sample(struct mp_arena *arena)
{
	struct mp_item *item = mp_item_new(arena, "A", "1", 2);
	struct mp_map *map = mp_item_attrs(item);

	mp_map_set_text(map, "text", "twelve bytes");
	mp_map_set_text(map, "id", ID);
	mp_map_set_int(map, "int", 42);
	mp_map_set_bool(map, "bool", true);
	(void)mp_map_set_list(map, "list");
	(void)mp_map_set_map(map, "map");
	return item;
}

static struct mp_item *sample(struct mp_arena *arena)
{
	struct mp_item *item = try_sample(arena);

	assert_non_null(item);
	return item;
}

/* --- building --- */

static void texts_are_copied(void **state)
{
	char pk[] = "A";
	char sk[] = "1";
	char name[] = "name";
	char text[] = "text";
	struct mp_item *item = mp_item_new(*state, pk, sk, 1);

	assert_non_null(item);
	mp_map_set_text(mp_item_attrs(item), name, text);
	pk[0] = sk[0] = name[0] = text[0] = '?';
	assert_string_equal(item->pk, "A");
	assert_string_equal(item->sk, "1");
	assert_string_equal(mp_map_get(&item->attrs, "name")->as.text, "text");
}

static void a_name_set_again_gets_the_new_value_in_its_place(void **state)
{
	struct mp_item *item = sample(*state);
	struct mp_map *map = mp_item_attrs(item);
	uint32_t count = map->count;

	mp_map_set_int(map, "text", 7); /* of another type, too */
	assert_int_equal(map->count, count);
	assert_int_equal(map->attrs[0].type, MP_VALUE_INT);
	assert_int_equal(map->attrs[0].as.number, 7);
	mp_map_set_text(map, "int", NULL); /* not set: stays */
	assert_int_equal(mp_map_get(map, "int")->as.number, 42);
}

static void null_items_and_maps_are_taken(void **state)
{
	const struct mp_id id = {.text = ID};

	assert_null(mp_item_new(*state, NULL, "1", 1));
	assert_null(mp_item_new(*state, "A", NULL, 1));
	assert_null(mp_item_attrs(NULL));
	mp_map_set_text(NULL, "a", "b");
	mp_map_set_id(NULL, "a", &id);
	mp_map_set_int(NULL, "a", 1);
	mp_map_set_bool(NULL, "a", true);
	assert_null(mp_map_set_map(NULL, "a"));
	assert_null(mp_map_set_list(NULL, "a"));
	assert_null(mp_list_add_map(NULL, NULL));
	assert_null(mp_map_get(NULL, "a"));
}

static void the_first_failure_is_remembered(void **state)
{
	char long_name[MP_ATTR_NAME_MAX + 2];
	struct mp_map *map = mp_item_attrs(mp_item_new(*state, "A", "1", 1));

	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	mp_map_set_int(map, long_name, 1);
	assert_int_equal(map->rc, MP_TOO_LARGE);
	mp_map_set_text(map, "text", "\xff");
	mp_map_set_int(map, "fine", 1);
	assert_int_equal(map->rc, MP_TOO_LARGE);
	assert_int_equal(map->count, 0);

	map = mp_item_attrs(mp_item_new(*state, "A", "1", 1));
	mp_map_set_int(map, long_name + 1, 1); /* the longest that there may be */
	assert_int_equal(map->rc, MP_OK);
	mp_map_set_int(map, "", 1);
	assert_int_equal(map->rc, MP_INVALID);
}

static void a_failed_allocation_is_remembered_wherever_it_happens(void **state)
{
	bool built = false;

	for (size_t bytes = 0; !built && bytes < 65536; bytes += 16) {
		struct mp_arena *small = mp_arena_new(bytes);
		assert_non_null(small);
		struct mp_item *item = try_sample(small);
		struct mp_map *map = mp_item_attrs(item);
		if (map != NULL) {
			assert_true(map->rc == MP_OK || map->rc == MP_NOMEM);
			built = map->rc == MP_OK;
			assert_true(!built || map->count == 6);
		}
		mp_arena_free(small);
	}
	assert_true(built);
}

/* --- reading --- */

static void attributes_are_read(void **state)
{
	struct mp_item_reader r;
	struct mp_id id;
	const struct mp_list *list = NULL;
	const char *text = NULL;
	char copy[13];
	int64_t number = 0;
	bool value = false;

	mp_item_read_begin(&r, sample(*state), 2);
	mp_item_read_text(&r, "text", &text);
	mp_item_read_copy(&r, "text", copy, sizeof(copy));
	mp_item_read_id(&r, "id", &id);
	mp_item_read_int(&r, "int", &number);
	mp_item_read_bool(&r, "bool", &value);
	mp_item_read_list_or(&r, "list", &list);
	assert_int_equal(mp_item_read_end(&r), MP_OK);
	assert_string_equal(text, "twelve bytes");
	assert_string_equal(copy, "twelve bytes");
	assert_string_equal(id.text, ID);
	assert_int_equal(number, 42);
	assert_true(value);
	assert_non_null(list);
}

static void absent_attributes_leave_or_readers_outputs(void **state)
{
	struct mp_id id = {.text = "given"};
	const struct mp_list *list = NULL;
	const char *text = "given";
	char copy[8] = "given";
	int64_t number = 7;
	struct mp_item_reader r;

	mp_item_read_begin(&r, sample(*state), 2);
	mp_item_read_text_or(&r, "none", &text);
	mp_item_read_copy_or(&r, "none", copy, sizeof(copy));
	mp_item_read_id_or(&r, "none", &id);
	mp_item_read_int_or(&r, "none", &number);
	mp_item_read_list_or(&r, "none", &list);
	assert_int_equal(mp_item_read_end(&r), MP_OK);
	assert_string_equal(text, "given");
	assert_string_equal(copy, "given");
	assert_string_equal(id.text, "given");
	assert_int_equal(number, 7);
	assert_null(list);
}

/* Each reader meets what it must not take. */
static void read_wrongly(struct mp_item_reader *r, int how)
{
	static const char *text;
	static char copy[12]; /* a byte too small */
	static struct mp_id id;
	static int64_t number;
	static bool value;
	static const struct mp_list *list;

	switch (how) {
	case 0:
		mp_item_read_text(r, "none", &text);
		break;
	case 1:
		mp_item_read_text(r, "int", &text);
		break;
	case 2:
		mp_item_read_text_or(r, "int", &text);
		break;
	case 3:
		mp_item_read_copy(r, "text", copy, sizeof(copy));
		break;
	case 4:
		mp_item_read_copy_or(r, "text", copy, sizeof(copy));
		break;
	case 5:
		mp_item_read_id(r, "text", &id);
		break;
	case 6:
		mp_item_read_id_or(r, "text", &id);
		break;
	case 7:
		mp_item_read_int(r, "text", &number);
		break;
	case 8:
		mp_item_read_int_or(r, "bool", &number);
		break;
	case 9:
		mp_item_read_bool(r, "int", &value);
		break;
	case 10:
		mp_item_read_bool(r, "none", &value);
		break;
	case 11:
		mp_item_read_list_or(r, "map", &list);
		break;
	default:
		mp_item_read_int(r, "none", &number);
		break;
	}
	assert_null(text);
	assert_null(list);
	assert_string_equal(copy, "");
	assert_string_equal(id.text, "");
	assert_int_equal(number, 0);
}

static void wrong_attributes_are_corrupt_and_the_first_is_named(void **state)
{
	static const char *const fields[] = {"none", "int", "int", "text", "text", "text", "text",
		"text", "bool", "int", "none", "map", "none"};
	struct mp_item *item = sample(*state);
	int64_t number = 7;
	int failures = 0;

	for (int how = 0; how < 13; how++) {
		struct mp_item_reader r;
		mp_item_read_begin(&r, item, 2);
		read_wrongly(&r, how);
		mp_item_read_int(&r, "int", &number); /* fine, but too late */
		if (mp_item_read_end(&r) != MP_CORRUPT || strcmp(r.field, fields[how]) != 0) {
			print_error("case %d\n", how);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	assert_int_equal(number, 7);
}

static void a_newer_format_is_not_read(void **state)
{
	struct mp_item_reader r;
	int64_t number = 7;

	mp_item_read_begin(&r, sample(*state), 1);
	mp_item_read_int(&r, "int", &number);
	assert_int_equal(mp_item_read_end(&r), MP_CORRUPT);
	assert_string_equal(r.field, "format");
	assert_int_equal(number, 7);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(texts_are_copied),
		T(a_name_set_again_gets_the_new_value_in_its_place),
		T(null_items_and_maps_are_taken),
		T(the_first_failure_is_remembered),
		T(a_failed_allocation_is_remembered_wherever_it_happens),
		T(attributes_are_read),
		T(absent_attributes_leave_or_readers_outputs),
		T(wrong_attributes_are_corrupt_and_the_first_is_named),
		T(a_newer_format_is_not_read),
	};

	return cmocka_run_group_tests_name("item", tests, NULL, NULL);
}
