#ifndef MP_SANDBOX_ORDER_H
#define MP_SANDBOX_ORDER_H

#include "form.h"

/*
 * Reads what POST /v1/checkout/sessions asks for, with the provider's rules: everything but the
 * session's id and state. now_s is when the session begins. MP_INVALID (told in the form's error),
 * MP_NOMEM. Pure.
 */
enum mp_rc order_read(struct form *form, int64_t now_s, struct session *out) MP_MUST_CHECK;

#endif
