import { Anchor, Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { Link, useLocation } from 'react-router';
import { asProblem, type Problem } from '../api/problem';
import { logOn } from '../api/session';
import { useFields } from '../lib/fields';
import { Door } from '../parts/layout';
import { Notice, Trouble } from '../parts/parts';

const LABELS = { user_name: 'User name', password: 'Password' };

/** Where the log-on was asked for; the guard goes back there once somebody is logged on. */
export interface CameFrom {
	expired?: boolean;
}

export default function LogOn() {
	const { state } = useLocation() as { state: CameFrom | null };
	const { form, field, values, refuse, refuseBy } = useFields(
		{ user_name: '', password: '' },
		LABELS,
	);
	const [problem, setProblem] = useState<Problem | null>(null);
	const [isBusy, setBusy] = useState(false);

	async function submit(event: FormEvent) {
		event.preventDefault();
		const missing = {
			...(values.user_name.trim() === '' && { user_name: 'Enter your user name.' }),
			...(values.password === '' && { password: 'Enter your password.' }),
		};
		setProblem(null);
		if (!refuse(missing) || isBusy) return;
		setBusy(true);
		try {
			await logOn(values.user_name.trim(), values.password);
		} catch (error) {
			const told = asProblem(error);
			if (!refuseBy(told)) setProblem(told);
			setBusy(false);
		}
	}

	return (
		<Door title="Log on">
			<Title order={1} size="h2" mb="xs">
				Welcome back
			</Title>
			<Text c="dimmed" mb="lg">
				Log on to your wallet.
			</Text>
			<form ref={form} onSubmit={submit} noValidate>
				<Stack gap="md">
					{state?.expired && problem === null && (
						<Notice tone="wait" live>
							Your session has ended: log on again to go on where you were.
						</Notice>
					)}
					{problem && <Trouble error={problem} />}
					<TextInput
						{...field('user_name')}
						autoComplete="username"
						autoCapitalize="none"
						spellCheck={false}
					/>
					<PasswordInput
						{...field('password')}
						autoComplete="current-password"
						visibilityToggleButtonProps={{
							'aria-label': 'Show the password',
							tabIndex: 0,
						}}
					/>
					<Button type="submit" fullWidth loading={isBusy} mt="xs">
						Log on
					</Button>
				</Stack>
			</form>
			<Text mt="lg" ta="center">
				New here?{' '}
				<Anchor component={Link} to="/register" state={state} underline="always">
					Register
				</Anchor>
			</Text>
		</Door>
	);
}
