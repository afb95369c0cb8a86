import { Button, NativeSelect, Skeleton } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useSearchParams } from 'react-router';
import { reportCsv, reportQuery, useNames, type Summary } from '../api/queries';
import { asProblem } from '../api/problem';
import { monthName, shortMonthName } from '../lib/dates';
import { saveText } from '../lib/leave';
import { money } from '../lib/money';
import { lastMonths, monthOf } from '../lib/months';
import { Icon } from '../parts/icons';
import { Screen } from '../parts/layout';
import { Card, Empty, RowsLoading, Trouble } from '../parts/parts';
import type { ChartRow } from './report-chart';
import css from './reports.module.css';

const ReportChart = lazy(() => import('./report-chart'));

const MONTHS_OFFERED = 36;
const MONTHS_MAX = 13;
const MONTHS_USUAL = 6;

const COLUMNS = [
	{ key: 'received', label: 'Received', color: 'var(--chart-in)' },
	{ key: 'paid', label: 'Paid', color: 'var(--chart-out)' },
	{ key: 'funded', label: 'Topped up', color: 'var(--chart-funded)' },
] as const;

type Sums = Summary['totals'][number];

function Totals({ sums }: { sums: Sums }) {
	return (
		<dl className={css.totals}>
			{COLUMNS.map(({ key, label, color }) => (
				<div key={key} className={css.total}>
					<dt>
						<span className={css.key} style={{ background: color }} />
						{label}
					</dt>
					<dd className="amount">{money(sums[key], sums.currency)}</dd>
				</div>
			))}
		</dl>
	);
}

