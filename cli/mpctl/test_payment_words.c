#include "base/testing.h"

#include <string.h>

#include "payment.h"

/* Where the money is, in words, from what the wallet says of a payment's transfers. */

struct transfer {
	const char *kind;
	const char *amount;
	const char *outcome; /* NULL: not made yet */
};

#define TRANSFERS_MAX 4

static const struct row {
	struct transfer transfers[TRANSFERS_MAX];
	const char *money;
} rows[] = {
	{{{NULL}}, "nothing has moved: it is the payer's still"},
	{{{"S(1)", "200.00", "refused"}}, "nothing has moved: it is the payer's still"},
	{{{"F pi_1", "130.00", NULL}}, "130.00 USD at the provider, not credited yet"},
	{{{"F pi_1", "130.00", "posted"}}, "130.00 USD in the payer's wallet"},
	{{{"F pi_1", "130.00", "posted"}, {"F pi_2", "70.00", "posted"}},
		"130.00 USD and 70.00 USD in the payer's wallet"},
	/* 70.00 were there before */
	{{{"F pi_1", "130.00", "posted"}, {"S(1)", "200.00", "refused"},
		 {"S(2)", "200.00", "posted"}},
		"200.00 USD in the payee's wallet"},
	{{{"F pi_1", "200.00", "posted"}, {"S(1)", "200.00", "posted"}},
		"200.00 USD in the payee's wallet"},
	{{{"F pi_1", "130.00", "posted"}, {"F pi_2", "130.00", "posted"},
		 {"S(1)", "200.00", "refused"}, {"S(2)", "200.00", "posted"}},
		"200.00 USD in the payee's wallet; 60.00 USD, captured beyond it, in the payer's"},
	{{{"F pi_1", "200.00", "posted"}, {"F pi_2", "200.05", "posted"},
		 {"S(1)", "200.00", "posted"}, {"F pi_3", "1.00", NULL}},
		"200.00 USD in the payee's wallet; 200.05 USD, captured beyond it, in the payer's; "
		"1.00 USD at the provider, not credited yet"},
	{{{"S(1)", "200.00", "posted"}, {"F pi_1", "130.00", NULL}},
		"200.00 USD in the payee's wallet; 130.00 USD at the provider, not credited yet"},
};

static void set(json_t *json, const char *name, const char *text)
{
	assert_int_equal(json_object_set_new(json, name, json_string(text)), 0);
}

static json_t *transfers_of(const struct row *row)
{
	json_t *list = json_array();

	for (size_t i = 0; i < TRANSFERS_MAX && row->transfers[i].kind != NULL; i++) {
		json_t *transfer = json_object();

		set(transfer, "kind", row->transfers[i].kind);
		set(transfer, "amount", row->transfers[i].amount);
		if (row->transfers[i].outcome != NULL)
			set(transfer, "outcome", row->transfers[i].outcome);
		assert_int_equal(json_array_append_new(list, transfer), 0);
	}
	return list;
}

static void the_money_is_told_to_the_cent(void **state)
{
	struct mpctl ctl = {.arena = mp_arena_new(1u << 20)};

	assert_non_null(ctl.arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chain chain = {
			.ctl = &ctl, .payment = json_object(), .transfers = transfers_of(&rows[i])};

		set(chain.payment, "currency", "USD");
		assert_string_equal(chain_money(&chain), rows[i].money);
		chain.wallet_silent = true;
		assert_string_equal(chain_money(&chain), "not known: the wallet does not answer");
		json_decref(chain.transfers);
		json_decref(chain.payment);
	}
	mp_arena_free(ctl.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_money_is_told_to_the_cent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
