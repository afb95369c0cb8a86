import {
	infiniteQueryOptions,
	QueryClient,
	queryOptions,
	useQuery,
	useQueryClient,
} from '@tanstack/react-query';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { components as UserParts } from './generated/user';
import type { components as WalletParts } from './generated/wallet';
import type { components as BillParts, operations as BillCalls } from './generated/billing';
import type { components as MailParts } from './generated/email';
import { api, told } from './client';
import { standsStill, type Payment, type PaymentState } from './payments';
import { asProblem } from './problem';
import { onSession, sessionNow, type User } from './session';
import { watchPayment } from './watch';

export type Person = UserParts['schemas']['Person'];
export type Wallet = WalletParts['schemas']['Wallet'];
export type Entry = WalletParts['schemas']['Entry'];
export type Bill = BillParts['schemas']['Bill'];
export type Summary = BillParts['schemas']['Summary'];
export type Mail = MailParts['schemas']['Mail'];
export type BillFilters = Pick<
	NonNullable<BillCalls['listBills']['parameters']['query']>,
	'role' | 'state'
>;
export interface PaymentFilters {
	role?: 'payer' | 'payee';
	state?: PaymentState;
}

const PAGE = 20;
const TRIES_MAX = 2;

export const newQueryClient = () =>
	new QueryClient({
		defaultOptions: {
			queries: {
				staleTime: 5_000,
				gcTime: 10 * 60_000,
				// What the server refused stays refused; what did not get through is worth two more tries.
				retry: (count, error) => asProblem(error).isUncertain && count < TRIES_MAX,
				retryDelay: count => 400 * 2 ** count,
			},
			// Never kept for later: a payment that starts by itself when the network is back is a surprise.
			mutations: { networkMode: 'always', retry: false },
		},
	});

export const useSession = () => useSyncExternalStore(onSession, sessionNow);

/** The person logged on; screens behind the log-on only. */
export function useMe(): User {
	const session = useSession();
	if (session.status !== 'in') throw new Error('nobody is logged on');
	return session.user;
}

export const walletsQuery = queryOptions({
	queryKey: ['wallets'],
	queryFn: async ({ signal }) => (await told(api.GET('/v1/wallets/me/all', { signal }))).items,
});

export const entriesQuery = (currency: string | undefined, limit = PAGE) =>
	infiniteQueryOptions({
		queryKey: ['entries', currency, limit],
		queryFn: ({ pageParam, signal }) =>
			told(
				api.GET('/v1/wallets/me/entries', {
					params: { query: { currency, limit, cursor: pageParam } },
					signal,
				}),
			),
		initialPageParam: undefined as string | undefined,
		getNextPageParam: page => page.next_cursor ?? undefined,
	});

export const paymentsQuery = (filters: PaymentFilters) =>
	infiniteQueryOptions({
		queryKey: ['payments', filters],
		queryFn: ({ pageParam, signal }) =>
			told(
				api.GET('/v1/payments', {
					params: { query: { ...filters, limit: PAGE, cursor: pageParam } },
					signal,
				}),
			),
		initialPageParam: undefined as string | undefined,
		getNextPageParam: page => page.next_cursor ?? undefined,
	});

export const paymentQuery = (id: string) =>
	queryOptions({
		queryKey: ['payment', id],
		queryFn: ({ signal }) =>
			told(api.GET('/v1/payments/{id}', { params: { path: { id } }, signal })),
	});

export const timelineQuery = (id: string) =>
	queryOptions({
		queryKey: ['timeline', id],
		queryFn: async ({ signal }) =>
			(
				await told(
					api.GET('/v1/payments/{id}/timeline', {
						params: { path: { id }, query: { limit: 100 } },
						signal,
					}),
				)
			).items,
	});

export const billsQuery = (filters: BillFilters) =>
	infiniteQueryOptions({
		queryKey: ['bills', filters],
		queryFn: ({ pageParam, signal }) =>
			told(
				api.GET('/v1/bills', {
					params: { query: { ...filters, limit: PAGE, cursor: pageParam } },
					signal,
				}),
			),
		initialPageParam: undefined as string | undefined,
		getNextPageParam: page => page.next_cursor ?? undefined,
	});

export const mailsQuery = infiniteQueryOptions({
	queryKey: ['mails'],
	queryFn: ({ pageParam, signal }) =>
		told(api.GET('/v1/mails', { params: { query: { limit: 10, cursor: pageParam } }, signal })),
	initialPageParam: undefined as string | undefined,
	getNextPageParam: page => page.next_cursor ?? undefined,
});

