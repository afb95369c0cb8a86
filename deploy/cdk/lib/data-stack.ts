import { RemovalPolicy, SecretValue, Stack, type StackProps } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

import { SERVICES, TABLES, type Service } from './access.ts';

/** What each service may ask of others: OAuth scopes, as deploy/local has them. */
const CLIENT_SCOPES: Record<string, readonly string[]> = {
  billing: ['wallet:transfer'],
  payment: ['user:read'],
  mpctl: ['wallet:audit', 'keys:rotate', 'operations:read', 'operations:write'],
};

/** What outlives everything else: the tables, their key, the secrets. Nothing here is deleted. */
export class DataStack extends Stack {
  readonly key: kms.Key;
  readonly brokerUser: secretsmanager.Secret;

  constructor(scope: Construct, id: string, props: StackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    this.key = new kms.Key(this, 'Key', {
      alias: 'moneypal/data',
      description: 'MoneyPal: tables, secrets, images, the cluster',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    for (const service of SERVICES) this.addTable(service, TABLES[service].TableName);
    // While restored tables are taken in beside those that they replace (docs/OPERATIONS_AWS.md).
    const former = this.node.tryGetContext('formerPrefix') as string | undefined;
    if (former !== undefined) for (const service of SERVICES) this.addTable(service, `${former}${service}`);
    this.brokerUser = this.addRandomSecret('Broker', 'moneypal/broker', {
      secretStringTemplate: JSON.stringify({ username: 'moneypal' }),
      generateStringKey: 'password',
    });
    this.addClients();
    // Empty, and so refused by payment at its start, until a person puts the provider's values in.
    this.addRandomSecret('Stripe', 'moneypal/stripe', {
      secretStringTemplate: JSON.stringify({ secret_key: '', webhook_secret: '' }),
      generateStringKey: 'unused',
    });
    this.addRandomSecret('Smtp', 'moneypal/smtp', {
      secretStringTemplate: JSON.stringify({ username: 'to be put in' }),
      generateStringKey: 'password',
    });
  }

  /** Another name is another resource: a table is never replaced. */
  private addTable(service: Service, tableName: string): void {
    const described = TABLES[service];
    const table = new dynamodb.CfnTable(this, `Table-${tableName}`, {
      tableName,
      keySchema: described.KeySchema.map((key) => ({
        attributeName: key.AttributeName,
        keyType: key.KeyType,
      })),
      attributeDefinitions: described.AttributeDefinitions.map((attribute) => ({
        attributeName: attribute.AttributeName,
        attributeType: attribute.AttributeType,
      })),
      billingMode: described.BillingMode,
      timeToLiveSpecification: {
        attributeName: described.TimeToLiveSpecification.AttributeName,
        enabled: described.TimeToLiveSpecification.Enabled,
      },
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: true,
        recoveryPeriodInDays: 35,
      },
      sseSpecification: { sseEnabled: true, sseType: 'KMS', kmsMasterKeyId: this.key.keyArn },
      deletionProtectionEnabled: true,
      tags: [{ key: 'moneypal:service', value: service }],
    });
    table.applyRemovalPolicy(RemovalPolicy.RETAIN);
  }

  private addRandomSecret(
    id: string,
    secretName: string,
    more: Partial<secretsmanager.SecretStringGenerator> = {},
  ): secretsmanager.Secret {
    return new secretsmanager.Secret(this, id, {
      secretName,
      encryptionKey: this.key,
      removalPolicy: RemovalPolicy.RETAIN,
      // Nothing that a url or a JSON text would have to escape.
      generateSecretString: { passwordLength: 48, excludePunctuation: true, ...more },
    });
  }

  /** A secret for each client, and the file of all of them that the user service reads. */
  private addClients(): void {
    const clients: Record<string, unknown> = {};
    for (const [name, scopes] of Object.entries(CLIENT_SCOPES)) {
      const secret = this.addRandomSecret(`Client-${name}`, `moneypal/client-${name}`);
      // Resolved by CloudFormation while it deploys: the template has its name only.
      clients[name] = { secret: secret.secretValue.unsafeUnwrap(), scopes };
    }
    new secretsmanager.Secret(this, 'Clients', {
      secretName: 'moneypal/clients',
      encryptionKey: this.key,
      removalPolicy: RemovalPolicy.RETAIN,
      secretStringValue: SecretValue.unsafePlainText(JSON.stringify(clients)),
    });
  }
}
