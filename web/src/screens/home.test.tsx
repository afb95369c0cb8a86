import { screen, within } from '@testing-library/react';
import { http, HttpResponse, delay } from 'msw';
import { expect, it } from 'vitest';
import { open, title } from '../test/render';
import { entry, GRACE, ME, payment, problem, server, world } from '../test/server';

it('shows what I have, and hides it when asked, also next time', async () => {
	const user = open('/');
	expect(await screen.findByText('$70.00')).toBeVisible();
	const hide = screen.getByRole('button', { name: 'Hide the balance' });
	await user.click(hide);
	expect(screen.queryByText('$70.00')).toBeNull();
	expect(hide).toHaveAttribute('aria-pressed', 'true');
	expect(localStorage.getItem('moneypal.hide-balance')).toBe('1');
});

it('shows the last movements with names and signs', async () => {
	world.entries = [
		entry({ seq: 2, amount: '-30.00', counterparty: GRACE.id, payment_id: payment().id }),
		entry({ seq: 1 }),
	];
	open('/');
	const out = await screen.findByRole('link', { name: /To Grace Hopper/ });
	expect(out).toHaveTextContent('-$30.00');
	expect(out).toHaveAttribute('href', `/payments/${payment().id}`);
	expect(screen.getByText('Top-up by card').closest('li')).toHaveTextContent('+$100.00');
});

it('shows what is on its way, and nothing that has ended', async () => {
	world.payments = [
		payment({ id: 'a', state: 'requires_funding' }),
		payment({ id: 'b', state: 'succeeded', status: true }),
		payment({ id: 'c', state: 'settling', paid_by: GRACE.id, paid_to: ME.id }),
	];
	open('/');
	const heading = await screen.findByRole('heading', { name: 'On its way' });
	const section = heading.closest('section') as HTMLElement;
	expect(await within(section).findByText('To Grace Hopper')).toBeVisible();
	expect(within(section).getByText('Needs funding')).toBeVisible();
	expect(within(section).getByText('From Grace Hopper')).toBeVisible();
	expect(within(section).getAllByRole('listitem')).toHaveLength(2);
});

it('tells a new person what to do first', async () => {
	open('/');
	expect(await screen.findByText('Nothing yet')).toBeVisible();
	for (const link of screen.getAllByRole('link', { name: 'Top up' }))
		expect(link).toHaveAttribute('href', '/top-up');
});

it('shows other currencies beside the first', async () => {
	world.wallets = [
		...world.wallets,
		{ userID: ME.id, currency: 'JPY', amount: '1200' },
		{ userID: ME.id, currency: 'EUR', amount: '0.00' },
	];
	open('/');
	expect(await screen.findByRole('list', { name: 'Other currencies' })).toHaveTextContent(
		/^¥1,200 JPY$/,
	);
});

it('says what is wrong, and tries again', async () => {
	let isDown = true;
	server.use(
		http.get('*/v1/wallets/me/all', () =>
			isDown ? problem(503, 'unavailable') : HttpResponse.json({ items: world.wallets }),
		),
	);
	const user = open('/');
	expect(await screen.findByRole('alert')).toHaveTextContent('MoneyPal cannot answer just now');
	isDown = false;
	await user.click(screen.getByRole('button', { name: 'Try again' }));
	expect(await screen.findByText('$70.00')).toBeVisible();
});

it('holds the place of what is still loading', async () => {
	server.use(
		http.get('*/v1/wallets/me/all', async () => {
			await delay(300);
			return HttpResponse.json({ items: world.wallets });
		}),
	);
	open('/');
	await title('Hello, Ada');
	expect(screen.getByRole('status', { name: 'Loading' })).toBeVisible();
	expect(await screen.findByText('$70.00')).toBeVisible();
});
