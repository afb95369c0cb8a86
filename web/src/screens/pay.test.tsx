import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { open, title, where } from '../test/render';
import { newAttempt, keptAttempt } from '../api/attempt';
import { GRACE, ME, payment, problem, server, world } from '../test/server';

async function toReview(amount = '30', note = 'Tap') {
	const user = open('/pay');
	await user.type(await screen.findByLabelText('To'), 'grace');
	await user.click(await screen.findByRole('button', { name: /Grace Hopper/ }));
	await user.type(screen.getByLabelText(/^Amount/), amount);
	if (note) await user.type(screen.getByLabelText(/^What for/), note);
	await user.click(screen.getByRole('button', { name: 'Review' }));
	await title('Review');
	return user;
}

const confirm = () => screen.getByRole('button', { name: /^Pay \$/ });

describe('the form', () => {
	it('asks for three letters before it looks for anybody', async () => {
		const user = open('/pay');
		await user.type(await screen.findByLabelText('To'), 'gr');
		expect(screen.getByText(/at least 3 letters/)).toBeVisible();
		expect(world.calls).not.toContain('GET /v1/users');
	});

	it('says so when nobody is found', async () => {
		const user = open('/pay');
		await user.type(await screen.findByLabelText('To'), 'zzz');
		expect(await screen.findByText(/Nobody’s name begins with “zzz”/)).toBeVisible();
	});

	it('names what is missing', async () => {
		const user = open('/pay');
		await user.click(await screen.findByRole('button', { name: 'Review' }));
		expect(screen.getByText('Choose whom to pay.')).toBeVisible();
		expect(screen.getByText('Enter an amount.')).toBeVisible();
	});

	it('is as it was left when one comes back from the review', async () => {
		const user = await toReview('30', 'Tap');
		await user.click(screen.getByRole('radio', { name: /Card/ }));
		await user.click(screen.getByRole('link', { name: 'Back' }));
		await title('Pay');
		expect(screen.getByText('Grace Hopper')).toBeVisible();
		expect(screen.getByLabelText(/^Amount/)).toHaveValue('30.00');
		expect(screen.getByLabelText(/^What for/)).toHaveValue('Tap');
		await user.click(screen.getByRole('button', { name: 'Review' }));
		await title('Review');
		expect(screen.getByRole('radio', { name: /Card/ })).toBeChecked();
	});
});

describe('the review', () => {
	it('shows what will happen, and pays once however often it is tapped', async () => {
		const user = await toReview();
		expect(screen.getByText('You pay Grace Hopper')).toBeVisible();
		expect(screen.getByText('Tap')).toBeVisible();
		await user.dblClick(confirm());
		await title('Payment');
		expect(world.bodies).toEqual([
			{
				paid_to: GRACE.id,
				payment_amount: '30.00',
				currency: 'USD',
				source: 'wallet',
				description: 'Tap',
			},
		]);
		expect(where()).toBe(`/payments/${payment().id}`);
	});

	it('says beforehand that the wallet is short', async () => {
		await toReview('100');
		expect(await screen.findByText(/Your wallet is \$30\.00 short/)).toBeVisible();
	});

	it('pays by card when asked to', async () => {
		const user = await toReview('100');
		await user.click(screen.getByRole('radio', { name: /Card/ }));
		expect(screen.queryByText(/short/)).toBeNull();
		await user.click(confirm());
		await waitFor(() => expect(world.bodies).toMatchObject([{ source: 'card' }]));
	});

	it('tells a refusal, and stays', async () => {
		server.use(
			http.post('*/v1/payments', () =>
				problem(404, 'payee_not_found', {
					detail: 'There is nobody with the id in paid_to.',
				}),
			),
		);
		const user = await toReview();
		await user.click(confirm());
		expect(await screen.findByRole('alert')).toHaveTextContent('There is nobody');
		expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
	});

	it('after a lost connection pays under the same key', async () => {
		const keys = new Set<string | null>();
		let isLost = true;
		server.use(
			http.post('*/v1/payments', ({ request }) => {
				keys.add(request.headers.get('Idempotency-Key'));
				if (isLost) return HttpResponse.error();
				world.payments = [payment()];
				return HttpResponse.json(payment(), { status: 201 });
			}),
		);
		const user = await toReview();
		await user.click(confirm());
		expect(await screen.findByRole('alert', {}, { timeout: 9000 })).toHaveTextContent(
			'you pay once',
		);
		isLost = false;
		await user.click(screen.getByRole('button', { name: 'Try again' }));
		await title('Payment');
		expect(keys.size).toBe(1);
	});

	it('without a draft is the form', async () => {
		open('/pay/review');
		await title('Pay');
		expect(where()).toBe('/pay');
	});
});

