import { Button, Loader, Skeleton, Text } from '@mantine/core';
import type { UseInfiniteQueryResult } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { Link } from 'react-router';
import type { Tone } from '../api/payments';
import { asProblem } from '../api/problem';
import { KEEP_REFETCH } from '../api/queries';
import { announce } from '../lib/announce';
import { Icon, type IconName } from './icons';
import css from './parts.module.css';

const TONE_ICON: Record<Tone, IconName> = {
	good: 'check',
	wait: 'clock',
	bad: 'alert',
	plain: 'cross',
};

export function Card({ children, className = '' }: { children: ReactNode; className?: string }) {
	return <div className={`${css.card} ${className}`}>{children}</div>;
}

/** A state, said in a word; its colour only underlines it. */
export function Word({ word, tone }: { word: string; tone: Tone }) {
	return (
		<span className={`${css.word} ${css[tone]}`}>
			<Icon name={TONE_ICON[tone]} size={14} />
			{word}
		</span>
	);
}

export function Notice({
	tone,
	title,
	children,
	icon,
	live = false,
}: {
	tone: Tone;
	title?: string;
	children?: ReactNode;
	icon?: ReactNode;
	live?: boolean;
}) {
	return (
		<div
			className={`${css.notice} ${css[tone]}`}
			role={live ? (tone === 'bad' ? 'alert' : 'status') : undefined}
		>
			{icon ?? <Icon name={TONE_ICON[tone]} />}
			<div>
				{title && <div className={css.noticeTitle}>{title}</div>}
				<div>{children}</div>
			</div>
		</div>
	);
}

/** What went wrong, in a sentence, and the way to try again. */
export function Trouble({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
	return (
		<Notice tone="bad" live>
			<Text component="span" inherit>
				{asProblem(error).sentence}
			</Text>
			{onRetry && (
				<div style={{ marginTop: 10 }}>
					<Button size="sm" variant="default" onClick={onRetry}>
						Try again
					</Button>
				</div>
			)}
		</Notice>
	);
}

export function Empty({
	icon,
	title,
	children,
	action,
}: {
	icon: IconName;
	title: string;
	children: ReactNode;
	action?: { to: string; label: string };
}) {
	return (
		<div className={css.empty}>
			<span className={css.emptyMark}>
				<Icon name={icon} size={26} />
			</span>
			<Text fw={650} size="lg">
				{title}
			</Text>
			<Text c="dimmed" maw={320}>
				{children}
			</Text>
			{action && (
				<Button component={Link} to={action.to} mt={8} variant="light">
					{action.label}
				</Button>
			)}
		</div>
	);
}

/** Lines where a list will be, of the list's own height. */
export function RowsLoading({ count }: { count: number }) {
	return (
		<div role="status" aria-label="Loading">
			{Array.from({ length: count }, (_, i) => (
				<div className={css.row} key={i}>
					<Skeleton circle height={40} />
					<div className={css.rowMain}>
						<Skeleton height={14} width="55%" mb={8} />
						<Skeleton height={12} width="35%" />
					</div>
					<Skeleton height={14} width={70} />
				</div>
			))}
		</div>
	);
}

export function Row({
	to,
	icon,
	title,
	sub,
	amount,
	isIn = false,
	end,
}: {
	to?: string;
	icon: IconName;
	title: string;
	sub: ReactNode;
	amount: string;
	isIn?: boolean;
	end?: ReactNode;
}) {
	const inside = (
		<>
			<span className={`${css.rowMark} ${isIn ? css.rowMarkIn : ''}`}>
				<Icon name={icon} size={20} />
			</span>
			<span className={css.rowMain}>
				<span className={css.rowLine}>
					<span className={`${css.rowTitle} one-line`}>{title}</span>
					<span className={`${css.rowAmount} ${isIn ? css.rowAmountIn : ''} amount`}>
						{amount}
					</span>
				</span>
				<span className={css.rowLine}>
					<span className={`${css.rowSub} two-lines`}>{sub}</span>
					<span className={css.rowEnd}>{end}</span>
				</span>
			</span>
		</>
	);
	return to ? (
		<Link className={css.row} to={to}>
			{inside}
		</Link>
	) : (
		<div className={css.row}>{inside}</div>
	);
}

export const Rows = ({ children }: { children: ReactNode }) => (
	<ul className={css.list}>{children}</ul>
);

export const Day = ({ children }: { children: ReactNode }) => (
	<h2 className={css.day}>{children}</h2>
);

export const Facts = ({ children }: { children: ReactNode }) => (
	<dl className={css.facts}>{children}</dl>
);

export function Fact({ name, children }: { name: string; children: ReactNode }) {
	return (
		<div className={css.fact}>
			<dt>{name}</dt>
			<dd>{children}</dd>
		</div>
	);
}

/** An id, to read and to copy. */
export function CopiedId({ id, name }: { id: string; name: string }) {
	const [isCopied, setCopied] = useState(false);
	const copy = async () => {
		try {
			await navigator.clipboard.writeText(id);
			setCopied(true);
			announce(`${name} copied`);
		} catch {
			announce('Copying is not allowed here: select the text instead');
		}
	};
	return (
		<span style={{ display: 'inline-flex', alignItems: 'center', gap: 6 }}>
			<span className={css.id}>{id}</span>
			<Button
				className="no-print"
				size="compact-xs"
				variant="subtle"
				px={6}
				aria-label={`Copy ${name}`}
				onClick={copy}
			>
				<Icon name={isCopied ? 'check' : 'copy'} size={16} />
			</Button>
		</span>
	);
}

/**
 * Loads the next page when its end comes into view; a button for everyone else. What is asked for
 * while the list is being refetched waits for that.
 */
export function More({
	query: { hasNextPage, isFetching, isFetchingNextPage, fetchNextPage },
}: {
	query: Pick<
		UseInfiniteQueryResult,
		'hasNextPage' | 'isFetching' | 'isFetchingNextPage' | 'fetchNextPage'
	>;
}) {
	const mark = useRef<HTMLDivElement>(null);
	const [isWanted, setWanted] = useState(false);
	useEffect(() => {
		if (!isWanted || isFetching) return;
		setWanted(false);
		if (hasNextPage) void fetchNextPage(KEEP_REFETCH);
	}, [isWanted, isFetching, hasNextPage, fetchNextPage]);
	useEffect(() => {
		if (!hasNextPage || isFetchingNextPage || mark.current === null) return undefined;
		const observer = new IntersectionObserver(
			entries => entries.some(entry => entry.isIntersecting) && setWanted(true),
			{ rootMargin: '300px' },
		);
		observer.observe(mark.current);
		return () => observer.disconnect();
	}, [hasNextPage, isFetchingNextPage]);
	if (!hasNextPage) return null;
	return (
		<div ref={mark} style={{ textAlign: 'center', padding: '16px 0', minHeight: 74 }}>
			{isFetchingNextPage || isWanted ? (
				<Loader size="sm" aria-label="Loading more" />
			) : (
				<Button variant="subtle" onClick={() => setWanted(true)}>
					Show more
				</Button>
			)}
		</div>
	);
}
