import { Tags, Validations, type App, type StackProps } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

import { acknowledge } from './acknowledged.ts';
import { BrokerStack } from './broker-stack.ts';
import { ClusterStack } from './cluster-stack.ts';
import { DataStack } from './data-stack.ts';
import { MailStack } from './mail-stack.ts';
import { NetworkStack } from './network-stack.ts';
import { RegistryStack } from './registry-stack.ts';
import type { Settings } from './settings.ts';
import { WatchStack } from './watch-stack.ts';

/** One deployment, in the order in which its parts come to be. */
export function addStacks(app: App, settings: Settings): void {
  const { account, region } = settings;
  const props: StackProps = { env: { account, region } };
  const registry = new RegistryStack(app, 'MoneyPal-Registry', settings, props);
  const data = new DataStack(app, 'MoneyPal-Data', props);
  const network = new NetworkStack(app, 'MoneyPal-Network', settings, props);
  new MailStack(app, 'MoneyPal-Mail', settings, props);
  const broker = new BrokerStack(app, 'MoneyPal-Broker', {
    ...props,
    vpc: network.vpc,
    group: network.brokerGroup,
    key: data.key,
    user: data.brokerUser,
  });
  const cluster = new ClusterStack(app, 'MoneyPal-Cluster', settings, {
    ...props,
    vpc: network.vpc,
    key: data.key,
    brokerGroup: network.brokerGroup,
    deployRoleArn: registry.deployRole.roleArn,
  });
  const watch = new WatchStack(app, 'MoneyPal-Watch', settings, {
    ...props,
    metrics: cluster.metrics,
  });
  cluster.addStackDependency(data); // its pods are handed the tables and the secrets
  watch.addStackDependency(broker);
  acknowledge(registry, data, broker, cluster);
  Tags.of(app).add('moneypal:deployment', 'production');
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}
