import * as z from 'zod/mini';
import { api, told } from './client';
import type { Payment } from './payments';
import { asProblem, Problem } from './problem';

/**
 * One wish to pay: what is asked for, under one Idempotency-Key, kept for the tab until the answer
 * is certain. A second tap, a retry after a lost connection and a reload all send the same key, and
 * so pay once.
 */

const Order = z.object({
	paid_to: z.nullable(z.string()),
	payment_amount: z.string(),
	currency: z.string(),
	source: z.enum(['wallet', 'card']),
	description: z.optional(z.string()),
});
const Attempt = z.object({ key: z.string(), order: Order });

export type Order = z.infer<typeof Order>;
export type Attempt = z.infer<typeof Attempt>;

const PLACE = 'moneypal.attempt';
const TRIES_MAX = 4;
const WAIT_MS = [500, 1500, 3000];

const same = (a: Order, b: Order) =>
	JSON.stringify(Order.parse(a)) === JSON.stringify(Order.parse(b));

let kept: Attempt | null = null; // also where the browser keeps nothing

function keep(attempt: Attempt | null) {
	kept = attempt;
	try {
		if (attempt === null) sessionStorage.removeItem(PLACE);
		else sessionStorage.setItem(PLACE, JSON.stringify(attempt));
	} catch {
		// without storage a reload forgets it; the memory above does not
	}
}

function keptAttempt(): Attempt | null {
	if (kept !== null) return kept;
	try {
		const parsed = Attempt.safeParse(JSON.parse(sessionStorage.getItem(PLACE) ?? 'null'));
		return parsed.success ? parsed.data : null;
	} catch {
		return null;
	}
}

/** The attempt for this order: the one whose outcome is not known yet, or a new one. */
export function attemptFor(order: Order): Attempt {
	const before = keptAttempt();
	if (before !== null && same(before.order, order)) return before;
	const attempt = { key: crypto.randomUUID(), order };
	keep(attempt);
	return attempt;
}

export const dropAttempt = () => keep(null);

const running = new Map<string, Promise<Payment>>();

const post = (attempt: Attempt) =>
	told(
		api.POST('/v1/payments', {
			params: { header: { 'Idempotency-Key': attempt.key } },
			body: attempt.order,
		}),
	);

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

async function postUntilCertain(attempt: Attempt): Promise<Payment> {
	for (let tries = 1; ; tries++) {
		try {
			const payment = await post(attempt);
			keep(null);
			return payment;
		} catch (error) {
			const problem = asProblem(error);
			if (!problem.isUncertain && problem.status !== 429) {
				// A session that ended is not a refusal: the same attempt goes on after logging on.
				if (problem.status !== 401) keep(null);
				throw problem;
			}
			if (tries === TRIES_MAX) throw uncertain(problem);
			await pause(problem.retryAfterMs ?? WAIT_MS[tries - 1] ?? 3000);
		}
	}
}

const uncertain = (problem: Problem) =>
	new Problem(
		problem.status,
		'uncertain',
		'The connection was lost before MoneyPal could answer. Try again: however often you do, you pay once.',
	);

/** Sends the attempt; sending it again while it is under way waits for the same answer. */
export function sendAttempt(attempt: Attempt): Promise<Payment> {
	let answer = running.get(attempt.key);
	if (answer === undefined) {
		answer = postUntilCertain(attempt).finally(() => running.delete(attempt.key));
		running.set(attempt.key, answer);
	}
	return answer;
}
