#include "turn.h"

#include <assert.h>

void turn_init(struct turn *turn)
{
	*turn = (struct turn){.taken = false};
	(void)pthread_mutex_init(&turn->lock, NULL);
	(void)pthread_cond_init(&turn->changed, NULL);
}

void turn_done(struct turn *turn)
{
	assert(!turn->taken && turn->on_their_way == 0);
	(void)pthread_cond_destroy(&turn->changed);
	(void)pthread_mutex_destroy(&turn->lock);
}

uint64_t turn_take(struct turn *turn)
{
	(void)pthread_mutex_lock(&turn->lock);
	while (turn->taken || turn->refused_count > 0)
		(void)pthread_cond_wait(&turn->changed, &turn->lock);
	turn->taken = true;
	uint64_t number = ++turn->numbers;
	(void)pthread_mutex_unlock(&turn->lock);
	return number;
}

static void leave(struct turn *turn, int on_its_way)
{
	(void)pthread_mutex_lock(&turn->lock);
	assert(turn->taken);
	turn->taken = false;
	turn->on_their_way += (unsigned)on_its_way;
	(void)pthread_cond_broadcast(&turn->changed);
	(void)pthread_mutex_unlock(&turn->lock);
}

void turn_pass(struct turn *turn)
{
	leave(turn, 1);
}

void turn_give_back(struct turn *turn)
{
	leave(turn, 0);
}

static void arrive(struct turn *turn)
{
	assert(turn->on_their_way > 0);
	turn->on_their_way--;
	(void)pthread_cond_broadcast(&turn->changed);
}

void turn_end(struct turn *turn)
{
	(void)pthread_mutex_lock(&turn->lock);
	arrive(turn);
	(void)pthread_mutex_unlock(&turn->lock);
}

static uint64_t *refused_place(struct turn *turn, uint64_t number)
{
	for (unsigned i = 0; i < TURN_THREADS_MAX; i++) {
		if (turn->refused[i] == number)
			return &turn->refused[i];
	}
	assert(!"no more threads than places");
	return NULL;
}

static bool is_first_refused(const struct turn *turn, uint64_t number)
{
	for (unsigned i = 0; i < TURN_THREADS_MAX; i++) {
		if (turn->refused[i] != 0 && turn->refused[i] < number)
			return false;
	}
	return true;
}

void turn_again(struct turn *turn, uint64_t number)
{
	(void)pthread_mutex_lock(&turn->lock);
	*refused_place(turn, 0) = number;
	turn->refused_count++;
	arrive(turn);
	while (turn->taken || turn->on_their_way > 0 || !is_first_refused(turn, number))
		(void)pthread_cond_wait(&turn->changed, &turn->lock);
	*refused_place(turn, number) = 0;
	turn->refused_count--;
	turn->taken = true;
	(void)pthread_mutex_unlock(&turn->lock);
}
