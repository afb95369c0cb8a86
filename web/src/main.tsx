import { QueryClientProvider } from '@tanstack/react-query';
import { MantineProvider } from '@mantine/core';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import './css';
import { newQueryClient } from './api/queries';
import { restore } from './api/session';
import { App } from './app';
import { theme } from './theme';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no root');

// Without a network at the start the app shows it, and asks again when it is wanted.
restore().catch(() => undefined);

createRoot(root).render(
	<StrictMode>
		<MantineProvider
			theme={theme}
			defaultColorScheme="auto"
			withCssVariables={false}
			withGlobalClasses={false}
		>
			<QueryClientProvider client={newQueryClient()}>
				<BrowserRouter>
					<App />
				</BrowserRouter>
			</QueryClientProvider>
		</MantineProvider>
	</StrictMode>,
);
