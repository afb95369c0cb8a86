import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from '@playwright/test';
import { App, expect, person, registered, test } from './app';

/** Not a test: `npm run screens` writes a picture of every screen to docs/screens/. */

const FOLDER = process.env.SCREENS_FOLDER ?? resolve(import.meta.dirname, '../../docs/screens');
const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 800 };

test('every screen', async ({ browser, baseURL }) => {
	test.setTimeout(600_000);
	mkdirSync(FOLDER, { recursive: true });
	// The names that readers see: so the system must be a new one.
	const named = (first: string, last: string) => ({
		...person(first, last),
		user_name: first.toLowerCase(),
		email: `${first.toLowerCase()}@example.com`,
	});
	const ada = named('Ada', 'Lovelace');
	const grace = named('Grace', 'Hopper');
	const alan = named('Alan', 'Turing');
	const [a, g, t] = [await registered(ada), await registered(grace), await registered(alan)];
	const empty = named('Edsger', 'Dijkstra');
	await registered(empty);
	await a.topUp('250.00');
	await a.pay(g.id, '42.00', 'Garden work');
	await t.topUp('80.00');
	await t.pay(a.id, '64.50', 'Bicycle repair');
	await a.pay(t.id, '18.75', 'Lunch delivery');
	const unfunded = await a.pay(g.id, '900.00', 'New kitchen');
	const paid = (await a.payments()).find(payment => payment.payment_amount === '42.00')?.id ?? '';
	const waiting = await a.post<{ id: string }>('/v1/payments', {
		paid_to: null,
		payment_amount: '25.00',
		source: 'card',
	});

	for (const colorScheme of ['light', 'dark'] as const) {
		const context = await browser.newContext({
			baseURL,
			colorScheme,
			viewport: PHONE,
			deviceScaleFactor: 2,
			isMobile: true,
			hasTouch: true,
			locale: 'en-US',
		});
		const page = await context.newPage();
		const app = new App(page);
		const shot = (name: string) => take(page, `${name}-${colorScheme}`);

		await page.goto('/log-on');
		await shot('log-on');
		await page.goto('/register');
		await app.button('Register').click();
		await shot('register');

		await app.logOn(empty);
		await settled(page);
		await shot('home-empty');
		await page.goto('/activity');
		await shot('activity-empty');
		await page.goto('/me');
		await app.button('Sign out').first().click();
		await expect(page.getByLabel('User name')).toBeVisible();

		await app.logOn(ada);
		await settled(page);
		await shot('home');
		await page.goto('/top-up');
		await app.button('$50').click();
		await shot('top-up');
		await page.goto('/pay');
		await page.getByLabel('To', { exact: true }).fill('grace');
		await page.getByRole('list', { name: 'People found' }).waitFor();
		await shot('pay-find');
		await app.reviewPayment(grace, '30', 'Fixing the tap');
		await shot('pay-review');
		for (const [name, path] of [
			['payment-paid', `/payments/${paid}`],
			['payment-needs-funding', `/payments/${unfunded}`],
			['payment-waiting', `/payments/${waiting.id}?checkout=done`],
			['activity', '/activity'],
			['statement', '/activity?view=statement'],
			['bills', '/bills'],
			['reports', '/reports'],
			['me', '/me'],
			['not-found', '/payments/nothing'],
		] as const) {
			await page.goto(path);
			await shot(name);
		}
		await context.close();

		const desk = await browser.newContext({
			baseURL,
			colorScheme,
			viewport: DESKTOP,
			locale: 'en-US',
		});
		const wide = await desk.newPage();
		await new App(wide).logOn(ada);
		for (const [name, path] of [
			['home', '/'],
			['activity', '/activity'],
			['reports', '/reports'],
			['payment', `/payments/${paid}`],
		] as const) {
			await wide.goto(path);
			await take(wide, `desktop-${name}-${colorScheme}`);
		}
		await desk.close();
	}
});

/** Nothing loads any more. */
async function settled(page: Page) {
	await expect(page.getByRole('status', { name: /^Loading/ })).toHaveCount(0);
	await page.evaluate(() => document.fonts.ready.then(() => undefined));
	// From the top, and with no pointer over it.
	await page.mouse.move(0, 0);
	await page.evaluate(() => window.scrollTo(0, 0));
	await page.waitForTimeout(700);
}

async function take(page: Page, name: string) {
	await settled(page);
	await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' });
}
