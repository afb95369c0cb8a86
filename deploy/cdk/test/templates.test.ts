import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';

import { ACCESS, AUDITOR, SECRETS, SERVICES, TABLES, TOOL } from '../lib/access.ts';
import { DataStack } from '../lib/data-stack.ts';
import { readSettings } from '../lib/settings.ts';

const read = (url: URL) => JSON.parse(readFileSync(url, 'utf8'));
const settings = readSettings(new URL('../settings/example.json', import.meta.url).pathname);
/** What `npm run synth` made of them. */
const OUT = new URL('../cdk.out/', import.meta.url);
const STACKS = ['Registry', 'Data', 'Network', 'Mail', 'Broker', 'Cluster', 'Watch'];

const template = (name: string) => Template.fromJSON(read(new URL(`MoneyPal-${name}.template.json`, OUT)));
const data = template('Data');
const cluster = template('Cluster');
const registry = template('Registry');

interface Statement {
  readonly Sid?: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}

/** The statements of a role, by its name. */
function statementsOf(of: Template, roleName: string): Statement[] {
  const [logicalId] = Object.keys(of.findResources('AWS::IAM::Role', { Properties: { RoleName: roleName } }));
  assert.ok(logicalId, `no role ${roleName}`);
  return Object.values(of.findResources('AWS::IAM::Policy'))
    .filter((policy) => policy.Properties.Roles.some((role: { Ref: string }) => role.Ref === logicalId))
    .flatMap((policy) => policy.Properties.PolicyDocument.Statement as Statement[]);
}

const actionsOf = (statement: Statement) => [statement.Action].flat();

test('each service has the table that it prints, guarded against loss', () => {
  data.resourceCountIs('AWS::DynamoDB::Table', SERVICES.length);
  for (const service of SERVICES) {
    const { TableName, KeySchema, AttributeDefinitions, BillingMode, TimeToLiveSpecification } = TABLES[service];
    data.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        TableName,
        KeySchema,
        AttributeDefinitions,
        BillingMode,
        TimeToLiveSpecification,
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: Match.anyValue() },
      },
    });
  }
  data.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
});

test('restored tables come beside those that they replace, which stay as they are', () => {
  const { account, region } = settings;
  const both = Template.fromStack(
    new DataStack(new App({ context: { formerPrefix: 'moneypal-former-' } }), 'MoneyPal-Data', { env: { account, region } }),
  ).findResources('AWS::DynamoDB::Table');
  assert.equal(Object.keys(both).length, 2 * SERVICES.length);
  for (const [id, table] of Object.entries(data.findResources('AWS::DynamoDB::Table')))
    assert.equal(both[id]?.Properties.TableName, table.Properties.TableName);
});

test("a service's role has its own table and its own secrets, and no action by a wildcard", () => {
  const { region, account } = settings;
  for (const service of SERVICES) {
    for (const statement of statementsOf(cluster, `moneypal-${service}`)) {
      const actions = actionsOf(statement);
      assert.ok(actions.every((action) => /^[a-z]+:[A-Za-z]+$/.test(action)));
      if (actions.some((action) => action.startsWith('dynamodb:')))
        assert.equal(
          statement.Resource,
          `arn:aws:dynamodb:${region}:${account}:table/${TABLES[service].TableName}`,
        );
      else if (statement.Sid === 'Secrets')
        assert.deepEqual(
          [statement.Resource].flat(),
          SECRETS[service].map((name) => `arn:aws:secretsmanager:${region}:${account}:secret:${name}-??????`),
        );
      else assert.deepEqual(actions, ['kms:Decrypt']);
    }
  }
});

test('every secret that a service is handed is there', () => {
  const made = ['Data', 'Broker'].flatMap((stack) =>
    Object.values(template(stack).findResources('AWS::SecretsManager::Secret')).map(
      (secret) => secret.Properties.Name,
    ),
  );
  for (const name of Object.values(SECRETS).flat()) assert.ok(made.includes(name), name);
});

test('who removes rows is held to the partitions of the service, and nobody scans but the audit', () => {
  for (const service of SERVICES) {
    for (const statement of statementsOf(cluster, `moneypal-${service}`)) {
      for (const action of actionsOf(statement)) {
        assert.notEqual(action, 'dynamodb:Scan');
        const on = { DeleteItem: ACCESS[service].removes, BatchWriteItem: ACCESS[service].erases }[
          action.replace('dynamodb:', '')
        ];
        if (on !== undefined)
          assert.deepEqual(statement.Condition, {
            'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': on },
            Null: { 'dynamodb:LeadingKeys': 'false' },
          });
      }
    }
  }
  for (const role of [`moneypal-${AUDITOR}`, 'moneypal-operator']) {
    const actions = statementsOf(cluster, role).flatMap(actionsOf);
    assert.ok(actions.every((action) => action.startsWith('dynamodb:')), `${role} has no secret`);
    assert.ok(actions.includes('dynamodb:Scan'));
    assert.ok(!actions.some((action) => /Put|Update|Delete|Write/.test(action)), `${role} only looks`);
  }
});

