import { Anchor, Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Link } from 'react-router';
import { hasEnded } from '../api/payments';
import {
	entriesQuery,
	paymentsQuery,
	useMe,
	useNames,
	walletsQuery,
	type Wallet,
} from '../api/queries';
import { money } from '../lib/money';
import { Icon } from '../parts/icons';
import { Screen } from '../parts/layout';
import { Card, Empty, Rows, RowsLoading, Trouble } from '../parts/parts';
import { EntryRow, PaymentRow } from '../parts/rows';
import css from './home.module.css';

const MOVEMENTS = 5;
const ON_ITS_WAY_MAX = 3;
const HIDDEN = 'moneypal.hide-balance';

function useHidden(): [boolean, () => void] {
	const [isHidden, setHidden] = useState(() => {
		try {
			return localStorage.getItem(HIDDEN) === '1';
		} catch {
			return false;
		}
	});
	const toggle = () => {
		setHidden(!isHidden);
		try {
			localStorage.setItem(HIDDEN, isHidden ? '0' : '1');
		} catch {
			// then it is hidden until the page is left
		}
	};
	return [isHidden, toggle];
}

const isZero = (wallet: Wallet) => /^[-0.]*$/.test(wallet.amount);

function Balance({ wallets, isHidden }: { wallets: Wallet[]; isHidden: boolean }) {
	const [first, ...others] = wallets;
	if (first === undefined) return null;
	const shown = (wallet: Wallet) => (isHidden ? '••••••' : money(wallet.amount, wallet.currency));
	return (
		<>
			<p className={`${css.balance} amount`} data-testid="balance">
				{isHidden ? (
					<>
						<span aria-hidden="true">••••••</span>
						<span className="only-heard">Hidden</span>
					</>
				) : (
					shown(first)
				)}
			</p>
			{others.some(wallet => !isZero(wallet)) && (
				<ul className={css.others} aria-label="Other currencies">
					{others
						.filter(wallet => !isZero(wallet))
						.map(wallet => (
							<li key={wallet.currency} className="amount">
								{shown(wallet)} {wallet.currency}
							</li>
						))}
				</ul>
			)}
		</>
	);
}

function Section({
	title,
	more,
	children,
}: {
	title: string;
	more?: ReactNode;
	children: ReactNode;
}) {
	return (
		<section className={css.section}>
			<Card>
				<div className={css.head}>
					<h2>{title}</h2>
					{more}
				</div>
				{children}
			</Card>
		</section>
	);
}

function OnItsWay() {
	const me = useMe();
	const { data } = useInfiniteQuery(paymentsQuery({}));
	const waiting = (data?.pages[0]?.items ?? [])
		.filter(payment => !hasEnded(payment))
		.slice(0, ON_ITS_WAY_MAX);
	const nameOf = useNames(waiting.flatMap(payment => [payment.paid_by, payment.paid_to]));
	if (waiting.length === 0) return null;
	return (
		<Section title="On its way">
			<Rows>
				{waiting.map(payment => (
					<li key={payment.id}>
						<PaymentRow payment={payment} me={me.id} nameOf={nameOf} />
					</li>
				))}
			</Rows>
		</Section>
	);
}

function Movements({ currency }: { currency: string | undefined }) {
	const query = useInfiniteQuery({
		...entriesQuery(currency, MOVEMENTS),
		enabled: currency !== undefined,
	});
	const entries = query.data?.pages[0]?.items ?? [];
	const nameOf = useNames(entries.map(entry => entry.counterparty));
	return (
		<Section
			title="Last movements"
			more={
				entries.length > 0 && (
					<Anchor component={Link} to="/activity" fz="sm" fw={550}>
						See all
					</Anchor>
				)
			}
		>
			{query.isError ? (
				<Trouble error={query.error} onRetry={() => void query.refetch()} />
			) : query.isPending ? (
				<RowsLoading count={MOVEMENTS} />
			) : entries.length === 0 ? (
				<Empty
					icon="activity"
					title="Nothing yet"
					action={{ to: '/top-up', label: 'Top up' }}
				>
					Top up by card: your money is here within seconds, ready to pay people.
				</Empty>
			) : (
				<Rows>
					{entries.map(entry => (
						<li key={entry.seq}>
							<EntryRow entry={entry} nameOf={nameOf} />
						</li>
					))}
				</Rows>
			)}
		</Section>
	);
}

export default function Home() {
	const me = useMe();
	const wallets = useQuery(walletsQuery);
	const [isHidden, toggleHidden] = useHidden();
	return (
		<Screen title={`Hello, ${me.first_name}`}>
			<section className={css.hero} aria-label="My wallet">
				<div className={css.heroTop}>
					<span>My wallet</span>
					<button
						type="button"
						className={css.eye}
						aria-pressed={isHidden}
						onClick={toggleHidden}
					>
						<Icon name={isHidden ? 'eyeOff' : 'eye'} />
						<span className="only-heard">Hide the balance</span>
					</button>
				</div>
				{wallets.isPending ? (
					<Skeleton height={46} width={190} mt={10} style={{ opacity: 0.25 }} />
				) : wallets.data ? (
					<Balance wallets={wallets.data} isHidden={isHidden} />
				) : (
					<p className={css.balance} aria-label="The balance is not known now">
						–
					</p>
				)}
			</section>
			{wallets.isError && (
				<div style={{ marginTop: 12 }}>
					<Trouble error={wallets.error} onRetry={() => void wallets.refetch()} />
				</div>
			)}
			<div className={css.actions}>
				<Button
					component={Link}
					to="/top-up"
					size="lg"
					variant="light"
					leftSection={<Icon name="plus" />}
				>
					Top up
				</Button>
				<Button component={Link} to="/pay" size="lg" leftSection={<Icon name="pay" />}>
					Pay
				</Button>
			</div>
			<OnItsWay />
			<Movements currency={wallets.data?.[0]?.currency} />
		</Screen>
	);
}
