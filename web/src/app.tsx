import { useQueryClient } from '@tanstack/react-query';
import { Button, Text } from '@mantine/core';
import { Component, lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import { Link, Navigate, Route, Routes, useLocation, type Location } from 'react-router';
import { useSession } from './api/queries';
import { restore } from './api/session';
import { Layout, Screen } from './parts/layout';
import { Card, Empty, RowsLoading, Trouble } from './parts/parts';
import Home from './screens/home';
import LogOn from './screens/log-on';

const screens = {
	register: () => import('./screens/register'),
	topUp: () => import('./screens/top-up'),
	pay: () => import('./screens/pay'),
	payment: () => import('./screens/payment'),
	activity: () => import('./screens/activity'),
	bills: () => import('./screens/bills'),
	reports: () => import('./screens/reports'),
	me: () => import('./screens/me'),
};
const Register = lazy(screens.register);
const TopUp = lazy(screens.topUp);
const Pay = lazy(screens.pay);
const Payment = lazy(screens.payment);
const Activity = lazy(screens.activity);
const Bills = lazy(screens.bills);
const Reports = lazy(screens.reports);
const Me = lazy(screens.me);

const PREFETCH_MS = 6000; // long after the first screen has settled

interface Door {
	from?: Location;
	expired?: boolean;
}

/** Screens for who is logged on; others log on first, and come back to where they were. */
function Inside() {
	const session = useSession();
	const location = useLocation();
	const [error, setError] = useState<unknown>(null);
	const userId = session.status === 'in' ? session.user.id : null;
	useForgetful(userId);

	// What will be wanted next is there before it is wanted; charts are fetched when opened.
	useEffect(() => {
		if (userId === null) return undefined;
		const timer = setTimeout(() => {
			for (const load of [screens.topUp, screens.pay, screens.payment, screens.activity])
				load().catch(() => undefined);
		}, PREFETCH_MS);
		return () => clearTimeout(timer);
	}, [userId]);

	useEffect(() => {
		if (session.status === 'unknown') restore().catch(setError);
	}, [session.status]);

	if (session.status === 'out')
		return (
			<Navigate
				to="/log-on"
				state={
					session.why === 'left'
						? null
						: ({ from: location, expired: session.why === 'expired' } satisfies Door)
				}
				replace
			/>
		);
	const retry = () => {
		setError(null);
		restore().catch(setError);
	};
	return (
		<Layout>
			{session.status === 'unknown' ? (
				<Screen title="MoneyPal" hideTitle>
					{error ? <Trouble error={error} onRetry={retry} /> : <RowsLoading count={5} />}
				</Screen>
			) : (
				<Suspense fallback={<ScreenLoading />}>
					<Routes>
						<Route index element={<Home />} />
						<Route path="top-up" element={<TopUp />} />
						<Route path="pay/*" element={<Pay />} />
						<Route path="payments/:id" element={<Payment />} />
						<Route path="activity" element={<Activity />} />
						<Route path="bills" element={<Bills />} />
						<Route path="reports" element={<Reports />} />
						<Route path="me" element={<Me />} />
						<Route path="*" element={<Nowhere />} />
					</Routes>
				</Suspense>
			)}
		</Layout>
	);
}

/** Nothing that one person has seen stays for the next. */
function useForgetful(userId: string | null) {
	const client = useQueryClient();
	const [known, setKnown] = useState(userId);
	useEffect(() => {
		if (userId === known) return;
		if (known !== null) client.clear();
		setKnown(userId);
	}, [userId, known, client]);
}

const ScreenLoading = () => (
	<Screen title="Loading" hideTitle>
		<RowsLoading count={5} />
	</Screen>
);

function Nowhere() {
	return (
		<Screen title="Nothing here" hideTitle>
			<Card>
				<Empty
					icon="search"
					title="There is nothing here"
					action={{ to: '/', label: 'Go home' }}
				>
					The address may be mistyped, or of something that is not yours.
				</Empty>
			</Card>
		</Screen>
	);
}

function Outside({ children }: { children: ReactNode }) {
	const session = useSession();
	const { state } = useLocation() as { state: Door | null };
	if (session.status !== 'in') return children;
	const from = state?.from;
	return <Navigate to={from ?? '/'} state={from?.state as unknown} replace />;
}

/** Our own mistakes, and a part of the app that could not be fetched. */
class Catch extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
	override state = { hasFailed: false };

	static getDerivedStateFromError() {
		return { hasFailed: true };
	}

	override render() {
		if (!this.state.hasFailed) return this.props.children;
		return (
			<main style={{ padding: 32, maxWidth: 480, margin: '10vh auto' }}>
				<Text component="h1" fw={650} size="xl" mb="xs">
					This page could not be shown
				</Text>
				<Text mb="md">
					Nothing happened to your money. Load the page again; what you saw is kept.
				</Text>
				<Button onClick={() => location.reload()}>Load again</Button>{' '}
				<Button component={Link} to="/" variant="default" reloadDocument>
					Go home
				</Button>
			</main>
		);
	}
}

export function App() {
	return (
		<Catch>
			<Suspense fallback={null}>
				<Routes>
					<Route
						path="log-on"
						element={
							<Outside>
								<LogOn />
							</Outside>
						}
					/>
					<Route
						path="register"
						element={
							<Outside>
								<Register />
							</Outside>
						}
					/>
					<Route path="*" element={<Inside />} />
				</Routes>
			</Suspense>
		</Catch>
	);
}
