import {
	Anchor,
	Button,
	PasswordInput,
	SegmentedControl,
	Stack,
	Text,
	TextInput,
	useMantineColorScheme,
} from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { Link } from 'react-router';
import { api, done, told } from '../api/client';
import type { Tone } from '../api/payments';
import { asProblem, type Problem } from '../api/problem';
import { mailsQuery, useMe, type Mail } from '../api/queries';
import { signOut, signOutEverywhere, userChanged, type User } from '../api/session';
import { announce } from '../lib/announce';
import { shortTime } from '../lib/dates';
import { useFields } from '../lib/fields';
import { Icon } from '../parts/icons';
import { Screen } from '../parts/layout';
import { Card, Empty, More, Notice, Row, Rows, RowsLoading, Trouble, Word } from '../parts/parts';
import css from './me.module.css';

const LABELS = { first_name: 'First name', last_name: 'Last name', email: 'E-mail' };

const PROFILE_NAMES = Object.keys(LABELS) as (keyof typeof LABELS)[];
const profileOf = ({ first_name, last_name, email }: User) => ({
	first_name,
	last_name,
	email: email ?? '',
});

function Profile() {
	const me = useMe();
	// What the form began with; only what differs is sent: what was changed elsewhere stays.
	const [before, setBefore] = useState(profileOf(me));
	const { form, field, values, setValues, refuse, refuseBy } = useFields(before, LABELS);
	const [problem, setProblem] = useState<Problem | null>(null);
	const [isBusy, setBusy] = useState(false);
	const [isSaved, setSaved] = useState(false);

	async function save(event: FormEvent) {
		event.preventDefault();
		setProblem(null);
		setSaved(false);
		const [first_name, last_name] = [values.first_name.trim(), values.last_name.trim()];
		const missing = {
			...(first_name === '' && { first_name: 'Enter your first name.' }),
			...(last_name === '' && { last_name: 'Enter your last name.' }),
		};
		if (!refuse(missing) || isBusy) return;
		setBusy(true);
		try {
			const email = values.email.trim();
			const body = {
				...(first_name !== before.first_name && { first_name }),
				...(last_name !== before.last_name && { last_name }),
				...(email !== before.email && { email: email || null }),
			};
			const user = await told(api.PATCH('/v1/users/me', { body }));
			const after = profileOf(user);
			userChanged(user);
			setBefore(after);
			setValues(now => {
				const next = { ...now };
				for (const name of PROFILE_NAMES)
					if (now[name] === values[name]) next[name] = after[name]; // not typed on meanwhile
				return next;
			});
			setSaved(true);
		} catch (error) {
			const problem = asProblem(error);
			if (!refuseBy(problem)) setProblem(problem);
		}
		setBusy(false);
	}

	return (
		<form ref={form} onSubmit={save} noValidate>
			<Stack gap="md">
				<Text>
					<Text span c="dimmed">
						User name
					</Text>{' '}
					<Text span fw={600}>
						{me.user_name}
					</Text>
				</Text>
				<TextInput {...field('first_name')} autoComplete="given-name" />
				<TextInput {...field('last_name')} autoComplete="family-name" />
				<TextInput
					{...field('email')}
					description="Where notices about your money go. Empty: nowhere."
					type="email"
					inputMode="email"
					autoComplete="email"
				/>
				{problem && <Trouble error={problem} />}
				{isSaved && (
					<Notice tone="good" live>
						Saved.
					</Notice>
				)}
				<Button type="submit" variant="light" loading={isBusy}>
					Save
				</Button>
			</Stack>
		</form>
	);
}

function Appearance() {
	// Without keepTransitions a <style> element would be added, which the page's policy refuses.
	const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
	return (
		<SegmentedControl
			fullWidth
			aria-label="Appearance"
			value={colorScheme}
			onChange={value => setColorScheme(value)}
			data={[
				{ value: 'auto', label: 'As the device' },
				{ value: 'light', label: 'Light' },
				{ value: 'dark', label: 'Dark' },
			]}
		/>
	);
}

const NOTICES: Record<Mail['template'], string> = {
	wallet_credited: 'Money in your wallet',
	bill_paid: 'You paid a bill',
	bill_received: 'A bill of yours was paid',
	payment_needs_funding: 'A payment needs funding',
	payment_expired: 'A payment expired',
	payment_failed: 'A payment failed',
};
const MAIL_STATES: Record<Mail['state'], { word: string; tone: Tone }> = {
	pending: { word: 'Being sent', tone: 'wait' },
	sent: { word: 'Sent', tone: 'good' },
	no_address: { word: 'No e-mail given', tone: 'plain' },
	failed: { word: 'Not delivered', tone: 'bad' },
	deferred: { word: 'Delayed, will be tried again', tone: 'wait' },
	refused: { word: 'Refused by the mail server', tone: 'bad' },
	unknown: { word: 'Perhaps delivered', tone: 'plain' },
};

