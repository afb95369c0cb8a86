import { http, HttpResponse } from 'msw';
import { afterEach, expect, it, vi } from 'vitest';
import { problem, server, SESSION, world } from '../test/server';
import { api } from './client';
import { accessToken, logOn, restore, sessionNow } from './session';

afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
});

const refreshes = () => world.calls.filter(call => call === 'POST /v1/sessions/refresh').length;

it('many callers at once are one refresh', async () => {
	const tokens = await Promise.all([accessToken(), accessToken(), accessToken()]);
	expect(tokens).toEqual(['token-1', 'token-1', 'token-1']);
	expect(refreshes()).toBe(1);
});

it('a token is renewed before its end, and not earlier', async () => {
	await restore();
	await accessToken();
	expect(refreshes()).toBe(1);
	vi.useFakeTimers({ now: Date.now() + 880_000, toFake: ['Date'] });
	await accessToken();
	vi.useRealTimers();
	expect(refreshes()).toBe(2);
});

it('without a session nothing is asked', async () => {
	localStorage.clear();
	await restore();
	expect(sessionNow()).toEqual({ status: 'out', why: 'never-in' });
	expect(world.calls).toEqual([]);
});

it('a call that meets an ended token is repeated with a new one', async () => {
	const seen: (string | null)[] = [];
	server.use(
		http.get('*/v1/wallets/me/all', ({ request }) => {
			seen.push(request.headers.get('Authorization'));
			return seen.length === 1
				? problem(401, 'unauthenticated')
				: HttpResponse.json({ items: world.wallets });
		}),
		http.post('*/v1/sessions/refresh', () =>
			HttpResponse.json({ ...SESSION, access_token: `token-${seen.length + 1}` }),
		),
	);
	const { data } = await api.GET('/v1/wallets/me/all');
	expect(data?.items).toHaveLength(1);
	expect(seen).toEqual(['Bearer token-1', 'Bearer token-2']);
});

it('a session that ended is told as expired, and asked for only once', async () => {
	await restore();
	world.isLoggedOn = false;
	server.use(http.get('*/v1/wallets/me/all', () => problem(401, 'unauthenticated')));
	const { response } = await api.GET('/v1/wallets/me/all');
	expect(response.status).toBe(401);
	expect(sessionNow()).toEqual({ status: 'out', why: 'expired' });
	await api.GET('/v1/wallets/me/all');
	expect(refreshes()).toBe(2);
});

it('a server that cannot answer does not end the session', async () => {
	await restore();
	server.use(http.post('*/v1/sessions/refresh', () => problem(503, 'unavailable')));
	await expect(accessToken('token-1')).rejects.toThrow('try again');
	expect(sessionNow().status).toBe('in');
});

/** No fetch is answered before its own limit of time, on the clock of the fake timers. */
function silentServer(answers: (Response | null)[]) {
	vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
	vi.spyOn(AbortSignal, 'timeout').mockImplementation(ms => {
		const limit = new AbortController();
		setTimeout(() => limit.abort(new DOMException('too long', 'TimeoutError')), ms);
		return limit.signal;
	});
	const start = Date.now();
	const askedAt: number[] = [];
	vi.spyOn(globalThis, 'fetch').mockImplementation((_path, init) => {
		const answer = answers[askedAt.length] ?? null;
		askedAt.push(Date.now() - start);
		return answer
			? Promise.resolve(answer)
			: new Promise((_, reject) =>
					init?.signal?.addEventListener('abort', () => reject(new TypeError('lost'))),
				);
	});
	return askedAt;
}

it('a refresh whose answer is lost is asked for again while the old token is good', async () => {
	await restore();
	const askedAt = silentServer([null, Response.json({ ...SESSION, access_token: 'token-2' })]);
	const token = accessToken('token-1');
	await vi.advanceTimersByTimeAsync(19_000); // the server's grace is 20 s
	expect(askedAt).toEqual([0, 10_000]);
	expect(await token).toBe('token-2');
	expect(sessionNow().status).toBe('in');
});

it('a refresh is repeated once only: the third showing of a token ends the session', async () => {
	await restore();
	const askedAt = silentServer([null, null, null]);
	const told = expect(accessToken('token-1')).rejects.toThrow('cannot be reached');
	await vi.advanceTimersByTimeAsync(60_000);
	await told;
	expect(askedAt).toEqual([0, 10_000]);
	expect(sessionNow().status).toBe('in');
});

it('nothing secret is kept where scripts of later can read it', async () => {
	await logOn('ada', 'correct horse battery staple');
	const kept = JSON.stringify({ ...localStorage, ...sessionStorage });
	expect(kept).not.toMatch(/token-1|horse/);
	expect(sessionNow().status).toBe('in');
});