function SumsTable({
	caption,
	first,
	rows,
	totals,
	columns = COLUMNS,
}: {
	caption: string;
	first: string;
	rows: { key: string; name: string; sums: Sums }[];
	totals?: Sums;
	columns?: readonly (typeof COLUMNS)[number][];
}) {
	return (
		<div className={css.scroll} role="region" aria-label={caption} tabIndex={0}>
			<table className={css.table}>
				<caption className="only-heard">{caption}</caption>
				<thead>
					<tr>
						<th scope="col">{first}</th>
						{columns.map(({ key, label }) => (
							<th key={key} scope="col">
								{label}
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{rows.map(({ key, name, sums }) => (
						<tr key={key}>
							<th scope="row">{name}</th>
							{columns.map(column => (
								<td key={column.key} className="amount">
									{money(sums[column.key], sums.currency)}
								</td>
							))}
						</tr>
					))}
				</tbody>
				{totals && (
					<tfoot>
						<tr>
							<th scope="row">All</th>
							{columns.map(column => (
								<td key={column.key} className="amount">
									{money(totals[column.key], totals.currency)}
								</td>
							))}
						</tr>
					</tfoot>
				)}
			</table>
		</div>
	);
}

const NOTHING = { paid: '0', received: '0', funded: '0' };

function Figures({ summary, currency }: { summary: Summary; currency: string }) {
	const isOurs = (sums: Sums) => sums.currency === currency;
	const totals = summary.totals.find(isOurs);
	const months = summary.months.filter(isOurs);
	const people = summary.counterparties.filter(isOurs);
	const nameOf = useNames(people.map(sums => sums.counterparty));
	if (totals === undefined)
		return (
			<Card>
				<Empty
					icon="reports"
					title="Nothing in these months"
					action={{ to: '/pay', label: 'Pay somebody' }}
				>
					What you pay, receive and top up is summed up here by month.
				</Empty>
			</Card>
		);
	const byMonth = new Map(months.map(sums => [sums.month, sums]));
	const chart: ChartRow[] = lastMonths(summary.to, MONTHS_MAX)
		.filter(month => month >= summary.from)
		.reverse()
		.map(month => ({
			...NOTHING,
			...byMonth.get(month),
			name: monthName(month),
			shortName: shortMonthName(month),
		}));
	return (
		<>
			<Totals sums={totals} />
			<section className={css.section}>
				<Card>
					<h2>By month</h2>
					<div className={css.chart} aria-hidden="true">
						<Suspense fallback={<Skeleton height={220} radius="md" />}>
							<ReportChart rows={chart} currency={currency} />
						</Suspense>
					</div>
					<SumsTable
						caption="Sums by month"
						first="Month"
						rows={months.map(sums => ({
							key: sums.month,
							name: monthName(sums.month),
							sums,
						}))}
						totals={totals}
					/>
				</Card>
			</section>
			{people.length > 0 && (
				<section className={css.section}>
					<Card>
						<h2>By person</h2>
						<div className={css.chart} aria-hidden="true">
							<Suspense fallback={<Skeleton height={220} radius="md" />}>
								<ReportChart
									rows={people.slice(0, 6).map(sums => ({
										...sums,
										name: nameOf(sums.counterparty),
									}))}
									currency={currency}
									only={['received', 'paid']}
								/>
							</Suspense>
						</div>
						<SumsTable
							caption="Sums by person"
							first="Person"
							rows={people.map(sums => ({
								key: sums.counterparty,
								name: nameOf(sums.counterparty),
								sums,
							}))}
							columns={COLUMNS.slice(0, 2)}
						/>
					</Card>
				</section>
			)}
		</>
	);
}

function useRange() {
	const [search, setSearch] = useSearchParams();
	const offered = lastMonths(monthOf(new Date()), MONTHS_OFFERED);
	const known = (name: string) => offered.find(month => month === search.get(name));
	const to = known('to') ?? offered[0] ?? '';
	const from = known('from') ?? lastMonths(to, MONTHS_USUAL).at(-1) ?? to;
	const change = (next: { from?: string; to?: string; currency?: string }) =>
		setSearch(before => ({ ...Object.fromEntries(before), from, to, ...next }), {
			replace: true,
		});
	return { from, to, offered, change, currency: search.get('currency') };
}

export default function Reports() {
	const { from, to, offered, change, currency: asked } = useRange();
	const report = useQuery({ ...reportQuery(from, to), placeholderData: before => before });
	const csv = useMutation({
		mutationFn: () => reportCsv(from, to),
		onSuccess: text => saveText(text, `moneypal-${from}-${to}.csv`, 'text/csv'),
	});
	const currencies = [...new Set(report.data?.totals.map(sums => sums.currency) ?? [])];
	const currency = currencies.find(each => each === asked) ?? currencies[0] ?? 'USD';
	const wrong = report.isError ? asProblem(report.error).fields : {};
	const months = offered.map(month => ({ value: month, label: monthName(month) }));
	return (
		<Screen title="Reports" wide>
			<div className={css.range}>
				<NativeSelect
					label="From"
					value={from}
					onChange={event => change({ from: event.target.value })}
					data={months}
					error={wrong.from ? `From ${wrong.from}.` : undefined}
				/>
				<NativeSelect
					label="To"
					value={to}
					onChange={event => change({ to: event.target.value })}
					data={months}
					error={wrong.to ? `To ${wrong.to}.` : undefined}
				/>
				{currencies.length > 1 && (
					<NativeSelect
						label="Currency"
						value={currency}
						onChange={event => change({ currency: event.target.value })}
						data={currencies}
					/>
				)}
			</div>
			{report.data && !report.isError ? (
				<Figures summary={report.data} currency={currency} />
			) : report.isError ? (
				<Trouble error={report.error} onRetry={() => void report.refetch()} />
			) : (
				<Card>
					<RowsLoading count={5} />
				</Card>
			)}
			{csv.isError && <Trouble error={csv.error} />}
			<Button
				mt="xs"
				variant="default"
				leftSection={<Icon name="download" size={20} />}
				loading={csv.isPending}
				disabled={report.isError}
				onClick={() => csv.mutate()}
			>
				Download as CSV
			</Button>
		</Screen>
	);
}
