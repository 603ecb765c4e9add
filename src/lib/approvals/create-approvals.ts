import type { TableClient } from '@azure/data-tables';
import type { Logger } from '../core/log.ts';
import type { Approvals } from './approvals.ts';
import { EmergencyNotices } from './emergency.ts';
import { approvalsTable, TableApprovalLog } from './table-approval-log.ts';

/** Where the parts of approvals come from. */
interface ApprovalsParts extends Omit<Approvals, 'approvalLog' | 'emergencies'> {
  readonly log: Logger;
  readonly storage: { table(name: string): Promise<TableClient> };
}

/** Puts approvals together. Nothing is read or connected before the first use. */
export function createApprovals({ storage, ...deps }: ApprovalsParts): Approvals {
  return {
    ...deps,
    approvalLog: new TableApprovalLog(() => storage.table(approvalsTable), deps.log),
    emergencies: new EmergencyNotices(deps),
  };
}
