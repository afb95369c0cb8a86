import { Button, NativeSelect, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useLocation } from 'react-router';
import type { Order } from '../api/attempt';
import { checkoutUrl } from '../api/payments';
import { fieldSentence } from '../api/problem';
import { walletsQuery } from '../api/queries';
import { currencyDigits, money, parseAmount } from '../lib/money';
import { leaveFor } from '../lib/leave';
import { AmountField } from '../parts/amount-field';
import { Icon } from '../parts/icons';
import { Screen } from '../parts/layout';
import { Card, Trouble } from '../parts/parts';
import { Unsure } from './unsure';
import { useSend } from './use-send';

/** 10, 25, 50, 100 of the currency's usual size: yen come by the hundred. */
const presetsOf = (currency: string) => {
	const digits = currencyDigits(currency);
	return digits === 0
		? ['1000', '2500', '5000', '10000']
		: ['10', '25', '50', '100'].map(whole => `${whole}.${'0'.repeat(digits)}`);
};

interface Draft {
	amount: string;
	currency: string;
}

export default function TopUp() {
	const draft = (useLocation().state as { draft?: Draft } | null)?.draft;
	const wallets = useQuery(walletsQuery);
	const [chosen, setChosen] = useState<string | null>(draft?.currency ?? null);
	const currency = chosen ?? wallets.data?.[0]?.currency ?? 'USD';
	const balance = wallets.data?.find(wallet => wallet.currency === currency);
	const [text, setText] = useState(draft?.amount ?? '');
	const [wrong, setWrong] = useState<string>();
	const send = useSend(
		() => ({ to: '/top-up', state: { draft: { amount: text, currency } } }),
		payment => {
			// Coming back from the provider's page by the back button shows the payment, too.
			const url = checkoutUrl(payment);
			if (url !== null) leaveFor(url);
		},
	);
	const { problem, isBusy, unsure } = send;
	const refusal = fieldSentence('The amount', problem?.fields.payment_amount);

	function withOrder(next: (order: Order) => void) {
		const parsed = parseAmount(text, currency);
		setWrong('wrong' in parsed ? parsed.wrong : undefined);
		if ('wrong' in parsed) return;
		next({ paid_to: null, payment_amount: parsed.amount, currency, source: 'card' });
	}

	function submit(event: FormEvent) {
		event.preventDefault();
		withOrder(order => send.pay(null, order));
	}

	function write(next: string) {
		setText(next);
		setWrong(undefined);
		send.changed();
	}

	return (
		<Screen title="Top up" back="/">
			<form onSubmit={submit} noValidate>
				<Card>
					<Stack gap="md">
						{problem && refusal === undefined && <Trouble error={problem} />}
						<AmountField
							currency={currency}
							value={text}
							onChange={write}
							wrong={wrong ?? refusal}
							hint={
								balance &&
								`In your wallet: ${money(balance.amount, balance.currency)}`
							}
							presets={presetsOf(currency)}
						/>
						{(wallets.data?.length ?? 0) > 1 && (
							<NativeSelect
								label="Currency"
								value={currency}
								onChange={event => {
									setChosen(event.target.value);
									write('');
								}}
								data={wallets.data?.map(wallet => wallet.currency) ?? []}
							/>
						)}
						{unsure ? (
							<Unsure
								attempt={unsure}
								onAgain={() => send.payAgain(unsure)}
								onAnew={() => withOrder(order => send.payAnew(null, order))}
							/>
						) : (
							<Button
								type="submit"
								size="lg"
								fullWidth
								loading={isBusy}
								leftSection={<Icon name="card" />}
							>
								Continue to the card page
							</Button>
						)}
						<Text size="sm" c="dimmed">
							You enter your card on our payment provider’s page; MoneyPal never sees
							it.
						</Text>
					</Stack>
				</Card>
			</form>
		</Screen>
	);
}
