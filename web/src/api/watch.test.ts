import { http, HttpResponse } from 'msw';
import { afterEach, expect, it, vi } from 'vitest';
import { server, world } from '../test/server';
import { restore, sessionNow } from './session';
import { watchPayment } from './watch';

afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
});

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

/**
 * Streams that never end by themselves, on the clock of the fake timers: each has heartbeats at
 * these times after it was opened, and then is silent; `null` has not even headers.
 */
async function silentStreams(streams: (number[] | null)[]) {
	await restore();
	vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
	const start = Date.now();
	const askedAt: number[] = [];
	vi.spyOn(globalThis, 'fetch').mockImplementation((_path, init) => {
		const beats = streams[askedAt.length] ?? null;
		askedAt.push(Date.now() - start);
		return new Promise((resolve, reject) => {
			const onAbort = (lost: () => void) => init?.signal?.addEventListener('abort', lost);
			onAbort(() => reject(new TypeError('lost')));
			if (beats === null) return;
			const body = new ReadableStream<Uint8Array>({
				start(controller) {
					onAbort(() => controller.error(new TypeError('lost')));
					const beat = () => controller.enqueue(new TextEncoder().encode(': heart\n\n'));
					for (const ms of beats) setTimeout(beat, ms);
				},
			});
			resolve(new Response(body, { headers: { 'Content-Type': 'text/event-stream' } }));
		});
	});
	return askedAt;
}

it('a stream is kept while its heart beats, and opened again when it fell silent', async () => {
	const askedAt = await silentStreams([[15_000, 30_000, 45_000, 60_000], []]);
	const onChange = vi.fn();
	const stop = watchPayment('p', onChange);
	await vi.advanceTimersByTimeAsync(99_000);
	expect(askedAt).toEqual([0]);
	expect(onChange).toHaveBeenCalledTimes(1); // the stream was there
	await vi.advanceTimersByTimeAsync(3_000);
	expect(askedAt).toEqual([0, 101_000]);
	expect(onChange).toHaveBeenCalledTimes(3); // what was missed; the new stream was there
	stop();
});

it('a stream that does not even begin is asked for again', async () => {
	const askedAt = await silentStreams([null, []]);
	const onChange = vi.fn();
	const stop = watchPayment('p', onChange);
	await vi.advanceTimersByTimeAsync(42_000);
	expect(askedAt).toEqual([0, 41_000]);
	stop();
	await vi.advanceTimersByTimeAsync(100_000);
	expect(askedAt).toHaveLength(2);
});
