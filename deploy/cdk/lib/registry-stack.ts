import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

import { SERVICES } from './access.ts';
import type { Settings } from './settings.ts';

const ISSUER = 'token.actions.githubusercontent.com';
const IMAGES = [...SERVICES, 'gateway', 'mpctl'];
const UNTAGGED_DAYS = 14;
/** What `cdk bootstrap` makes; the workflow's role may become these, and they do the changing. */
const BOOTSTRAP_ROLES = ['deploy-role', 'file-publishing-role', 'lookup-role'];

const PULL = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:DescribeImages',
  'ecr:GetDownloadUrlForLayer',
];
const PUSH = [
  'ecr:CompleteLayerUpload',
  'ecr:InitiateLayerUpload',
  'ecr:PutImage',
  'ecr:UploadLayerPart',
];

/** Where images are, and who among GitHub's workflows may bring and run them. */
export class RegistryStack extends Stack {
  readonly deployRole: iam.Role;
  private readonly repositories: ecr.Repository[];

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, props);
    this.repositories = IMAGES.map((image) => this.addRepository(image));
    const provider = new iam.OidcProviderNative(this, 'GitHub', {
      url: `https://${ISSUER}`,
      clientIds: ['sts.amazonaws.com'],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const release = this.workflowRole('release', settings, provider);
    this.allowImages(release, [...PULL, ...PUSH]);
    this.deployRole = this.workflowRole('deploy', settings, provider);
    this.allowImages(this.deployRole, PULL);
    this.allowDeployment(this.deployRole);
  }

  private addRepository(image: string): ecr.Repository {
    const repository = new ecr.Repository(this, `Image-${image}`, {
      repositoryName: `moneypal/${image}`,
      imageTagMutability: ecr.TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      encryption: ecr.RepositoryEncryption.KMS,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    repository.addLifecycleRule({
      description: 'what no tag names any more',
      tagStatus: ecr.TagStatus.UNTAGGED,
      maxImageAge: Duration.days(UNTAGGED_DAYS),
    });
    return repository;
  }

  /** Of one environment of one repository, whose protection rules say who approves. */
  private workflowRole(
    environment: string,
    settings: Settings,
    provider: iam.OidcProviderNative,
  ): iam.Role {
    return new iam.Role(this, `Role-${environment}`, {
      roleName: `moneypal-${environment}`,
      maxSessionDuration: Duration.hours(1),
      assumedBy: new iam.OpenIdConnectPrincipal(provider).withConditions({
        StringEquals: {
          [`${ISSUER}:aud`]: 'sts.amazonaws.com',
          [`${ISSUER}:sub`]: `repo:${settings.repository}:environment:${environment}`,
        },
      }),
    });
  }

  private allowImages(role: iam.Role, actions: readonly string[]): void {
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'LogIn', // has no resource to name
        actions: ['ecr:GetAuthorizationToken'],
        resources: ['*'],
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'Images',
        actions: [...actions],
        resources: this.repositories.map((repository) => repository.repositoryArn),
      }),
    );
  }

  private allowDeployment(role: iam.Role): void {
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'Infrastructure',
        actions: ['sts:AssumeRole'],
        resources: BOOTSTRAP_ROLES.map(
          (name) => `arn:aws:iam::${this.account}:role/cdk-hnb659fds-${name}-${this.account}-${this.region}`,
        ),
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'Cluster',
        actions: ['eks:DescribeCluster'],
        resources: [this.formatArn({ service: 'eks', resource: 'cluster', resourceName: 'moneypal' })],
      }),
    );
  }
}
