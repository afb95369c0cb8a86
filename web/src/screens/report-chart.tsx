import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { axisTicks } from '../lib/axis';
import { currencyDigits, money } from '../lib/money';

export interface ChartRow {
	name: string;
	/** For the axis, where the name is too long. */
	shortName?: string;
	paid: string;
	received: string;
	funded: string;
}

const SERIES = [
	{ key: 'received', label: 'Received', color: 'var(--chart-in)' },
	{ key: 'paid', label: 'Paid', color: 'var(--chart-out)' },
	{ key: 'funded', label: 'Topped up', color: 'var(--chart-funded)' },
] as const;

/** Only heights of bars: figures that are read or added stay decimals. */
const height = (amount: string) => Number(amount);

/** The same as the table beside it; who cannot see it reads that. */
export default function ReportChart({
	rows,
	currency,
	only = ['received', 'paid', 'funded'],
}: {
	rows: ChartRow[];
	currency: string;
	only?: readonly (typeof SERIES)[number]['key'][];
}) {
	const compact = new Intl.NumberFormat(undefined, { notation: 'compact' });
	const digits = currencyDigits(currency);
	const data = rows.map(row => ({
		name: row.name,
		received: height(row.received),
		paid: height(row.paid),
		funded: height(row.funded),
	}));
	const shown = SERIES.filter(each => only.includes(each.key));
	const most = Math.max(0, ...data.flatMap(row => shown.map(({ key }) => row[key])));
	const ticks = axisTicks(most);
	const ink = 'var(--mantine-color-dimmed)';
	return (
		<ResponsiveContainer width="100%" height="100%">
			<BarChart
				data={data}
				margin={{ top: 4, right: 0, bottom: 0, left: -14 }}
				barGap={2}
				accessibilityLayer={false}
			>
				<CartesianGrid vertical={false} stroke="var(--page-line)" />
				<XAxis
					dataKey="name"
					tick={{ fill: ink, fontSize: 12 }}
					tickLine={false}
					axisLine={{ stroke: 'var(--page-line)' }}
					interval="preserveStartEnd"
					tickFormatter={(name: string, index: number) => rows[index]?.shortName ?? name}
				/>
				<YAxis
					tick={{ fill: ink, fontSize: 12 }}
					tickLine={false}
					axisLine={false}
					width={54}
					ticks={ticks}
					domain={[0, ticks.at(-1) ?? 0]}
					tickFormatter={(value: number) => compact.format(value)}
				/>
				<Tooltip
					cursor={{ fill: 'var(--page-plain-soft)', opacity: 0.5 }}
					contentStyle={{
						background: 'var(--page-card)',
						border: '1px solid var(--page-line)',
						borderRadius: 10,
					}}
					labelStyle={{ color: 'var(--mantine-color-text)', fontWeight: 600 }}
					itemStyle={{ color: 'var(--mantine-color-text)' }}
					formatter={value => money(Number(value).toFixed(digits), currency)}
				/>
				{shown.map(({ key, label, color }) => (
					<Bar
						key={key}
						dataKey={key}
						name={label}
						fill={color}
						radius={[4, 4, 0, 0]}
						maxBarSize={22}
						isAnimationActive={false}
					/>
				))}
			</BarChart>
		</ResponsiveContainer>
	);
}
