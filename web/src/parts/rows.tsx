import { isTopUp, paymentWord, type Payment } from '../api/payments';
import type { Bill, Entry } from '../api/queries';
import { shortTime } from '../lib/dates';
import { money, negated, signedMoney } from '../lib/money';
import { Row, Word } from './parts';

/** Lines of lists: a payment, a movement of the wallet, a bill. */

type NameOf = (id: string) => string;

export function paymentTitle(payment: Payment, me: string, nameOf: NameOf) {
	if (payment.paid_to === null) return 'Top-up';
	return payment.paid_by === me
		? `To ${nameOf(payment.paid_to)}`
		: `From ${nameOf(payment.paid_by)}`;
}

/** As the reader's wallet sees it; without a sign while no money has moved. */
export function paymentAmount(payment: Payment, me: string) {
	const { payment_amount: amount, currency, status } = payment;
	if (!status) return money(amount, currency);
	return signedMoney(
		isTopUp(payment) || payment.paid_by !== me ? amount : negated(amount),
		currency,
	);
}

export function PaymentRow({
	payment,
	me,
	nameOf,
	time = shortTime,
}: {
	payment: Payment;
	me: string;
	nameOf: NameOf;
	time?: (text: string) => string;
}) {
	const isIn = isTopUp(payment) || payment.paid_by !== me;
	return (
		<Row
			to={`/payments/${payment.id}`}
			icon={isTopUp(payment) ? 'plus' : isIn ? 'arrowDown' : 'arrowUp'}
			title={paymentTitle(payment, me, nameOf)}
			sub={[time(payment.created_at), payment.description].filter(Boolean).join(' · ')}
			amount={paymentAmount(payment, me)}
			isIn={isIn && payment.status}
			end={<Word {...paymentWord(payment)} />}
		/>
	);
}

export function EntryRow({
	entry,
	nameOf,
	time = shortTime,
	withBalance = false,
}: {
	entry: Entry;
	nameOf: NameOf;
	time?: (text: string) => string;
	withBalance?: boolean;
}) {
	const isIn = !entry.amount.startsWith('-');
	const isFunding = entry.counterparty === 'system:psp';
	const who = isFunding
		? 'Top-up by card'
		: `${isIn ? 'From' : 'To'} ${nameOf(entry.counterparty)}`;
	return (
		<Row
			to={entry.payment_id ? `/payments/${entry.payment_id}` : undefined}
			icon={isFunding ? 'plus' : isIn ? 'arrowDown' : 'arrowUp'}
			title={who}
			sub={time(entry.date)}
			amount={signedMoney(entry.amount, entry.currency)}
			isIn={isIn}
			end={
				withBalance && (
					<span
						className="amount"
						style={{ fontSize: 14, color: 'var(--mantine-color-dimmed)' }}
					>
						{money(entry.balance_after, entry.currency)}
						<span className="only-heard"> in the wallet after it</span>
					</span>
				)
			}
		/>
	);
}

export function billWord(bill: Bill) {
	if (bill.state === 'settled') return { word: 'Paid', tone: 'good' as const };
	if (bill.state === 'void') return { word: 'Not to be paid', tone: 'plain' as const };
	if (bill.state === 'unfunded') return { word: 'Due', tone: 'wait' as const };
	return { word: 'On its way', tone: 'wait' as const };
}
