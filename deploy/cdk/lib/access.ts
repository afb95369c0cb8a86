import tables from '../tables.json' with { type: 'json' };

/** A table as its service prints it (moneypal-SERVICE --print-table): what CreateTable takes. */
export interface TableDescription {
  readonly TableName: string;
  readonly KeySchema: readonly { AttributeName: string; KeyType: string }[];
  readonly AttributeDefinitions: readonly { AttributeName: string; AttributeType: string }[];
  readonly BillingMode: string;
  readonly TimeToLiveSpecification: { AttributeName: string; Enabled: boolean };
}

export const SERVICES = ['user', 'wallet', 'payment', 'billing', 'email'] as const;
export type Service = (typeof SERVICES)[number];
export const TABLES: Record<Service, TableDescription> = tables;

/** Kubernetes' names: each service runs as a service account of its own name. */
export const NAMESPACE = 'moneypal';
export const AUDITOR = 'wallet-audit';

/** The operator's tool, which asks services and the broker, and no table. */
export const TOOL = 'mpctl';

/** Where alarms and alerts go. */
export const ALARM_TOPIC = 'moneypal-alarms';

const VERIFY = ['DescribeTable', 'DescribeTimeToLive'];

/**
 * What a service does with its table, as IAM counts it: a transaction is its Puts, Deletes and
 * ConditionChecks. The keys are partitions, which is as fine as IAM can tell items apart.
 */
export interface TableAccess {
  readonly actions: readonly string[];
  /** DeleteItem, single or in a transaction, on these partitions. */
  readonly removes: readonly string[];
  /** BatchWriteItem, by which rows are erased that have done their work. */
  readonly erases: readonly string[];
}

export const ACCESS: Record<Service, TableAccess> = {
  user: {
    actions: [...VERIFY, 'GetItem', 'BatchGetItem', 'Query', 'PutItem', 'ConditionCheckItem'],
    removes: ['LEASE#*', 'USER#*', 'SEARCH#*', 'KEYS'],
    erases: ['OUTBOX#*'],
  },
  wallet: {
    actions: [...VERIFY, 'GetItem', 'BatchGetItem', 'Query', 'PutItem', 'ConditionCheckItem'],
    removes: ['LEASE#*'],
    erases: ['OUTBOX#*'],
  },
  payment: {
    actions: [...VERIFY, 'GetItem', 'BatchGetItem', 'Query', 'PutItem'],
    removes: ['LEASE#*', 'DUE#*'],
    erases: ['OUTBOX#*', 'DUE#*'],
  },
  billing: {
    actions: [...VERIFY, 'GetItem', 'BatchGetItem', 'Query', 'PutItem'],
    removes: ['LEASE#*', 'DUE#*'],
    erases: ['OUTBOX#*', 'DUE#*'],
  },
  email: {
    actions: [...VERIFY, 'GetItem', 'BatchGetItem', 'Query', 'PutItem'],
    removes: ['DUE#*'],
    erases: ['DUE#*'],
  },
};

/** The audit reads the whole ledger, and writes nothing. */
export const AUDITOR_ACTIONS = [...VERIFY, 'GetItem', 'BatchGetItem', 'Query', 'Scan'];

/** What a person who looks into the tables may do. */
export const OPERATOR_ACTIONS = ['DescribeTable', 'GetItem', 'Query', 'Scan'];

/** The secrets whose values each pod is handed, by name (deploy/k8s/overlays/aws/secrets.yaml). */
export const SECRETS: Record<Service | typeof TOOL, readonly string[]> = {
  user: ['moneypal/amqp-url', 'moneypal/clients'],
  wallet: ['moneypal/amqp-url'],
  payment: ['moneypal/amqp-url', 'moneypal/client-payment', 'moneypal/stripe'],
  billing: ['moneypal/amqp-url', 'moneypal/client-billing'],
  email: ['moneypal/amqp-url', 'moneypal/smtp'],
  mpctl: ['moneypal/amqp-url', 'moneypal/client-mpctl'],
};
