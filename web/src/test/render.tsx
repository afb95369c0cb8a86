import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { MemoryRouter, useLocation, type InitialEntry } from 'react-router';
import { newQueryClient } from '../api/queries';
import { App } from '../app';
import { theme } from '../theme';

function Where() {
	const { pathname, search } = useLocation();
	return <output data-testid="where">{pathname + search}</output>;
}

/** The whole app at an address, as somebody who is logged on, unless the world says otherwise. */
export function open(path: InitialEntry) {
	const client = newQueryClient();
	client.setDefaultOptions({ queries: { ...client.getDefaultOptions().queries, retryDelay: 1 } });
	render(
		<MantineProvider
			theme={theme}
			env="test"
			withCssVariables={false}
			withGlobalClasses={false}
		>
			<QueryClientProvider client={client}>
				<MemoryRouter initialEntries={[path]}>
					<App />
					<Where />
				</MemoryRouter>
			</QueryClientProvider>
		</MantineProvider>,
	);
	return userEvent.setup();
}

export const where = () => screen.getByTestId('where').textContent;
export const title = (name: string | RegExp) =>
	screen.findByRole('heading', { level: 1, name }, { timeout: 5000 });
