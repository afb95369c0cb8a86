import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkSettings, readSettings } from '../lib/settings.ts';

const example = readSettings(new URL('../settings/example.json', import.meta.url).pathname);

test('the example is a deployment', () => {
  assert.equal(example.zones.length, 3);
});

const WRONG: [string, Record<string, unknown>, RegExp][] = [
  ['an account that is none', { account: '1234' }, /account/],
  ['zones of another region', { zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'] }, /zones/],
  ['one zone three times', { zones: ['eu-central-1a', 'eu-central-1a', 'eu-central-1a'] }, /zones/],
  ['a repository with a wildcard', { repository: 'example/*' }, /repository/],
  ['a cluster that the world reaches', { clusterApiCidrs: ['0.0.0.0/0'] }, /world/],
  ['no budget', { monthlyBudgetUsd: 0 }, /monthlyBudgetUsd/],
  ['a name that nobody reads', { clusterCidrs: [] }, /clusterCidrs/],
];

for (const [what, change, sentence] of WRONG) {
  test(`refused: ${what}`, () => {
    assert.throws(() => checkSettings({ ...example, ...change }), sentence);
  });
}
