import * as z from 'zod';
import { dayMs, isoTime } from '../lib/core/clock.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { flagOf, hasEntraPremium, licensed, timeMs, withoutEntraPremium } from './parts.ts';

const text = z.string().nullish();
const account = z.object({
  id: z.string(),
  displayName: text,
  userPrincipalName: text,
  mail: text,
  userType: text,
  accountEnabled: z.boolean().nullish(),
  createdDateTime: text,
  assignedLicenses: z.array(z.unknown()).nullish(),
  onPremisesSyncEnabled: z.boolean().nullish(),
  externalUserState: text,
  externalUserStateChangeDateTime: text,
  signInActivity: z
    .object({
      lastSuccessfulSignInDateTime: text,
      lastSignInDateTime: text,
      lastNonInteractiveSignInDateTime: text,
    })
    .nullish(),
});
type Account = z.output<typeof account>;

const withoutActivity = Object.keys(account.shape).filter((name) => name !== 'signInActivity');

/**
 * Reports enabled accounts without a sign-in for some days. Graph refuses the activity without Entra ID P1. Then invitations
 * that nobody accepted are all that can be said, and a tenant without them is skipped, so that it never looks well-kept.
 */
export default defineJob({
  name: 'inactive-accounts',
  title: 'Inactive accounts',
  description:
    'Which enabled members and guests have not signed in for some days, and which invitations were not accepted. Without Entra ID P1, invitations alone.',
  topic: 'identity',
  resources: ['graph'],
  permissions: ['AuditLog.Read.All', 'User.Read.All', 'Organization.Read.All'],
  directoryRoles: ['Reports Reader', 'Security Reader', 'Global Reader', 'Security Administrator'],
  timeoutSeconds: 900,
  parameters: z.object({
    days: z.int().min(1).max(3650).default(90).meta({
      title: 'Days without a sign-in',
      description: 'An account that never signed in counts from its creation.',
    }),
    only: z.enum(['members', 'guests', 'all']).default('all').meta({ title: 'Kind of account' }),
  }),
  columns: [
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'user', title: 'User', type: 'text' },
    { name: 'name', title: 'Name', type: 'text' },
    { name: 'mail', title: 'Mail', type: 'text' },
    { name: 'lastSignIn', title: 'Last sign-in', type: 'date' },
    { name: 'basis', title: 'Counted from', type: 'text' },
    { name: 'days', title: 'Days', type: 'number', compare: false, history: false },
    { name: 'created', title: 'Created', type: 'date' },
    { name: 'licences', title: 'Licences', type: 'number' },
    { name: 'synced', title: 'Synchronized', type: 'boolean' },
    // Shared mailboxes look like this, and nobody signs in to them. Graph does not tell them apart for other users.
    { name: 'mailWithoutLicence', title: 'Mail address without licence', type: 'boolean' },
    { name: 'activityRead', title: 'Activity read', type: 'text' },
    { name: 'id', title: 'User id', type: 'text' },
  ],
  key: ['id'],
  historyBy: 'kind',
  async run({ graph, parameters: { days, only }, nowMs }) {
    const isPremium = await hasEntraPremium(graph);
    if (!isPremium && only === 'members') throw withoutEntraPremium();
    const select = [...withoutActivity, ...(isPremium ? ['signInActivity'] : [])].join(',');
    // Graph combines a filter for the activity with no other one, and pages with it have at most 500 users ("List users").
    const users = graph.list(`/users?$select=${select}&$top=${isPremium ? 500 : 999}`, { shape: account });
    const rows: Row[] = [];
    for await (const user of isPremium ? licensed(users) : users) {
      const kind = kindOf(user);
      const isWanted = only === 'all' || (kind === 'member') === (only === 'members');
      if (user.accountEnabled === false || !isWanted || (!isPremium && kind !== 'invitation')) continue;
      const { basis, at } = lastUse(user);
      const unused = at === undefined ? undefined : Math.floor((nowMs - at) / dayMs);
      if (unused !== undefined && unused < days) continue;
      rows.push({
        kind,
        user: user.userPrincipalName ?? null,
        name: user.displayName ?? null,
        mail: user.mail ?? null,
        lastSignIn: at !== undefined && (basis === 'successful' || basis === 'attempt') ? isoTime(at) : null,
        basis,
        days: unused ?? null,
        created: user.createdDateTime ?? null,
        licences: user.assignedLicenses?.length ?? null,
        synced: flagOf(user.onPremisesSyncEnabled),
        mailWithoutLicence:
          user.assignedLicenses == null ? null : (user.mail ?? '') !== '' && user.assignedLicenses.length === 0,
        activityRead: isPremium ? 'yes' : 'no licence',
        id: user.id,
      });
    }
    if (!isPremium && rows.length === 0) throw withoutEntraPremium();
    return rows;
  },
});

function kindOf({ userType, externalUserState }: Account): 'member' | 'guest' | 'invitation' {
  if (userType !== 'Guest') return 'member';
  return externalUserState === 'PendingAcceptance' ? 'invitation' : 'guest';
}

/**
 * From when the days of an account count. `lastSuccessfulSignInDateTime` exists since 1 December 2023 and older sign-ins
 * were not added; the other times count failures as well ("signInActivity resource type"). No time: the account never
 * signed in, or not since April 2020.
 */
function lastUse(user: Account): { readonly basis: string; readonly at: number | undefined } {
  if (kindOf(user) === 'invitation')
    return { basis: 'invited', at: timeMs(user.externalUserStateChangeDateTime) ?? timeMs(user.createdDateTime) };
  const { lastSuccessfulSignInDateTime, ...attempts } = user.signInActivity ?? {};
  const successful = timeMs(lastSuccessfulSignInDateTime);
  if (successful !== undefined) return { basis: 'successful', at: successful };
  const attempted = Object.values(attempts).flatMap((attempt) => timeMs(attempt) ?? []);
  if (attempted.length > 0) return { basis: 'attempt', at: Math.max(...attempted) };
  return { basis: 'created', at: timeMs(user.createdDateTime) };
}
