import * as z from 'zod';
import { dayMs, isoTime } from '../lib/core/clock.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import { hasEntraPremium, licensed, timeMs, withoutEntraPremium } from './parts.ts';

const text = z.string().nullish();
const signIn = z.object({
  userId: text,
  userPrincipalName: text,
  clientAppUsed: z.string(),
  createdDateTime: text,
  status: z.object({ errorCode: z.number().nullish() }).nullish(),
});

/** Names of legacy clients in `clientAppUsed`, as CIPP filters for them (ListBasicAuth). */
const clients = [
  'AutoDiscover',
  'Authenticated SMTP',
  'Exchange ActiveSync',
  'Exchange Online PowerShell',
  'Exchange Web Services',
  'IMAP4',
  'MAPI Over HTTP',
  'Offline Address Book',
  'Other clients',
  'Outlook Anywhere (RPC over HTTP)',
  'POP3',
  'Reporting Web Services',
  'Universal Outlook',
];

/** Sign-ins of one user with one protocol. */
interface Use {
  user: string | null;
  userId: string;
  protocol: string;
  succeeded: number;
  failed: number;
  last: string | null;
}

/**
 * Reports who signs in with legacy authentication. Failed attempts are mostly password spraying, so they are counted apart.
 * Version 1.0 of the log has interactive sign-ins alone, of 30 days at most.
 */
export default defineJob({
  name: 'legacy-authentication',
  title: 'Legacy authentication',
  description:
    'Who signed in interactively with legacy authentication within some days, by protocol, and how often it failed. Requires Entra ID P1; other tenants are skipped.',
  topic: 'identity',
  resources: ['graph'],
  permissions: ['AuditLog.Read.All', 'Organization.Read.All'],
  directoryRoles: ['Reports Reader', 'Security Reader', 'Global Reader', 'Security Administrator'],
  timeoutSeconds: 900,
  parameters: z.object({
    days: z.int().min(1).max(30).default(7).meta({ title: 'Days', description: 'Graph keeps sign-ins for 30 days.' }),
  }),
  columns: [
    { name: 'user', title: 'User', type: 'text' },
    { name: 'protocol', title: 'Protocol', type: 'text' },
    // The period moves with every run, and so do these.
    { name: 'succeeded', title: 'Succeeded', type: 'number', compare: false },
    { name: 'failed', title: 'Failed', type: 'number', compare: false },
    { name: 'last', title: 'Last attempt', type: 'date', compare: false },
    { name: 'signIns', title: 'Sign-ins read', type: 'text' },
    { name: 'userId', title: 'User id', type: 'text' },
  ],
  key: ['userId', 'protocol'],
  historyBy: 'protocol',
  async run({ graph, parameters: { days }, nowMs }) {
    if (!(await hasEntraPremium(graph))) throw withoutEntraPremium();
    const names = clients.map((name) => `clientAppUsed eq '${name}'`).join(' or ');
    const filter = `createdDateTime ge ${isoTime(nowMs - days * dayMs)} and (${names})`;
    const uses = new Map<string, Use>();
    for await (const { userId, userPrincipalName, clientAppUsed: protocol, createdDateTime, status } of licensed(
      graph.list(`/auditLogs/signIns?$filter=${filter}&$top=1000`, { shape: signIn }),
    )) {
      // Attempts with the names of accounts that do not exist have no id, or one of zeros.
      const known = /^[0-]*$/.test(userId ?? '') ? undefined : userId;
      const key = JSON.stringify([known ?? userPrincipalName, protocol]);
      const use = uses.get(key) ?? {
        user: null,
        userId: known ?? userPrincipalName ?? '',
        protocol,
        succeeded: 0,
        failed: 0,
        last: null,
      };
      uses.set(key, use);
      use.user ??= userPrincipalName ?? null;
      if (status?.errorCode === 0) use.succeeded += 1;
      else if (status?.errorCode != null) use.failed += 1;
      if ((timeMs(createdDateTime) ?? 0) > (timeMs(use.last) ?? 0)) use.last = createdDateTime ?? null;
    }
    return [...uses.values()].map((use) => ({ ...use, signIns: 'interactive' }));
  },
});
