import { Stack, type StackProps } from 'aws-cdk-lib';
import * as aps from 'aws-cdk-lib/aws-aps';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

import { ALARM_TOPIC, NAMESPACE } from './access.ts';
import { addOperatorRole, addPodRoles } from './identities.ts';
import type { Settings } from './settings.ts';

export interface ClusterProps extends StackProps {
  readonly vpc: ec2.Vpc;
  readonly key: kms.Key;
  readonly brokerGroup: ec2.SecurityGroup;
  readonly deployRoleArn: string;
}

/** Secrets as files of pods; what the autoscalers of pods count by. */
const ADDONS = ['aws-secrets-store-csi-driver-provider', 'metrics-server'];
const BROKER_PORT = 5671;

/** What is read every half minute: each pod that deploy/k8s calls a service. */
const SCRAPE = `global:
  scrape_interval: 30s
scrape_configs:
  - job_name: moneypal
    kubernetes_sd_configs:
      - role: pod
        namespaces:
          names: [${NAMESPACE}]
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_label_moneypal_role]
        regex: service
        action: keep
      - source_labels: [__meta_kubernetes_pod_ip]
        replacement: $1:8080
        target_label: __address__
      - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name]
        target_label: service
      - source_labels: [__meta_kubernetes_pod_name]
        target_label: pod
`;

/** Alerts of one kind and service come as one message. */
const alertsTo = (topicArn: string, region: string) => `alertmanager_config: |
  route:
    receiver: operators
    group_by: [alertname, service]
    repeat_interval: 4h
  receivers:
    - name: operators
      sns_configs:
        - topic_arn: ${topicArn}
          sigv4:
            region: ${region}
`;

/** EKS in auto mode: AWS runs the nodes, load balancers and the agent that hands out identities. */
export class ClusterStack extends Stack {
  static readonly clusterName = 'moneypal';
  readonly metrics: aps.CfnWorkspace;

  constructor(scope: Construct, id: string, settings: Settings, props: ClusterProps) {
    super(scope, id, props);
    const cidrs = settings.clusterApiCidrs;
    const cluster = new eks.Cluster(this, 'Cluster', {
      clusterName: ClusterStack.clusterName,
      version: eks.KubernetesVersion.V1_34,
      vpc: props.vpc,
      vpcSubnets: [{ subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }],
      serviceIpv4Cidr: '172.20.0.0/16', // names are asked at 172.20.0.10 (overlays/aws/network.yaml)
      endpointAccess:
        cidrs.length > 0
          ? eks.EndpointAccess.PUBLIC_AND_PRIVATE.onlyFrom(...cidrs)
          : eks.EndpointAccess.PRIVATE,
      defaultCapacityType: eks.DefaultCapacityType.AUTOMODE,
      secretsEncryptionKey: props.key,
      bootstrapClusterCreatorAdminPermissions: false,
      clusterLogging: [
        eks.ClusterLoggingTypes.API,
        eks.ClusterLoggingTypes.AUDIT,
        eks.ClusterLoggingTypes.AUTHENTICATOR,
        eks.ClusterLoggingTypes.CONTROLLER_MANAGER,
        eks.ClusterLoggingTypes.SCHEDULER,
      ],
    });
    for (const addonName of ADDONS) new eks.Addon(this, `Addon-${addonName}`, { cluster, addonName });
    this.grantAccess(cluster, props.deployRoleArn);
    new ec2.CfnSecurityGroupIngress(this, 'ToBroker', {
      groupId: props.brokerGroup.securityGroupId,
      sourceSecurityGroupId: cluster.clusterSecurityGroupId,
      ipProtocol: 'tcp',
      fromPort: BROKER_PORT,
      toPort: BROKER_PORT,
      description: 'from pods, over TLS',
    });
    addPodRoles(this, ClusterStack.clusterName, props.key.keyArn).forEach((role) =>
      role.node.addDependency(cluster),
    );
    this.metrics = this.addMetrics(cluster, props.vpc);
  }

  /**
   * The workflow that deploys has its namespace; a person in the role of operators only looks. The
   * groups have what EKS's policies do not (deploy/k8s/eks/access.yaml).
   */
  private grantAccess(cluster: eks.Cluster, deployRoleArn: string): void {
    const grant = (id: string, principalArn: string, policy: string, group: string) =>
      new eks.CfnAccessEntry(this, id, {
        clusterName: cluster.clusterName,
        principalArn,
        kubernetesGroups: [group],
        accessPolicies: [
          {
            policyArn: `arn:aws:eks::aws:cluster-access-policy/${policy}`,
            accessScope: { type: 'namespace', namespaces: [NAMESPACE] },
          },
        ],
      });
    grant('Deploy', deployRoleArn, 'AmazonEKSAdminPolicy', 'moneypal-deployers');
    grant('Operate', addOperatorRole(this).roleArn, 'AmazonEKSViewPolicy', 'moneypal-operators');
  }

  /** Managed Prometheus, which reads the pods' metrics without anything of its own in the cluster. */
  private addMetrics(cluster: eks.Cluster, vpc: ec2.Vpc): aps.CfnWorkspace {
    const workspace = new aps.CfnWorkspace(this, 'Metrics', {
      alias: 'moneypal',
      alertManagerDefinition: alertsTo(`arn:aws:sns:${this.region}:${this.account}:${ALARM_TOPIC}`, this.region),
    });
    new aps.CfnScraper(this, 'Scraper', {
      alias: 'moneypal',
      destination: { ampConfiguration: { workspaceArn: workspace.attrArn } },
      scrapeConfiguration: { configurationBlob: Buffer.from(SCRAPE).toString('base64') },
      source: {
        eksConfiguration: {
          clusterArn: cluster.clusterArn,
          // Not among the pods: so that a NetworkPolicy can tell it from them.
          subnetIds: vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
          securityGroupIds: [cluster.clusterSecurityGroupId],
        },
      },
    });
    return workspace;
  }
}
