import { Fn, RemovalPolicy, SecretValue, Stack, type StackProps } from 'aws-cdk-lib';
import * as amazonmq from 'aws-cdk-lib/aws-amazonmq';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

export interface BrokerProps extends StackProps {
  readonly vpc: ec2.Vpc;
  readonly group: ec2.SecurityGroup;
  readonly key: kms.Key;
  readonly user: secretsmanager.Secret;
}

/** RabbitMQ over three zones: its quorum queues outlive one of them. */
export class BrokerStack extends Stack {
  static readonly brokerName = 'moneypal';

  constructor(scope: Construct, id: string, props: BrokerProps) {
    super(scope, id, props);
    const subnets = props.vpc.isolatedSubnets.map((subnet) => subnet.subnetId);
    const broker = new amazonmq.CfnBroker(this, 'Broker', {
      brokerName: BrokerStack.brokerName,
      engineType: 'RABBITMQ',
      engineVersion: '3.13',
      deploymentMode: 'CLUSTER_MULTI_AZ',
      hostInstanceType: 'mq.m7g.large',
      publiclyAccessible: false,
      autoMinorVersionUpgrade: true,
      maintenanceWindowStartTime: { dayOfWeek: 'TUESDAY', timeOfDay: '03:00', timeZone: 'UTC' },
      subnetIds: subnets,
      securityGroups: [props.group.securityGroupId],
      encryptionOptions: { useAwsOwnedKey: false, kmsKeyId: props.key.keyArn },
      logs: { general: true },
      // The first user; later ones are RabbitMQ's own (docs/OPERATIONS_AWS.md, rotating).
      users: [
        {
          username: 'moneypal',
          password: props.user.secretValueFromJson('password').unsafeUnwrap(),
        },
      ],
    });
    broker.applyRemovalPolicy(RemovalPolicy.RETAIN);

    const address = Fn.select(1, Fn.split('amqps://', Fn.select(0, broker.attrAmqpEndpoints)));
    const password = props.user.secretValueFromJson('password').unsafeUnwrap();
    new secretsmanager.Secret(this, 'Url', {
      secretName: 'moneypal/amqp-url',
      encryptionKey: props.key,
      removalPolicy: RemovalPolicy.RETAIN,
      secretStringValue: SecretValue.unsafePlainText(
        Fn.join('', ['amqps://moneypal:', password, '@', address, '/%2f']),
      ),
    });
  }
}
