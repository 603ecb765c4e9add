import type { AuditLog } from '../audit/audit-log.ts';
import type { PolicyStore } from '../access/policy/policy-store.ts';
import type { Caller } from '../core/caller.ts';
import type { ReadableTenants } from '../access/tenants/readable-tenants.ts';
import type { Notifier } from '../notices/notice.ts';
import type { Clock } from '../core/clock.ts';
import type { ApprovalLog } from './approval-log.ts';
import type { EmergencyNotices } from './emergency.ts';

/** What approvals need. */
export interface Approvals {
  readonly approvalLog: ApprovalLog;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly policy: PolicyStore;
  /**
   * The tenants whose data a person may read by the policy in force: he decides on requests for these only.
   * @throws BrokerError caller_forbidden while no policy is in force; entra_unavailable.
   */
  readonly readableBy: (person: Caller) => Promise<ReadableTenants>;
  /** The application through which people sign in, in lower case. People approve through no other. Undefined: it is not set. */
  readonly signInClientId: string | undefined;
  readonly notifier: Notifier;
  readonly emergencies: EmergencyNotices;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Address of the dashboard, for links in notices. Undefined: it is not known. */
  readonly dashboardUrl: string | undefined;
}
