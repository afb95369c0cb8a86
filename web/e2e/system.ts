import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Starts a whole MoneyPal for the tests, in a folder and on ports of its own, and ends it. */

const ROOT = resolve(import.meta.dirname, '../..');
const PORTS = 14; // counted from the gateway's: deploy/local/README.md
const PORT_LEAST = 20_000;
const PORT_MOST = 32_000;
const START_MS_MAX = 150_000;

function isFree(port: number) {
	return new Promise<boolean>(answer => {
		const server = createServer();
		server.once('error', () => answer(false));
		server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
	});
}

async function freePort(): Promise<number> {
	for (;;) {
		const steps = Math.floor((PORT_MOST - PORT_LEAST) / PORTS);
		const port = PORT_LEAST + PORTS * Math.floor(Math.random() * steps);
		const all = await Promise.all(Array.from({ length: PORTS }, (_, i) => isFree(port + i)));
		if (all.every(Boolean)) return port;
	}
}

const ended = (child: ChildProcess) =>
	child.exitCode !== null || child.signalCode !== null
		? Promise.resolve()
		: new Promise<void>(done => child.once('exit', () => done()));

export default async function start() {
	if (process.env.BASE_URL) return undefined;
	const folder = mkdtempSync(join(tmpdir(), 'mp-e2e-'));
	const port = await freePort();
	const output = join(folder, 'output');
	// It must end with the tests, however these end.
	const child = spawn(
		'/usr/bin/setpriv',
		['--pdeathsig', 'TERM', join(ROOT, 'deploy/local/launch'), 'run'],
		{
			env: {
				PATH: process.env.PATH,
				VAR: join(folder, 'var'),
				PORT: String(port),
				BUILD: resolve(ROOT, process.env.BUILD || 'build'),
				GATEWAY_RATE: '100000',
				GATEWAY_SIGN_ON_RATE: '100000',
			},
			stdio: ['ignore', openSync(output, 'w'), openSync(output, 'a')],
		},
	);
	const stop = async () => {
		child.kill('SIGTERM');
		await ended(child);
		rmSync(folder, { recursive: true, force: true });
	};
	for (const from = Date.now(); !readFileSync(output, 'utf8').includes('Ctrl-C stops all');) {
		if (child.exitCode !== null || Date.now() - from > START_MS_MAX) {
			const printed = readFileSync(output, 'utf8');
			await stop();
			throw new Error(`MoneyPal did not start:\n${printed}`);
		}
		await new Promise(done => setTimeout(done, 200));
	}
	process.env.BASE_URL = `http://127.0.0.1:${port}`;
	return stop;
}
