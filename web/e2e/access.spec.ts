import AxeBuilder from '@axe-core/playwright';
import { expect, person, registered, test } from './app';

/** axe on every screen, light and dark; and that nothing is wider than the window. */
for (const colorScheme of ['light', 'dark'] as const) {
	test(`every screen is accessible, ${colorScheme}`, async ({ app, page }) => {
		test.setTimeout(120_000);
		await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		const [ada, grace] = [person(), person('Grace', 'Hopper')];
		const payer = await registered(ada);
		const payee = await registered(grace);
		await payer.topUp('50.00');
		const paid = await payer.pay(payee.id, '20.00', 'Fixing the tap');
		const unfunded = await payer.pay(payee.id, '500.00', 'New kitchen');

		const found: string[] = [];
		const look = async (what: string) => {
			await expect(page.getByRole('status', { name: /^Loading/ })).toHaveCount(0);
			const { violations } = await new AxeBuilder({ page }).analyze();
			for (const { id, nodes } of violations)
				found.push(
					`${what}: ${id}: ${nodes.map(node => node.html.slice(0, 160)).join(' | ')}`,
				);
			const width = await page.evaluate(() => document.documentElement.scrollWidth);
			if (width > (page.viewportSize()?.width ?? 0)) found.push(`${what}: ${width} px wide`);
		};

		await page.goto('/log-on');
		await app.button('Log on').click();
		await look('log on');
		await page.goto('/register');
		await app.button('Register').click();
		await look('register');
		await app.logOn(ada);
		await look('home');
		await app.reviewPayment(grace, '1000');
		await look('review');
		for (const path of [
			'/top-up',
			'/pay',
			`/payments/${paid}`,
			`/payments/${unfunded}`,
			'/payments/nothing',
			'/activity',
			'/activity?view=statement',
			'/activity?state=failed',
			'/bills',
			'/reports',
			'/me',
		]) {
			await page.goto(path);
			await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
			await look(path);
		}
		expect(found).toEqual([]);
	});
}
