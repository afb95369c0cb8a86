import { useEffect, useEffectEvent, useRef, useSyncExternalStore, type ReactNode } from 'react';
import { Link, NavLink, useLocation, useNavigationType } from 'react-router';
import { fullName, useSession } from '../api/queries';
import { announced, onAnnounce } from '../lib/announce';
import { Icon, type IconName } from './icons';
import css from './layout.module.css';

const LINKS: readonly { to: string; label: string; icon: IconName; deskOnly?: boolean }[] = [
	{ to: '/', label: 'Home', icon: 'home' },
	{ to: '/activity', label: 'Activity', icon: 'activity' },
	{ to: '/top-up', label: 'Top up', icon: 'plus', deskOnly: true },
	{ to: '/pay', label: 'Pay', icon: 'pay' },
	{ to: '/bills', label: 'Bills', icon: 'bills' },
	{ to: '/reports', label: 'Reports', icon: 'reports', deskOnly: true },
	{ to: '/me', label: 'Me', icon: 'me' },
];

function onNetwork(listener: () => void) {
	addEventListener('online', listener);
	addEventListener('offline', listener);
	return () => {
		removeEventListener('online', listener);
		removeEventListener('offline', listener);
	};
}

function OfflineBanner() {
	const isOnline = useSyncExternalStore(onNetwork, () => navigator.onLine);
	return (
		<div role="status">
			{!isOnline && (
				<div className={css.offline}>
					<Icon name="offline" size={18} />
					You are offline: what you see may be old.
				</div>
			)}
		</div>
	);
}

function Announcer() {
	const text = useSyncExternalStore(onAnnounce, announced);
	return (
		<div role="status" className="only-heard">
			{text}
		</div>
	);
}

export const Brand = () => (
	<>
		<img src="/favicon.svg" alt="" width="36" height="36" />
		MoneyPal
	</>
);

function Navigation() {
	const session = useSession();
	return (
		<nav className={css.bar} aria-label="Main">
			<Link className={css.brand} to="/">
				<Brand />
			</Link>
			<ul className={css.links}>
				{LINKS.map(({ to, label, icon, deskOnly }) => (
					<li key={to} className={deskOnly ? css.deskOnly : undefined}>
						<NavLink className={css.link} to={to} end={to === '/'}>
							<Icon name={icon} />
							{label}
						</NavLink>
					</li>
				))}
			</ul>
			{session.status === 'in' && (
				<div className={`${css.person} one-line`}>{fullName(session.user)}</div>
			)}
		</nav>
	);
}

export function Layout({ children }: { children: ReactNode }) {
	return (
		<div className={css.shell} data-with-bar>
			<a className={css.skip} href="#main">
				Skip to the content
			</a>
			<OfflineBanner />
			<Navigation />
			{children}
			<Announcer />
		</div>
	);
}

/** The pages before one is logged on. */
export function Door({ title, children }: { title: string; children: ReactNode }) {
	useTitle(title);
	return (
		<div className={css.shell}>
			<OfflineBanner />
			<main className={css.door} id="main">
				<div className={css.doorBrand}>
					<img src="/favicon.svg" alt="" width="44" height="44" />
					MoneyPal
				</div>
				{children}
			</main>
			<Announcer />
		</div>
	);
}

function useTitle(title: string) {
	useEffect(() => {
		document.title = `${title} · MoneyPal`;
	}, [title]);
}

/** A screen: its title, to which the focus goes when one comes to it by a link. */
export function Screen({
	title,
	back,
	wide = false,
	hideTitle = false,
	children,
}: {
	title: string;
	back?: string;
	wide?: boolean;
	hideTitle?: boolean;
	children: ReactNode;
}) {
	const heading = useRef<HTMLHeadingElement>(null);
	const { pathname } = useLocation();
	const how = useNavigationType();
	useTitle(title);
	const arrive = useEffectEvent(() => {
		const hasFocus = document.activeElement?.matches('input, [data-autofocus]');
		if (how !== 'POP' && !hasFocus) heading.current?.focus({ preventScroll: true });
		if (how !== 'POP') scrollTo(0, 0);
	});
	// Not at a filter, which changes the rest of the address: the focus stays in its field.
	useEffect(() => arrive(), [pathname]);
	return (
		<main id="main" className={`${css.main} ${wide ? css.wide : ''}`}>
			<div className={hideTitle ? 'only-heard' : css.title}>
				{back && (
					<Link className={`${css.back} no-print`} to={back} aria-label="Back">
						<Icon name="back" />
					</Link>
				)}
				<h1 ref={heading} tabIndex={-1}>
					{title}
				</h1>
			</div>
			{children}
		</main>
	);
}
