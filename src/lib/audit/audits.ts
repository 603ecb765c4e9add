import type { TableClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import type { Clock } from '../core/clock.ts';
import type { ResourceRegistry } from '../core/resources.ts';
import type { Logger } from '../core/log.ts';
import type { AppMetrics } from '../core/metrics.ts';
import type { Spans } from '../core/spans.ts';
import { type AuditLog, measuredAuditLog } from './audit-log.ts';
import { checkpointContainer, createBlobCheckpointLog } from './chain/blob-checkpoint-log.ts';
import type { CheckpointSigner } from './chain/checkpoint-log.ts';
import { AuditEvidence } from './evidence.ts';
import { accountContainer, createBlobAccountStore } from './proof/blob-account-store.ts';
import { createTableAuditLog } from './log/table-audit-log.ts';

/** What {@link createAudits} needs. */
interface AuditDeps {
  /** Tenant id of the partner, which the proof names. */
  readonly broker: string;
  readonly table: (name: string) => Promise<TableClient>;
  readonly container: (name: string) => Promise<ContainerClient>;
  readonly signer: CheckpointSigner;
  /** The key that makes the indexes of tenants. */
  readonly indexKey: CheckpointSigner;
  readonly resources: Pick<ResourceRegistry, 'list'>;
  readonly metrics: AppMetrics;
  readonly clock: Clock;
  readonly spans: Spans;
  readonly log: Logger;
  readonly newId: () => string;
  /** Whether an operator has disabled a function of the app. */
  readonly isFunctionDisabled: (name: string) => boolean;
}

/** The audit log, and what proves it. */
export function createAudits(deps: AuditDeps): { readonly audit: AuditLog; readonly evidence: AuditEvidence } {
  const table = (): Promise<TableClient> => deps.table('Audit');
  const checkpoints = createBlobCheckpointLog(() => deps.container(checkpointContainer));
  const accounts = createBlobAccountStore(() => deps.container(accountContainer));
  const isOff = deps.isFunctionDisabled('checkpoint-audit');
  const aliases = new Set(deps.resources.list().map(({ alias }) => alias));
  return {
    audit: measuredAuditLog(createTableAuditLog({ ...deps, table }), { ...deps, aliases }),
    evidence: new AuditEvidence({ ...deps, table, checkpoints, accounts, isOff }),
  };
}
