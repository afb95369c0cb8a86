import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import { useEffect, type ReactNode } from 'react';
import { KEEP_REFETCH } from '../api/queries';
import { byDay } from '../lib/dates';
import { Card, Day, More, Rows, RowsLoading, Trouble } from './parts';
import css from './filters.module.css';

interface Page<T> {
	items: T[];
	next_cursor: string | null;
}

/** An endless list, grouped by day: loading, empty, trouble, and the next page by its cursor. */
export function LongList<T>({
	query,
	dateOf,
	keyOf,
	row,
	empty,
}: {
	query: UseInfiniteQueryResult<InfiniteData<Page<T>>>;
	dateOf: (item: T) => string;
	keyOf: (item: T) => string | number;
	row: (item: T) => ReactNode;
	empty: ReactNode;
}) {
	const items = query.data?.pages.flatMap(page => page.items) ?? [];
	const { hasNextPage, isFetching, isError, fetchNextPage } = query;

	// A filtered page may be empty and still have a next one.
	const isBlank = items.length === 0 && hasNextPage;
	useEffect(() => {
		if (isBlank && !isFetching && !isError) void fetchNextPage(KEEP_REFETCH);
	}, [isBlank, isFetching, isError, fetchNextPage]);

	if (query.isPending || (isBlank && !isError))
		return (
			<Card>
				<RowsLoading count={6} />
			</Card>
		);
	if (query.isError && items.length === 0)
		return <Trouble error={query.error} onRetry={() => void query.refetch()} />;
	if (items.length === 0) return <Card>{empty}</Card>;
	return (
		<>
			{byDay(items, dateOf).map(({ day, items: ofDay }) => (
				<section key={`${day} ${ofDay[0] ? dateOf(ofDay[0]) : ''}`} className={css.day}>
					<Card>
						<Day>{day}</Day>
						<Rows>
							{ofDay.map(item => (
								<li key={keyOf(item)}>{row(item)}</li>
							))}
						</Rows>
					</Card>
				</section>
			))}
			{query.isFetchNextPageError ? (
				<Trouble error={query.error} onRetry={() => void fetchNextPage(KEEP_REFETCH)} />
			) : (
				<More query={query} />
			)}
		</>
	);
}
