import * as z from 'zod';
import { cmdlet } from '../lib/changes/change.ts';
import { defineChange } from '../lib/changes/define-change.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { listObjects } from './parts.ts';

const organization = z.object({ AuditDisabled: z.boolean() });

export default defineChange({
  name: 'mailbox-audit',
  title: 'Mailboxes are audited',
  description:
    'Turns the auditing of mailboxes on for the organization (AuditDisabled). AuditEnabled of a mailbox says nothing while it is on, so it is neither read nor set. Accounts that bypass auditing and mailboxes with a list of actions of their own stay as they are; the report audit-settings lists them.',
  topic: 'exchange',
  resources: ['exchange'],
  permissions: ['Exchange.Manage'],
  directoryRoles: ['Exchange Administrator'],
  async plan({ exchange }) {
    const read = { cmdlet: 'Get-OrganizationConfig' };
    const [found] = await Array.fromAsync(listObjects(exchange, read.cmdlet, organization));
    if (found === undefined)
      throw new BrokerError('job_failed', 'Exchange does not show whether mailboxes are audited.');
    return found.AuditDisabled ? [cmdlet('Set-OrganizationConfig', { AuditDisabled: false }, { read })] : [];
  },
});
