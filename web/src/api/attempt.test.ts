import { HttpResponse, http } from 'msw';
import { expect, it } from 'vitest';
import { GRACE, payment, problem, server, world } from '../test/server';
import { attemptFor, sendAttempt, type Order } from './attempt';

const ORDER: Order = {
	paid_to: GRACE.id,
	payment_amount: '30.00',
	currency: 'USD',
	source: 'wallet',
};

it('two taps are one call', async () => {
	const [first, second] = await Promise.all([
		sendAttempt(attemptFor(ORDER)),
		sendAttempt(attemptFor(ORDER)),
	]);
	expect(first).toEqual(second);
	expect(world.keys).toHaveLength(1);
});

it('a lost answer is asked for again under the same key', async () => {
	const keys: (string | null)[] = [];
	server.use(
		http.post('*/v1/payments', ({ request }) => {
			keys.push(request.headers.get('Idempotency-Key'));
			if (keys.length === 1) return HttpResponse.error();
			if (keys.length === 2) return problem(503, 'unknown_outcome');
			return HttpResponse.json(payment(), { status: 201 });
		}),
	);
	await sendAttempt(attemptFor(ORDER));
	expect(new Set(keys).size).toBe(1);
	expect(keys).toHaveLength(3);
});

it('an attempt outlives the page; its answer ends it', async () => {
	const before = attemptFor(ORDER);
	expect(JSON.parse(sessionStorage.getItem('moneypal.attempt') ?? '')).toEqual(before);
	expect(attemptFor({ ...ORDER })).toEqual(before);
	await sendAttempt(before);
	expect(attemptFor(ORDER).key).not.toBe(before.key);
});

it('another order is another attempt', () => {
	const before = attemptFor(ORDER);
	expect(attemptFor({ ...ORDER, payment_amount: '31.00' }).key).not.toBe(before.key);
});

it('a refusal ends the attempt at once', async () => {
	let calls = 0;
	server.use(
		http.post('*/v1/payments', () => {
			calls++;
			return problem(404, 'payee_not_found', { detail: 'Nobody.' });
		}),
	);
	const attempt = attemptFor(ORDER);
	await expect(sendAttempt(attempt)).rejects.toThrow('Nobody.');
	expect(attemptFor(ORDER).key).not.toBe(attempt.key);
	expect(calls).toBe(1);
});
