import { Anchor, Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useRef, useState, type FormEvent } from 'react';
import { Link, useLocation } from 'react-router';
import { api, told } from '../api/client';
import { asProblem, type Problem } from '../api/problem';
import { logOn } from '../api/session';
import { useFields } from '../lib/fields';
import { Door } from '../parts/layout';
import { Trouble } from '../parts/parts';

const LABELS = {
	first_name: 'First name',
	last_name: 'Last name',
	user_name: 'User name',
	email: 'E-mail',
	password: 'Password',
};
const EMPTY = { first_name: '', last_name: '', user_name: '', email: '', password: '' };
const PASSWORD_CHARS_MIN = 8;

export default function Register() {
	const { state } = useLocation() as { state: unknown };
	const { form, field, values, refuse, refuseBy } = useFields(EMPTY, LABELS);
	const [problem, setProblem] = useState<Problem | null>(null);
	const [isBusy, setBusy] = useState(false);
	// The user names sent from here, and what is known of them: a lost answer may be a yes.
	const sent = useRef(new Map<string, 'perhaps' | 'registered'>());

	function isComplete() {
		return refuse({
			...(values.first_name.trim() === '' && { first_name: 'Enter your first name.' }),
			...(values.last_name.trim() === '' && { last_name: 'Enter your last name.' }),
			...(values.user_name.trim() === '' && { user_name: 'Choose a user name.' }),
			...(values.password.length < PASSWORD_CHARS_MIN && {
				password: `Choose a password of at least ${PASSWORD_CHARS_MIN} characters.`,
			}),
		});
	}

	async function register(user_name: string) {
		try {
			await told(
				api.POST('/v1/users', {
					body: {
						first_name: values.first_name.trim(),
						last_name: values.last_name.trim(),
						user_name,
						password: values.password,
						email: values.email.trim() || null,
					},
				}),
			);
			sent.current.set(user_name, 'registered');
		} catch (error) {
			if (asProblem(error).isUncertain) sent.current.set(user_name, 'perhaps');
			throw error;
		}
	}

	async function registerAndLogOn() {
		const user_name = values.user_name.trim();
		const before = sent.current.get(user_name);
		let taken: Problem | null = null; // perhaps by this person: then the password is right
		if (before !== 'registered')
			try {
				await register(user_name);
			} catch (error) {
				const problem = asProblem(error);
				if (problem.kind !== 'user_name_taken' || before !== 'perhaps') throw problem;
				taken = problem;
			}
		try {
			await logOn(user_name, values.password);
		} catch (error) {
			const problem = asProblem(error);
			throw problem.status === 401 && taken !== null ? taken : problem;
		}
	}

	async function submit(event: FormEvent) {
		event.preventDefault();
		setProblem(null);
		if (!isComplete() || isBusy) return;
		setBusy(true);
		try {
			await registerAndLogOn();
		} catch (error) {
			const problem = asProblem(error);
			if (problem.kind === 'user_name_taken') refuse({ user_name: problem.sentence });
			else if (!refuseBy(problem)) setProblem(problem);
			setBusy(false);
		}
	}

	return (
		<Door title="Register">
			<Title order={1} size="h2" mb="xs">
				Open your wallet
			</Title>
			<Text c="dimmed" mb="lg">
				Top up by card, pay people, and see where every payment is.
			</Text>
			<form ref={form} onSubmit={submit} noValidate>
				<Stack gap="md">
					{problem && <Trouble error={problem} />}
					<TextInput
						{...field('first_name')}
						autoComplete="given-name"
						required
						withAsterisk={false}
					/>
					<TextInput
						{...field('last_name')}
						autoComplete="family-name"
						required
						withAsterisk={false}
					/>
					<TextInput
						{...field('user_name')}
						description="How others find you. Letters, digits, dot, dash and underscore."
						autoComplete="username"
						autoCapitalize="none"
						spellCheck={false}
						required
						withAsterisk={false}
					/>
					<TextInput
						{...field('email')}
						label="E-mail (optional)"
						description="Where notices about your money go."
						type="email"
						inputMode="email"
						autoComplete="email"
					/>
					<PasswordInput
						{...field('password')}
						description="8 characters or more."
						autoComplete="new-password"
						required
						withAsterisk={false}
						visibilityToggleButtonProps={{
							'aria-label': 'Show the password',
							tabIndex: 0,
						}}
					/>
					<Button type="submit" fullWidth loading={isBusy} mt="xs">
						Register
					</Button>
				</Stack>
			</form>
			<Text mt="lg" ta="center">
				Registered already?{' '}
				<Anchor component={Link} to="/log-on" state={state} underline="always">
					Log on
				</Anchor>
			</Text>
		</Door>
	);
}
