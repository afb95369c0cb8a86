import { Button, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { Navigate, Route, Routes, useLocation, useNavigate } from 'react-router';
import type { Order } from '../api/attempt';
import { fieldSentence } from '../api/problem';
import { fullName, walletsQuery, type Person } from '../api/queries';
import { currencyDigits, fromMinor, money, parseAmount, toMinor } from '../lib/money';
import { AmountField } from '../parts/amount-field';
import { Icon } from '../parts/icons';
import { Screen } from '../parts/layout';
import { Card, Fact, Facts, Notice, Trouble } from '../parts/parts';
import { PersonField } from '../parts/person-field';
import css from './pay.module.css';
import { Unsure } from './unsure';
import { useSend } from './use-send';

const NOTE_CHARS_MAX = 200;

/** What is being written: kept in the history entry, so that back, reload and log-on keep it. */
interface Draft {
	person: Person;
	amount: string;
	currency: string;
	note: string;
	source?: Source;
}

const useDraft = () => (useLocation().state as { draft?: Draft } | null)?.draft;

function Form({ reviewed }: { reviewed: Draft | null }) {
	const navigate = useNavigate();
	const wallets = useQuery(walletsQuery);
	const written = useDraft();
	const draft = reviewed ?? written;
	const [person, setPerson] = useState<Person | null>(draft?.person ?? null);
	const [text, setText] = useState(draft?.amount ?? '');
	const [note, setNote] = useState(draft?.note ?? '');
	const [chosen, setChosen] = useState(draft?.currency ?? null);
	const [wrong, setWrong] = useState<{ person?: string; amount?: string }>({});
	const form = useRef<HTMLFormElement>(null);
	const currency = chosen ?? wallets.data?.[0]?.currency ?? 'USD';
	const balance = wallets.data?.find(wallet => wallet.currency === currency);

	useEffect(() => {
		form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
	}, [wrong]);

	function submit(event: FormEvent) {
		event.preventDefault();
		const parsed = parseAmount(text, currency);
		if (person === null || 'wrong' in parsed) {
			setWrong({
				person: person === null ? 'Choose whom to pay.' : undefined,
				amount: 'wrong' in parsed ? parsed.wrong : undefined,
			});
			return;
		}
		const next: Draft = {
			person,
			amount: parsed.amount,
			currency,
			note: note.trim(),
			source: draft?.source,
		};
		const state = { draft: next };
		void navigate('/pay', { replace: true, state }); // for the way back
		void navigate('/pay/review', { state });
	}

	return (
		<Screen title="Pay" back="/">
			<form ref={form} onSubmit={submit} noValidate>
				<Card>
					<Stack gap="lg">
						<PersonField
							person={person}
							onChange={next => {
								setPerson(next);
								setWrong({ ...wrong, person: undefined });
							}}
							wrong={wrong.person}
						/>
						<AmountField
							currency={currency}
							value={text}
							onChange={value => {
								setText(value);
								setWrong({ ...wrong, amount: undefined });
							}}
							wrong={wrong.amount}
							hint={
								balance &&
								`In your wallet: ${money(balance.amount, balance.currency)}`
							}
						/>
						{(wallets.data?.length ?? 0) > 1 && (
							<NativeSelect
								label="Currency"
								value={currency}
								onChange={event => setChosen(event.target.value)}
								data={wallets.data?.map(wallet => wallet.currency) ?? []}
							/>
						)}
						<TextInput
							label="What for (optional)"
							name="description"
							value={note}
							onChange={event => setNote(event.target.value)}
							maxLength={NOTE_CHARS_MAX}
							description="Both of you see it."
							autoComplete="off"
						/>
						<Button type="submit" size="lg" fullWidth>
							Review
						</Button>
					</Stack>
				</Card>
			</form>
		</Screen>
	);
}

type Source = Order['source'];

function Sources({
	source,
	onChange,
	balance,
	isDisabled,
}: {
	source: Source;
	onChange: (source: Source) => void;
	balance: string | undefined;
	isDisabled: boolean;
}) {
	const choices = [
		['wallet', 'My wallet', balance === undefined ? '' : balance],
		['card', 'Card', 'on our payment provider’s page'],
	] as const;
	return (
		<fieldset className={css.sources} disabled={isDisabled}>
			<legend className="only-heard">Pay from</legend>
			{choices.map(([value, label, more]) => (
				<label key={value} className={css.source}>
					<input
						type="radio"
						name="source"
						value={value}
						checked={source === value}
						onChange={() => onChange(value)}
					/>
					<span>
						<strong style={{ fontWeight: 600 }}>{label}</strong>{' '}
						<Text span c="dimmed" size="sm" className="amount">
							{more}
						</Text>
					</span>
				</label>
			))}
		</fieldset>
	);
}

/** What the wallet lacks for an amount, or null. */
function missing(amount: string, balance: string | undefined, currency: string) {
	if (balance === undefined) return null;
	const digits = currencyDigits(currency);
	const lack = toMinor(amount, digits) - toMinor(balance, digits);
	return lack > 0n ? fromMinor(lack, digits) : null;
}

function Review({ draft, onShown }: { draft: Draft; onShown: (draft: Draft) => void }) {
	const navigate = useNavigate();
	const wallets = useQuery(walletsQuery);
	const { person, amount, currency, note } = draft;
	// Its own, as what is chosen must be seen at once: a navigation is shown when there is time.
	const [source, setSource] = useState<Source>(draft.source ?? 'wallet');
	const send = useSend(() => ({ to: '/pay/review', state: { draft } }));
	const { problem, isBusy, unsure } = send;
	const balance = wallets.data?.find(wallet => wallet.currency === currency)?.amount;
	const lack = source === 'wallet' ? missing(amount, balance, currency) : null;
	const name = fullName(person);
	const order: Order = {
		paid_to: person.id,
		payment_amount: amount,
		currency,
		source,
		...(note !== '' && { description: note }),
	};
	useEffect(() => onShown(draft), [draft, onShown]);

	function choose(next: Source) {
		send.changed();
		setSource(next);
		void navigate('/pay/review', {
			replace: true,
			state: { draft: { ...draft, source: next } },
		});
	}

	return (
		<Screen title="Review" back="/pay">
			<Card>
				<div className={css.total}>
					<Text c="dimmed">You pay {fullName(person)}</Text>
					<strong className="amount">{money(amount, currency)}</strong>
				</div>
				<Stack gap="md">
					<Sources
						source={source}
						onChange={choose}
						balance={balance === undefined ? undefined : money(balance, currency)}
						isDisabled={isBusy}
					/>
					{lack !== null && (
						<Notice tone="wait">
							Your wallet is {money(lack, currency)} short: confirm, and you are asked
							for the rest by card.
						</Notice>
					)}
					<Facts>
						<Fact name="To">
							{fullName(person)}{' '}
							<Text span c="dimmed">
								({person.user_name})
							</Text>
						</Fact>
						{note !== '' && <Fact name="For">{note}</Fact>}
					</Facts>
					{problem && (
						<Trouble
							error={problem}
							onRetry={problem.isUncertain ? () => send.pay(name, order) : undefined}
						/>
					)}
					{problem && Object.keys(problem.fields).length > 0 && (
						<Notice tone="bad">
							{fieldSentence('The amount', problem.fields.payment_amount) ??
								fieldSentence('The receiver', problem.fields.paid_to) ??
								fieldSentence('What it is for', problem.fields.description)}
						</Notice>
					)}
					{unsure ? (
						<Unsure
							attempt={unsure}
							onAgain={() => send.payAgain(unsure)}
							onAnew={() => send.payAnew(name, order)}
						/>
					) : (
						<Button
							size="lg"
							fullWidth
							loading={isBusy}
							leftSection={<Icon name="pay" />}
							onClick={() => send.pay(name, order)}
						>
							Pay {money(amount, currency)}
						</Button>
					)}
					<Text role="status" size="sm" c="dimmed" ta="center" mih={20}>
						{isBusy &&
							'Sending. If the connection is lost, it is sent again, and paid once.'}
					</Text>
				</Stack>
			</Card>
		</Screen>
	);
}

function ReviewOrForm({ onShown }: { onShown: (draft: Draft) => void }) {
	const draft = useDraft();
	if (draft === undefined) return <Navigate to="/pay" replace />;
	return <Review draft={draft} onShown={onShown} />;
}

export default function Pay() {
	// The arrow of the review is a link, which carries no draft.
	const [reviewed, setReviewed] = useState<Draft | null>(null);
	return (
		<Routes>
			<Route index element={<Form reviewed={reviewed} />} />
			<Route path="review" element={<ReviewOrForm onShown={setReviewed} />} />
			<Route path="*" element={<Navigate to="/pay" replace />} />
		</Routes>
	);
}
