#include "user_metrics.h"

struct user_metrics user_metrics;

void user_metrics_register(void)
{
	static const char log_ons[] = "moneypal_log_ons_total";
	static const char log_ons_help[] = "Log-ons by outcome.";

	user_metrics = (struct user_metrics){
		.registered = mp_counter(
			"moneypal_users_registered_total", NULL, "People who registered."),
		.log_ons_granted = mp_counter(log_ons, "outcome=\"granted\"", log_ons_help),
		.log_ons_refused = mp_counter(log_ons, "outcome=\"refused\"", log_ons_help),
		.log_ons_throttled = mp_counter(log_ons, "outcome=\"throttled\"", log_ons_help),
		.keys_rotated = mp_counter("moneypal_signing_keys_rotated_total", NULL,
			"Rotations of the signing keys, by schedule or by command."),
		.tokens_reused = mp_counter("moneypal_refresh_tokens_reused_total", NULL,
			"Sessions ended because a used refresh token came again."),
		.hashing_waiting = mp_gauge("moneypal_hashing_waiting", NULL,
			"Log-ons and registrations that wait for a core."),
		.hashing_refused = mp_counter("moneypal_hashing_refused_total", NULL,
			"Log-ons and registrations refused because too many waited."),
	};
}
