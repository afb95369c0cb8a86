import { Anchor, Button, NativeSelect, SegmentedControl } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { billsQuery, useNames, type Bill } from '../api/queries';
import { timeOf } from '../lib/dates';
import { money } from '../lib/money';
import { useChoice } from '../lib/search';
import { Screen } from '../parts/layout';
import { LongList } from '../parts/long-list';
import { Empty, Row, Word } from '../parts/parts';
import { billWord } from '../parts/rows';
import css from '../parts/filters.module.css';

const STATES = ['any', 'unfunded', 'settling', 'settled', 'void'] as const;

function BillRow({
	bill,
	role,
	nameOf,
}: {
	bill: Bill;
	role: 'client' | 'provider';
	nameOf: (id: string) => string;
}) {
	const who = role === 'client' ? bill.provider_id : bill.user_id;
	return (
		<>
			<Row
				to={`/payments/${bill.payment_id}`}
				icon="bills"
				title={
					bill.description ??
					(role === 'client' ? `To ${nameOf(who)}` : `From ${nameOf(who)}`)
				}
				sub={
					<>
						{bill.description ? nameOf(who) : timeOf(bill.date)} ·{' '}
						<span className="whole">{bill.invoice_no}</span>
					</>
				}
				amount={money(bill.bill_amount, bill.currency)}
				end={<Word {...billWord(bill)} />}
			/>
			{role === 'client' && bill.state === 'unfunded' && (
				<Button
					component={Link}
					to={`/payments/${bill.payment_id}`}
					size="sm"
					variant="light"
					fullWidth
					mb="sm"
				>
					Pay now<span className="only-heard">: {bill.invoice_no}</span>
				</Button>
			)}
		</>
	);
}

export default function Bills() {
	const [, setSearch] = useSearchParams();
	const [role, setRole] = useChoice('role', ['client', 'provider']);
	const [state, setState] = useChoice('state', STATES);
	const query = useInfiniteQuery(
		billsQuery({ role, state: state === 'any' ? undefined : state }),
	);
	const items = query.data?.pages.flatMap(page => page.items) ?? [];
	const nameOf = useNames(items.flatMap(bill => [bill.user_id, bill.provider_id]));
	return (
		<Screen title="Bills">
			<SegmentedControl
				fullWidth
				mb="md"
				aria-label="Whose bills"
				value={role}
				onChange={setRole}
				data={[
					{ value: 'client', label: 'To me' },
					{ value: 'provider', label: 'From me' },
				]}
			/>
			<div className={css.filters}>
				<NativeSelect
					className={css.whole}
					label="State"
					value={state}
					onChange={event => setState(event.target.value)}
					data={[
						{ value: 'any', label: 'Any state' },
						{ value: 'unfunded', label: 'Due' },
						{ value: 'settling', label: 'On its way' },
						{ value: 'settled', label: 'Paid' },
						{ value: 'void', label: 'Not to be paid' },
					]}
				/>
			</div>
			<LongList
				query={query}
				dateOf={bill => bill.date}
				keyOf={bill => bill.id}
				row={bill => <BillRow bill={bill} role={role} nameOf={nameOf} />}
				empty={
					state !== 'any' ? (
						<Empty icon="search" title="Nothing matches">
							No bill here is like that.{' '}
							<Anchor
								component="button"
								type="button"
								onClick={() =>
									setSearch(role === 'client' ? {} : { role }, { replace: true })
								}
							>
								Show all
							</Anchor>
						</Empty>
					) : role === 'client' ? (
						<Empty
							icon="bills"
							title="No bills yet"
							action={{ to: '/pay', label: 'Pay somebody' }}
						>
							For everything that you pay to somebody there is a bill, and it stands
							here.
						</Empty>
					) : (
						<Empty icon="bills" title="Nobody was billed yet">
							When somebody pays you, the bill for it stands here.
						</Empty>
					)
				}
			/>
		</Screen>
	);
}
