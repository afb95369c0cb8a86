import { expect, it } from 'vitest';
import { eventParser, readEvents, type ServerEvent } from './sse';

const TEXT = ': hello\n\nid: 7\nevent: row\ndata: {"a":1}\ndata: more\n\ndata:x\r\n\r\ndata: half';
const EVENTS: ServerEvent[] = [
	{ id: '7', event: 'row', data: '{"a":1}\nmore' },
	{ id: '7', event: 'message', data: 'x' },
];

it('events are the same however the text is cut', () => {
	for (let size = 1; size <= TEXT.length; size++) {
		const events: ServerEvent[] = [];
		const feed = eventParser(event => events.push(event));
		for (let i = 0; i < TEXT.length; i += size) feed(TEXT.slice(i, i + size));
		expect(events).toEqual(EVENTS);
	}
});

it('an event without end is refused', () => {
	const feed = eventParser(() => undefined);
	expect(() => feed('x'.repeat(100_000))).toThrow();
});

it('a stream is read to its end', async () => {
	const events: ServerEvent[] = [];
	await readEvents(new Response(TEXT), event => events.push(event));
	expect(events).toEqual(EVENTS);
});
