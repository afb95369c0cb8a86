import { HttpResponse, http } from 'msw';
import { expect, it } from 'vitest';
import { GRACE, ME, payment, problem, server, world } from '../test/server';
import { dropAttempts, keptAttempt, newAttempt, sendAttempt, type Order } from './attempt';

const ORDER: Order = {
	paid_to: GRACE.id,
	payment_amount: '30.00',
	currency: 'USD',
	source: 'wallet',
};

const begin = (order = ORDER) => newAttempt(ME.id, 'Grace Hopper', order);
const refuse = (status: number, kind: string, lost = 0) => {
	let calls = 0;
	server.use(
		http.post('*/v1/payments', () =>
			calls++ < lost ? HttpResponse.error() : problem(status, kind, { detail: 'Nobody.' }),
		),
	);
};

it('two taps are one call', async () => {
	const attempt = begin();
	const [first, second] = await Promise.all([
		sendAttempt(attempt, true),
		sendAttempt(attempt, true),
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
	await sendAttempt(begin(), true);
	expect(new Set(keys).size).toBe(1);
	expect(keys).toHaveLength(3);
});

it('an attempt outlives the page; its answer ends it', async () => {
	const before = begin();
	const place = `moneypal.attempt.${ME.id}`;
	expect(JSON.parse(sessionStorage.getItem(place) ?? '')).toEqual(before);
	dropAttempts(); // the memory of the page
	expect(keptAttempt(ME.id)).toEqual(before);
	await sendAttempt(before);
	expect(keptAttempt(ME.id)).toBeNull();
});

it('an answer ends its own attempt only', async () => {
	const answer = sendAttempt(begin(), true);
	const next = begin({ ...ORDER, payment_amount: '31.00' });
	await answer;
	expect(keptAttempt(ME.id)).toEqual(next);
});

it('is not the next person’s', () => {
	begin();
	expect(keptAttempt(GRACE.id)).toBeNull();
});

it('tells that the payment had been made before', async () => {
	server.use(
		http.post('*/v1/payments', () =>
			HttpResponse.json(payment(), {
				status: 201,
				headers: { 'Idempotent-Replayed': 'true' },
			}),
		),
	);
	expect((await sendAttempt(begin())).isReplayed).toBe(true);
});

it('a refusal ends the attempt at once', async () => {
	let calls = 0;
	server.use(
		http.post('*/v1/payments', () => {
			calls++;
			return problem(404, 'payee_not_found', { detail: 'Nobody.' });
		}),
	);
	await expect(sendAttempt(begin(), true)).rejects.toThrow('Nobody.');
	expect(keptAttempt(ME.id)).toBeNull();
	expect(calls).toBe(1);
});

it('a session that has ended leaves it as uncertain as it was', async () => {
	refuse(401, 'session_ended');
	await expect(sendAttempt(begin(), true)).rejects.toThrow('Nobody.');
	expect(keptAttempt(ME.id)).toBeNull();
	refuse(401, 'session_ended', 1);
	const lost = begin();
	await expect(sendAttempt(lost, true)).rejects.toThrow('Nobody.');
	expect(keptAttempt(ME.id)).toEqual(lost);
});

it('is not sent again by somebody else who has logged on meanwhile', async () => {
	let calls = 0;
	server.use(
		http.post('*/v1/payments', () => {
			calls++;
			return HttpResponse.json({}, { status: 503, headers: { 'Retry-After': '0' } });
		}),
	);
	const attempt = newAttempt(GRACE.id, 'Ada Lovelace', { ...ORDER, paid_to: ME.id });
	await expect(sendAttempt(attempt, true)).rejects.toThrow(); // Ada's is the session
	expect(calls).toBe(1);
	expect(keptAttempt(GRACE.id)).toEqual(attempt);
});
