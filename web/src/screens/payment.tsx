import { Button, Group, Loader, Skeleton, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation, useParams, useSearchParams } from 'react-router';
import { api, told } from '../api/client';
import {
	canCancel,
	canRetry,
	checkoutUrl,
	hasEnded,
	isBeingCanceled,
	isTopUp,
	paymentWord,
	type Payment as PaymentType,
} from '../api/payments';
import { asProblem } from '../api/problem';
import { paymentKnown, timelineQuery, useLivePayment, useMe, useNames } from '../api/queries';
import { fullTime, timeSince } from '../lib/dates';
import { announce } from '../lib/announce';
import { useCanAnswer } from '../lib/can-answer';
import { leaveFor } from '../lib/leave';
import { money } from '../lib/money';
import { Icon } from '../parts/icons';
import { Screen } from '../parts/layout';
import {
	Card,
	CopiedId,
	Empty,
	Fact,
	Facts,
	Notice,
	RowsLoading,
	Trouble,
	Word,
} from '../parts/parts';
import {
	cancelingLater,
	eventWords,
	invoiceIn,
	isPaidByBank,
	paymentWords,
	serviceWords,
	type CardPage,
	type Words,
} from './payment-words';
import css from './payment.module.css';
import type { Anew } from './use-send';

/** Retry and cancel. A key lasts until its answer is certain: a repeated retry is one retry. */
function useWishes(payment: PaymentType) {
	const client = useQueryClient();
	const key = useRef<string | null>(null);
	const known = (next: PaymentType) => {
		key.current = null;
		paymentKnown(client, next);
		void client.invalidateQueries({ queryKey: ['timeline', next.id] });
	};
	const path = { id: payment.id };
	const retry = useMutation({
		mutationFn: (source: 'wallet' | 'card') => {
			key.current ??= crypto.randomUUID();
			return told(
				api.POST('/v1/payments/{id}/retry', {
					params: { path, header: { 'Idempotency-Key': key.current } },
					body: { source },
				}),
			);
		},
		onSuccess: known,
		onError: error => {
			if (!asProblem(error).isUncertain) key.current = null;
			void client.invalidateQueries({ queryKey: ['payment', payment.id] });
		},
	});
	const cancel = useMutation({
		mutationFn: () => told(api.POST('/v1/payments/{id}/cancel', { params: { path } })),
		onSuccess: known,
		onError: () => void client.invalidateQueries({ queryKey: ['payment', payment.id] }),
	});
	return {
		isBusy: retry.isPending || cancel.isPending,
		isRetrying: retry.isPending,
		error: retry.error ?? cancel.error,
		tryWallet: () => {
			cancel.reset();
			retry.mutate('wallet');
		},
		cancel: () => {
			retry.reset();
			cancel.mutate();
		},
	};
}
type Wishes = ReturnType<typeof useWishes>;

function CancelQuestion({
	what,
	onKeep,
	onCancel,
	isBusy,
}: {
	what: string;
	onKeep: () => void;
	onCancel: () => void;
	isBusy: boolean;
}) {
	const canAnswer = useCanAnswer();
	return (
		<Group grow gap="xs" role="group" aria-label={`Cancel the ${what}?`}>
			<Button variant="default" onClick={onKeep} disabled={isBusy} autoFocus>
				Keep it
			</Button>
			<Button
				color="red"
				variant="light"
				loading={isBusy}
				disabled={!canAnswer}
				onClick={onCancel}
			>
				Yes, cancel
			</Button>
		</Group>
	);
}

function Cancel({
	payment,
	onCancel,
	isBusy,
}: {
	payment: PaymentType;
	onCancel: () => void;
	isBusy: boolean;
}) {
	const [asked, setAsked] = useState<'never' | 'now' | 'before'>('never');
	const what = isTopUp(payment) ? 'top-up' : 'payment';
	if (asked === 'now')
		return (
			<CancelQuestion
				what={what}
				onKeep={() => setAsked('before')}
				onCancel={onCancel}
				isBusy={isBusy}
			/>
		);
	return (
		<Button
			variant="subtle"
			color="red"
			disabled={isBusy}
			onClick={() => setAsked('now')}
			autoFocus={asked === 'before'}
		>
			Cancel the {what}
		</Button>
	);
}

