import * as z from 'zod/mini';

const Body = z.object({
	type: z.string(),
	title: z.string(),
	detail: z.optional(z.string()),
	errors: z.optional(z.array(z.object({ field: z.string(), message: z.string() }))),
});

/** Why a call did not do what was asked: the service's own problem (RFC 9457), or no answer. */
export class Problem extends Error {
	override readonly name = 'Problem';

	constructor(
		/** 0: there was no answer at all. */
		readonly status: number,
		/** The last part of the problem's type, such as "user_name_taken". */
		readonly kind: string,
		/** One sentence for a person. */
		readonly sentence: string,
		/** What is wrong with which field, in the API's own names. */
		readonly fields: Readonly<Record<string, string>> = {},
		readonly retryAfterMs: number | null = null,
	) {
		super(sentence);
	}

	/** Perhaps done, perhaps not: the same may be sent again with the same Idempotency-Key. */
	get isUncertain() {
		return this.status === 0 || this.status >= 500;
	}
}

export const connectionLost = () =>
	new Problem(
		0,
		'connection_lost',
		'MoneyPal cannot be reached: check your connection, then try again.',
	);

function sentenceOf(status: number, detail: string | undefined) {
	if (status === 429) return 'That was too often in a short time: wait a moment, then try again.';
	if (status === 503) return 'MoneyPal cannot answer just now: try again in a moment.';
	if (status >= 500) return 'Something is wrong on our side: try again in a moment.';
	return detail ?? 'MoneyPal refused this: check what you entered, then try again.';
}

function retryAfter(response: Response) {
	const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
	return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 60) * 1000 : null;
}

export function problemOf(response: Response, body: unknown): Problem {
	const parsed = Body.safeParse(body);
	const told = parsed.success ? parsed.data : null;
	const fields: Record<string, string> = {};
	for (const { field, message } of told?.errors ?? []) fields[field] ??= message;
	return new Problem(
		response.status,
		told?.type.split('/').pop() ?? 'unknown',
		sentenceOf(response.status, told?.detail),
		fields,
		retryAfter(response),
	);
}

/** Whatever was thrown, as a Problem. */
export function asProblem(error: unknown): Problem {
	if (error instanceof Problem) return error;
	return error instanceof TypeError || error instanceof DOMException
		? connectionLost()
		: new Problem(-1, 'bug', 'Something went wrong on this page: load it again.');
}

/** "must have 3 to 32 characters", told about a field: a whole sentence. */
export const fieldSentence = (label: string, message: string | undefined) =>
	message === undefined ? undefined : `${label} ${message.replace(/\.$/, '')}.`;