test("the operator's tool has its own secrets, and no table", () => {
  const [secrets, key, ...more] = statementsOf(cluster, `moneypal-${TOOL}`);
  assert.deepEqual(more, []);
  assert.equal([secrets?.Resource].flat().length, SECRETS[TOOL].length);
  assert.deepEqual([secrets, key].map((each) => each?.Sid), ['Secrets', 'SecretsKey']);
});

test("no role's ledger, bill or payment can be removed", () => {
  for (const { removes, erases } of Object.values(ACCESS))
    for (const pattern of [...removes, ...erases])
      assert.ok(!/^(ACCOUNT|TRANSFER|BILL|PAYMENT|EVENT|\*)/.test(pattern), pattern);
});

test('a role is for one service account of one cluster', () => {
  for (const account of [...SERVICES, AUDITOR, TOOL]) {
    cluster.hasResourceProperties('AWS::EKS::PodIdentityAssociation', {
      ClusterName: 'moneypal',
      Namespace: 'moneypal',
      ServiceAccount: account,
    });
    cluster.hasResourceProperties('AWS::IAM::Role', {
      RoleName: `moneypal-${account}`,
      AssumeRolePolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Principal: { Service: 'pods.eks.amazonaws.com' },
            Condition: {
              StringEquals: {
                'aws:SourceAccount': settings.account,
                'aws:RequestTag/kubernetes-namespace': 'moneypal',
                'aws:RequestTag/kubernetes-service-account': account,
              },
              ArnEquals: { 'aws:SourceArn': Match.anyValue() },
            },
          }),
        ]),
      },
    });
  }
});

test('every service account of the manifests has its role, but for the gateway, which asks AWS for nothing', () => {
  const base = new URL('../../k8s/base/', import.meta.url);
  const accounts = readdirSync(base)
    .map((name) => readFileSync(new URL(name, base), 'utf8'))
    .flatMap((text) => [...text.matchAll(/^ +serviceAccountName: (\S+)$/gm)].map((found) => found[1]));
  assert.deepEqual(accounts.sort(), [...SERVICES, AUDITOR, TOOL, 'gateway'].sort());
});

test('GitHub becomes a role only for one audience, one repository and one environment', () => {
  for (const environment of ['release', 'deploy'])
    registry.hasResourceProperties('AWS::IAM::Role', {
      RoleName: `moneypal-${environment}`,
      AssumeRolePolicyDocument: {
        Statement: [
          Match.objectLike({
            Action: 'sts:AssumeRoleWithWebIdentity',
            Condition: {
              StringEquals: {
                'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
                'token.actions.githubusercontent.com:sub': `repo:${settings.repository}:environment:${environment}`,
              },
            },
          }),
        ],
      },
    });
});

test('an image, once pushed, is what its tag says for ever, and is scanned', () => {
  registry.resourceCountIs('AWS::ECR::Repository', SERVICES.length + 2);
  registry.allResourcesProperties('AWS::ECR::Repository', {
    ImageTagMutability: 'IMMUTABLE',
    ImageScanningConfiguration: { ScanOnPush: true },
  });
});

test('the broker stands in three zones, and only the cluster reaches it', () => {
  const broker = template('Broker');
  broker.hasResourceProperties('AWS::AmazonMQ::Broker', {
    EngineType: 'RABBITMQ',
    DeploymentMode: 'CLUSTER_MULTI_AZ',
    PubliclyAccessible: false,
    SubnetIds: [Match.anyValue(), Match.anyValue(), Match.anyValue()],
  });
  cluster.hasResourceProperties('AWS::EC2::SecurityGroupIngress', { FromPort: 5671, ToPort: 5671 });
});

test("no secret's value stands in a template", () => {
  for (const stack of STACKS)
    for (const secret of Object.values(template(stack).findResources('AWS::SecretsManager::Secret'))) {
      const { SecretString, GenerateSecretString } = secret.Properties;
      const text = JSON.stringify(SecretString ?? '');
      assert.ok(GenerateSecretString !== undefined || text.includes('{{resolve:secretsmanager:'), text);
    }
});

