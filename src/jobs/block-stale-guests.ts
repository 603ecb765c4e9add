import * as z from 'zod';
import { update } from '../lib/changes/change.ts';
import { defineChange } from '../lib/changes/define-change.ts';
import { dayMs } from '../lib/core/clock.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { licensed, requireEntraPremium, timeMs } from './parts.ts';

const text = z.string().nullish();
const account = z.object({
  id: z.string(),
  userType: text,
  accountEnabled: z.boolean().nullish(),
  createdDateTime: text,
  externalUserStateChangeDateTime: text,
  onPremisesSyncEnabled: z.boolean().nullish(),
  signInActivity: z.record(z.string(), z.unknown()).nullish(),
});

/** Of all kinds of sign-in, failed ones included: whoever tries is not forgotten. */
const latestMs = (...values: readonly unknown[]): number =>
  Math.max(...values.map((value) => (typeof value === 'string' ? (timeMs(value) ?? 0) : 0)));

export default defineChange({
  name: 'block-stale-guests',
  title: 'Guests who no longer sign in are blocked',
  description:
    'Blocks the sign-in of guests who have not signed in for some days; who never did counts from the invitation. A guest who signs in meanwhile stays. Needs Entra ID P1: without it nobody seems to sign in, so the tenant fails. Guests of an on-premises directory stay. Guests with a directory role need a more privileged role than User Administrator. Sessions end within an hour.',
  topic: 'identity',
  permissions: ['User.EnableDisableAccount.All', 'User.Read.All', 'AuditLog.Read.All', 'Organization.Read.All'],
  directoryRoles: ['User Administrator'],
  timeoutSeconds: 900,
  parameters: z.object({
    days: z.int().min(30).max(3650).default(180).meta({ title: 'Days without a sign-in' }),
  }),
  async plan({ graph, parameters: { days }, nowMs }) {
    await requireEntraPremium(graph, 'the activity of guests');
    const select = Object.keys(account.shape).join(',');
    const stale: string[] = [];
    let isActivityShown = false;
    // Graph combines no other filter with the activity, and pages with it have at most 500 users ("List users").
    for await (const user of licensed(graph.list(`/users?$select=${select}&$top=500`, { shape: account }))) {
      const activity = Object.values(user.signInActivity ?? {});
      isActivityShown ||= activity.length > 0;
      if (user.userType !== 'Guest' || user.accountEnabled !== true || user.onPremisesSyncEnabled === true) continue;
      const latest = latestMs(user.createdDateTime, user.externalUserStateChangeDateTime, ...activity);
      if (latest > 0 && nowMs - latest >= days * dayMs) stale.push(user.id);
    }
    if (!isActivityShown)
      throw new BrokerError(
        'job_failed',
        'Microsoft Graph shows no sign-in of any account, so nobody can be called stale.',
      );
    return stale.map((id) => {
      const path = `/users/${id}`;
      return update(path, { accountEnabled: false }, { while: { path, properties: ['signInActivity'] } });
    });
  },
});
