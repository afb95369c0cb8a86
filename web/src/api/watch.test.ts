import { http, HttpResponse } from 'msw';
import { expect, it, vi } from 'vitest';
import { server, world } from '../test/server';
import { restore, sessionNow } from './session';
import { watchPayment } from './watch';

it('follows a stream, and goes on from its last event when it was cut', async () => {
	const asked: (string | null)[] = [];
	server.use(
		http.get('*/v1/payments/p/events', ({ request }) => {
			asked.push(request.headers.get('Last-Event-ID'));
			return new HttpResponse('id: 3\ndata: {}\n\n', {
				headers: { 'Content-Type': 'text/event-stream' },
			});
		}),
	);
	const onChange = vi.fn();
	const stop = watchPayment('p', onChange);
	await vi.waitFor(() => expect(asked.length).toBeGreaterThan(1), { timeout: 4000 });
	stop();
	expect(asked.slice(0, 2)).toEqual([null, '3']);
	expect(onChange.mock.calls.length).toBeGreaterThanOrEqual(3);
});

it('asks by the clock where there is no stream, and stops when told', async () => {
	const onChange = vi.fn();
	const stop = watchPayment('p', onChange);
	await vi.waitFor(() => expect(onChange).toHaveBeenCalled(), { timeout: 4000 });
	stop();
	const count = onChange.mock.calls.length;
	await new Promise(done => setTimeout(done, 1600));
	expect(onChange).toHaveBeenCalledTimes(count);
});

it('finds out at once that it was signed out on another device', async () => {
	await restore();
	world.isLoggedOn = false;
	server.use(
		http.get('*/v1/payments/p/events', () =>
			HttpResponse.json({ type: '/problems/session_ended', status: 401 }, { status: 401 }),
		),
	);
	const stop = watchPayment('p', vi.fn());
	await vi.waitFor(() => expect(sessionNow()).toEqual({ status: 'out', why: 'expired' }));
	stop();
});
