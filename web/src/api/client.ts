import createClient from 'openapi-fetch';
import type { paths as billing } from './generated/billing';
import type { paths as email } from './generated/email';
import type { paths as payment } from './generated/payment';
import type { paths as user } from './generated/user';
import type { paths as wallet } from './generated/wallet';
import { connectionLost, problemOf } from './problem';
import { accessToken } from './session';

/** Every call to MoneyPal, typed by the services' own contracts. */

const CALL_MS_MAX = 20_000;

async function send(request: Request, token: string | null) {
	if (token !== null) request.headers.set('Authorization', `Bearer ${token}`);
	try {
		return await fetch(request, {
			signal: AbortSignal.any([request.signal, AbortSignal.timeout(CALL_MS_MAX)]),
		});
	} catch (error) {
		if (request.signal.aborted) throw error; // nobody waits for it any more
		throw connectionLost();
	}
}

/** With the access token; one that has just ended is renewed, and the call repeated once. */
export async function authorizedFetch(request: Request): Promise<Response> {
	const again = request.clone();
	const token = await accessToken();
	const response = await send(request, token);
	if (response.status !== 401 || token === null) return response;
	const renewed = await accessToken(token);
	return renewed === null ? response : send(again, renewed);
}

export const api = createClient<user & wallet & payment & billing & email>({
	baseUrl: typeof location === 'undefined' ? '' : location.origin,
	fetch: authorizedFetch,
});

interface Answered<T> {
	data?: T;
	error?: unknown;
	response: Response;
}

/** The answer's body and what came with it, or a Problem thrown. */
export async function answered<T>(answer: Promise<Answered<T>>) {
	const { data, error, response } = await answer;
	if (!response.ok || data === undefined) throw problemOf(response, error);
	return { data, response };
}

/** The answer's body, or a Problem thrown. */
export const told = async <T>(answer: Promise<Answered<T>>): Promise<T> =>
	(await answered(answer)).data;

/** The same where the answer has no body. */
export async function done(answer: Promise<{ error?: unknown; response: Response }>) {
	const { error, response } = await answer;
	if (!response.ok) throw problemOf(response, error);
}
