import { screen, waitFor } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import { open, title, where } from '../test/render';
import { problem, server, world } from '../test/server';

beforeEach(() => {
	localStorage.clear();
	world.isLoggedOn = false;
});

const type = async (user: ReturnType<typeof open>, texts: Record<string, string>) => {
	for (const [label, text] of Object.entries(texts))
		await user.type(screen.getByLabelText(new RegExp(`^${label}`)), text);
};
const REGISTRATION = {
	'First name': 'Ada',
	'Last name': 'Lovelace',
	'User name': 'ada',
	Password: 'correct horse battery',
};

describe('log on', () => {
	it('comes first, and then goes where one wanted to go', async () => {
		const user = open('/bills?role=provider');
		await title('Welcome back');
		await type(user, { 'User name': 'ada', Password: 'secret horse' });
		await user.click(screen.getByRole('button', { name: 'Log on' }));
		await title('Bills');
		expect(where()).toBe('/bills?role=provider');
	});

	it('refuses in words that do not tell which part was wrong', async () => {
		server.use(
			http.post('*/v1/sessions', () =>
				problem(401, 'wrong_credentials', {
					detail: 'The user name and the password do not match.',
				}),
			),
		);
		const user = open('/log-on');
		await type(user, { 'User name': 'ada', Password: 'wrong' });
		await user.click(screen.getByRole('button', { name: 'Log on' }));
		expect(await screen.findByRole('alert')).toHaveTextContent(
			'The user name and the password do not match.',
		);
		expect(screen.getByLabelText('User name')).toHaveValue('ada');
	});

	it('asks for what is missing, at its field, without a call', async () => {
		const user = open('/log-on');
		await user.click(await screen.findByRole('button', { name: 'Log on' }));
		expect(screen.getByText('Enter your user name.')).toBeVisible();
		expect(screen.getByText('Enter your password.')).toBeVisible();
		await waitFor(() => expect(screen.getByLabelText('User name')).toHaveFocus());
		expect(world.calls).toEqual([]);
	});

	it('is known to password managers, and shows the password when asked', async () => {
		const user = open('/log-on');
		const password = await screen.findByLabelText('Password');
		expect(screen.getByLabelText('User name')).toHaveAttribute('autocomplete', 'username');
		expect(password).toHaveAttribute('autocomplete', 'current-password');
		expect(password).toHaveAttribute('type', 'password');
		await user.click(screen.getByRole('button', { name: 'Show the password' }));
		expect(password).toHaveAttribute('type', 'text');
	});

	it.each([
		[429, 'That was too often'],
		[503, 'cannot answer just now'],
	])('tells what to do when the answer is %i', async (status, sentence) => {
		server.use(http.post('*/v1/sessions', () => problem(status, 'busy')));
		const user = open('/log-on');
		await type(user, { 'User name': 'ada', Password: 'x' });
		await user.click(screen.getByRole('button', { name: 'Log on' }));
		expect(await screen.findByRole('alert')).toHaveTextContent(sentence);
	});
});

describe('register', () => {
	it('opens a wallet, and logs on', async () => {
		const user = open('/register');
		await title('Open your wallet');
		await type(user, REGISTRATION);
		server.use(http.post('*/v1/users', () => new Response('{"id":"x"}', { status: 201 })));
		await user.click(screen.getByRole('button', { name: 'Register' }));
		await title('Hello, Ada');
	});

	it('shows what the API refuses at its own fields', async () => {
		server.use(
			http.post('*/v1/users', () =>
				problem(422, 'invalid', {
					errors: [
						{ field: 'user_name', message: 'must have 3 to 32 characters' },
						{ field: 'email', message: 'must be an e-mail address' },
					],
				}),
			),
		);
		const user = open('/register');
		await title('Open your wallet');
		await type(user, REGISTRATION);
		await user.click(screen.getByRole('button', { name: 'Register' }));
		expect(await screen.findByText('User name must have 3 to 32 characters.')).toBeVisible();
		expect(screen.getByText('E-mail must be an e-mail address.')).toBeVisible();
		expect(screen.getByLabelText(/^User name/)).toHaveAttribute('aria-invalid', 'true');
	});

	it('tells that a user name is taken, at the user name', async () => {
		const detail = 'This user name is taken: please choose another.';
		server.use(http.post('*/v1/users', () => problem(409, 'user_name_taken', { detail })));
		const user = open('/register');
		await title('Open your wallet');
		await type(user, REGISTRATION);
		await user.click(screen.getByRole('button', { name: 'Register' }));
		expect(await screen.findByText(detail)).toBeVisible();
	});

	const TAKEN = 'This user name is taken: please choose another.';

	/** Registers, and once more after an answer that does not say whether it was done. */
	async function registerTwice(sentence: RegExp) {
		const user = open('/register');
		await title('Open your wallet');
		await type(user, REGISTRATION);
		await user.click(screen.getByRole('button', { name: 'Register' }));
		expect(await screen.findByText(sentence)).toBeVisible();
		await user.click(screen.getByRole('button', { name: 'Register' }));
	}

	/** The first answer is lost, and from then on the name is taken. */
	const answerLost = () =>
		server.use(
			http.post('*/v1/users', () => HttpResponse.error(), { once: true }),
			http.post('*/v1/users', () => problem(409, 'user_name_taken', { detail: TAKEN })),
		);

	it('whose answer was lost goes on when the user name is one’s own by now', async () => {
		answerLost();
		await registerTwice(/cannot be reached/);
		await title('Hello, Ada');
	});

	it('whose answer was lost says so when the user name is somebody else’s', async () => {
		answerLost();
		server.use(http.post('*/v1/sessions', () => problem(401, 'wrong_credentials')));
		await registerTwice(/cannot be reached/);
		expect(await screen.findByText(TAKEN)).toBeVisible();
	});

	it('is not done again when only logging on did not succeed', async () => {
		let registered = 0;
		server.use(
			http.post('*/v1/users', () => {
				registered++;
				return new Response('{"id":"x"}', { status: 201 });
			}),
			http.post('*/v1/sessions', () => problem(503, 'unavailable'), { once: true }),
		);
		await registerTwice(/cannot answer just now/);
		await title('Hello, Ada');
		expect(registered).toBe(1);
	});

	it('asks for what is missing', async () => {
		const user = open('/register');
		await user.click(await screen.findByRole('button', { name: 'Register' }));
		expect(await screen.findByText('Enter your first name.')).toBeVisible();
		expect(screen.getByText('Choose a password of at least 8 characters.')).toBeVisible();
	});
});
