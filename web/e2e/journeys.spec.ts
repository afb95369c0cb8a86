import { Api, CARD, expect, person, registered, test, type App } from './app';

/** Somebody with $50.00, who is about to pay $12.50 of them. */
async function reviewing(app: App): Promise<Api> {
	const [ada, grace] = [person(), person('Grace', 'Hopper')];
	const payer = await registered(ada);
	await registered(grace);
	await payer.topUp('50.00');
	await app.logOn(ada);
	await app.reviewPayment(grace, '12.50');
	return payer;
}

test('register, top up, pay', async ({ app, page }) => {
	const ada = person();
	const grace = person('Grace', 'Hopper');
	const payee = await registered(grace);
	await app.register(ada);
	await expect(app.balance()).toHaveText('$0.00');

	await app.startTopUp('100');
	await app.enterCard(CARD.good);
	await expect(page.getByText('Added to your wallet', { exact: true })).toBeVisible();
	await page.reload(); // it survives one, wherever it stands
	await expect(page.getByText('$100.00 is yours to spend.', { exact: true })).toBeVisible();

	await app.reviewPayment(grace, '30', 'Fixing the tap');
	await app.button('Pay $30.00').click();
	await expect(app.heading('Payment')).toBeVisible();
	await expect(page.getByText('Paid', { exact: true }).first()).toBeVisible();
	await expect(page.getByText('Bill paid')).toBeVisible();

	await page.goto('/');
	await expect(app.balance()).toHaveText('$70.00');
	await expect(page.getByRole('link', { name: /To Grace Hopper/ })).toContainText('-$30.00');
	expect(await payee.balance()).toBe('30.00');
});

test('pay with too little: the rest by card, and it goes on by itself', async ({ app, page }) => {
	const [ada, grace] = [person(), person('Grace', 'Hopper')];
	const payer = await registered(ada);
	const payee = await registered(grace);
	await payer.topUp('10.00');
	await app.logOn(ada);

	await app.reviewPayment(grace, '45');
	await expect(page.getByText(/Your wallet is \$35.00 short/)).toBeVisible();
	await app.button('Pay $45.00').click();
	await expect(page.getByText('Your wallet has too little', { exact: true })).toBeVisible();
	await app.button('Add $35.00 by card').click();
	await app.enterCard(CARD.good);
	await expect(page.getByText(/The money has arrived\./).first()).toBeVisible();
	expect(await payer.balance()).toBe('0.00');
	expect(await payee.balance()).toBe('45.00');
});

test('declined, left, canceled: told plainly, and nothing is charged', async ({ app, page }) => {
	const ada = person();
	const api = await registered(ada);
	await app.logOn(ada);
	await app.startTopUp('20');
	await app.enterCard(CARD.declined);
	await expect(page.getByText(/declined/i).first()).toBeVisible();
	await page.getByRole('link', { name: /cancel/i }).click();
	await expect(page.getByText('You left the card page', { exact: true })).toBeVisible();
	await expect(app.button('Go back to the card page')).toBeVisible();
	await app.button('Cancel the top-up').click();
	await app.button('Yes, cancel').click();
	await expect(page.getByText(/Nothing more is charged/).first()).toBeVisible();
	expect(await api.balance()).toBe('0.00');
});

test('a double tap pays once', async ({ app, page }) => {
	const payer = await reviewing(app);
	await app.button('Pay $12.50').dblclick();
	await expect(page.getByText(/The money has arrived\./).first()).toBeVisible();
	expect((await payer.payments()).filter(each => each.payment_amount === '12.50')).toHaveLength(
		1,
	);
	expect(await payer.balance()).toBe('37.50');
});

test('a connection lost in mid-pay pays once', async ({ app, page }) => {
	const payer = await reviewing(app);
	let lost = 0;
	await page.route('**/v1/payments', async route => {
		if (route.request().method() !== 'POST' || lost === 2) return route.continue();
		lost++;
		if (lost === 1) await route.fetch(); // it arrives, and its answer is lost
		return route.abort('connectionreset');
	});
	await app.button('Pay $12.50').click();
	await expect(page.getByText(/The money has arrived\./).first()).toBeVisible();
	expect(lost).toBe(2);
	expect((await payer.payments()).filter(each => each.payment_amount === '12.50')).toHaveLength(
		1,
	);
	expect(await payer.balance()).toBe('37.50');
});

test('an order whose answers were lost is asked about before another one', async ({
	app,
	page,
}) => {
	const payer = await reviewing(app);
	let isLost = true;
	await page.route('**/v1/payments', async route => {
		if (route.request().method() !== 'POST' || !isLost) return route.continue();
		await route.fetch();
		return route.abort('connectionreset');
	});
	await app.button('Pay $12.50').click();
	await expect(page.getByText(/The connection was lost/)).toBeVisible();
	isLost = false;
	await page.getByRole('radio', { name: /Card/ }).check();
	await app.button('Pay $12.50').click();
	await expect(page.getByText(/It is not known whether \$12.50 to Grace/)).toBeVisible();
	await app.button('Try that one again').click();
	await expect(page.getByText(/The money has arrived\./).first()).toBeVisible();
	expect((await payer.payments()).filter(each => each.payment_amount === '12.50')).toHaveLength(
		1,
	);
	expect(await payer.balance()).toBe('37.50');
});

test('reports and CSV are the API’s figures', async ({ app, page }) => {
	const [ada, grace] = [person(), person('Grace', 'Hopper')];
	const payer = await registered(ada);
	const payee = await registered(grace);
	await payer.topUp('90.00');
	await payer.pay(payee.id, '12.34', 'First');
	await payer.pay(payee.id, '7.66', 'Second');
	const month = new Date().toISOString().slice(0, 7);
	await expect
		.poll(
			async () =>
				(await payer.text(`/v1/reports/summary?from=${month}&to=${month}`, 'text/csv'))
					.length,
		)
		.toBeGreaterThan(80);

	await app.logOn(ada);
	await page.goto(`/reports?from=${month}&to=${month}`);
	const months = page.getByRole('region', { name: 'Sums by month' });
	await expect(months.getByRole('row').nth(1)).toContainText('$0.00$20.00$90.00');
	const people = page.getByRole('region', { name: 'Sums by person' });
	await expect(people.getByRole('row').nth(1)).toHaveText(/Grace Hopper\$0\.00\$20\.00/);

	const download = page.waitForEvent('download');
	await app.button('Download as CSV').click();
	const file = await download;
	expect(file.suggestedFilename()).toBe(`moneypal-${month}-${month}.csv`);
	const stream = await file.createReadStream();
	const pieces: Buffer[] = [];
	for await (const piece of stream) pieces.push(piece as Buffer);
	expect(Buffer.concat(pieces).toString()).toBe(
		await payer.text(`/v1/reports/summary?from=${month}&to=${month}`, 'text/csv'),
	);
});

test('a payment is followed live', async ({ app, page }) => {
	const [ada, grace] = [person(), person('Grace', 'Hopper')];
	const payer = await registered(ada);
	const payee = await registered(grace);
	const id = await payer.pay(payee.id, '5.00', 'Coffee');
	await app.logOn(grace);
	await page.goto(`/payments/${id}`);
	await expect(page.getByText('Waiting for the payer', { exact: true })).toBeVisible();
	await payer.topUp('5.00');
	await (await Api.of(ada)).post(`/v1/payments/${id}/retry`, { source: 'wallet' });
	await expect(page.getByText('Received', { exact: true })).toBeVisible();
});
