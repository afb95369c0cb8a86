import { isTopUp, type Payment, type Tone } from '../api/payments';
import { money } from '../lib/money';

/** What a payment's state means to who looks at it, and what to do next. */

export interface Words {
	tone: Tone;
	title: string;
	text: string;
	/** Something is under way: a spinner, and no need to do anything. */
	isMoving?: boolean;
	/** The words of the button that leads to the provider's page. */
	card?: string;
}

/** What the provider's page was left with: its return addresses carry it. */
export type CardPage = 'done' | 'canceled' | null;

const waitingForCard = (payment: Payment): Words => ({
	tone: 'wait',
	title: 'Waiting for the payment provider',
	text: isTopUp(payment)
		? 'It tells us when the money has arrived, usually within seconds. You can close this page.'
		: 'When the card is charged, the payment goes on by itself. You can close this page.',
	isMoving: true,
});

const waitingForBank = (payment: Payment): Words => ({
	...waitingForCard(payment),
	title: 'Waiting for your bank',
	text: isTopUp(payment)
		? 'The money is on its way, which can take some days. You can close this page.'
		: 'The money is on its way, which can take some days; then the payment goes on by itself. You can close this page.',
});

/** The cancellation was accepted for later. */
export const cancelingLater: Words = {
	tone: 'wait',
	title: 'Being canceled',
	text: 'It will be canceled as soon as the payment provider can be reached, unless it was paid before.',
	isMoving: true,
};

function forPayer(payment: Payment, page: CardPage, isAtBank: boolean): Words {
	const amount = money(payment.payment_amount, payment.currency);
	const charge = money(payment.checkout_amount ?? payment.payment_amount, payment.currency);
	const what = isTopUp(payment) ? 'top-up' : 'payment';
	const hasPage = payment.checkout_url !== null;
	switch (payment.state) {
		case 'created':
			return {
				tone: 'wait',
				title: 'Opening the card page',
				text: 'This takes a moment.',
				isMoving: true,
			};
		case 'awaiting_provider':
			if (isAtBank) return waitingForBank(payment);
			if (page === 'done') return waitingForCard(payment);
			if (page === 'canceled')
				return {
					tone: 'plain',
					title: 'You left the card page',
					text: `Nothing was charged. Go back to it, or cancel the ${what}.`,
					card: 'Go back to the card page',
				};
			return {
				tone: 'wait',
				title: 'Waiting for your card',
				text: `${charge} is charged when you enter your card on our payment provider’s page.`,
				card: 'Continue to the card page',
			};
		case 'settling':
			return {
				tone: 'wait',
				title: 'On its way',
				text: isTopUp(payment)
					? 'The money has arrived and is being put into your wallet.'
					: 'The money is being moved. This usually takes less than a second.',
				isMoving: true,
			};
		case 'requires_funding':
			if (isAtBank) return waitingForBank(payment);
			if (page === 'done' && hasPage) return waitingForCard(payment);
			return {
				tone: 'wait',
				title: 'Your wallet has too little',
				text: hasPage
					? `Nothing has been paid yet. Add ${charge} by card, and the payment goes on by itself.`
					: 'Nothing has been paid yet. The card page is being opened.',
				isMoving: !hasPage,
				card: `Add ${charge} by card`,
			};
		case 'closing':
			return {
				tone: 'plain',
				title: 'Ending',
				text: `The ${what} is being ended.`,
				isMoving: true,
			};
		case 'succeeded':
			return isTopUp(payment)
				? {
						tone: 'good',
						title: 'Added to your wallet',
						text: `${amount} is yours to spend.`,
					}
				: {
						tone: 'good',
						title: 'Paid',
						text: 'The money has arrived. Both of you get a notice.',
					};
		case 'canceled':
			return {
				tone: 'plain',
				title: 'Canceled',
				text: `${payment.reason ? `${payment.reason}. ` : ''}${isTopUp(payment) ? 'Nothing more is charged for it.' : 'Nobody was paid by it.'}`,
			};
		case 'expired':
			return {
				tone: 'plain',
				title: 'Expired',
				text: `The card page was open for too long. Start a new ${what} if you still want it.`,
			};
		case 'failed':
			return {
				tone: 'bad',
				title: 'Failed',
				text: `${payment.reason ?? 'It could not be completed'}. You can start a new ${what}.`,
			};
		case 'review':
			return {
				tone: 'wait',
				title: 'We are looking into it',
				text: 'The provider’s figures differ from ours. You need not do anything; your money is safe.',
			};
	}
}

function forPayee(payment: Payment): Words {
	switch (payment.state) {
		case 'succeeded':
			return { tone: 'good', title: 'Received', text: 'The money is in your wallet.' };
		case 'canceled':
		case 'expired':
		case 'failed':
		case 'closing':
			return {
				tone: 'plain',
				title: 'Not paid',
				text: 'The payer’s payment has ended unpaid.',
			};
		default:
			return {
				tone: 'wait',
				title: 'Waiting for the payer',
				text: 'You get a notice as soon as the money is in your wallet.',
				isMoving: true,
			};
	}
}

export const paymentWords = (
	payment: Payment,
	me: string,
	page: CardPage,
	isAtBank: boolean,
): Words => (payment.paid_by === me ? forPayer(payment, page, isAtBank) : forPayee(payment));

// What comes after the provider's word that it waits for the money: then it waits no longer.
const STEPS = [
	'session.opened',
	'session.processing',
	'payment.captured',
	'payment.retried',
	'bill.unfunded',
];

/** It was paid by bank: there is no page any more, and that the provider waits is the last step. */
export const isPaidByBank = (payment: Payment, events: readonly string[]) =>
	payment.checkout_url === null &&
	['awaiting_provider', 'requires_funding'].includes(payment.state) &&
	events.findLast(event => STEPS.includes(event)) === 'session.processing';

const EVENTS: Record<string, string> = {
	'payment.requested': 'Asked for',
	'payment.retried': 'Tried again',
	'payment.captured': 'Card charged',
	'payment.canceled': 'Canceled',
	'payment.expired': 'Expired',
	'payment.failed': 'Failed',
	'payment.review': 'Held for review',
	'session.opened': 'Card page opened',
	'session.processing': 'Card being charged',
	'bill.settled': 'Bill paid',
	'bill.unfunded': 'Wallet too empty',
	'bill.voided': 'Bill withdrawn',
	'funding.settled': 'Credited to the wallet',
};
export const eventWords = (event: string) => EVENTS[event] ?? event;

const SERVICES: Record<string, string> = {
	payment: 'Payments',
	provider: 'Payment provider',
	billing: 'Billing',
	wallet: 'Wallet',
};
export const serviceWords = (service: string) => SERVICES[service] ?? service;

/** The invoice number that billing's own lines name. */
export const invoiceIn = (details: readonly (string | null)[]) =>
	details.map(detail => /INV-[0-9A-Z-]+/.exec(detail ?? '')?.[0]).find(Boolean);
