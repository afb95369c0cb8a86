import { screen, waitFor } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it, vi } from 'vitest';
import type { Payment } from '../api/payments';
import { leaveFor } from '../lib/leave';
import { open, title, where } from '../test/render';
import { GRACE, ME, payment, problem, server, world } from '../test/server';

const CARD = { checkout_url: 'http://provider.example/pay/1', checkout_amount: '20.00' };

const show = (changes: Partial<Payment>, search = '') => {
	world.payments = [payment(changes)];
	return open(`/payments/${payment().id}${search}`);
};

describe('the payer', () => {
	it.each<[string, Partial<Payment>, string, RegExp]>([
		['created', { state: 'created', paid_to: null }, '', /Opening the card page/],
		[
			'awaiting',
			{ state: 'awaiting_provider', paid_to: null, ...CARD },
			'',
			/Waiting for your card/,
		],
		[
			'back from the card page',
			{ state: 'awaiting_provider', paid_to: null, ...CARD },
			'?checkout=done',
			/Waiting for the payment provider/,
		],
		[
			'the card page was left',
			{ state: 'awaiting_provider', paid_to: null, ...CARD },
			'?checkout=canceled',
			/You left the card page.*Nothing was charged/,
		],
		['settling', { state: 'settling' }, '', /On its way/],
		['needs funding', { state: 'requires_funding', ...CARD }, '', /Add \$20.00 by card/],
		['closing', { state: 'closing' }, '', /being ended/],
		['paid', { state: 'succeeded', status: true }, '', /Both of you get a notice/],
		[
			'topped up',
			{ state: 'succeeded', status: true, paid_to: null },
			'',
			/\$30.00 is yours to spend/,
		],
		[
			'canceled',
			{ state: 'canceled', reason: 'Canceled by its payer' },
			'',
			/Canceled by its payer\. Nobody was paid by it/,
		],
		['expired', { state: 'expired' }, '', /open for too long/],
		[
			'failed',
			{ state: 'failed', reason: 'The payment was declined' },
			'',
			/The payment was declined\./,
		],
		['review', { state: 'review' }, '', /your money is safe/],
	])('%s', async (_name, changes, search, words) => {
		show(changes, search);
		await waitFor(() => expect(screen.getByRole('main')).toHaveTextContent(words), {
			timeout: 5000,
		});
	});
});

describe('the payee', () => {
	const fromGrace = { paid_by: GRACE.id, paid_to: ME.id };
	it.each<[Partial<Payment>, RegExp]>([
		[{ state: 'requires_funding' }, /Waiting for the payer/],
		[{ state: 'succeeded', status: true }, /The money is in your wallet/],
		[{ state: 'canceled' }, /ended unpaid/],
	])('%o', async (changes, words) => {
		show({ ...fromGrace, ...changes });
		await waitFor(() => expect(screen.getByRole('main')).toHaveTextContent(words), {
			timeout: 5000,
		});
		expect(screen.queryByRole('button', { name: /Cancel|Try/ })).toBeNull();
	});
});

it('follows the payment until it has ended, and says so aloud', async () => {
	show({ state: 'settling' });
	await screen.findByText(/The money is being moved/, {}, { timeout: 5000 });
	world.payments = [payment({ state: 'succeeded', status: true })];
	expect(
		await screen.findByText(
			'The money has arrived. Both of you get a notice.',
			{},
			{ timeout: 5000 },
		),
	).toBeVisible();
	await waitFor(() =>
		expect(
			screen.getAllByRole('status').some(each => each.textContent?.startsWith('Paid. ')),
		).toBe(true),
	);
	const count = world.calls.length;
	await new Promise(done => setTimeout(done, 1700));
	expect(world.calls.length).toBe(count);
});

it('shows the timeline, the ids, and a receipt to print', async () => {
	world.timeline = [
		{
			seq: 1,
			at: '2026-11-23T10:00:00.000Z',
			service: 'payment',
			event: 'payment.requested',
			detail: 'From the wallet: 30.00 USD',
		},
		{
			seq: 2,
			at: '2026-11-23T10:00:00.021Z',
			service: 'billing',
			event: 'bill.settled',
			detail: 'Paid: bill INV-202611-AAAAAAAA',
		},
	];
	const user = show({ state: 'succeeded', status: true, description: 'Fixing the tap' });
	expect(await screen.findByText('Bill paid', {}, { timeout: 5000 })).toBeVisible();
	expect(screen.getByText('INV-202611-AAAAAAAA')).toBeVisible();
	expect(screen.getByText('Fixing the tap')).toBeVisible();
	await user.click(screen.getByRole('button', { name: 'Copy payment id' }));
	expect(await navigator.clipboard.readText()).toBe(payment().id);
	const print = vi.fn();
	window.print = print;
	await user.click(screen.getByRole('button', { name: 'Print a receipt' }));
	expect(print).toHaveBeenCalled();
});