export const reportQuery = (from: string, to: string) =>
	queryOptions({
		queryKey: ['report', from, to],
		// The contract has two media types; without another Accept it is JSON.
		queryFn: ({ signal }) =>
			told(
				api.GET('/v1/reports/summary', { params: { query: { from, to } }, signal }),
			) as Promise<Summary>,
	});

/** The same figures as the screen's, as the server writes them. */
export const reportCsv = (from: string, to: string): Promise<string> =>
	told(
		api.GET('/v1/reports/summary', {
			params: { query: { from, to } },
			headers: { Accept: 'text/csv' },
			parseAs: 'text',
		}),
	);

export const peopleQuery = (query: string) =>
	queryOptions({
		queryKey: ['people', query],
		queryFn: async ({ signal }) =>
			(await told(api.GET('/v1/users', { params: { query: { query } }, signal }))).items,
		enabled: query.length >= 3,
		staleTime: 60_000,
	});

/**
 * For fetchNextPage, which would break off a refetch on its way and then store the old first page
 * as fresh: what is new would not be seen.
 */
export const KEEP_REFETCH = { cancelRefetch: false };

/* --- names --- */

export const fullName = (person: Pick<Person, 'first_name' | 'last_name'>) =>
	`${person.first_name} ${person.last_name}`;

const IDS_MAX = 20;
const ID = /^[0-9a-f-]{36}$/; // and not system:psp

async function namesOf(ids: string[], signal: AbortSignal): Promise<Person[]> {
	const asked: Promise<Person[]>[] = [];
	for (let i = 0; i < ids.length; i += IDS_MAX) {
		const query = { ids: ids.slice(i, i + IDS_MAX).join(',') };
		asked.push(
			told(api.GET('/v1/users', { params: { query }, signal })).then(answer => answer.items),
		);
	}
	return (await Promise.all(asked)).flat();
}

/** The names of people by id; a list that grows asks only for whom it does not know yet. */
export function useNames(ids: readonly (string | null | undefined)[]): (id: string) => string {
	const client = useQueryClient();
	const me = useMe();
	const unknown = useMemo(
		() =>
			[...new Set(ids)]
				.filter(id => id != null)
				.filter(id => ID.test(id))
				.filter(id => id !== me.id && client.getQueryData(['name', id]) === undefined)
				.sort(),
		[ids, me.id, client],
	);
	const { data, isPending } = useQuery({
		queryKey: ['names', unknown],
		queryFn: async ({ signal }) => {
			const people = await namesOf(unknown, signal);
			for (const person of people) client.setQueryData(['name', person.id], person);
			return people;
		},
		enabled: unknown.length > 0,
		staleTime: Infinity,
	});
	return id => {
		if (id === me.id) return 'You';
		const known =
			client.getQueryData<Person>(['name', id]) ?? data?.find(person => person.id === id);
		return known ? fullName(known) : isPending && unknown.includes(id) ? '…' : 'Someone';
	};
}

/* --- a payment, live --- */

const MONEY_KEYS = ['wallets', 'entries', 'payments', 'bills', 'report'];

/**
 * Asks again. An answer that is on its way may be older than what has just happened: once more after
 * it. It is not broken off, or a slow network would never get to the end of one.
 */
async function askAgain(client: QueryClient, queryKey: string[]) {
	const isOnItsWay = client.isFetching({ queryKey }) > 0;
	await client.invalidateQueries({ queryKey }, { cancelRefetch: false });
	if (isOnItsWay) await client.invalidateQueries({ queryKey }, { cancelRefetch: false });
}

/** A payment that is kept up to date until nothing more will happen to it. */
export function useLivePayment(id: string) {
	const client = useQueryClient();
	const query = useQuery(paymentQuery(id));
	const isMoving = query.data !== undefined && !standsStill(query.data);
	const state = query.data?.state;

	useEffect(() => {
		if (!isMoving) return undefined;
		return watchPayment(id, () => {
			void askAgain(client, ['payment', id]);
			void askAgain(client, ['timeline', id]);
		});
	}, [id, isMoving, client]);

	// A new state has moved money somewhere: other screens must not show what was.
	useEffect(() => {
		if (state === undefined) return;
		for (const key of MONEY_KEYS) void client.invalidateQueries({ queryKey: [key] });
		void client.invalidateQueries({ queryKey: ['timeline', id] });
	}, [id, state, client]);

	return query;
}

/** What an answer told is there at once. A GET on its way may be older, and is broken off. */
export function paymentKnown(client: QueryClient, payment: Payment) {
	const { queryKey } = paymentQuery(payment.id);
	// Its first half, which puts back what was before the GET, is done when the call returns.
	void client.cancelQueries({ queryKey });
	client.setQueryData(queryKey, payment);
}