function Notices() {
	const query = useInfiniteQuery(mailsQuery);
	const mails = query.data?.pages.flatMap(page => page.items) ?? [];
	if (query.isPending) return <RowsLoading count={3} />;
	if (query.isError) return <Trouble error={query.error} onRetry={() => void query.refetch()} />;
	if (mails.length === 0)
		return (
			<Empty icon="mail" title="No notices yet">
				When money comes or goes you get an e-mail, and it is listed here.
			</Empty>
		);
	return (
		<>
			<Rows>
				{mails.map(mail => (
					<li key={mail.id}>
						<Row
							to={mail.payment_id ? `/payments/${mail.payment_id}` : undefined}
							icon="mail"
							title={NOTICES[mail.template] ?? 'A notice'}
							sub={shortTime(mail.date)}
							amount=""
							end={
								<Word
									{...(MAIL_STATES[mail.state] ?? {
										word: mail.state,
										tone: 'plain',
									})}
								/>
							}
						/>
					</li>
				))}
			</Rows>
			<More query={query} />
		</>
	);
}

const PASSWORD_LABELS = { current_password: 'Current password', new_password: 'New password' };
const PASSWORD_CHARS_MIN = 8;

function Password() {
	const me = useMe();
	const { form, field, values, setValues, refuse, refuseBy } = useFields(
		{ current_password: '', new_password: '' },
		PASSWORD_LABELS,
	);
	const [problem, setProblem] = useState<Problem | null>(null);
	const [isBusy, setBusy] = useState(false);
	const [isChanged, setChanged] = useState(false);

	async function change(event: FormEvent) {
		event.preventDefault();
		setProblem(null);
		setChanged(false);
		const missing = {
			...(values.current_password === '' && {
				current_password: 'Enter the password that you have now.',
			}),
			...(values.new_password.length < PASSWORD_CHARS_MIN && {
				new_password: `Choose a password of at least ${PASSWORD_CHARS_MIN} characters.`,
			}),
		};
		if (!refuse(missing) || isBusy) return;
		setBusy(true);
		try {
			await done(api.POST('/v1/users/me/password', { body: values }));
			setValues({ current_password: '', new_password: '' });
			setChanged(true);
		} catch (error) {
			const problem = asProblem(error);
			if (!refuseBy(problem)) setProblem(problem);
		}
		setBusy(false);
	}

	const shown = (label: string) => ({ 'aria-label': label, tabIndex: 0 });
	return (
		<form ref={form} onSubmit={change} noValidate>
			<Stack gap="md">
				{/* For password managers: whose password it is. */}
				<input
					hidden
					name="username"
					autoComplete="username"
					value={me.user_name}
					readOnly
				/>
				<PasswordInput
					{...field('current_password')}
					autoComplete="current-password"
					visibilityToggleButtonProps={shown('Show what you have now')}
				/>
				<PasswordInput
					{...field('new_password')}
					description="8 characters or more. Your other devices are signed out."
					autoComplete="new-password"
					visibilityToggleButtonProps={shown('Show what you will have')}
				/>
				{problem && <Trouble error={problem} />}
				{isChanged && (
					<Notice tone="good" live>
						Changed. Your other devices are signed out.
					</Notice>
				)}
				<Button type="submit" variant="light" loading={isBusy}>
					Change the password
				</Button>
			</Stack>
		</form>
	);
}

function SignOut() {
	const [problem, setProblem] = useState<Problem | null>(null);
	const [busy, setBusy] = useState<'here' | 'everywhere' | null>(null);
	const leave = async (where: 'here' | 'everywhere') => {
		setBusy(where);
		try {
			await (where === 'here' ? signOut() : signOutEverywhere());
			announce('Signed out');
		} catch (error) {
			setProblem(asProblem(error));
			setBusy(null);
		}
	};
	return (
		<Stack gap="sm">
			{problem && <Trouble error={problem} />}
			<Button
				variant="default"
				loading={busy === 'here'}
				disabled={busy !== null}
				leftSection={<Icon name="signOut" size={20} />}
				onClick={() => void leave('here')}
			>
				Sign out
			</Button>
			<Button
				variant="subtle"
				loading={busy === 'everywhere'}
				disabled={busy !== null}
				onClick={() => void leave('everywhere')}
			>
				Sign out on all devices
			</Button>
		</Stack>
	);
}

export default function Me() {
	return (
		<Screen title="Me">
			<Stack gap="md" className={css.sections}>
				<Card>
					<h2>Profile</h2>
					<Profile />
				</Card>
				<Card>
					<h2>Appearance</h2>
					<Appearance />
				</Card>
				<Card>
					<h2>Notices sent to me</h2>
					<Notices />
				</Card>
				<Card>
					<h2>Password</h2>
					<Password />
				</Card>
				<Card>
					<h2>Sign out</h2>
					<SignOut />
				</Card>
				<Anchor component={Link} to="/reports" ta="center">
					See reports by month
				</Anchor>
			</Stack>
		</Screen>
	);
}
