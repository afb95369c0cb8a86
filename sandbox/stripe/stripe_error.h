#ifndef MP_SANDBOX_STRIPE_ERROR_H
#define MP_SANDBOX_STRIPE_ERROR_H

#include "base/rc.h"

/* Why a request was refused, in the provider's words. */
struct stripe_error {
	unsigned status;   /* of HTTP; 0: nothing is told */
	const char *type;  /* a literal */
	const char *code;  /* a literal, or NULL */
	const char *param; /* borrowed from the request or a literal, or NULL */
	char message[640]; /* cut when it is longer */
};

/* Fills in an invalid_request_error of status 400; returns MP_INVALID. */
enum mp_rc stripe_refuse(struct stripe_error *error, const char *code, const char *param,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "No such payment_intent: 'pi_1'", status 404; returns MP_NOT_FOUND. */
enum mp_rc stripe_no_such(
	struct stripe_error *error, const char *what, const char *param, const char *id);

#endif
