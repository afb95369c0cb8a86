import { Validations, type Stack } from 'aws-cdk-lib';

const nag = (rule: string) => `AwsSolutions::AwsSolutions-${rule}`;
const managed = (policy: string) => nag(`IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`);

const BY_HAND =
  'Rotated by hand, old and new side by side (docs/OPERATIONS_AWS.md): the broker, the provider and the ' +
  'user service each have to know both for a while, which no rotation function does.';
const AWS_RUNS_IT =
  'What AWS prescribes for EKS in auto mode: it runs the nodes and load balancers, and adds to these ' +
  'policies what its new versions need.';

/** Findings that stay, each with its reason, where it is. Whatever else is found fails the synthesis. */
export function acknowledge(registry: Stack, data: Stack, broker: Stack, cluster: Stack): void {
  const at = (stack: Stack, path: string, id: string, reason: string) => {
    const construct = path.split('/').reduce((node, name) => node.node.findChild(name), stack as Stack['node']['root']);
    Validations.of(construct).acknowledge({ id, reason });
  };
  for (const role of ['Role-release', 'Role-deploy'])
    at(registry, role, nag('IAM5[Resource::*]'), 'ecr:GetAuthorizationToken has no resource to name.');
  for (const secret of ['Broker', 'Client-billing', 'Client-payment', 'Client-mpctl', 'Clients', 'Stripe', 'Smtp'])
    at(data, secret, nag('SMG4'), BY_HAND);
  at(broker, 'Url', nag('SMG4'), BY_HAND);
  for (const policy of ['Cluster', 'Compute', 'BlockStorage', 'LoadBalancing', 'Networking'])
    at(cluster, 'Cluster/Role', managed(`AmazonEKS${policy}Policy`), AWS_RUNS_IT);
  for (const policy of ['AmazonEKSWorkerNodePolicy', 'AmazonEC2ContainerRegistryReadOnly'])
    at(cluster, 'Cluster/ClusternodePoolRole', managed(policy), AWS_RUNS_IT);
  at(
    cluster,
    'Cluster/Resource',
    'CloudFormation-Validate::W9009',
    'The construct library names the resources that are encrypted; EKS encrypts all of them by now.',
  );
}
