import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import {
	convertCssVariables,
	DEFAULT_THEME,
	deepMerge,
	defaultCssVariablesResolver,
	mergeMantineTheme,
} from '@mantine/core';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { cssVariables, theme } from './src/theme.ts';

const VARIABLES = 'virtual:mantine-variables.css';

/**
 * The theme's CSS variables as a file. Mantine would put them into a <style> element, which the
 * gateway's Content-Security-Policy (style-src 'self') refuses.
 */
function mantineVariables(): Plugin {
	return {
		name: 'mantine-variables',
		resolveId: id => (id === VARIABLES ? `\0${VARIABLES}` : undefined),
		load(id) {
			if (id !== `\0${VARIABLES}`) return undefined;
			const merged = mergeMantineTheme(DEFAULT_THEME, theme);
			const all = deepMerge(defaultCssVariablesResolver(merged), cssVariables(merged));
			return (
				convertCssVariables(all, ':root') +
				':root[data-mantine-color-scheme="dark"]{--mantine-color-scheme:dark}' +
				':root[data-mantine-color-scheme="light"]{--mantine-color-scheme:light}'
			);
		},
	};
}

/** The viewer of /docs, and the contracts that it shows; public/docs has the page. */
function apiDocs(): Plugin {
	const viewer = ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-standalone-preset.js'];
	const services = ['user', 'wallet', 'payment', 'billing', 'email'];
	return {
		name: 'api-docs',
		apply: 'build',
		generateBundle() {
			const emit = (fileName: string, from: string) =>
				this.emitFile({
					type: 'asset',
					fileName: `docs/${fileName}`,
					source: readFileSync(join(import.meta.dirname, from)),
				});
			for (const file of viewer) emit(file, `node_modules/swagger-ui-dist/${file}`);
			for (const service of services)
				emit(`${service}.yaml`, `../services/${service}/openapi.yaml`);
		},
	};
}

/** The font is asked for with the page, so that also the first screen is in it. */
function fontPreloaded(): Plugin {
	return {
		name: 'font-preloaded',
		apply: 'build',
		transformIndexHtml(_html, { bundle = {} }) {
			const font = Object.keys(bundle).find(name => /inter-latin-wght.*woff2$/.test(name));
			if (font === undefined) throw new Error('the font is not in the bundle');
			const attrs = { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: true };
			return [{ tag: 'link', attrs: { ...attrs, href: `/${font}` }, injectTo: 'head' }];
		},
	};
}

/** A .gz beside every text: the gateway sends it as it is (gzip_static). */
function compressed(): Plugin {
	let folder = '';
	return {
		name: 'compressed',
		apply: 'build',
		configResolved(config) {
			folder = join(config.root, config.build.outDir);
		},
		closeBundle() {
			const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
			for (const file of files.filter(name =>
				/\.(html|js|css|svg|webmanifest|txt|yaml)$/.test(name),
			)) {
				const text = readFileSync(join(folder, file));
				const small = gzipSync(text, { level: constants.Z_BEST_COMPRESSION });
				if (small.length < text.length) writeFileSync(join(folder, `${file}.gz`), small);
			}
		},
	};
}

const FIRST_LOAD_BYTES_MAX = 200 * 1024;

/** Fails the build when the scripts that the page starts with have grown too large, compressed. */
function firstLoadBounded(): Plugin {
	return {
		name: 'first-load-bounded',
		apply: 'build',
		writeBundle({ dir = '' }, bundle) {
			const page = bundle['index.html'];
			const text = page?.type === 'asset' ? String(page.source) : '';
			const scripts = [...text.matchAll(/"\/(assets\/[^"]+\.js)"/g)].map(
				match => match[1] ?? '',
			);
			const bytes = scripts
				.map(name => gzipSync(readFileSync(join(dir, name))).length)
				.reduce((sum, each) => sum + each, 0);
			if (scripts.length === 0 || bytes > FIRST_LOAD_BYTES_MAX)
				throw new Error(
					`The first load is ${bytes} bytes of compressed script in ${scripts.length} files,` +
						` at most ${FIRST_LOAD_BYTES_MAX}: load what is not needed at once by import().`,
				);
			console.log(`First load: ${Math.round(bytes / 1024)} KB of compressed script`);
		},
	};
}

export default defineConfig({
	plugins: [
		react(),
		mantineVariables(),
		fontPreloaded(),
		apiDocs(),
		firstLoadBounded(),
		compressed(),
	],
	build: { target: 'es2022', assetsInlineLimit: 0, sourcemap: false },
	css: { modules: { localsConvention: 'camelCaseOnly' } },
	server: { proxy: { '/v1': process.env.GATEWAY ?? 'http://127.0.0.1:8080' } },
});