it('goes on to the card page when it needs funding', async () => {
	const user = show({ state: 'requires_funding', ...CARD });
	await user.click(await screen.findByRole('button', { name: 'Add $20.00 by card' }));
	expect(leaveFor).toHaveBeenCalledWith(CARD.checkout_url);
});

it('asks once more when something happened while an answer was on its way', async () => {
	let tell = () => undefined as void;
	const stream = new ReadableStream<Uint8Array>({
		start(controller) {
			tell = () => controller.enqueue(new TextEncoder().encode('id: 1\ndata: {}\n\n'));
		},
	});
	let release = () => undefined as void;
	const second = new Promise<void>(done => (release = done));
	let asked = 0;
	server.use(
		http.get(
			'*/v1/payments/:id/events',
			() => new HttpResponse(stream, { headers: { 'Content-Type': 'text/event-stream' } }),
		),
		http.get('*/v1/payments/:id', async () => {
			const then = world.payments[0];
			asked++;
			if (asked === 2) await second;
			return HttpResponse.json(then);
		}),
	);
	show({ state: 'requires_funding' });
	await waitFor(() => expect(asked).toBe(2), { timeout: 5000 });
	world.payments = [payment({ state: 'requires_funding', ...CARD })];
	const timelines = () => world.calls.filter(each => each.endsWith('/timeline')).length;
	const before = timelines();
	tell();
	await waitFor(() => expect(timelines()).toBeGreaterThan(before));
	release();
	expect(await screen.findByRole('button', { name: 'Add $20.00 by card' })).toBeVisible();
});

it('tries the wallet again, repeating a lost call under its key', async () => {
	const keys: (string | null)[] = [];
	server.use(
		http.post('*/v1/payments/:id/retry', ({ request }) => {
			keys.push(request.headers.get('Idempotency-Key'));
			if (keys.length === 1) return HttpResponse.error();
			world.payments = [payment({ state: 'succeeded', status: true })];
			return HttpResponse.json(world.payments[0]);
		}),
	);
	const user = show({ state: 'requires_funding', ...CARD });
	await user.click(await screen.findByRole('button', { name: 'Try the wallet again' }));
	expect(await screen.findByRole('alert')).toHaveTextContent('cannot be reached');
	await user.click(screen.getByRole('button', { name: 'Try the wallet again' }));
	expect(
		await screen.findByText('The money has arrived. Both of you get a notice.'),
	).toBeVisible();
	expect(keys).toEqual([keys[0], keys[0]]);
});

const sayYes = async () => {
	const yes = screen.getByRole('button', { name: 'Yes, cancel' });
	await waitFor(() => expect(yes).toBeEnabled());
	return yes;
};

it('cancels after asking, and tells when it is too late', async () => {
	const detail = 'The money of this payment is being moved, it cannot be canceled any more.';
	server.use(
		http.post('*/v1/payments/:id/cancel', () => problem(409, 'payment_settling', { detail })),
	);
	const user = show({ state: 'requires_funding', ...CARD });
	await user.click(await screen.findByRole('button', { name: 'Cancel the payment' }));
	await user.click(screen.getByRole('button', { name: 'Keep it' }));
	expect(screen.getByRole('button', { name: 'Cancel the payment' })).toHaveFocus();
	await user.click(screen.getByRole('button', { name: 'Cancel the payment' }));
	await user.click(await sayYes());
	expect(await screen.findByRole('alert')).toHaveTextContent(detail);
});

it('the second tap of a double tap does not cancel', async () => {
	const user = show({ state: 'requires_funding', ...CARD });
	await user.click(await screen.findByRole('button', { name: 'Cancel the payment' }));
	await user.click(screen.getByRole('button', { name: 'Yes, cancel' }));
	await sayYes();
	expect(world.calls.filter(each => each.endsWith('/cancel'))).toEqual([]);
});

it('tells that it is canceled later, and has nothing more to ask', async () => {
	server.use(
		http.post('*/v1/payments/:id/cancel', () => {
			world.payments = [payment({ state: 'requires_funding', cancel_wanted: true })];
			return HttpResponse.json(world.payments[0], { status: 202 });
		}),
	);
	const user = show({ state: 'requires_funding', ...CARD });
	await user.click(await screen.findByRole('button', { name: 'Cancel the payment' }));
	await user.click(await sayYes());
	expect(
		await screen.findByText(/^It will be canceled as soon as the payment provider can/),
	).toBeVisible();
	expect(screen.queryByRole('button', { name: /Cancel|Try|card/ })).toBeNull();
});

