#ifndef MP_EMAIL_GATE_H
#define MP_EMAIL_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "email_types.h"

/*
 * Between the mails and a server that is in trouble: after each failure that is not about one mail
 * it is closed for 1 s, 2 s, 4 s ... to a minute, so that a backlog does not hammer a server that
 * is down, nor lock an account that refuses us. Time is passed in. Threads: any.
 */
struct gate {
	pthread_mutex_t mutex;
	int64_t closed_until_ms;
	int64_t troubles; /* in a row */
	char told[EMAIL_ANSWER_SIZE];
};

void gate_init(struct gate *gate);
void gate_done(struct gate *gate);

/* When mails may go again; 0: now. */
int64_t gate_closed_until_ms(struct gate *gate, int64_t now_ms);

/*
 * now_ms: when the trouble was known, not when the attempt began. kind tells one trouble from
 * another. True when it is news: to be logged, once.
 */
bool gate_trouble(struct gate *gate, int64_t now_ms, const char *kind);

/* The server has answered about a mail. True when that ends a trouble. */
bool gate_pass(struct gate *gate);

#endif
