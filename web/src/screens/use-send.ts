import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import {
	isSameOrder,
	keptAttempt,
	newAttempt,
	sendAttempt,
	type Answer,
	type Attempt,
	type Order,
} from '../api/attempt';
import { asProblem, type Problem } from '../api/problem';
import { paymentKnown, useMe } from '../api/queries';
import type { Payment } from '../api/payments';

/** Where a new payment is made instead of one that had been made before: the screen as it was left. */
export interface Anew {
	to: string;
	state: unknown;
}

/**
 * Pays, and goes to the payment. Where an earlier order may have been paid, another one asks first
 * (`unsure`); an earlier one that turns out to have been paid is shown as what it is.
 */
export function useSend(anew: () => Anew, onPaid?: (payment: Payment) => void) {
	const me = useMe();
	const client = useQueryClient();
	const navigate = useNavigate();
	const [problem, setProblem] = useState<Problem | null>(null);
	const [isBusy, setBusy] = useState(false);
	const [unsure, setUnsure] = useState<Attempt | null>(null);
	const own = useRef<string | null>(null); // the key of the attempt that began on this screen
	const sending = useRef(false); // at once, where the state comes with the next picture
	const isHere = useRef(true);
	useEffect(() => {
		isHere.current = true;
		return () => {
			isHere.current = false;
		};
	}, []);

	function arrived({ payment, isReplayed }: Answer, attempt: Attempt) {
		paymentKnown(client, payment);
		if (!isHere.current) {
			// Whoever has gone on is left where they are; what they see there may be older than this.
			void client.invalidateQueries();
			return;
		}
		const isEarlier = isReplayed && attempt.key !== own.current;
		void navigate(`/payments/${payment.id}`, {
			replace: true,
			state: isEarlier ? { anew: anew() } : null,
		});
		if (!isEarlier) onPaid?.(payment);
	}

	async function send(choose: () => [attempt: Attempt, isNew: boolean]) {
		if (sending.current) return;
		sending.current = true;
		setBusy(true);
		setProblem(null);
		setUnsure(null);
		const [attempt, isNew] = choose();
		if (isNew) own.current = attempt.key;
		try {
			arrived(await sendAttempt(attempt, isNew), attempt);
		} catch (error) {
			setProblem(asProblem(error));
			setBusy(false);
			sending.current = false;
		}
	}

	const begin = (to: string | null, order: Order) =>
		send(() => [newAttempt(me.id, to, order), true]);

	return {
		problem,
		isBusy,
		unsure,
		pay: (to: string | null, order: Order) => {
			const before = keptAttempt(me.id);
			if (before === null) void begin(to, order);
			else if (isSameOrder(before.order, order)) void send(() => [before, false]);
			else setUnsure(before);
		},
		payAnew: (to: string | null, order: Order) => void begin(to, order),
		payAgain: (before: Attempt) => void send(() => [before, false]),
		/** The order is another now. */
		changed: () => {
			setProblem(null);
			setUnsure(null);
		},
	};
}
