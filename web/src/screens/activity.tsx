import { Anchor, NativeSelect, SegmentedControl } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { PAYMENT_STATES, stateWord } from '../api/payments';
import { entriesQuery, paymentsQuery, useMe, useNames, walletsQuery } from '../api/queries';
import { timeOf } from '../lib/dates';
import { useChoice } from '../lib/search';
import { Screen } from '../parts/layout';
import { LongList } from '../parts/long-list';
import { Empty } from '../parts/parts';
import { EntryRow, PaymentRow } from '../parts/rows';
import css from '../parts/filters.module.css';

const ROLES = ['any', 'payer', 'payee'] as const;
const STATES = ['any', ...PAYMENT_STATES] as const;

function Payments() {
	const me = useMe();
	const [, setSearch] = useSearchParams();
	const [role, setRole] = useChoice('role', ROLES);
	const [state, setState] = useChoice('state', STATES);
	const query = useInfiniteQuery(
		paymentsQuery({
			role: role === 'any' ? undefined : role,
			state: state === 'any' ? undefined : state,
		}),
	);
	const items = query.data?.pages.flatMap(page => page.items) ?? [];
	const nameOf = useNames(items.flatMap(payment => [payment.paid_by, payment.paid_to]));
	const isFiltered = role !== 'any' || state !== 'any';
	return (
		<>
			<div className={css.filters}>
				<NativeSelect
					label="Direction"
					value={role}
					onChange={event => setRole(event.target.value)}
					data={[
						{ value: 'any', label: 'In and out' },
						{ value: 'payer', label: 'By me' },
						{ value: 'payee', label: 'To me' },
					]}
				/>
				<NativeSelect
					label="State"
					value={state}
					onChange={event => setState(event.target.value)}
					data={[
						{ value: 'any', label: 'Any state' },
						...PAYMENT_STATES.map(each => ({ value: each, label: stateWord(each) })),
					]}
				/>
			</div>
			<LongList
				query={query}
				dateOf={payment => payment.created_at}
				keyOf={payment => payment.id}
				row={payment => (
					<PaymentRow payment={payment} me={me.id} nameOf={nameOf} time={timeOf} />
				)}
				empty={
					isFiltered ? (
						<Empty icon="search" title="Nothing matches">
							No payment of yours is like that.{' '}
							<Anchor
								component="button"
								type="button"
								onClick={() => setSearch({}, { replace: true })}
							>
								Show all
							</Anchor>
						</Empty>
					) : (
						<Empty
							icon="activity"
							title="No payments yet"
							action={{ to: '/pay', label: 'Pay somebody' }}
						>
							What you pay, and what is paid to you, stands here.
						</Empty>
					)
				}
			/>
		</>
	);
}

function Statement() {
	const wallets = useQuery(walletsQuery);
	const [search, setSearch] = useSearchParams();
	const currencies = wallets.data?.map(wallet => wallet.currency) ?? [];
	const asked = search.get('currency');
	const currency = currencies.find(each => each === asked) ?? currencies[0];
	const query = useInfiniteQuery({ ...entriesQuery(currency), enabled: currency !== undefined });
	const items = query.data?.pages.flatMap(page => page.items) ?? [];
	const nameOf = useNames(items.map(entry => entry.counterparty));
	return (
		<>
			{currencies.length > 1 && (
				<NativeSelect
					mb="sm"
					label="Currency"
					value={currency}
					onChange={event =>
						setSearch(
							{ view: 'statement', currency: event.target.value },
							{ replace: true },
						)
					}
					data={currencies}
				/>
			)}
			<LongList
				query={query}
				dateOf={entry => entry.date}
				keyOf={entry => entry.seq}
				row={entry => <EntryRow entry={entry} nameOf={nameOf} time={timeOf} withBalance />}
				empty={
					<Empty
						icon="activity"
						title="No movements yet"
						action={{ to: '/top-up', label: 'Top up' }}
					>
						Every change of your balance stands here, with what was left after it.
					</Empty>
				}
			/>
		</>
	);
}

export default function Activity() {
	const [view, setView] = useChoice('view', ['payments', 'statement']);
	return (
		<Screen title="Activity">
			<SegmentedControl
				fullWidth
				mb="md"
				aria-label="What to show"
				value={view}
				onChange={setView}
				data={[
					{ value: 'payments', label: 'Payments' },
					{ value: 'statement', label: 'Statement' },
				]}
			/>
			{view === 'statement' ? <Statement /> : <Payments />}
			<p style={{ textAlign: 'center' }}>
				<Anchor component={Link} to="/reports">
					See reports by month
				</Anchor>
			</p>
		</Screen>
	);
}
