// Writes src/api/generated/<service>.ts from the services' contracts, where they have changed.
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const SERVICES = ['user', 'wallet', 'payment', 'billing', 'email'];
const folder = new URL('../src/api/generated/', import.meta.url);

async function newest(url) {
	return (await stat(url).catch(() => ({ mtimeMs: 0 }))).mtimeMs;
}

await mkdir(folder, { recursive: true });
for (const service of SERVICES) {
	const contract = new URL(`../../services/${service}/openapi.yaml`, import.meta.url);
	const types = new URL(`${service}.ts`, folder);
	if ((await newest(types)) > (await newest(contract))) continue;
	const text = astToString(await openapiTS(contract, { silent: true }));
	const before = await readFile(types, 'utf8').catch(() => '');
	await writeFile(types, text);
	if (before !== text) console.log(`${service}: types written`);
}
