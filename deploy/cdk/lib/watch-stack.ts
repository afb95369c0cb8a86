import { readFileSync } from 'node:fs';
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import * as aps from 'aws-cdk-lib/aws-aps';
import * as budgets from 'aws-cdk-lib/aws-budgets';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';

import { ALARM_TOPIC, SERVICES, TABLES } from './access.ts';
import { BrokerStack } from './broker-stack.ts';
import type { Settings } from './settings.ts';

/** The queues that the services declare (lib/bus/topology.h): each has its dead letters. */
const QUEUES = ['billing', 'payment', 'email'];
const RULES = new URL('../../alerts/moneypal.rules.yaml', import.meta.url);

export interface WatchProps extends StackProps {
  readonly metrics: aps.CfnWorkspace;
}

interface AlarmShape {
  readonly metric: cloudwatch.Metric;
  readonly above: number;
  readonly what: string;
}

/** Who is told of what: AWS's own metrics here, the services' by the rules of deploy/alerts. */
export class WatchStack extends Stack {
  private readonly topic: sns.Topic;

  constructor(scope: Construct, id: string, settings: Settings, props: WatchProps) {
    super(scope, id, props);
    this.topic = this.addTopic(settings);
    for (const service of SERVICES) this.watchTable(TABLES[service].TableName);
    this.watchBroker();
    this.addServiceRules(props.metrics);
    this.addBudget(settings);
  }

  private addTopic(settings: Settings): sns.Topic {
    const key = new kms.Key(this, 'Key', { description: 'MoneyPal: alarms', enableKeyRotation: true });
    const topic = new sns.Topic(this, 'Alarms', {
      topicName: ALARM_TOPIC,
      masterKey: key,
      enforceSSL: true,
    });
    topic.addSubscription(new EmailSubscription(settings.alarmMail));
    for (const name of ['cloudwatch', 'aps', 'budgets']) {
      const service = new iam.ServicePrincipal(`${name}.amazonaws.com`, {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      });
      topic.grantPublish(service);
      key.grantEncryptDecrypt(service);
    }
    return topic;
  }

  private addAlarm(id: string, { metric, above, what }: AlarmShape): void {
    const alarm = new cloudwatch.Alarm(this, id, {
      alarmName: `moneypal-${id}`,
      alarmDescription: what,
      metric,
      threshold: above,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
  }

  private watchTable(TableName: string): void {
    const table = (metricName: string) =>
      new cloudwatch.Metric({
        namespace: 'AWS/DynamoDB',
        metricName,
        dimensionsMap: { TableName },
        statistic: 'Sum',
        period: Duration.minutes(5),
      });
    for (const metricName of ['WriteThrottleEvents', 'ReadThrottleEvents'])
      this.addAlarm(`${TableName}-${metricName}`, {
        metric: table(metricName),
        above: 0,
        what: `${TableName}: DynamoDB asks for less; a partition is hot, or an account's limit is near`,
      });
    this.addAlarm(`${TableName}-SystemErrors`, {
      metric: table('SystemErrors'),
      above: 5,
      what: `${TableName}: DynamoDB fails`,
    });
  }

  private watchBroker(): void {
    const broker = (metricName: string, statistic: string, more: Record<string, string> = {}) =>
      new cloudwatch.Metric({
        namespace: 'AWS/AmazonMQ',
        metricName,
        dimensionsMap: { Broker: BrokerStack.brokerName, ...more },
        statistic,
        period: Duration.minutes(5),
      });
    for (const queue of QUEUES)
      this.addAlarm(`dead-letters-${queue}`, {
        metric: broker('MessageCount', 'Maximum', {
          VirtualHost: '/',
          Queue: `moneypal.${queue}.dead`,
        }),
        above: 0,
        what: `${queue} refused an event for good: look at it and replay it (mpctl dead)`,
      });
    this.addAlarm('broker-memory', {
      metric: broker('RabbitMQMemUsed', 'Maximum'),
      above: 2.5e9,
      what: 'the broker will soon stop taking events',
    });
  }

  private addServiceRules(metrics: aps.CfnWorkspace): void {
    new aps.CfnRuleGroupsNamespace(this, 'Rules', {
      name: 'moneypal',
      workspace: metrics.attrArn,
      data: readFileSync(RULES, 'utf8'),
    });
  }

  private addBudget(settings: Settings): void {
    const told = (notificationType: string, threshold: number) => ({
      notification: { notificationType, threshold, comparisonOperator: 'GREATER_THAN' },
      subscribers: [{ subscriptionType: 'EMAIL', address: settings.alarmMail }],
    });
    new budgets.CfnBudget(this, 'Budget', {
      budget: {
        budgetName: 'moneypal',
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: settings.monthlyBudgetUsd, unit: 'USD' },
      },
      notificationsWithSubscribers: [told('ACTUAL', 80), told('ACTUAL', 100), told('FORECASTED', 100)],
    });
  }
}
