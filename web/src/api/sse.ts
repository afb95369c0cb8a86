/** Server-sent events read from a fetch, which unlike EventSource can carry an Authorization. */

export interface ServerEvent {
	id: string | null;
	event: string;
	data: string;
}

const EVENT_CHARS_MAX = 64 * 1024;

/** A parser fed with pieces of text as they come; whole events come out. */
export function eventParser(onEvent: (event: ServerEvent) => void) {
	let rest = '';
	let id: string | null = null;
	let event = '';
	let data: string[] = [];

	const line = (text: string) => {
		if (text === '') {
			if (data.length > 0) onEvent({ id, event: event || 'message', data: data.join('\n') });
			event = '';
			data = [];
			return;
		}
		const colon = text.indexOf(':');
		const field = colon < 0 ? text : text.slice(0, colon);
		const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
		if (field === 'id' && !value.includes('\0')) id = value;
		else if (field === 'event') event = value;
		else if (field === 'data') data.push(value);
	};

	return (piece: string) => {
		rest += piece;
		const lines = rest.split(/\r\n|\n|\r(?!$)/);
		rest = lines.pop() ?? '';
		if (rest.length > EVENT_CHARS_MAX) throw new Error('an event without end');
		lines.forEach(line);
	};
}

/**
 * Reads events until the answer ends, or the signal does. `onSound`: something came, if only a
 * heartbeat.
 */
export async function readEvents(
	response: Response,
	onEvent: (event: ServerEvent) => void,
	onSound: () => void = () => undefined,
) {
	const reader = response.body?.getReader();
	if (reader === undefined) return;
	const decoder = new TextDecoder();
	const feed = eventParser(onEvent);
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return;
		onSound();
		feed(decoder.decode(value, { stream: true }));
	}
}
