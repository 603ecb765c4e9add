import { randomUUID } from 'node:crypto';
import type { Approvals } from '../../src/lib/approvals/approvals.ts';
import { EmergencyNotices } from '../../src/lib/approvals/emergency.ts';
import type { Notice } from '../../src/lib/notices/notice.ts';
import { guid } from './audit-entries.ts';
import type { Clock } from '../../src/lib/core/clock.ts';
import { MemoryApprovalLog } from '../fakes/memory-approval-log.ts';

/** Approvals in memory, for a policy and an audit log. Everybody may read every tenant. People sign in as `person` does. */
export function memoryApprovals(
  deps: Pick<Approvals, 'audit' | 'policy'> & { readonly clock: Clock },
): Approvals & { readonly approvalLog: MemoryApprovalLog; readonly notices: Notice[] } {
  const notices: Notice[] = [];
  const notifier = { send: async (notice: Notice) => void notices.push(notice) };
  return {
    ...deps,
    approvalLog: new MemoryApprovalLog(),
    visibleTo: async () => '*',
    signInClientId: guid(0xa),
    notifier,
    emergencies: new EmergencyNotices({ notifier, clock: deps.clock }),
    newId: randomUUID,
    dashboardUrl: 'https://broker.example/api/dashboard',
    notices,
  };
}