test("payment is handed nothing that passes for the provider's secrets until a person puts them in", () => {
  data.hasResourceProperties('AWS::SecretsManager::Secret', {
    Name: 'moneypal/stripe',
    GenerateSecretString: Match.objectLike({
      SecretStringTemplate: '{"secret_key":"","webhook_secret":""}',
      GenerateStringKey: 'unused',
    }),
  });
});

test('the cluster logs everything, and its API is not for the world', () => {
  cluster.hasResourceProperties('AWS::EKS::Cluster', {
    ResourcesVpcConfig: { EndpointPrivateAccess: true, EndpointPublicAccess: false },
    Logging: Match.anyValue(),
    EncryptionConfig: Match.anyValue(),
  });
});

test('somebody is told: dead letters, throttles, failures, the alerts of the services, the bill', () => {
  const watch = template('Watch');
  for (const queue of ['billing', 'payment', 'email'])
    watch.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'MessageCount',
      Dimensions: Match.arrayWith([{ Name: 'Queue', Value: `moneypal.${queue}.dead` }]),
      AlarmActions: [Match.anyValue()],
    });
  for (const service of SERVICES)
    for (const MetricName of ['WriteThrottleEvents', 'ReadThrottleEvents', 'SystemErrors'])
      watch.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName,
        Dimensions: [{ Name: 'TableName', Value: TABLES[service].TableName }],
      });
  const rules = JSON.stringify(watch.findResources('AWS::APS::RuleGroupsNamespace'));
  for (const alert of ['ServiceDown', 'DeadLetters', 'MailTrouble', 'OutboxOld', 'ReviewPayments', 'ServerErrors', 'AuditProblems', 'AuditLate'])
    assert.ok(rules.includes(`alert: ${alert}`), alert);
  watch.resourceCountIs('AWS::Budgets::Budget', 1);
});

test('the manifests have the addresses, groups and secrets that the templates have', () => {
  const k8s = new URL('../../k8s/', import.meta.url);
  const text = (name: string) => readFileSync(new URL(name, k8s), 'utf8');
  const within = (cidr: string, block: string) => {
    const bits = (address: string) =>
      address.split('.').map((byte) => Number(byte).toString(2).padStart(8, '0')).join('');
    const [base = '', size = ''] = block.split('/');
    return bits(cidr.split('/')[0] ?? '').startsWith(bits(base).slice(0, Number(size)));
  };
  const subnets = Object.values(template('Network').findResources('AWS::EC2::Subnet')).map((subnet) => ({
    cidr: subnet.Properties.CidrBlock as string,
    name: subnet.Properties.Tags.find((tag: { Key: string }) => tag.Key === 'aws-cdk:subnet-name').Value as string,
  }));
  assert.equal(subnets.length, 9);
  const gateway = /GATEWAY_TRUSTED, value: (\S+)}/.exec(text('overlays/aws/gateway.yaml'))?.[1] ?? '';
  assert.ok(text('overlays/aws/network.yaml').includes(`cidr: ${gateway}`), 'who is believed is who is let in');
  for (const file of ['network', 'outside'])
    assert.ok(text(`overlays/aws/${file}.yaml`).includes('cidr: 10.64.128.0/24'));
  for (const { cidr, name } of subnets) {
    assert.equal(within(cidr, gateway), name === 'Public', `${name} ${cidr}`);
    assert.equal(within(cidr, '10.64.128.0/24'), name === 'Inner', `${name} ${cidr}`);
  }

  cluster.hasResourceProperties('AWS::EKS::Cluster', {
    KubernetesNetworkConfig: Match.objectLike({ ServiceIpv4Cidr: '172.20.0.0/16' }),
  });
  assert.ok(text('overlays/aws/network.yaml').includes('cidr: 172.20.0.10/32'));

  for (const group of ['moneypal-deployers', 'moneypal-operators']) {
    cluster.hasResourceProperties('AWS::EKS::AccessEntry', { KubernetesGroups: [group] });
    assert.ok(text('eks/access.yaml').includes(`name: ${group}`));
  }

  const classes = text('overlays/aws/secrets.yaml').split('\n---\n');
  assert.equal(classes.length, Object.keys(SECRETS).length);
  for (const each of classes) {
    const service = /^metadata: {name: (\S+)}$/m.exec(each)?.[1] as keyof typeof SECRETS;
    assert.deepEqual([...each.matchAll(/objectName: (\S+)/g)].map((found) => found[1]), SECRETS[service]);
  }
});
