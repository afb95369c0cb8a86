import type { components } from './generated/payment';

/** What the screens know about payments beyond their fields. */

export type Payment = components['schemas']['Payment'];
export type PaymentState = Payment['state'];

const ENDED: readonly PaymentState[] = ['succeeded', 'canceled', 'expired', 'failed'];

export const hasEnded = (payment: Payment) => ENDED.includes(payment.state);
/** Nothing will happen before a person does something, or never: no need to look often. */
export const standsStill = (payment: Payment) => hasEnded(payment) || payment.state === 'review';
export const isTopUp = (payment: Payment) => payment.paid_to === null;
export const isPayer = (payment: Payment, userId: string) => payment.paid_by === userId;

export const canRetry = (payment: Payment) => payment.state === 'requires_funding';
export const canCancel = (payment: Payment) =>
	['created', 'awaiting_provider', 'requires_funding'].includes(payment.state);
/** The cancellation was accepted, and waits for the provider. */
export const isBeingCanceled = (payment: Payment) => payment.cancel_wanted && canCancel(payment);

export type Tone = 'good' | 'wait' | 'bad' | 'plain';

const WORDS: Record<PaymentState, { word: string; tone: Tone }> = {
	created: { word: 'Starting', tone: 'wait' },
	awaiting_provider: { word: 'Awaiting card', tone: 'wait' },
	settling: { word: 'On its way', tone: 'wait' },
	requires_funding: { word: 'Needs funding', tone: 'wait' },
	closing: { word: 'Ending', tone: 'plain' },
	succeeded: { word: 'Paid', tone: 'good' },
	canceled: { word: 'Canceled', tone: 'plain' },
	expired: { word: 'Expired', tone: 'plain' },
	failed: { word: 'Failed', tone: 'bad' },
	review: { word: 'In review', tone: 'wait' },
};

export function paymentWord(payment: Payment) {
	if (isTopUp(payment) && payment.state === 'succeeded')
		return { word: 'Added', tone: 'good' as const };
	if (isBeingCanceled(payment)) return WORDS.closing;
	return WORDS[payment.state];
}

/** The states as a filter's choices. */
export const PAYMENT_STATES = Object.keys(WORDS) as PaymentState[];
export const stateWord = (state: PaymentState) => WORDS[state].word;

/** The provider's page, where it is one that a browser should go to. */
export function checkoutUrl(payment: Payment): string | null {
	if (!payment.checkout_url) return null;
	const url = URL.parse(payment.checkout_url);
	return url?.protocol === 'https:' || url?.protocol === 'http:' ? url.href : null;
}
