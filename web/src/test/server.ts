import { http, HttpResponse, type JsonBodyType } from 'msw';
import { setupServer } from 'msw/node';
import type { Payment } from '../api/payments';
import type { Bill, Entry, Mail, Person, Summary, Wallet } from '../api/queries';
import type { User } from '../api/session';

/** MoneyPal as the screens' tests see it: a small world that answers as the contracts say. */

export const ME: User = {
	id: '01a20628-57e9-75de-9284-f2e89100d601',
	first_name: 'Ada',
	last_name: 'Lovelace',
	user_name: 'ada',
	email: 'ada@example.com',
	created_at: '2026-11-01T10:00:00.000Z',
};
export const GRACE: Person = {
	id: '01a20628-57e9-75de-9284-f2e89100d602',
	user_name: 'grace',
	first_name: 'Grace',
	last_name: 'Hopper',
};
export const SESSION = { access_token: 'token-1', token_type: 'Bearer', expires_in: 900, user: ME };

export function payment(changes: Partial<Payment> = {}): Payment {
	return {
		id: '01a20628-57e9-75de-9284-f2e89100d63e',
		paid_by: ME.id,
		paid_to: GRACE.id,
		payment_amount: '30.00',
		currency: 'USD',
		status: false,
		state: 'settling',
		source: 'wallet',
		description: null,
		reason: null,
		cancel_wanted: false,
		created_at: '2026-11-23T10:00:00.000Z',
		checkout_url: null,
		checkout_amount: null,
		checkout_expires_at: null,
		...changes,
	};
}

export function entry(changes: Partial<Entry> = {}): Entry {
	return {
		seq: 1,
		amount: '100.00',
		balance_after: '100.00',
		currency: 'USD',
		reason: 'funding',
		counterparty: 'system:psp',
		payment_id: null,
		bill_id: null,
		date: '2026-11-23T10:00:00.000Z',
		...changes,
	};
}

export function bill(changes: Partial<Bill> = {}): Bill {
	return {
		id: '01a20628-57e9-875e-9284-f2e89100d65e',
		user_id: ME.id,
		provider_id: GRACE.id,
		invoice_no: 'INV-202611-7Q2M9XKD',
		bill_amount: '30.00',
		currency: 'USD',
		status: true,
		state: 'settled',
		payment_id: payment().id,
		description: 'Fixing the tap',
		date: '2026-11-23T10:00:00.000Z',
		...changes,
	};
}

interface World {
	isLoggedOn: boolean;
	wallets: Wallet[];
	entries: Entry[];
	payments: Payment[];
	bills: Bill[];
	mails: Mail[];
	summary: Summary;
	people: Person[];
	timeline: { seq: number; at: string; service: string; event: string; detail: string | null }[];
	/** What was asked: "POST /v1/payments", and the bodies and keys of the writing calls. */
	calls: string[];
	keys: string[];
	bodies: unknown[];
}

const start = (): World => ({
	isLoggedOn: true,
	wallets: [{ userID: ME.id, currency: 'USD', amount: '70.00' }],
	entries: [],
	payments: [],
	bills: [],
	mails: [],
	summary: { from: '2026-06', to: '2026-11', totals: [], months: [], counterparties: [] },
	people: [GRACE],
	timeline: [],
	calls: [],
	keys: [],
	bodies: [],
});

export let world = start();

export function resetWorld() {
	world = start();
	localStorage.setItem('moneypal.logged-on', '1');
}

export const problem = (status: number, kind: string, more: Record<string, JsonBodyType> = {}) =>
	HttpResponse.json(
		{ type: `/problems/${kind}`, title: kind, status, ...more },
		{ status, headers: { 'Content-Type': 'application/problem+json' } },
	);

const list = (items: JsonBodyType[], next_cursor: string | null = null) =>
	HttpResponse.json({ items, next_cursor });

/** Two items a page, so that the second page is asked for. */
function paged(url: string, items: JsonBodyType[]) {
	const from = Number(new URL(url).searchParams.get('cursor') ?? 0);
	const size = 20;
	return list(
		items.slice(from, from + size),
		from + size < items.length ? String(from + size) : null,
	);
}

const one = (id: unknown) => world.payments.find(each => each.id === id);

async function wish(request: Request) {
	world.keys.push(request.headers.get('Idempotency-Key') ?? '');
	const text = await request.text();
	world.bodies.push(text === '' ? null : JSON.parse(text));
	return world.bodies.at(-1) as Record<string, string | null>;
}

export const server = setupServer(
	http.all('*', ({ request }) => {
		world.calls.push(`${request.method} ${new URL(request.url).pathname}`);
	}),
	http.post('*/v1/sessions/refresh', () =>
		world.isLoggedOn ? HttpResponse.json(SESSION) : problem(401, 'session_ended'),
	),
	http.post('*/v1/sessions', () => HttpResponse.json(SESSION, { status: 201 })),
	http.delete('*/v1/sessions/current', () => {
		world.isLoggedOn = false;
		return new HttpResponse(null, { status: 204 });
	}),
	http.get('*/v1/users', ({ request }) => {
		const search = new URL(request.url).searchParams;
		const ids = search.get('ids')?.split(',');
		const query = search.get('query')?.toLowerCase() ?? '';
		return list(
			world.people.filter(person =>
				ids ? ids.includes(person.id) : person.user_name.startsWith(query),
			),
		);
	}),
	http.get('*/v1/wallets/me/all', () => HttpResponse.json({ items: world.wallets })),
	http.get('*/v1/wallets/me/entries', ({ request }) => paged(request.url, world.entries)),
	http.get('*/v1/payments', ({ request }) => {
		const search = new URL(request.url).searchParams;
		const [role, state] = [search.get('role'), search.get('state')];
		return paged(
			request.url,
			world.payments.filter(
				each =>
					(state === null || each.state === state) &&
					(role === null || (role === 'payer') === (each.paid_by === ME.id)),
			),
		);
	}),
	http.post('*/v1/payments', async ({ request }) => {
		const order = await wish(request);
		const made = payment({
			paid_to: order.paid_to,
			payment_amount: order.payment_amount ?? '',
			...(order.paid_to === null && {
				state: 'awaiting_provider',
				checkout_url: 'http://provider.example/pay/1',
				checkout_amount: order.payment_amount,
			}),
		});
		world.payments.push(made);
		return HttpResponse.json(made, { status: 201 });
	}),
	http.get('*/v1/payments/:id', ({ params }) => {
		const found = one(params.id);
		return found ? HttpResponse.json(found) : problem(404, 'not_found');
	}),
	http.get('*/v1/payments/:id/timeline', () => list(world.timeline)),
	http.get('*/v1/payments/:id/events', () => problem(404, 'not_found')),
	http.get('*/v1/bills', ({ request }) => {
		const search = new URL(request.url).searchParams;
		const [role, state] = [search.get('role'), search.get('state')];
		return paged(
			request.url,
			world.bills.filter(
				each =>
					(state === null || each.state === state) &&
					(role === 'provider' ? each.provider_id : each.user_id) === ME.id,
			),
		);
	}),
	http.get('*/v1/mails', ({ request }) => paged(request.url, world.mails)),
	http.get('*/v1/reports/summary', ({ request }) =>
		request.headers.get('Accept') === 'text/csv'
			? HttpResponse.text('month,currency\r\n2026-11,USD\r\n')
			: HttpResponse.json(world.summary),
	),
);
