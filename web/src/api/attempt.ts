import * as z from 'zod/mini';
import { answered, api } from './client';
import type { Payment } from './payments';
import { asProblem, Problem } from './problem';
import { sessionNow } from './session';

/**
 * One wish to pay: what is asked for, under one Idempotency-Key, kept for the tab until the answer
 * is certain. A second tap, a retry after a lost connection and a reload all send the same key, and
 * so pay once. One that is kept is one of which nobody knows whether it was paid.
 */

const Order = z.object({
	paid_to: z.nullable(z.string()),
	payment_amount: z.string(),
	currency: z.string(),
	source: z.enum(['wallet', 'card']),
	description: z.optional(z.string()),
});
const Attempt = z.object({
	key: z.string(),
	/** Who pays: the next person at this browser is not asked about it. */
	by: z.string(),
	/** The receiver's name, for people; null for a top-up. */
	to: z.nullable(z.string()),
	began: z.string(),
	order: Order,
});

export type Order = z.infer<typeof Order>;
export type Attempt = z.infer<typeof Attempt>;

export interface Answer {
	payment: Payment;
	/** The payment had been made before this call. */
	isReplayed: boolean;
}

const TRIES_MAX = 4;
const WAIT_MS = [500, 1500, 3000];

const placeOf = (by: string) => `moneypal.attempt.${by}`;

export const isSameOrder = (a: Order, b: Order) =>
	JSON.stringify(Order.parse(a)) === JSON.stringify(Order.parse(b));

const kept = new Map<string, Attempt>(); // also where the browser keeps nothing

function keep(attempt: Attempt) {
	kept.set(attempt.by, attempt);
	try {
		sessionStorage.setItem(placeOf(attempt.by), JSON.stringify(attempt));
	} catch {
		// without storage a reload forgets it; the memory above does not
	}
}

/** The answer is certain. Another attempt that was begun meanwhile is kept. */
function drop({ by, key }: Attempt) {
	if (keptAttempt(by)?.key !== key) return;
	kept.delete(by);
	try {
		sessionStorage.removeItem(placeOf(by));
	} catch {
		// there is none then
	}
}

/** The person's attempt whose outcome is not known, if there is one. */
export function keptAttempt(by: string): Attempt | null {
	const known = kept.get(by);
	if (known !== undefined) return known;
	try {
		const parsed = Attempt.safeParse(JSON.parse(sessionStorage.getItem(placeOf(by)) ?? 'null'));
		return parsed.success ? parsed.data : null;
	} catch {
		return null;
	}
}

/** A new attempt; the one kept before is forgotten. */
export function newAttempt(by: string, to: string | null, order: Order): Attempt {
	const began = new Date().toISOString();
	const attempt = { key: crypto.randomUUID(), by, to, began, order };
	keep(attempt);
	return attempt;
}

/** For tests. */
export const dropAttempts = () => kept.clear();

const running = new Map<string, Promise<Answer>>();

async function post(attempt: Attempt): Promise<Answer> {
	const { data, response } = await answered(
		api.POST('/v1/payments', {
			params: { header: { 'Idempotency-Key': attempt.key } },
			body: attempt.order,
		}),
	);
	return { payment: data, isReplayed: response.headers.get('Idempotent-Replayed') === 'true' };
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

/** Another person has logged on meanwhile: nothing of the one before is paid by them. */
function isSomebodyElse(by: string) {
	const session = sessionNow();
	return session.status === 'in' && session.user.id !== by;
}

async function postUntilCertain(attempt: Attempt, wasSent: boolean): Promise<Answer> {
	let isUncertain = wasSent;
	for (let tries = 1; ; tries++) {
		try {
			const answer = await post(attempt);
			drop(attempt);
			return answer;
		} catch (error) {
			const problem = asProblem(error);
			// Our own mistake (-1), such as an answer that cannot be read: it may have been paid.
			isUncertain ||= problem.isUncertain || problem.status === -1;
			const isOver = !problem.isUncertain && problem.status !== 429;
			if (isOver || tries === TRIES_MAX) {
				// Not logged on, or too often: that says nothing about an earlier call.
				const isRefused = isOver && problem.status >= 400 && problem.status !== 401;
				if (isRefused || !isUncertain) drop(attempt);
				throw isUncertain && !isOver ? uncertain() : problem;
			}
			await pause(problem.retryAfterMs ?? WAIT_MS[tries - 1] ?? 3000);
			if (isSomebodyElse(attempt.by)) throw problem;
		}
	}
}

const uncertain = () =>
	new Problem(
		0,
		'uncertain',
		'The connection was lost before MoneyPal could answer. Try again: however often you do, you pay once.',
	);

/**
 * Sends the attempt; sending it again while it is under way waits for the same answer.
 * `isNew`: it was never sent before.
 */
export function sendAttempt(attempt: Attempt, isNew = false): Promise<Answer> {
	let answer = running.get(attempt.key);
	if (answer === undefined) {
		answer = postUntilCertain(attempt, !isNew).finally(() => running.delete(attempt.key));
		running.set(attempt.key, answer);
	}
	return answer;
}