function PayerActions({
	payment,
	words,
	page,
	wishes,
}: {
	payment: PaymentType;
	words: Words;
	page: CardPage;
	wishes: Wishes;
}) {
	const url = checkoutUrl(payment);
	// What is paid at that page now must not be closed by a retry.
	const isPayingByCard = page === 'done' && url !== null;
	return (
		<div className={`${css.actions} no-print`}>
			{wishes.error && <Trouble error={wishes.error} />}
			{words.card && url && (
				<Button size="lg" leftSection={<Icon name="card" />} onClick={() => leaveFor(url)}>
					{words.card}
				</Button>
			)}
			{canRetry(payment) && !isPayingByCard && (
				<Button
					variant="default"
					loading={wishes.isRetrying}
					disabled={wishes.isBusy}
					onClick={wishes.tryWallet}
				>
					Try the wallet again
				</Button>
			)}
			{canCancel(payment) && (
				<Cancel payment={payment} onCancel={wishes.cancel} isBusy={wishes.isBusy} />
			)}
			{hasEnded(payment) && !payment.status && (
				<Button component={Link} to={isTopUp(payment) ? '/top-up' : '/pay'} variant="light">
					{isTopUp(payment) ? 'Start a new top-up' : 'Start a new payment'}
				</Button>
			)}
		</div>
	);
}

/** Where the payment stands, and what can be done; all of it anew in another state. */
function Standing({
	payment,
	page,
	isAtBank,
	words: usual,
}: {
	payment: PaymentType;
	page: CardPage;
	isAtBank: boolean;
	words: Words;
}) {
	const me = useMe();
	const wishes = useWishes(payment);
	const isEnding = isBeingCanceled(payment) && !isAtBank;
	const words = isEnding ? cancelingLater : usual;
	const heading = `${words.title}. ${words.text}`;
	useEffect(() => announce(heading), [heading]);
	return (
		<>
			<div className="no-print">
				<Notice
					tone={words.tone}
					title={words.title}
					icon={words.isMoving ? <Loader size={20} color="currentColor" /> : undefined}
				>
					{words.text}
				</Notice>
			</div>
			{/* Money that is on its way by bank can be neither called back nor paid twice. */}
			{payment.paid_by === me.id && !isEnding && !isAtBank && (
				<PayerActions payment={payment} words={words} page={page} wishes={wishes} />
			)}
		</>
	);
}

/** Told once an order that was sent anew turns out to have been done before. */
function MadeBefore({ payment, anew }: { payment: PaymentType; anew: Anew }) {
	const what = isTopUp(payment) ? 'top-up' : 'payment';
	return (
		<Card className="no-print">
			<Notice tone="wait" live title={`You made this ${what} before`}>
				It is of {fullTime(payment.created_at)}. No second one was made.
				<div style={{ marginTop: 10 }}>
					<Button
						size="sm"
						variant="default"
						component={Link}
						to={anew.to}
						state={anew.state}
					>
						Make a new one
					</Button>
				</div>
			</Notice>
		</Card>
	);
}

/**
 * How the provider's page was left, while that is news: a payment in another state, or with another
 * page, has gone on since, and then the address loses it.
 */
function useCardPage(payment: PaymentType): CardPage {
	const [search, setSearch] = useSearchParams();
	const { state: kept } = useLocation() as { state: unknown };
	const [first] = useState({ state: payment.state, url: payment.checkout_url });
	const url = payment.checkout_url;
	const isPast = payment.state !== first.state || (url !== null && url !== first.url);
	const page = search.get('checkout') as CardPage;
	useEffect(() => {
		if (!isPast || page === null) return;
		const next = new URLSearchParams(search);
		next.delete('checkout');
		setSearch(next, { replace: true, state: kept });
	}, [isPast, page, search, setSearch, kept]);
	return isPast ? null : page;
}

function Timeline({ id, isMoving }: { id: string; isMoving: boolean }) {
	const timeline = useQuery(timelineQuery(id));
	if (timeline.isPending) return <RowsLoading count={2} />;
	if (timeline.isError)
		return <Trouble error={timeline.error} onRetry={() => void timeline.refetch()} />;
	const rows = timeline.data;
	return (
		<ol className={css.timeline}>
			{rows.map((row, i) => (
				<li
					key={row.seq}
					className={css.step}
					data-wait={(isMoving && i === rows.length - 1) || undefined}
				>
					<strong>{eventWords(row.event)}</strong>
					<span className={css.stepSub}>
						{row.detail && (
							<>
								{row.detail}
								<br />
							</>
						)}
						{serviceWords(row.service)} ·{' '}
						<time dateTime={row.at}>{timeSince(row.at, rows[0]?.at ?? row.at)}</time>
					</span>
				</li>
			))}
		</ol>
	);
}

