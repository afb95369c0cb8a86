#ifndef MP_USER_TESTING_H
#define MP_USER_TESTING_H

#include "base/testing_folder.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "outbox/outbox.h"
#include "password.h"
#include "store/fault.h"
#include "store/testing.h"
#include "user_db.h"

/* For tests only: a real store in a folder of its own, an outbox without relay, cheap hashes. */

struct fixture {
	struct mp_test_folder folder;
	struct mp_store *store; /* can be told to fail (store/fault.h) */
	struct mp_arena *arena;
	struct user_db db;
	struct password_policy passwords;
	int64_t now_ms;
};

static inline int fixture_setup(void **state)
{
	const struct mp_outbox_config outbox = {
		.amqp_url = "amqp://127.0.0.1:1/", .source = "/test"};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(mp_crypto_init(), MP_OK);
	mp_test_folder_make(&f->folder);
	f->store = mp_fault_store_new(mp_test_store_open(f->folder.path));
	assert_non_null(f->store);
	f->arena = mp_arena_new(16 * 1024 * 1024);
	assert_non_null(f->arena);
	f->db.store = f->store;
	struct mp_outbox_config with_store = outbox;
	with_store.store = f->store;
	assert_int_equal(mp_outbox_open(&with_store, &f->db.outbox), MP_OK);
	assert_int_equal(password_policy_init(&f->passwords, 1, 1), MP_OK);
	f->now_ms = mp_clock_ms();
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	mp_outbox_close(f->db.outbox);
	mp_store_close(f->store);
	mp_arena_free(f->arena);
	mp_test_folder_remove(&f->folder);
	free(f);
	return 0;
}

/* The data of the events that wait in the outbox, as JSON; there are count. The caller owns it. */
static inline json_t *fixture_events(struct fixture *f, const char *type)
{
	json_t *events = json_array();

	for (int i = 0; i < MP_OUTBOX_PARTITIONS; i++) {
		char pk[16];
		struct mp_page page;

		assert_int_equal(mp_text_format(pk, sizeof(pk), "OUTBOX#%02d", i), MP_OK);
		const struct mp_query query = {.pk = pk, .limit = 100};
		assert_int_equal(mp_store_query(f->store, &query, f->arena, &page), MP_OK);
		for (size_t row = 0; row < page.count; row++) {
			const struct mp_map *attrs = &page.items[row]->attrs;

			if (strcmp(mp_map_get(attrs, "type")->as.text, type) == 0)
				assert_int_equal(
					json_array_append_new(events,
						mp_map_to_json(mp_map_get(attrs, "data")->as.map)),
					0);
		}
	}
	return events;
}

#endif