it('knows of a cancellation that was accepted before', async () => {
	show({ state: 'requires_funding', cancel_wanted: true, ...CARD });
	expect(
		await screen.findByText(/^It will be canceled as soon as the payment provider can/),
	).toBeVisible();
	expect(screen.queryByRole('button', { name: /Cancel|Try|card/ })).toBeNull();
});

it('a retry that was done although its answer was lost leaves no error behind', async () => {
	server.use(
		http.post('*/v1/payments/:id/retry', () => {
			world.payments = [payment({ state: 'succeeded', status: true })];
			return HttpResponse.error();
		}),
	);
	const user = show({ state: 'requires_funding', ...CARD });
	await user.click(await screen.findByRole('button', { name: 'Try the wallet again' }));
	expect(
		await screen.findByText('The money has arrived. Both of you get a notice.'),
	).toBeVisible();
	expect(screen.queryByRole('alert')).toBeNull();
});

it('cancels without the error of a retry before', async () => {
	const detail = 'It cannot be canceled any more.';
	server.use(
		http.post('*/v1/payments/:id/retry', () => HttpResponse.error()),
		http.post('*/v1/payments/:id/cancel', () => problem(409, 'payment_settling', { detail })),
	);
	const user = show({ state: 'requires_funding', ...CARD });
	await user.click(await screen.findByRole('button', { name: 'Try the wallet again' }));
	expect(await screen.findByRole('alert')).toHaveTextContent('cannot be reached');
	await user.click(screen.getByRole('button', { name: 'Cancel the payment' }));
	await user.click(await sayYes());
	await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent(detail));
});

describe('back from the card page', () => {
	const back = () => show({ state: 'requires_funding', ...CARD }, '?checkout=done');
	const waiting = () => screen.findByText('Waiting for the payment provider');

	it('does not offer the wallet while the card is being charged', async () => {
		back();
		await waiting();
		expect(screen.queryByRole('button', { name: /wallet/ })).toBeNull();
	});

	it.each<[string, Partial<Payment>[]]>([
		['another page', [{ checkout_url: 'http://provider.example/pay/2' }]],
		['another state', [{ state: 'settling', checkout_url: null }, CARD]],
	])(
		'%s means that it is over',
		async (_name, changes) => {
			back();
			await waiting();
			for (const each of changes) {
				world.payments = [payment({ state: 'requires_funding', ...CARD, ...each })];
				if (each.state)
					await screen.findByText('On its way', { selector: 'div' }, { timeout: 9000 });
			}
			expect(
				await screen.findByRole(
					'button',
					{ name: 'Add $20.00 by card' },
					{ timeout: 9000 },
				),
			).toBeVisible();
			await waitFor(() => expect(where()).toBe(`/payments/${payment().id}`));
		},
		20_000,
	);
});

describe('paid by bank', () => {
	const happened = (...events: string[]) => {
		const row = { at: '2026-11-23T10:00:00.000Z', service: 'provider', detail: null };
		world.timeline = events.map((event, i) => ({ ...row, seq: i + 1, event }));
	};

	it.each<Payment['state']>(['awaiting_provider', 'requires_funding'])(
		'in %s waits for the bank',
		async state => {
			happened('session.opened', 'session.processing');
			show({ state });
			expect(await screen.findByText('Waiting for your bank')).toBeVisible();
			expect(screen.queryByRole('button', { name: /Cancel|Try/ })).toBeNull();
		},
	);

	it('waits no longer when the money came and was spent elsewhere', async () => {
		happened('session.processing', 'payment.captured', 'funding.settled', 'bill.unfunded');
		show({ state: 'requires_funding' });
		expect(await screen.findByText('Wallet too empty')).toBeVisible();
		expect(screen.getByText('Your wallet has too little')).toBeVisible();
		expect(screen.getByRole('button', { name: 'Cancel the payment' })).toBeVisible();
	});
});

it('says that there is no such payment', async () => {
	open('/payments/nothing');
	await title('Payment');
	expect(await screen.findByText('No such payment', {}, { timeout: 5000 })).toBeVisible();
});

it('says what is wrong, and tries again', async () => {
	world.payments = [payment({ state: 'succeeded', status: true })];
	let isDown = true;
	server.use(
		http.get('*/v1/payments/:id', () => (isDown ? problem(503, 'unavailable') : undefined)),
	);
	const user = open(`/payments/${payment().id}`);
	const again = await screen.findByRole('button', { name: 'Try again' }, { timeout: 5000 });
	isDown = false;
	await user.click(again);
	expect(
		await screen.findByText('The money has arrived. Both of you get a notice.'),
	).toBeVisible();
});
