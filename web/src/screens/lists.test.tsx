import { focusManager } from '@tanstack/react-query';
import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it, vi } from 'vitest';
import { saveText } from '../lib/leave';
import { open, title, where } from '../test/render';
import { bill, entry, GRACE, ME, payment, problem, server, world } from '../test/server';

const SUMS = { currency: 'USD', paid: '60.75', received: '64.50', funded: '250.00', count: 4 };

describe('activity', () => {
	it('is grouped by day, newest first', async () => {
		world.payments = [
			payment({ id: 'a', created_at: new Date().toISOString() }),
			payment({ id: 'b', created_at: '2026-01-05T10:00:00.000Z' }),
		];
		open('/activity');
		expect(await screen.findByRole('heading', { name: 'Today' })).toBeVisible();
		expect(screen.getByRole('heading', { name: 'Monday, January 5, 2026' })).toBeVisible();
	});

	it('keeps its filters in the address, and takes them from there', async () => {
		world.payments = [
			payment({ id: 'a', state: 'succeeded', status: true }),
			payment({ id: 'b', state: 'failed' }),
		];
		const user = open('/activity?state=failed');
		expect(await screen.findByText('Failed', { selector: 'span' })).toBeVisible();
		expect(screen.queryByText('Paid', { selector: 'span' })).toBeNull();
		await user.selectOptions(screen.getByLabelText('State'), 'any');
		expect(await screen.findByText('Paid', { selector: 'span' })).toBeVisible();
		expect(where()).toBe('/activity');
		await user.selectOptions(screen.getByLabelText('Direction'), 'payee');
		await waitFor(() => expect(where()).toBe('/activity?role=payee'));
	});

	it('tells that nothing matches, and how to see all', async () => {
		world.payments = [payment()];
		const user = open('/activity?role=payee&state=expired');
		expect(await screen.findByText('Nothing matches')).toBeVisible();
		await user.click(screen.getByRole('button', { name: 'Show all' }));
		expect(await screen.findByText('To Grace Hopper')).toBeVisible();
	});

	it('tells a new person what will stand here', async () => {
		open('/activity');
		expect(await screen.findByText('No payments yet')).toBeVisible();
	});

	it('goes on to the next page, also over an empty one', async () => {
		const pages: Record<string, unknown> = {
			'': { items: [], next_cursor: 'b' },
			b: { items: [payment({ id: 'x', description: 'first' })], next_cursor: 'c' },
			c: { items: [payment({ id: 'y', description: 'second' })], next_cursor: null },
		};
		server.use(
			http.get('*/v1/payments', ({ request }) =>
				HttpResponse.json(
					pages[new URL(request.url).searchParams.get('cursor') ?? ''] as object,
				),
			),
		);
		const user = open('/activity');
		expect(await screen.findByText(/first/)).toBeVisible();
		await user.click(screen.getByRole('button', { name: 'Show more' }));
		expect(await screen.findByText(/second/)).toBeVisible();
		expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();
	});

	it('shows what is new also when the next page is asked for meanwhile', async () => {
		const pages: Record<string, unknown> = {
			'': { items: [payment({ id: 'x', description: 'first' })], next_cursor: 'b' },
			b: { items: [payment({ id: 'y', description: 'second' })], next_cursor: null },
		};
		const first: { until?: Promise<void> } = {};
		server.use(
			http.get('*/v1/payments', async ({ request }) => {
				const cursor = new URL(request.url).searchParams.get('cursor') ?? '';
				if (cursor === '') await first.until;
				return HttpResponse.json(pages[cursor] as object);
			}),
		);
		const user = open('/activity');
		expect(await screen.findByText(/first/)).toBeVisible();

		let go = () => {};
		first.until = new Promise(resolve => (go = resolve));
		pages[''] = {
			items: [
				payment({ id: 'z', description: 'newest' }),
				payment({ id: 'x', description: 'first' }),
			],
			next_cursor: 'b',
		};
		vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] }); // it is old now
		focusManager.setFocused(false);
		focusManager.setFocused(true);
		await user.click(screen.getByRole('button', { name: 'Show more' }));
		go();
		expect(await screen.findByText(/second/)).toBeVisible();
		expect(screen.getByText(/newest/)).toBeVisible();
		focusManager.setFocused(undefined);
		vi.useRealTimers();
	});

	it('says what is wrong, and tries again', async () => {
		let isDown = true;
		world.payments = [payment()];
		server.use(
			http.get('*/v1/payments', () => (isDown ? problem(503, 'unavailable') : undefined)),
		);
		const user = open('/activity');
		const again = await screen.findByRole('button', { name: 'Try again' });
		isDown = false;
		await user.click(again);
		expect(await screen.findByText('To Grace Hopper')).toBeVisible();
	});

	it('has a statement, with what was left after each movement', async () => {
		world.entries = [entry({ balance_after: '123.45' })];
		const user = open('/activity');
		await user.click(await screen.findByRole('radio', { name: 'Statement' }));
		expect(await screen.findByText('$123.45')).toBeVisible();
		expect(where()).toBe('/activity?view=statement');
	});
});

