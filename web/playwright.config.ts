import { defineConfig, devices } from '@playwright/test';

/**
 * End-to-end tests in Debian's own Chromium, against a whole MoneyPal that e2e/system.ts starts with
 * the launcher of `make run`; BASE_URL names one that runs already.
 */
const chromium = {
	executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
	args: [
		'--no-sandbox',
		'--disable-gpu',
		'--disable-quic',
		'--no-first-run',
		'--disable-background-networking',
		'--disable-component-update',
		'--disable-sync',
	],
};

const phone = { ...devices['Pixel 7'], viewport: { width: 360, height: 740 } };

export default defineConfig({
	testDir: 'e2e',
	globalSetup: './e2e/system.ts',
	outputDir: 'test-results',
	reporter: [['list']],
	workers: 2,
	fullyParallel: true,
	timeout: 45_000,
	expect: { timeout: 12_000 },
	use: {
		launchOptions: chromium,
		locale: 'en-US',
		timezoneId: 'UTC',
		trace: 'retain-on-failure',
		screenshot: 'only-on-failure',
	},
	projects: [
		{ name: 'phone', use: phone, testIgnore: /screens\.spec/ },
		{
			name: 'desktop',
			use: { ...devices['Desktop Chrome'], viewport: { width: 1280, height: 800 } },
			testMatch: /(journeys|access)\.spec/,
		},
		...(process.env.SCREENS
			? [
					{
						name: 'screens',
						use: { ...phone, deviceScaleFactor: 2 },
						testMatch: /screens\.spec/,
					},
				]
			: []),
	],
});
