import { Stack, type StackProps } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

import type { Settings } from './settings.ts';

/**
 * Three zones; only load balancers are public, and DynamoDB is reached without the internet. The
 * broker, and who reads metrics, are in the inner subnets (10.64.128.0/24).
 */
export class NetworkStack extends Stack {
  readonly vpc: ec2.Vpc;
  readonly brokerGroup: ec2.SecurityGroup;
  private readonly zones: string[];

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, props);
    this.zones = [...settings.zones];
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      vpcName: 'moneypal',
      ipAddresses: ec2.IpAddresses.cidr('10.64.0.0/16'),
      availabilityZones: this.zones,
      natGateways: 3, // the provider is reached, whichever zone fails
      subnetConfiguration: [
        { name: 'Public', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 22, mapPublicIpOnLaunch: false },
        { name: 'Pods', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 19 },
        { name: 'Inner', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 26 },
      ],
    });
    this.vpc.addFlowLog('Flows', {
      trafficType: ec2.FlowLogTrafficType.REJECT,
      destination: ec2.FlowLogDestination.toCloudWatchLogs(
        new logs.LogGroup(this, 'FlowLogs', { retention: logs.RetentionDays.THREE_MONTHS }),
      ),
    });
    this.addTableEndpoint();
    this.vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    this.brokerGroup = new ec2.SecurityGroup(this, 'BrokerGroup', {
      vpc: this.vpc,
      description: 'RabbitMQ: reached by the cluster only',
      allowAllOutbound: false,
    });
  }

  /** Said, not looked up: a template is made offline. */
  override get availabilityZones(): string[] {
    return this.zones;
  }

  /** Through it one reaches this account's MoneyPal tables, and nobody else's. */
  private addTableEndpoint(): void {
    const endpoint = this.vpc.addGatewayEndpoint('DynamoDb', {
      service: ec2.GatewayVpcEndpointAwsService.DYNAMODB,
    });
    endpoint.addToPolicy(
      new iam.PolicyStatement({
        principals: [new iam.AnyPrincipal()],
        actions: ['dynamodb:*'],
        resources: [this.formatArn({ service: 'dynamodb', resource: 'table', resourceName: 'moneypal-*' })],
        conditions: { StringEquals: { 'aws:PrincipalAccount': this.account } },
      }),
    );
  }
}
