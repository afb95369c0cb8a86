#include "gate.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_MS_LEAST 1000
#define PAUSE_MS_MAX 60000

void gate_init(struct gate *gate)
{
	*gate = (struct gate){0};
	(void)pthread_mutex_init(&gate->mutex, NULL);
}

void gate_done(struct gate *gate)
{
	(void)pthread_mutex_destroy(&gate->mutex);
}

int64_t gate_closed_until_ms(struct gate *gate, int64_t now_ms)
{
	(void)pthread_mutex_lock(&gate->mutex);
	int64_t until_ms = gate->closed_until_ms;
	(void)pthread_mutex_unlock(&gate->mutex);
	/* A clock that was set back must not keep it closed. */
	return now_ms < until_ms && until_ms - now_ms <= PAUSE_MS_MAX ? until_ms : 0;
}

bool gate_trouble(struct gate *gate, int64_t now_ms, const char *kind)
{
	int64_t pause_ms = PAUSE_MS_MAX;

	(void)pthread_mutex_lock(&gate->mutex);
	/* What other threads had under way when it was closed is the same trouble. */
	if (now_ms >= gate->closed_until_ms) {
		if (gate->troubles < 6)
			pause_ms = PAUSE_MS_LEAST << gate->troubles;
		gate->troubles++;
		gate->closed_until_ms = now_ms + pause_ms;
	}
	bool news = strcmp(gate->told, kind) != 0;
	(void)snprintf(gate->told, sizeof(gate->told), "%s", kind);
	(void)pthread_mutex_unlock(&gate->mutex);
	return news;
}

bool gate_pass(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->mutex);
	bool ended = gate->told[0] != '\0';
	gate->told[0] = '\0';
	gate->troubles = 0;
	gate->closed_until_ms = 0;
	(void)pthread_mutex_unlock(&gate->mutex);
	return ended;
}
