import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as ses from 'aws-cdk-lib/aws-ses';
import type { Construct } from 'constructs';

import type { Settings } from './settings.ts';

/** The domain that mails are from, signed by it; and the one who may send over SMTP. */
export class MailStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, props);
    const rules = new ses.ConfigurationSet(this, 'Rules', {
      configurationSetName: 'moneypal',
      tlsPolicy: ses.ConfigurationSetTlsPolicy.REQUIRE,
      reputationMetrics: true,
      suppressionReasons: ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
    });
    const identity = new ses.EmailIdentity(this, 'Domain', {
      identity: ses.Identity.domain(settings.mailDomain),
      configurationSet: rules,
      mailFromDomain: `bounce.${settings.mailDomain}`,
    });
    identity.applyRemovalPolicy(RemovalPolicy.RETAIN);

    // SES's SMTP knows users only, no roles; a person makes its key (docs/OPERATIONS_AWS.md).
    const sender = new iam.User(this, 'Sender', { userName: 'moneypal-smtp' });
    new iam.Policy(this, 'Send', {
      users: [sender],
      statements: [
        new iam.PolicyStatement({
          actions: ['ses:SendRawEmail'],
          resources: [
            identity.emailIdentityArn,
            this.formatArn({ service: 'ses', resource: 'configuration-set', resourceName: 'moneypal' }),
          ],
          conditions: { StringEquals: { 'ses:FromAddress': `no-reply@${settings.mailDomain}` } },
        }),
      ],
    });
  }
}
