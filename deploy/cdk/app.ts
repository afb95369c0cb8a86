import { App } from 'aws-cdk-lib';

import { addStacks } from './lib/deployment.ts';
import { readSettings } from './lib/settings.ts';

/** cdk synth -c settings=FILE; without one, settings/example.json. */
const app = new App();
const given = app.node.tryGetContext('settings') as string | undefined;
addStacks(app, readSettings(given ?? new URL('settings/example.json', import.meta.url).pathname));
