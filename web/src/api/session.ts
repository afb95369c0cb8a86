import type { components } from './generated/user';
import { problemOf, type Problem, connectionLost } from './problem';

/**
 * Who is logged on. The access token lives in this module's memory only; the refresh token is a
 * cookie that scripts cannot read. Refreshing is serialized across tabs (Web Locks), because each
 * refresh replaces the cookie that all tabs share.
 */

export type User = components['schemas']['User'];
type Answer = components['schemas']['Session'];

export type Session =
	| { status: 'unknown' }
	| { status: 'out'; why: 'never-in' | 'expired' | 'left' }
	| { status: 'in'; user: User };

const LOCK = 'moneypal-session';
const HINT = 'moneypal.logged-on'; // not a secret: whether asking for a refresh is worth a call
const RENEW_MS = 30_000; // before its end
const CALL_MS_MAX = 20_000;
const REFRESH_MS_MAX = 10_000; // its repeat must fall within the server's 20 s of grace

let session: Session = { status: 'unknown' };
let token: { text: string; endsAt: number } | null = null;
let renewing: Promise<string | null> | null = null;
const listeners = new Set<() => void>();

// Signing out in one tab signs out all of them.
const tabs = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(LOCK);
tabs?.addEventListener('message', event => {
	if (event.data === 'out' && session.status === 'in') become({ status: 'out', why: 'left' });
	if (event.data === 'in' && session.status === 'out') void restore();
});

export const sessionNow = () => session;

export function onSession(listener: () => void) {
	listeners.add(listener);
	return () => void listeners.delete(listener);
}

function hint(value: '1' | null | undefined): string | null {
	try {
		if (value === null) localStorage.removeItem(HINT);
		else if (value !== undefined) localStorage.setItem(HINT, value);
		return localStorage.getItem(HINT);
	} catch {
		return '1'; // no storage: then ask
	}
}

function become(next: Session) {
	session = next;
	if (next.status === 'out') {
		token = null;
		hint(null);
	}
	for (const listener of listeners) listener();
}

function accept(answer: Answer) {
	token = { text: answer.access_token, endsAt: Date.now() + answer.expires_in * 1000 };
	hint('1');
	const before = session.status === 'in' ? session.user : null;
	if (JSON.stringify(before) !== JSON.stringify(answer.user))
		become({ status: 'in', user: answer.user });
	return answer.access_token;
}

/** A profile that was changed here. */
export function userChanged(user: User) {
	if (session.status === 'in') become({ status: 'in', user });
}

const call = (path: string, init: RequestInit, msMax = CALL_MS_MAX) =>
	fetch(path, {
		...init,
		credentials: 'same-origin',
		headers: { 'X-Requested-With': 'moneypal', ...init.headers },
		signal: AbortSignal.timeout(msMax),
	}).catch(() => {
		throw connectionLost();
	});

async function problem(response: Response): Promise<Problem> {
	return problemOf(response, await response.json().catch(() => null));
}

export async function logOn(user_name: string, password: string) {
	const response = await call('/v1/sessions', {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ user_name, password }),
	});
	if (!response.ok) throw await problem(response);
	accept((await response.json()) as Answer);
	tabs?.postMessage('in');
}

/** One tab at a time. Browsers have no locks away from https and loopback: there the server's 20 s of grace help. */
const alone = <T>(work: () => Promise<T>): Promise<T> => {
	const locks = navigator.locks as LockManager | null | undefined;
	return locks ? (locks.request(LOCK, work) as Promise<T>) : work();
};

/**
 * The answer may be lost after the server has rotated the token. The old one is good once more
 * within the grace, so it is shown again here, at once: who presses "Try again" comes too late.
 * One repeat only, and with the longer time, because a third showing ends the session. Who asks
 * after that has no other token to show, and perhaps neither showing arrived.
 */
const askRefresh = () => {
	const ask = (msMax: number) => call('/v1/sessions/refresh', { method: 'POST' }, msMax);
	return ask(REFRESH_MS_MAX).catch(() => ask(CALL_MS_MAX));
};

async function refresh(): Promise<string | null> {
	const response = await alone(askRefresh);
	if (response.ok) return accept((await response.json()) as Answer);
	if (response.status !== 401 && response.status !== 403) throw await problem(response);
	become({ status: 'out', why: session.status === 'in' ? 'expired' : 'never-in' });
	return null;
}

function renew() {
	renewing ??= refresh().finally(() => {
		renewing = null;
	});
	return renewing;
}

/** A token to send, or null when nobody is logged on. `refused`: one that was just refused. */
export async function accessToken(refused?: string): Promise<string | null> {
	if (token !== null && token.text !== refused && token.endsAt - Date.now() > RENEW_MS)
		return token.text;
	return session.status === 'out' ? null : renew();
}

/** At the start: goes on with the session that the cookie has, if there is one. */
export async function restore(): Promise<void> {
	if (hint(undefined) === null) {
		become({ status: 'out', why: 'never-in' });
		return;
	}
	await renew();
}

export async function signOut() {
	const response = await alone(() => call('/v1/sessions/current', { method: 'DELETE' }));
	if (!response.ok) throw await problem(response);
	become({ status: 'out', why: 'left' });
	tabs?.postMessage('out');
}

/** Ends the sessions on all devices. */
export async function signOutEverywhere() {
	const bearer = await accessToken();
	const response = await alone(() =>
		call('/v1/sessions', {
			method: 'DELETE',
			headers: bearer === null ? {} : { Authorization: `Bearer ${bearer}` },
		}),
	);
	if (!response.ok && response.status !== 401) throw await problem(response);
	become({ status: 'out', why: 'left' });
	tabs?.postMessage('out');
}

/** For tests. */
export function forgetSession() {
	session = { status: 'unknown' };
	token = null;
	renewing = null;
	hint(null);
}
