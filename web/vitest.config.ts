import { mergeConfig } from 'vite';
import { defineConfig } from 'vitest/config';
import app from './vite.config.ts';

export default mergeConfig(
	app,
	defineConfig({
		test: {
			environment: 'happy-dom',
			include: ['src/**/*.test.{ts,tsx}'],
			setupFiles: ['src/test/setup.ts'],
			css: { include: [] },
			testTimeout: 20_000,
			maxWorkers: 2,
		},
	}),
);