it.each([
	['/activity', 'Activity', 'State', 'failed'],
	['/bills', 'Bills', 'State', 'void'],
	['/reports', 'Reports', 'Currency', 'EUR'],
])('%s: the focus stays in a filter that is changed', async (path, name, label, choice) => {
	world.summary.totals = ['USD', 'EUR'].map(currency => ({ ...SUMS, currency }));
	const user = open(path);
	await title(name);
	const filter = await screen.findByLabelText(label);
	await user.selectOptions(filter, choice);
	await waitFor(() => expect(where()).toContain(choice));
	expect(filter).toHaveFocus();
});

describe('bills', () => {
	it('to me: due ones can be paid now', async () => {
		world.bills = [bill({ state: 'unfunded', status: false }), bill({ id: 'b' })];
		open('/bills');
		expect(await screen.findByRole('link', { name: /^Pay now/ })).toHaveAttribute(
			'href',
			`/payments/${payment().id}`,
		);
		const words = screen.getAllByRole('listitem').map(item => item.textContent);
		expect(words.some(word => word?.includes('Due'))).toBe(true);
		expect(words.some(word => word?.includes('Paid'))).toBe(true);
	});

	it('from me: I cannot pay them', async () => {
		world.bills = [
			bill({ user_id: GRACE.id, provider_id: ME.id, state: 'unfunded', description: null }),
		];
		const user = open('/bills');
		expect(await screen.findByText('No bills yet')).toBeVisible();
		await user.click(screen.getByRole('radio', { name: 'From me' }));
		expect(await screen.findByText('From Grace Hopper')).toBeVisible();
		expect(screen.queryByRole('link', { name: /Pay now/ })).toBeNull();
		expect(where()).toBe('/bills?role=provider');
	});

	it('tells that nothing matches', async () => {
		world.bills = [bill()];
		open('/bills?state=void');
		expect(await screen.findByText('Nothing matches')).toBeVisible();
	});
});

describe('reports', () => {
	it('shows the API’s own figures as tables', async () => {
		world.summary = {
			from: '2026-06',
			to: '2026-11',
			totals: [SUMS],
			months: [{ ...SUMS, month: '2026-11' }],
			counterparties: [{ ...SUMS, funded: '0.00', counterparty: GRACE.id }],
		};
		open('/reports');
		const months = await screen.findByRole('region', { name: 'Sums by month' });
		expect(within(months).getByRole('row', { name: /Nov 2026/ })).toHaveTextContent(
			'$64.50$60.75$250.00',
		);
		const people = screen.getByRole('region', { name: 'Sums by person' });
		expect(await within(people).findByRole('row', { name: /Grace Hopper/ })).toHaveTextContent(
			'$64.50$60.75',
		);
	});

	it('keeps the months in the address, and shows what the API says of them', async () => {
		server.use(
			http.get('*/v1/reports/summary', ({ request }) =>
				new URL(request.url).searchParams.get('from') === '2024-01'
					? problem(422, 'invalid', {
							errors: [
								{ field: 'from', message: 'must be at most 13 months before' },
							],
						})
					: undefined,
			),
		);
		open('/reports?from=2024-01&to=2026-01');
		expect(await screen.findByText('From must be at most 13 months before.')).toBeVisible();
	});

	it('saves the API’s own CSV', async () => {
		const user = open('/reports?from=2026-09&to=2026-10');
		await title('Reports');
		await user.click(await screen.findByRole('button', { name: 'Download as CSV' }));
		await waitFor(() =>
			expect(vi.mocked(saveText)).toHaveBeenCalledWith(
				'month,currency\r\n2026-11,USD\r\n',
				'moneypal-2026-09-2026-10.csv',
				'text/csv',
			),
		);
	});

	it('tells what will stand here', async () => {
		open('/reports');
		expect(await screen.findByText('Nothing in these months')).toBeVisible();
	});
});

