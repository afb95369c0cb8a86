import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { CfnPodIdentityAssociation } from 'aws-cdk-lib/aws-eks';
import type { Construct } from 'constructs';

import {
  ACCESS,
  AUDITOR,
  AUDITOR_ACTIONS,
  NAMESPACE,
  OPERATOR_ACTIONS,
  SECRETS,
  SERVICES,
  TABLES,
  TOOL,
  type Service,
} from './access.ts';

const dynamodb = (actions: readonly string[]) => actions.map((action) => `dynamodb:${action}`);

/** The role of one of Kubernetes' service accounts: nobody else can be given it. */
function podRole(scope: Construct, account: string, clusterName: string): iam.Role {
  const stack = Stack.of(scope);
  const clusterArn = `arn:aws:eks:${stack.region}:${stack.account}:cluster/${clusterName}`;
  const role = new iam.Role(scope, `Role-${account}`, {
    roleName: `moneypal-${account}`,
    assumedBy: new iam.SessionTagsPrincipal(
      new iam.ServicePrincipal('pods.eks.amazonaws.com', {
        conditions: {
          StringEquals: {
            'aws:SourceAccount': stack.account,
            'aws:RequestTag/kubernetes-namespace': NAMESPACE,
            'aws:RequestTag/kubernetes-service-account': account,
          },
          ArnEquals: { 'aws:SourceArn': clusterArn },
        },
      }),
    ),
  });
  new CfnPodIdentityAssociation(scope, `Identity-${account}`, {
    clusterName,
    namespace: NAMESPACE,
    serviceAccount: account,
    roleArn: role.roleArn,
  });
  return role;
}

function tableArn(scope: Construct, service: Service): string {
  const { region, account } = Stack.of(scope);
  return `arn:aws:dynamodb:${region}:${account}:table/${TABLES[service].TableName}`;
}

/** Every key that the request names is of these partitions, and it names some. */
function onPartitions(patterns: readonly string[]): iam.Conditions {
  return {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...patterns] },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  };
}

function tableStatements(scope: Construct, service: Service): iam.PolicyStatement[] {
  const { actions, removes, erases } = ACCESS[service];
  const resources = [tableArn(scope, service)];
  return [
    new iam.PolicyStatement({ sid: 'Table', actions: dynamodb(actions), resources }),
    new iam.PolicyStatement({
      sid: 'Remove',
      actions: ['dynamodb:DeleteItem'],
      resources,
      conditions: onPartitions(removes),
    }),
    new iam.PolicyStatement({
      sid: 'Erase',
      actions: ['dynamodb:BatchWriteItem'],
      resources,
      conditions: onPartitions(erases),
    }),
  ];
}

/** Its own secrets, as the cluster's secrets driver reads them in its name. */
function secretStatements(
  scope: Construct,
  secrets: readonly string[],
  keyArn: string,
): iam.PolicyStatement[] {
  const { region, account } = Stack.of(scope);
  return [
    new iam.PolicyStatement({
      sid: 'Secrets',
      actions: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'],
      // Secrets Manager adds a dash and six characters of its own to a secret's name.
      resources: secrets.map((name) => `arn:aws:secretsmanager:${region}:${account}:secret:${name}-??????`),
    }),
    new iam.PolicyStatement({
      sid: 'SecretsKey',
      actions: ['kms:Decrypt'],
      resources: [keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } },
    }),
  ];
}

/**
 * A role for each service; one for the audit, which alone in the cluster may scan, and has no secret; and one
 * for the operator's tool, which has its secrets and no table.
 */
export function addPodRoles(scope: Construct, clusterName: string, keyArn: string): iam.Role[] {
  const roles = SERVICES.map((service) => {
    const role = podRole(scope, service, clusterName);
    tableStatements(scope, service).forEach((statement) => role.addToPolicy(statement));
    secretStatements(scope, SECRETS[service], keyArn).forEach((each) => role.addToPolicy(each));
    return role;
  });
  const auditor = podRole(scope, AUDITOR, clusterName);
  auditor.addToPolicy(
    new iam.PolicyStatement({
      sid: 'Table',
      actions: dynamodb(AUDITOR_ACTIONS),
      resources: [tableArn(scope, 'wallet')],
    }),
  );
  const tool = podRole(scope, TOOL, clusterName);
  secretStatements(scope, SECRETS[TOOL], keyArn).forEach((each) => tool.addToPolicy(each));
  return [...roles, auditor, tool];
}

/** For people, with a second factor: they look, and change nothing. */
export function addOperatorRole(scope: Construct): iam.Role {
  const role = new iam.Role(scope, 'Operator', {
    roleName: 'moneypal-operator',
    assumedBy: new iam.AccountRootPrincipal().withConditions({
      Bool: { 'aws:MultiFactorAuthPresent': 'true' },
    }),
  });
  role.addToPolicy(
    new iam.PolicyStatement({
      sid: 'Tables',
      actions: dynamodb(OPERATOR_ACTIONS),
      resources: SERVICES.map((service) => tableArn(scope, service)),
    }),
  );
  return role;
}
