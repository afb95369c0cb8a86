import { App, expect, person, registered, test } from './app';

test('a wrong password is told without telling which part was wrong', async ({ app, page }) => {
	const ada = person();
	await registered(ada);
	await page.goto('/log-on');
	await app.fillLogOn({ ...ada, password: 'not this one' });
	await expect(page.getByRole('alert')).toContainText('do not match');
	await app.fillLogOn({ ...ada, user_name: `${ada.user_name}x` });
	await expect(page.getByRole('alert')).toContainText('do not match');
});

test('an expired session comes back to where one was', async ({ app, page, context }) => {
	const ada = person();
	await registered(ada);
	await app.logOn(ada);
	await page.getByRole('link', { name: 'Bills' }).click();
	await page.getByText('From me').click();
	await expect(page).toHaveURL(/\/bills\?role=provider$/);

	await context.clearCookies();
	await page.route('**/v1/mails*', route => route.fulfill({ status: 401, json: {} }), {
		times: 1,
	});
	await page.getByRole('link', { name: 'Me', exact: true }).click();
	await expect(page.getByText(/Your session has ended/)).toBeVisible();
	await app.fillLogOn(ada);
	await expect(app.heading('Me')).toBeVisible();
	await expect(page).toHaveURL(/\/me$/);
});

test('two tabs share a session, however often they renew it; signing out ends both', async ({
	app,
	page,
	context,
}) => {
	const ada = person();
	await registered(ada);
	await app.logOn(ada);
	const other = await context.newPage();
	const second = new App(other);
	for (let i = 0; i < 4; i++) {
		await Promise.all([page.goto('/'), other.goto('/')]);
		await expect(app.heading(/^Hello/)).toBeVisible();
		await expect(second.heading(/^Hello/)).toBeVisible();
	}
	await page.goto('/me');
	await app.button('Sign out').first().click();
	await expect(app.heading('Welcome back')).toBeVisible();
	await expect(second.heading('Welcome back')).toBeVisible();
	expect(second.complaints).toEqual([]);
});

test('a changed password ends the sessions elsewhere, and is the one from then on', async ({
	app,
	page,
	browser,
	baseURL,
}) => {
	const ada = person();
	await registered(ada);
	await app.logOn(ada);
	const elsewhere = await browser.newContext({ baseURL });
	const far = new App(await elsewhere.newPage());
	await far.logOn(ada);
	await page.goto('/me');
	await page.getByLabel('Current password').fill(ada.password);
	await page.getByLabel('New password').fill('another horse altogether');
	await app.button('Change the password').click();
	await expect(page.getByText(/^Changed\./)).toBeVisible();
	await far.page.reload();
	await expect(far.heading('Welcome back')).toBeVisible();
	await far.fillLogOn({ ...ada, password: 'another horse altogether' });
	await expect(far.heading('Hello, Ada')).toBeVisible();
	await elsewhere.close();
});

test('nothing secret is left in the browser’s storage', async ({ app, page, context }) => {
	const ada = person();
	await registered(ada);
	await app.logOn(ada);
	const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
	expect(kept).not.toMatch(/eyJ|@example|horse/);
	const cookies = await context.cookies();
	expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
		['moneypal_refresh', true, 'Strict'],
	]);
});
