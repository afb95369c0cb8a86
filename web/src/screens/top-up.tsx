import { Button, NativeSelect, Stack, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useNavigate } from 'react-router';
import { attemptFor, sendAttempt } from '../api/attempt';
import { checkoutUrl } from '../api/payments';
import { asProblem, fieldSentence, type Problem } from '../api/problem';
import { paymentKnown, walletsQuery } from '../api/queries';
import { currencyDigits, money, parseAmount } from '../lib/money';
import { leaveFor } from '../lib/leave';
import { AmountField } from '../parts/amount-field';
import { Icon } from '../parts/icons';
import { Screen } from '../parts/layout';
import { Card, Trouble } from '../parts/parts';

/** 10, 25, 50, 100 of the currency's usual size: yen come by the hundred. */
const presetsOf = (currency: string) => {
	const digits = currencyDigits(currency);
	return digits === 0
		? ['1000', '2500', '5000', '10000']
		: ['10', '25', '50', '100'].map(whole => `${whole}.${'0'.repeat(digits)}`);
};

export default function TopUp() {
	const client = useQueryClient();
	const navigate = useNavigate();
	const wallets = useQuery(walletsQuery);
	const [chosen, setChosen] = useState<string | null>(null);
	const currency = chosen ?? wallets.data?.[0]?.currency ?? 'USD';
	const balance = wallets.data?.find(wallet => wallet.currency === currency);
	const [text, setText] = useState('');
	const [wrong, setWrong] = useState<string>();
	const [problem, setProblem] = useState<Problem | null>(null);
	const [isBusy, setBusy] = useState(false);

	async function submit(event: FormEvent) {
		event.preventDefault();
		const parsed = parseAmount(text, currency);
		setProblem(null);
		setWrong('wrong' in parsed ? parsed.wrong : undefined);
		if ('wrong' in parsed || isBusy) return;
		setBusy(true);
		try {
			const payment = await sendAttempt(
				attemptFor({
					paid_to: null,
					payment_amount: parsed.amount,
					currency,
					source: 'card',
				}),
			);
			paymentKnown(client, payment);
			const url = checkoutUrl(payment);
			// Coming back from the provider's page by the back button shows the payment, too.
			void navigate(`/payments/${payment.id}`, { replace: true });
			if (url !== null) leaveFor(url);
		} catch (error) {
			const told = asProblem(error);
			const sentence = fieldSentence('The amount', told.fields.payment_amount);
			setWrong(sentence);
			if (sentence === undefined) setProblem(told);
			setBusy(false);
		}
	}

	return (
		<Screen title="Top up" back="/">
			<form onSubmit={submit} noValidate>
				<Card>
					<Stack gap="md">
						{problem && <Trouble error={problem} />}
						<AmountField
							currency={currency}
							value={text}
							onChange={value => {
								setText(value);
								setWrong(undefined);
							}}
							wrong={wrong}
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
									setText('');
								}}
								data={wallets.data?.map(wallet => wallet.currency) ?? []}
							/>
						)}
						<Button
							type="submit"
							size="lg"
							fullWidth
							loading={isBusy}
							leftSection={<Icon name="card" />}
						>
							Continue to the card page
						</Button>
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
