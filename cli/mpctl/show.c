#include <stdio.h>

#include "store.h"
#include "store/codec.h"
#include "store/item_json.h"

#define PAGE_ITEMS 100

static enum mp_rc print_item(const struct mp_item *item)
{
	struct mp_buf line;

	mp_buf_init(&line, MP_ITEM_LINE_MAX);
	mp_item_add_line(&line, item);
	enum mp_rc rc = mp_buf_rc(&line);
	if (rc == MP_OK)
		(void)puts(mp_buf_text(&line));
	mp_buf_done(&line);
	return rc;
}

static enum mp_rc print_partition(
	struct mp_store *store, struct mp_arena *arena, const char *pk, size_t *out_count)
{
	struct mp_query query = {.pk = pk, .limit = PAGE_ITEMS};
	char after[MP_KEY_BYTES_MAX + 1];
	struct mp_page page;

	do {
		enum mp_rc rc = mp_store_query(store, &query, arena, &page);
		if (rc != MP_OK)
			return rc;
		for (size_t i = 0; i < page.count && rc == MP_OK; i++)
			rc = print_item(page.items[i]);
		if (rc != MP_OK)
			return rc;
		*out_count += page.count;
		if (page.more)
			(void)snprintf(after, sizeof(after), "%s", page.last_sk);
		query.after = after;
		mp_arena_reset(arena);
	} while (page.more);
	return MP_OK;
}

static enum mp_rc print_one(struct mp_store *store, struct mp_arena *arena, const char *pk,
	const char *sk, size_t *out_count)
{
	struct mp_item *item;
	enum mp_rc rc = mp_store_get(store, pk, sk, arena, &item);

	if (rc == MP_NOT_FOUND)
		return MP_OK;
	*out_count = 1;
	return rc == MP_OK ? print_item(item) : rc;
}

/* mpctl show SERVICE KEY [SORT]: a line for each item. */
enum mpctl_exit mpctl_show(struct mpctl *ctl, int argc, char **argv)
{
	struct mp_store *store;
	size_t count = 0;

	enum mpctl_exit result = mpctl_store_open(argv[0], STORE_READ, &store);
	if (result != MPCTL_DONE)
		return result;
	enum mp_rc rc = argc == 3 ? print_one(store, ctl->arena, argv[1], argv[2], &count)
				  : print_partition(store, ctl->arena, argv[1], &count);
	mp_store_close(store);
	if (rc == MP_INVALID) {
		mpctl_say("\"%s\" is no key: 1 to %d bytes of UTF-8 without control characters.",
			mp_key_is_valid(argv[1]) ? argv[argc - 1] : argv[1], MP_KEY_BYTES_MAX);
		return MPCTL_WRONG_USE;
	}
	if (rc != MP_OK) {
		mpctl_say("The data of %s cannot be read: %s.", argv[0], store_settings_why(rc));
		return MPCTL_TROUBLE;
	}
	if (count == 0)
		mpctl_say("The service %s has nothing under that key.", argv[0]);
	return count > 0 ? MPCTL_DONE : MPCTL_NO;
}
