import { accessToken } from './session';
import { readEvents } from './sse';

/**
 * Watches one payment: calls `onChange` whenever something may have happened to it. By server-sent
 * events where the server has them; else, and while they cannot be had, by the clock: every second
 * at first, then ever more rarely.
 */

const POLL_MS_FIRST = 1000;
const POLL_MS_MAX = 10_000;
const POLL_GROWTH = 1.4;
const STREAM_AGAIN_MS = 1000;
const SILENCE_MS_MAX = 40_000; // the server's heart beats every 15 s

interface Watch {
	id: string;
	onChange: () => void;
	signal: AbortSignal;
	lastEventId: string | null;
}

function pause(ms: number, signal: AbortSignal) {
	return new Promise<void>(resolve => {
		const done = () => {
			clearTimeout(timer);
			document.removeEventListener('visibilitychange', seen);
			resolve();
		};
		// Who comes back to the page wants to know now.
		const seen = () => document.visibilityState === 'visible' && done();
		const timer = setTimeout(done, ms);
		document.addEventListener('visibilitychange', seen);
		signal.addEventListener('abort', done, { once: true });
	});
}

/**
 * Ends when the watch does, or when nothing was heard for too long: a network that drops without a
 * word would leave a stream open for ever.
 */
function silence(watch: Watch) {
	const tooLong = new AbortController();
	let timer: ReturnType<typeof setTimeout>;
	const heard = () => {
		clearTimeout(timer);
		timer = setTimeout(() => tooLong.abort(), SILENCE_MS_MAX);
	};
	heard();
	return {
		signal: AbortSignal.any([watch.signal, tooLong.signal]),
		heard,
		done: () => clearTimeout(timer),
	};
}

/** True: there was a stream, and it has ended; or a new token was had. False: there is none. */
async function follow(watch: Watch): Promise<boolean> {
	const token = await accessToken();
	const headers: Record<string, string> = { Accept: 'text/event-stream' };
	if (token !== null) headers.Authorization = `Bearer ${token}`;
	if (watch.lastEventId !== null) headers['Last-Event-ID'] = watch.lastEventId;
	const { signal, heard, done } = silence(watch);
	try {
		const response = await fetch(`/v1/payments/${watch.id}/events`, {
			headers,
			cache: 'no-store',
			signal,
		});
		heard();
		if (
			!response.ok ||
			!response.headers.get('Content-Type')?.startsWith('text/event-stream')
		) {
			response.body?.cancel().catch(() => undefined);
			// Where the session was ended on another device, this one is told now, not in minutes.
			return response.status === 401 && token !== null && (await accessToken(token)) !== null;
		}
		watch.onChange(); // what happened before the stream was there
		await readEvents(
			response,
			event => {
				watch.lastEventId = event.id;
				watch.onChange();
			},
			heard,
		);
		return true;
	} finally {
		done();
	}
}

async function poll(watch: Watch) {
	for (
		let ms = POLL_MS_FIRST;
		!watch.signal.aborted;
		ms = Math.min(ms * POLL_GROWTH, POLL_MS_MAX)
	) {
		await pause(ms, watch.signal);
		if (!watch.signal.aborted) watch.onChange();
	}
}

async function watchUntilStopped(watch: Watch) {
	let hasStreams = true;
	while (!watch.signal.aborted && hasStreams) {
		hasStreams = await follow(watch).catch(() => true);
		if (hasStreams) await pause(STREAM_AGAIN_MS, watch.signal);
		if (hasStreams && !watch.signal.aborted) watch.onChange();
	}
	await poll(watch);
}

/** Starts; the function returned stops. */
export function watchPayment(id: string, onChange: () => void): () => void {
	const stop = new AbortController();
	void watchUntilStopped({ id, onChange, signal: stop.signal, lastEventId: null });
	return () => stop.abort();
}
