/* Shows the services' contracts: what is public of them, tried at the gateway that serves this page. */
(function () {
	'use strict';

	const SERVICES = {
		payment: 'Payments',
		user: 'Users and sessions',
		wallet: 'Wallets',
		billing: 'Bills and reports',
		email: 'Notices',
	};
	/* Not routed by the gateway, or not for people. */
	const INSIDE = ['inside', 'transfers', 'operations', 'provider'];

	const withoutInside = {
		statePlugins: {
			spec: {
				wrapSelectors: {
					taggedOperations:
						original =>
						(state, ...rest) =>
							original(state, ...rest).filter((_, tag) => !INSIDE.includes(tag)),
				},
			},
		},
		/* Contracts name the address of a local system; here it is always this one. */
		wrapComponents: { ServersContainer: () => () => null },
	};

	window.SwaggerUIBundle({
		dom_id: '#api',
		urls: Object.entries(SERVICES).map(([service, name]) => ({
			name,
			url: `/docs/${service}.yaml`,
		})),
		presets: [window.SwaggerUIBundle.presets.apis, window.SwaggerUIStandalonePreset],
		plugins: [withoutInside],
		layout: 'StandaloneLayout',
		deepLinking: true,
		validatorUrl: null,
		queryConfigEnabled: false,
		requestInterceptor: request => {
			const url = new URL(request.url, window.location.origin);
			request.url = window.location.origin + url.pathname + url.search;
			return request;
		},
	});
})();
