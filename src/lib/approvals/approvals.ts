import type { TableClient } from '@azure/data-tables';
import type { PolicyStore } from '../access/policy/policy-store.ts';
import type { VisibleTenants } from '../access/tenants/visible-tenants.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Notifier } from '../notices/notice.ts';
import type { ApprovalLog } from './approval-log.ts';
import { EmergencyNotices } from './emergency.ts';
import { approvalsTable, TableApprovalLog } from './table-approval-log.ts';

/** What approvals need. */
export interface Approvals {
  readonly approvalLog: ApprovalLog;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly policy: PolicyStore;
  /**
   * The tenants whose data a person may read by the policy in force: he decides on requests for these only.
   * @throws BrokerError caller_forbidden while no policy is in force; entra_unavailable.
   */
  readonly visibleTo: (person: Caller) => Promise<VisibleTenants>;
  /** The application through which people sign in, in lower case. People approve through no other. Undefined: it is not set. */
  readonly signInClientId: string | undefined;
  readonly notifier: Notifier;
  readonly emergencies: EmergencyNotices;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Address of the dashboard, for links in notices. Undefined: it is not known. */
  readonly dashboardUrl: string | undefined;
}

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