describe('me', () => {
	it('changes the profile, and shows it at once', async () => {
		let body: unknown;
		server.use(
			http.patch('*/v1/users/me', async ({ request }) => {
				body = await request.json();
				return HttpResponse.json({ ...ME, last_name: 'King', email: null });
			}),
		);
		const user = open('/me');
		const name = await screen.findByLabelText('Last name');
		await user.clear(name);
		await user.type(name, 'King');
		await user.clear(screen.getByLabelText('E-mail'));
		await user.click(screen.getByRole('button', { name: 'Save' }));
		expect(await screen.findByText('Saved.')).toBeVisible();
		expect(body).toEqual({ last_name: 'King', email: null });
		expect(screen.getByText('Ada King')).toBeInTheDocument();
	});

	it('sends of the profile only what differs from the last answer', async () => {
		const bodies: unknown[] = [];
		server.use(
			http.patch('*/v1/users/me', async ({ request }) => {
				bodies.push(await request.json());
				return HttpResponse.json({ ...ME, last_name: 'King', email: 'new@example.com' });
			}),
		);
		const user = open('/me');
		const name = await screen.findByLabelText('Last name');
		await user.clear(name);
		await user.type(name, 'King');
		await user.click(screen.getByRole('button', { name: 'Save' }));
		expect(await screen.findByText('Saved.')).toBeVisible();
		expect(screen.getByLabelText('E-mail')).toHaveValue('new@example.com'); // from another device
		await user.type(screen.getByLabelText('First name'), 'h');
		await user.click(screen.getByRole('button', { name: 'Save' }));
		await waitFor(() =>
			expect(bodies).toEqual([{ last_name: 'King' }, { first_name: 'Adah' }]),
		);
	});

	it('changes the password; a wrong one is told at its field', async () => {
		let isWrong = true;
		server.use(
			http.post('*/v1/users/me/password', () =>
				isWrong
					? problem(422, 'invalid', {
							errors: [{ field: 'current_password', message: 'is not right' }],
						})
					: new HttpResponse(null, { status: 204 }),
			),
		);
		const user = open('/me');
		await user.type(await screen.findByLabelText('Current password'), 'old horse');
		await user.type(screen.getByLabelText('New password'), 'a longer horse');
		await user.click(screen.getByRole('button', { name: 'Change the password' }));
		expect(await screen.findByText('Current password is not right.')).toBeVisible();
		isWrong = false;
		await user.click(screen.getByRole('button', { name: 'Change the password' }));
		expect(await screen.findByText(/^Changed\./)).toBeVisible();
		expect(screen.getByLabelText('New password')).toHaveValue('');
	});

	it('lists the notices', async () => {
		const words = {
			sent: 'Sent',
			deferred: 'Delayed, will be tried again',
			refused: 'Refused by the mail server',
			unknown: 'Perhaps delivered',
		};
		world.mails = (Object.keys(words) as (keyof typeof words)[]).map(state => ({
			id: state,
			event: 'bill.settled',
			template: 'bill_paid',
			state,
			answer: null,
			payment_id: payment().id,
			date: '2026-11-23T01:02:03.000Z',
		}));
		open('/me');
		for (const word of Object.values(words))
			expect(
				await screen.findByRole('link', { name: new RegExp(`You paid a bill.*${word}`) }),
			).toBeVisible();
	});

	it('signs out, and leaves nothing to come back to', async () => {
		const user = open('/me');
		await user.click(await screen.findByRole('button', { name: 'Sign out' }));
		await title('Welcome back');
		expect(world.calls).toContain('DELETE /v1/sessions/current');
		expect(localStorage.getItem('moneypal.logged-on')).toBeNull();
	});

	it('signs out everywhere', async () => {
		server.use(http.delete('*/v1/sessions', () => new HttpResponse(null, { status: 204 })));
		const user = open('/me');
		await user.click(await screen.findByRole('button', { name: 'Sign out on all devices' }));
		await title('Welcome back');
	});
});

it('an address that is nothing says so', async () => {
	open('/nothing/here');
	expect(await screen.findByText('There is nothing here')).toBeVisible();
});

it('says when the network is gone', async () => {
	open('/');
	await title('Hello, Ada');
	const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
	window.dispatchEvent(new Event('offline'));
	expect(await screen.findByText(/You are offline/)).toBeVisible();
	online.mockRestore();
	window.dispatchEvent(new Event('online'));
	await waitFor(() => expect(screen.queryByText(/You are offline/)).toBeNull());
});
