import { Button, Stack } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import type { Attempt } from '../api/attempt';
import { shortTime } from '../lib/dates';
import { useCanAnswer } from '../lib/can-answer';
import { money } from '../lib/money';
import { Notice } from '../parts/parts';

/** Asks what is to become of an earlier order that may have been paid, before another one is. */
export function Unsure({
	attempt: { to, order, began },
	onAgain,
	onAnew,
}: {
	attempt: Attempt;
	onAgain: () => void;
	onAnew: () => void;
}) {
	const canAnswer = useCanAnswer();
	const group = useRef<HTMLDivElement>(null);
	useEffect(() => group.current?.focus(), []);
	const amount = money(order.payment_amount, order.currency);
	const what = to === null ? `a top-up of ${amount}` : `${amount} to ${to}`;
	const asked = `It is not known whether ${what} went through (${shortTime(began)}).`;
	return (
		<div ref={group} tabIndex={-1} role="group" aria-label={asked}>
			<Notice tone="wait">
				{asked}
				<Stack gap="xs" mt="sm">
					<Button onClick={onAgain} disabled={!canAnswer}>
						Try that one again
					</Button>
					<Button variant="default" component={Link} to="/activity">
						Look at Activity
					</Button>
					<Button variant="default" onClick={onAnew} disabled={!canAnswer}>
						Leave it, and make the new one
					</Button>
				</Stack>
			</Notice>
		</div>
	);
}
