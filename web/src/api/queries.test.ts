import { http, HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { payment, server } from '../test/server';
import { newQueryClient, paymentKnown, paymentQuery } from './queries';

const now = payment({ state: 'canceled' });
const query = paymentQuery(now.id);

/** A GET that answers with an older state when it is let go. */
function slowGet() {
	let go = () => {};
	const held = new Promise<void>(resolve => (go = resolve));
	let isAsked = false;
	server.use(
		http.get('*/v1/payments/:id', async () => {
			isAsked = true;
			await held;
			return HttpResponse.json(payment({ state: 'settling' }));
		}),
	);
	return { go, isAsked: () => isAsked };
}

it.each([
	['nothing is known yet', undefined],
	['an older state is known', payment({ state: 'settling' })],
])('what an answer told stands against a GET on its way, when %s', async (_case, before) => {
	const client = newQueryClient();
	if (before !== undefined) client.setQueryData(query.queryKey, before);
	const get = slowGet();
	const asked = client.fetchQuery({ ...query, staleTime: 0 }).catch(() => undefined);
	await expect.poll(get.isAsked).toBe(true);
	paymentKnown(client, now);
	expect(client.getQueryData(query.queryKey)).toEqual(now); // at once: the caller goes there now
	get.go();
	await asked;
	await new Promise(done => setTimeout(done, 50));
	expect(client.getQueryData(query.queryKey)).toEqual(now);
	expect(client.isFetching()).toBe(0);
});