function Receipt({ payment }: { payment: PaymentType }) {
	const me = useMe();
	const timeline = useQuery(timelineQuery(payment.id));
	const nameOf = useNames([payment.paid_by, payment.paid_to]);
	const invoice = invoiceIn(timeline.data?.map(row => row.detail) ?? []);
	const name = (id: string) =>
		id === me.id ? `${me.first_name} ${me.last_name} (you)` : nameOf(id);
	return (
		<Facts>
			<Fact name="Amount">
				<span className="amount">{money(payment.payment_amount, payment.currency)}</span>
			</Fact>
			<Fact name="From">{isTopUp(payment) ? 'Card' : name(payment.paid_by)}</Fact>
			<Fact name="To">{payment.paid_to === null ? 'My wallet' : name(payment.paid_to)}</Fact>
			{payment.description && <Fact name="For">{payment.description}</Fact>}
			{!isTopUp(payment) && payment.paid_by === me.id && (
				<Fact name="Paid by">{payment.source === 'card' ? 'Card' : 'Wallet'}</Fact>
			)}
			<Fact name="State">{paymentWord(payment).word}</Fact>
			<Fact name="Date">{fullTime(payment.created_at)}</Fact>
			{invoice && (
				<Fact name="Invoice">
					<CopiedId id={invoice} name="invoice number" />
				</Fact>
			)}
			<Fact name="Payment id">
				<CopiedId id={payment.id} name="payment id" />
			</Fact>
		</Facts>
	);
}

function Shown({ payment }: { payment: PaymentType }) {
	const me = useMe();
	const page = useCardPage(payment);
	const anew = (useLocation().state as { anew?: Anew } | null)?.anew;
	const timeline = useQuery(timelineQuery(payment.id));
	const isAtBank = isPaidByBank(payment, timeline.data?.map(row => row.event) ?? []);
	const words = paymentWords(payment, me.id, page, isAtBank);
	const nameOf = useNames([payment.paid_by, payment.paid_to]);
	const who = isTopUp(payment)
		? 'Top-up of my wallet'
		: payment.paid_by === me.id
			? `To ${nameOf(payment.paid_to ?? '')}`
			: `From ${nameOf(payment.paid_by)}`;

	return (
		<>
			{anew && <MadeBefore payment={payment} anew={anew} />}
			<Card>
				<div className={css.receiptHead}>MoneyPal receipt</div>
				<div className={css.hero}>
					<Text c="dimmed">{who}</Text>
					<strong className="amount">
						{money(payment.payment_amount, payment.currency)}
					</strong>
					<Word {...paymentWord(payment)} />
				</div>
				<Standing
					key={payment.state}
					payment={payment}
					page={page}
					isAtBank={isAtBank}
					words={words}
				/>
			</Card>
			<section className={`${css.section} no-print`}>
				<Card>
					<h2>What happened</h2>
					<Timeline id={payment.id} isMoving={words.isMoving ?? false} />
				</Card>
			</section>
			<section className={css.section}>
				<Card>
					<Group justify="space-between" mb={4}>
						<h2>Details</h2>
						{payment.status && (
							<Button
								className="no-print"
								size="compact-sm"
								variant="subtle"
								leftSection={<Icon name="printer" size={18} />}
								onClick={() => print()}
							>
								Print a receipt
							</Button>
						)}
					</Group>
					<Receipt payment={payment} />
				</Card>
			</section>
		</>
	);
}

export default function Payment() {
	const { id = '' } = useParams();
	const payment = useLivePayment(id);
	const title = payment.data && isTopUp(payment.data) ? 'Top-up' : 'Payment';
	const isAbsent = payment.isError && [400, 404, 422].includes(asProblem(payment.error).status);
	return (
		<Screen title={title} back="/activity">
			{payment.data ? (
				<Shown key={payment.data.id} payment={payment.data} />
			) : isAbsent ? (
				<Card>
					<Empty
						icon="search"
						title="No such payment"
						action={{ to: '/activity', label: 'See all' }}
					>
						There is no payment with this address, or it is not yours.
					</Empty>
				</Card>
			) : payment.isError ? (
				<Trouble error={payment.error} onRetry={() => void payment.refetch()} />
			) : (
				<Card>
					<div className={css.hero} role="status" aria-label="Loading">
						<Skeleton height={16} width={140} mx="auto" mb={12} />
						<Skeleton height={48} width={200} mx="auto" mb={12} />
						<Skeleton height={26} width={90} mx="auto" />
					</div>
					<Skeleton height={74} radius="md" />
				</Card>
			)}
		</Screen>
	);
}
