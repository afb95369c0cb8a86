import { readFileSync } from 'node:fs';

/** What one deployment is told; settings/example.json has one of each. */
export interface Settings {
  readonly account: string;
  readonly region: string;
  /** Three, named: nothing is looked up while a template is made. */
  readonly zones: readonly string[];
  /** Mails are from addresses of this domain. */
  readonly mailDomain: string;
  /** The GitHub repository whose workflows release and deploy: owner/name. */
  readonly repository: string;
  /** Who may reach the cluster's API from outside the network; none: only from inside. */
  readonly clusterApiCidrs: readonly string[];
  readonly alarmMail: string;
  readonly monthlyBudgetUsd: number;
}

const SHAPES: Record<string, RegExp> = {
  account: /^\d{12}$/,
  region: /^[a-z]{2}(-[a-z]+)+-\d$/,
  mailDomain: /^([a-z0-9-]+\.)+[a-z]{2,}$/,
  repository: /^[A-Za-z0-9-]+\/[A-Za-z0-9._-]+$/,
  alarmMail: /^[^@\s]+@[^@\s]+$/,
};
const CIDR = /^\d{1,3}(\.\d{1,3}){3}\/(\d|[12]\d|3[0-2])$/;

/** Refuses, in one sentence, what would fail or surprise in mid-deployment. */
export function checkSettings(given: Record<string, unknown>): Settings {
  const known = [...Object.keys(SHAPES), 'zones', 'clusterApiCidrs', 'monthlyBudgetUsd'];
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new Error(`${name} is no setting of a deployment.`);
  }
  for (const [name, shape] of Object.entries(SHAPES)) {
    const value = given[name];
    if (typeof value !== 'string' || !shape.test(value))
      throw new Error(`${name} is ${JSON.stringify(value)}; it must match ${shape.source}.`);
  }
  const { region, zones, clusterApiCidrs, monthlyBudgetUsd } = given;
  const inRegion = (zone: unknown) => typeof zone === 'string' && zone.startsWith(`${region}`);
  if (!Array.isArray(zones) || new Set(zones).size !== 3 || !zones.every(inRegion))
    throw new Error(`zones must be three availability zones of ${region}.`);
  const isCidr = (cidr: unknown) =>
    typeof cidr === 'string' && CIDR.test(cidr) && !cidr.endsWith('/0');
  if (!Array.isArray(clusterApiCidrs) || !clusterApiCidrs.every(isCidr))
    throw new Error('clusterApiCidrs must be ranges such as 192.0.2.0/24, and not the world.');
  if (typeof monthlyBudgetUsd !== 'number' || monthlyBudgetUsd <= 0)
    throw new Error('monthlyBudgetUsd must be a number above zero.');
  return given as unknown as Settings;
}

export function readSettings(path: string): Settings {
  return checkSettings(JSON.parse(readFileSync(path, 'utf8')));
}
