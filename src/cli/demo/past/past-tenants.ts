import type { CloudDocument } from 'microsoft-cloud';
import { readRows } from 'microsoft-cloud/client';
import type { Storage } from '../../../lib/config/storage.ts';
import type { Caller } from '../../../lib/core/caller.ts';
import { type Clock, dayMs } from '../../../lib/core/clock.ts';
import type { BrokerError } from '../../../lib/core/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../../../lib/core/identifiers.ts';
import { failureOf } from '../../../lib/microsoft/reply.ts';
import { errorOf, judgeTokenReply } from '../../../lib/microsoft/token-reply.ts';
import type { DelegatedTenant } from '../../../lib/tenants/tenant.ts';
import type { PastAudit } from './past-audit.ts';

/** What the parts of the past are made of. */
export interface Past {
  readonly storage: Storage;
  readonly audit: PastAudit;
  readonly tenants: readonly PastTenant[];
  readonly random: () => number;
  /** Deadlines are for production. A demo starts several processes at the same time. */
  readonly patientClock: Clock;
  readonly fromMs: number;
  readonly toMs: number;
  /** The text of the access policy. */
  readonly policy: string;
  /** A caller of the simulated cloud, as its tokens show it. */
  readonly callerOf: (name: string) => Caller;
}

type Row = Readonly<Record<string, unknown>>;
const registrations = 'reports/authenticationMethods/userRegistrationDetails';
const paths = ['subscribedSkus', registrations, 'applications'] as const;

const forever = Number.POSITIVE_INFINITY;

/** What happened to a customer, in days before now: when the lists began to contain it, and when its relationship ended. */
interface Story {
  readonly listed?: number;
  readonly ended?: number;
  /** The number with which Entra refused the partner, from when to when. */
  readonly refused?: readonly [number: number, from: number, to: number];
}

/**
 * What each state of the simulated cloud is the end of, for one customer after another. The last is that of all others. Some
 * change in the days whose runs the broker still has, so that trends show something.
 */
const stories: Readonly<Record<string, readonly Story[]>> = {
  // A policy that shut the partner out of several at once.
  ok: [
    {},
    { refused: [53003, 3.4, 1.4] },
    { refused: [53003, 26, 21] },
    { refused: [53003, 26, 23] },
    { listed: 71 },
    { refused: [53003, 26, 18] },
    {},
  ],
  no_consent: [{ refused: [65001, 21, -1] }, { listed: 40, refused: [90099, 39, -1] }],
  conditional_access: [{ refused: [53003, 2.4, -1] }],
  deleted: [{ refused: [90002, 50, -1] }],
  // As the simulated cloud has it: other pages show the date that it tells.
  gdap_expired: [{ ended: 20 }],
};

interface Deps {
  readonly nowMs: number;
  readonly random: () => number;
}

export type PastTenant = ReturnType<typeof pastTenant>;

/** A customer over the last months. Its data ends as the simulated cloud has it now. */
function pastTenant(
  { tenantId: id, name, domain, trait }: CloudDocument['tenants'][number],
  { listed = forever, refused = [0, 0, 0], ended = -forever }: Story,
  rows: Readonly<Record<(typeof paths)[number], readonly Row[]>>,
  { nowMs, random }: Deps,
) {
  const tenantId = parseTenantId(id) as TenantId;
  const hasPremium = JSON.stringify(rows.subscribedSkus).includes('"AAD_PREMIUM');
  const licenceDays = Array.from({ length: 4 }, () => 2 + random() * 86);
  // A campaign: almost half of those who are registered did so in the last twelve weeks.
  const registeredDays = rows[registrations].map(() => (random() < 0.45 ? 1 + random() * 84 : forever));
  const skusAt = (day: number): readonly Row[] => {
    const ahead = licenceDays.filter((changed) => changed < day).length;
    const [main, ...others] = rows.subscribedSkus;
    if (ahead === 0 || main === undefined) return rows.subscribedSkus;
    const bought = main['prepaidUnits'] as { readonly enabled: number; readonly warning?: number };
    const enabled = Math.max(0, bought.enabled - 2 * ahead);
    const most = enabled + (bought.warning ?? 0);
    const consumedUnits = Math.min(most, Math.max(0, Number(main['consumedUnits']) - ahead));
    return [{ ...main, consumedUnits, prepaidUnits: { ...bought, enabled } }, ...others];
  };
  return {
    tenantId,
    name,
    /** The tenant as the lists showed it; undefined before they did. */
    listedAt: (ms: number): DelegatedTenant | undefined => {
      const day = (nowMs - ms) / dayMs;
      if (day > listed) return undefined;
      const reason = day <= ended ? 'gdap_expired' : day <= ended + 30 ? 'gdap_expiring' : 'gdap_active';
      return {
        tenantId,
        name,
        defaultDomain: parseDomainName(domain),
        relationship: 'gdap',
        ...(ended > 0 ? { relationshipEndsAtMs: nowMs - ended * dayMs } : {}),
        reachable: reason !== 'gdap_expired',
        reason,
        sources: ['relationships'],
      };
    },
    /** Why Entra issued no token at this time, as the broker understands its reply. */
    refusalAt: (ms: number): BrokerError | undefined => {
      const [number, from, to] = refused;
      const day = (nowMs - ms) / dayMs;
      if (day > from || day < to || number === 0) return undefined;
      const description = `AADSTS${number}: refused.`;
      const body = { error: 'invalid_grant', error_description: description, error_codes: [number] };
      const reply = judgeTokenReply({ status: 400, headers: new Headers(), body: JSON.stringify(body) }, ms);
      return reply.ok ? undefined : errorOf(reply.failure);
    },
    /** Whether no token for this resource is to be had. */
    lacks: (resource: string): boolean => resource === 'exchange' && trait === 'no_exchange',
    /** What Graph answered at this time. @throws BrokerError as the client of jobs does. */
    graphAt: (ms: number, path: string): readonly Row[] => {
      const day = (nowMs - ms) / dayMs;
      if (path.startsWith('/subscribedSkus')) return skusAt(day);
      if (path.startsWith('/applications')) return rows.applications;
      const error = { code: 'Authentication_RequestFromNonPremiumTenantOrB2CTenant', message: 'Refused.' };
      if (!hasPremium) throw failureOf('Microsoft Graph', 403, { error }, undefined);
      const none = { isMfaRegistered: false, isMfaCapable: false, isPasswordlessCapable: false, methodsRegistered: [] };
      return rows[registrations].map((user, at) =>
        day <= (registeredDays[at] ?? forever) ? user : { ...user, ...none },
      );
    },
  };
}

export async function readTenants({ control, tenants }: CloudDocument, deps: Deps): Promise<readonly PastTenant[]> {
  const found = await Promise.all(tenants.map(({ tenantId }) => readRows(control, tenantId, paths)));
  return tenants.map((tenant, index) => {
    const before = tenants.slice(0, index).filter(({ state }) => state === tenant.state).length;
    const known = stories[tenant.state];
    return pastTenant(
      tenant,
      known?.[before] ?? known?.at(-1) ?? {},
      found[index] as NonNullable<(typeof found)[0]>,
      deps,
    );
  });
}
