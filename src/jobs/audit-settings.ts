import * as z from 'zod';
import { BrokerError } from '../lib/core/errors.ts';
import { defineJob, type JobContext } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { listObjects } from './parts.ts';

const auditLogConfig = z.object({ UnifiedAuditLogIngestionEnabled: z.boolean() });
const organizationConfig = z.object({ AuditDisabled: z.boolean() });
const bypassAssociation = z.object({
  Guid: z.string(),
  Name: z.string().nullish(),
  AuditBypassEnabled: z.boolean(),
});
const mailboxShape = z.object({
  ExternalDirectoryObjectId: z.string(),
  UserPrincipalName: z.string().nullish(),
  DefaultAuditSet: z.array(z.string()).nullish(),
});
const logonTypes = ['Admin', 'Delegate', 'Owner'];

/** What a check found wrong. */
interface Finding {
  /** Id of a mailbox or account. Absent: the organization. */
  readonly id?: string;
  readonly name?: string | null;
  readonly detail: string;
  /** Null: not known. Absent: wrong. */
  readonly ok?: null;
}

/** The checks. Each is read apart, because the roles for them differ. */
const checks: Readonly<Record<string, (exchange: JobContext['exchange']) => AsyncGenerator<Finding>>> = {
  // Security & Compliance always answers False here; only Exchange knows ("Turn auditing on or off").
  async *'unified audit log'(exchange) {
    const { UnifiedAuditLogIngestionEnabled: isOn } = await one(exchange, 'Get-AdminAuditLogConfig', auditLogConfig);
    if (!isOn) yield { detail: 'UnifiedAuditLogIngestionEnabled is false' };
  },
  async *'mailbox auditing'(exchange) {
    const { AuditDisabled: isOff } = await one(exchange, 'Get-OrganizationConfig', organizationConfig);
    if (isOff) yield { detail: 'AuditDisabled is true' };
  },
  async *'audit bypass'(exchange) {
    for await (const { Guid: id, Name: name, AuditBypassEnabled: bypasses } of listObjects(
      exchange,
      'Get-MailboxAuditBypassAssociation',
      bypassAssociation,
      { ResultSize: 'Unlimited' },
    ))
      if (bypasses) yield { id, name: name ?? null, detail: 'AuditBypassEnabled is true' };
  },
  // A mailbox with its own list of actions does not get those that Microsoft adds ("Manage mailbox auditing").
  async *'default audit set'(exchange) {
    for await (const { ExternalDirectoryObjectId: id, UserPrincipalName: name, DefaultAuditSet: set } of listObjects(
      exchange,
      'Get-Mailbox',
      mailboxShape,
      { ResultSize: 'Unlimited' },
    )) {
      if (set == null) {
        yield { id, name: name ?? null, detail: 'DefaultAuditSet is not shown', ok: null };
        continue;
      }
      const missing = logonTypes.filter((type) => !set.includes(type));
      if (missing.length > 0) yield { id, name: name ?? null, detail: `DefaultAuditSet lacks ${missing.join(', ')}` };
    }
  },
};

/** The object of a cmdlet that returns one. @throws BrokerError if it returns none, which is no proof of anything. */
async function one<T extends z.ZodObject>(exchange: JobContext['exchange'], cmdlet: string, shape: T) {
  const [found] = await Array.fromAsync(listObjects(exchange, cmdlet, shape));
  if (found === undefined) throw new BrokerError('job_failed', `${cmdlet} returns nothing.`);
  return found;
}

/** Reports whether what happens in a tenant is recorded. */
export default defineJob({
  name: 'audit-settings',
  title: 'Auditing',
  description:
    'Whether the unified audit log and mailbox auditing are on, and which accounts and mailboxes they leave out. A check that cannot be read is neither right nor wrong. A tenant without Exchange Online is skipped.',
  topic: 'exchange',
  resources: ['exchange'],
  permissions: ['Exchange.Manage'],
  directoryRoles: ['Global Reader', 'Exchange Administrator'],
  timeoutSeconds: 1_800,
  columns: [
    { name: 'check', title: 'Check', type: 'text' },
    { name: 'name', title: 'Account or mailbox', type: 'text' },
    { name: 'ok', title: 'Right', type: 'boolean' },
    { name: 'detail', title: 'Detail', type: 'text' },
    { name: 'subject', title: 'Id', type: 'text' },
  ],
  key: ['check', 'subject'],
  historyBy: 'check',
  async run({ exchange }) {
    const rows: Row[] = [];
    const refusals: BrokerError[] = [];
    const row = (check: string, ok: boolean | null, { id, name = null, detail }: Partial<Finding> = {}): Row => ({
      check,
      name,
      ok,
      detail: detail ?? null,
      subject: id ?? 'organization',
    });
    for (const [check, findings] of Object.entries(checks)) {
      try {
        const found = await Array.fromAsync(findings(exchange));
        rows.push(
          ...(found.length === 0
            ? [row(check, true)]
            : found.map((finding) => row(check, finding.ok === null ? null : false, finding))),
        );
      } catch (error) {
        if (!(error instanceof BrokerError) || error.transient || error.code === 'resource_unavailable') throw error;
        refusals.push(error);
        rows.push(row(check, null, { detail: error.detail }));
      }
    }
    const [refusal] = refusals;
    if (refusal !== undefined && refusals.length === rows.length) throw refusal;
    return rows;
  },
});
