import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { dropAttempts } from '../api/attempt';
import { forgetSession } from '../api/session';
import { leaveFor, saveText } from '../lib/leave';
import { resetWorld, server } from './server';

// Until what is awaited is there: the machine may have other work beside these tests.
configure({ asyncUtilTimeout: 5_000 });

vi.mock('../lib/leave', () => ({ leaveFor: vi.fn(), saveText: vi.fn() }));

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
beforeEach(() => {
	vi.mocked(leaveFor).mockClear();
	vi.mocked(saveText).mockClear();
	forgetSession();
	dropAttempts();
	sessionStorage.clear();
	localStorage.clear();
	resetWorld();
	window.scrollTo = () => undefined;
});
afterEach(() => {
	cleanup();
	server.resetHandlers();
});
afterAll(() => server.close());