describe('when an earlier order may have been paid', () => {
	const ORDER = {
		paid_to: GRACE.id,
		payment_amount: '30.00',
		currency: 'USD',
		source: 'card',
		description: 'Tap',
	} as const;
	const DRAFT = { person: GRACE, amount: '30.00', currency: 'USD', note: 'Tap' };
	const unsure = () => screen.findByRole('group', { name: /^It is not known whether/ });
	const answer = async (name: string) => {
		const button = within(await unsure()).getByRole('button', { name });
		await waitFor(() => expect(button).toBeEnabled());
		return button;
	};
	const replayed = () =>
		server.use(
			http.post('*/v1/payments', ({ request }) => {
				world.keys.push(request.headers.get('Idempotency-Key') ?? '');
				world.payments = [payment()];
				return HttpResponse.json(payment(), {
					status: 201,
					headers: { 'Idempotent-Replayed': 'true' },
				});
			}),
		);

	it('a change after the answers were lost asks first; a second tap is no answer', async () => {
		const busy = { status: 503, headers: { 'Retry-After': '0' } };
		server.use(http.post('*/v1/payments', () => HttpResponse.json({}, busy)));
		const user = await toReview();
		await user.click(confirm());
		expect(await screen.findByRole('alert')).toHaveTextContent('you pay once');
		const { key } = keptAttempt(ME.id) ?? {};
		server.resetHandlers();
		await user.click(screen.getByRole('radio', { name: /Card/ }));
		expect(screen.queryByRole('alert')).toBeNull();
		await user.click(confirm());
		expect(await unsure()).toHaveTextContent('$30.00 to Grace Hopper went through');
		await user.click(screen.getByRole('button', { name: /make the new one/ }));
		expect(world.keys).toEqual([]);
		await user.click(await answer('Try that one again'));
		await title('Payment');
		expect(world.keys).toEqual([key]);
		expect(world.bodies).toMatchObject([{ source: 'wallet' }]);
	});

	it('pays anew when told to, once', async () => {
		const { key } = newAttempt(ME.id, 'Grace Hopper', ORDER);
		const user = await toReview();
		await user.click(confirm());
		await user.dblClick(await answer('Leave it, and make the new one'));
		await title('Payment');
		expect(world.keys).toHaveLength(1);
		expect(world.keys).not.toContain(key);
		expect(keptAttempt(ME.id)).toBeNull();
	});

	it('keeps the source for a reload, and so the order and its key', async () => {
		const { key } = newAttempt(ME.id, 'Grace Hopper', ORDER);
		const draft = { ...DRAFT, source: 'card' };
		const user = open({ pathname: '/pay/review', state: { draft } });
		await title('Review');
		await user.click(confirm());
		await title('Payment');
		expect(world.keys).toEqual([key]);
		expect(screen.queryByText(/before$/)).toBeNull();
	});

	it('shows one that had been made as that, and offers a new one', async () => {
		newAttempt(ME.id, 'Grace Hopper', ORDER);
		replayed();
		const draft = { ...DRAFT, source: 'card' };
		const user = open({ pathname: '/pay/review', state: { draft } });
		await title('Review');
		await user.click(confirm());
		await title('Payment');
		expect(await screen.findByText('You made this payment before')).toBeVisible();
		await user.click(screen.getByRole('link', { name: 'Make a new one' }));
		await title('Review');
		server.resetHandlers();
		await user.click(confirm());
		await title('Payment');
		expect(new Set(world.keys).size).toBe(2);
		expect(screen.queryByText('You made this payment before')).toBeNull();
	});

	it('one repeated by this screen is simply paid', async () => {
		replayed();
		const user = await toReview();
		await user.click(confirm());
		await title('Payment');
		expect(screen.queryByText('You made this payment before')).toBeNull();
	});
});

it('an answer that comes after one has gone on leaves one there', async () => {
	let release = () => undefined as void;
	const held = new Promise<void>(done => (release = done));
	server.use(
		http.post('*/v1/payments', async () => {
			await held;
			world.payments = [payment()];
			return HttpResponse.json(payment(), { status: 201 });
		}),
	);
	const user = await toReview();
	await user.click(confirm());
	await user.click(screen.getByRole('link', { name: 'Activity' }));
	await title('Activity');
	release();
	expect(await screen.findByText(/Grace Hopper/)).toBeVisible(); // asked for again
	expect(where()).toBe('/activity');
	expect(keptAttempt(ME.id)).toBeNull();
});
