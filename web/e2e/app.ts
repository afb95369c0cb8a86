import { test as base, expect, type Page } from '@playwright/test';

/** A person with a page open, and the steps that journeys are made of. */

export const PASSWORD = 'correct horse battery staple';
export const CARD = { good: '4242424242424242', declined: '4000000000000002' };

export interface PersonData {
	first_name: string;
	last_name: string;
	user_name: string;
	password: string;
	email: string | null;
}

let count = 0;

export function person(first_name = 'Ada', last_name = 'Lovelace'): PersonData {
	const user_name =
		`${first_name}.${Date.now().toString(36)}${process.pid}${count++}`.toLowerCase();
	return {
		first_name,
		last_name,
		user_name: user_name.slice(0, 32),
		password: PASSWORD,
		email: `${user_name}@example.com`,
	};
}

const baseUrl = () => process.env.BASE_URL ?? '';

async function call(path: string, init: RequestInit & { token?: string } = {}) {
	const headers: Record<string, string> = { 'Content-Type': 'application/json' };
	if (init.token) headers.Authorization = `Bearer ${init.token}`;
	return fetch(baseUrl() + path, {
		...init,
		headers: { ...headers, ...(init.headers as object) },
	});
}

/** The API itself, past the UI: for what a test needs before it begins, and to check figures. */
export class Api {
	constructor(
		readonly token: string,
		readonly id: string,
	) {}

	static async of(data: PersonData): Promise<Api> {
		const answer = await call('/v1/sessions', {
			method: 'POST',
			body: JSON.stringify({ user_name: data.user_name, password: data.password }),
		});
		const session = (await answer.json()) as { access_token: string; user: { id: string } };
		return new Api(session.access_token, session.user.id);
	}

	async get<T = Record<string, unknown>>(path: string): Promise<T> {
		return (await (await call(path, { token: this.token })).json()) as T;
	}

	async text(path: string, accept: string) {
		return (await call(path, { token: this.token, headers: { Accept: accept } })).text();
	}

	async post<T = Record<string, unknown>>(path: string, body: unknown): Promise<T> {
		const answer = await call(path, {
			method: 'POST',
			token: this.token,
			body: JSON.stringify(body),
			headers: { 'Idempotency-Key': crypto.randomUUID() },
		});
		return (await answer.json()) as T;
	}

	payments = async () =>
		(
			await this.get<{ items: { id: string; state: string; payment_amount: string }[] }>(
				'/v1/payments?limit=100',
			)
		).items;

	balance = async () => (await this.get<{ amount: string }>('/v1/wallets/me')).amount;

	/** Tops up through the provider's page, without a browser. */
	async topUp(amount: string) {
		const order = { paid_to: null, payment_amount: amount, source: 'card' };
		let payment = await this.post<{ id: string; state: string; checkout_url: string | null }>(
			'/v1/payments',
			order,
		);
		const again = async () => (payment = await this.get(`/v1/payments/${payment.id}`));
		for (let i = 0; i < 50 && !payment.checkout_url; i++) await again();
		await fetch(payment.checkout_url ?? '', {
			method: 'POST',
			body: new URLSearchParams({ card_number: CARD.good, expiry: '12 / 34', cvc: '123' }),
			redirect: 'manual',
		});
		await expect.poll(async () => (await again()).state, { timeout: 15_000 }).toBe('succeeded');
	}

	async pay(to: string, amount: string, description: string) {
		const payment = await this.post<{ id: string; state: string }>('/v1/payments', {
			paid_to: to,
			payment_amount: amount,
			source: 'wallet',
			description,
		});
		await expect
			.poll(
				async () => (await this.get<{ state: string }>(`/v1/payments/${payment.id}`)).state,
				{
					timeout: 15_000,
				},
			)
			.toMatch(/succeeded|requires_funding/);
		return payment.id;
	}
}

export async function registered(data: PersonData): Promise<Api> {
	const answer = await call('/v1/users', { method: 'POST', body: JSON.stringify(data) });
	expect(answer.status).toBe(201);
	return Api.of(data);
}

export class App {
	/** What the page complained about: scripts, styles and connections that were refused above all. */
	readonly complaints: string[] = [];

	constructor(readonly page: Page) {
		page.on('pageerror', error => this.complaints.push(String(error)));
		page.on('console', message => {
			const isRefusal = /Failed to load resource.*(40[0-9]|422|429|50[0-9]|ERR_)/.test(
				message.text(),
			);
			if (message.type() === 'error' && !isRefusal) this.complaints.push(message.text());
		});
	}

	heading = (name: string | RegExp) => this.page.getByRole('heading', { level: 1, name });
	button = (name: string | RegExp) => this.page.getByRole('button', { name });
	balance = () => this.page.getByTestId('balance');

	async logOn(data: PersonData) {
		await this.page.goto('/log-on');
		await this.fillLogOn(data);
		await expect(this.heading(`Hello, ${data.first_name}`)).toBeVisible();
	}

	async fillLogOn(data: PersonData) {
		await this.page.getByLabel('User name').fill(data.user_name);
		await this.page.getByLabel('Password', { exact: true }).fill(data.password);
		await this.button('Log on').click();
	}

	async register(data: PersonData) {
		const { page } = this;
		await page.goto('/register');
		await page.getByLabel('First name').fill(data.first_name);
		await page.getByLabel('Last name').fill(data.last_name);
		await page.getByLabel('User name').fill(data.user_name);
		await page.getByLabel('E-mail').fill(data.email ?? '');
		await page.getByLabel('Password', { exact: true }).fill(data.password);
		await this.button('Register').click();
		await expect(this.heading(`Hello, ${data.first_name}`)).toBeVisible();
	}

	/** On the provider's page. */
	async enterCard(number: string) {
		const { page } = this;
		await page.waitForURL(/\/pay\/cs_/);
		await page.locator('input[name=card_number]').fill(number);
		await page.locator('input[name=expiry]').fill('12 / 34');
		await page.locator('input[name=cvc]').fill('123');
		await page.getByRole('button', { name: /^Pay \d/ }).click();
	}

	async startTopUp(amount: string) {
		await this.page.goto('/top-up');
		await this.page.getByLabel('Amount').fill(amount);
		await this.button('Continue to the card page').click();
	}

	async reviewPayment(to: PersonData, amount: string, note = '') {
		const { page } = this;
		await page.goto('/pay');
		await page.getByLabel('To', { exact: true }).fill(to.user_name);
		await page
			.getByRole('list', { name: 'People found' })
			.getByText(to.user_name, { exact: true })
			.click();
		await page.getByLabel('Amount').fill(amount);
		if (note) await page.getByLabel('What for').fill(note);
		await this.button('Review').click();
		await expect(this.heading('Review')).toBeVisible();
	}
}

export const test = base.extend<{ app: App; baseURL: string }>({
	// The port is known only once the system runs.
	baseURL: async ({}, use) => use(baseUrl()),
	app: async ({ page }, use) => {
		const app = new App(page);
		await use(app);
		expect(app.complaints).toEqual([]);
	},
});

export { expect };
