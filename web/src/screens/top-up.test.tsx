import { screen, waitFor } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { expect, it, vi } from 'vitest';
import { newAttempt } from '../api/attempt';
import { leaveFor } from '../lib/leave';
import { open, title, where } from '../test/render';
import { ME, payment, problem, server, world } from '../test/server';

const submit = () => screen.getByRole('button', { name: 'Continue to the card page' });

it('goes to the provider’s page, and behind it stands the payment', async () => {
	const user = open('/top-up');
	await title('Top up');
	await user.click(await screen.findByRole('button', { name: '$50' }));
	await user.click(submit());
	await waitFor(() => expect(leaveFor).toHaveBeenCalledWith('http://provider.example/pay/1'));
	expect(world.bodies).toEqual([
		{ paid_to: null, payment_amount: '50.00', currency: 'USD', source: 'card' },
	]);
	await waitFor(() => expect(where()).toBe(`/payments/${payment().id}`));
});

it('never follows an address that is not a web page', async () => {
	server.use(
		http.post('*/v1/payments', () =>
			HttpResponse.json(payment({ paid_to: null, checkout_url: 'javascript:alert(1)' }), {
				status: 201,
			}),
		),
	);
	const user = open('/top-up');
	await user.type(await screen.findByLabelText(/^Amount/), '5');
	await user.click(submit());
	await waitFor(() => expect(where()).toMatch(/^\/payments/));
	expect(leaveFor).not.toHaveBeenCalled();
});

it('refuses an amount that the currency cannot have, before any call', async () => {
	world.wallets = [{ userID: ME.id, currency: 'JPY', amount: '0' }];
	const user = open('/top-up');
	expect(await screen.findByText('In your wallet: ¥0')).toBeVisible();
	await user.type(screen.getByLabelText(/^Amount/), '12.5');
	await user.click(submit());
	expect(screen.getByRole('alert')).toHaveTextContent('JPY has no digits after the point');
	expect(world.keys).toEqual([]);
});

it('shows the API’s own minimum at the amount', async () => {
	server.use(
		http.post('*/v1/payments', () =>
			problem(422, 'not_chargeable', {
				errors: [{ field: 'payment_amount', message: 'must be at least 0.50 USD' }],
			}),
		),
	);
	const user = open('/top-up');
	await user.type(await screen.findByLabelText(/^Amount/), '0.10');
	await user.click(submit());
	expect(await screen.findByText('The amount must be at least 0.50 USD.')).toBeVisible();
	expect(screen.getByLabelText(/^Amount/)).toHaveAttribute('aria-invalid', 'true');
});

it('tries a lost connection again by itself, under one key', async () => {
	let calls = 0;
	server.use(
		http.post('*/v1/payments', () => {
			calls++;
			return calls === 1 ? HttpResponse.error() : undefined;
		}),
	);
	const user = open('/top-up');
	await user.click(await screen.findByRole('button', { name: '$10' }));
	await user.click(submit());
	await waitFor(() => expect(leaveFor).toHaveBeenCalled(), { timeout: 4000 });
	expect(vi.mocked(leaveFor)).toHaveBeenCalledTimes(1);
	expect(world.payments).toHaveLength(1);
});

const ORDER = { paid_to: null, payment_amount: '10.00', currency: 'USD', source: 'card' } as const;

it('asks before another amount when an earlier top-up may have been made', async () => {
	newAttempt(ME.id, null, ORDER);
	const user = open('/top-up');
	await user.click(await screen.findByRole('button', { name: '$50' }));
	await user.click(submit());
	expect(await screen.findByText(/whether a top-up of \$10\.00 went through/)).toBeVisible();
	expect(world.keys).toEqual([]);
	await user.click(screen.getByRole('button', { name: '$25' }));
	expect(submit()).toBeVisible();
});

it('does not go to the card page of one that had been made before', async () => {
	newAttempt(ME.id, null, ORDER);
	const made = payment({
		paid_to: null,
		state: 'awaiting_provider',
		checkout_url: 'http://provider.example/pay/1',
	});
	world.payments = [made];
	server.use(
		http.post('*/v1/payments', () =>
			HttpResponse.json(made, { status: 201, headers: { 'Idempotent-Replayed': 'true' } }),
		),
	);
	const user = open('/top-up');
	await user.click(await screen.findByRole('button', { name: '$10' }));
	await user.click(submit());
	expect(await screen.findByText('You made this top-up before')).toBeVisible();
	expect(leaveFor).not.toHaveBeenCalled();
	await user.click(screen.getByRole('link', { name: 'Make a new one' }));
	await title('Top up');
	expect(screen.getByLabelText(/^Amount/)).toHaveValue('10.00');
});

it('does not take along who has gone on meanwhile', async () => {
	let release = () => undefined as void;
	const held = new Promise<void>(done => (release = done));
	server.use(http.post('*/v1/payments', () => held.then(() => undefined)));
	const user = open('/top-up');
	await user.click(await screen.findByRole('button', { name: '$10' }));
	await user.click(submit());
	await user.click(screen.getByRole('link', { name: 'Activity' }));
	await title('Activity');
	release();
	await waitFor(() => expect(world.payments).toHaveLength(1));
	await new Promise(done => setTimeout(done, 100));
	expect(leaveFor).not.toHaveBeenCalled();
	expect(where()).toBe('/activity');
});
