import type { CloudDocument } from 'microsoft-cloud';
import { readRows } from 'microsoft-cloud/client';
import { dayMs, isoTime } from '../../../lib/core/clock.ts';
import { BrokerError } from '../../../lib/core/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../../../lib/core/identifiers.ts';
import { failureOf } from '../../../lib/microsoft/reply.ts';
import { errorOf, judgeTokenReply } from '../../../lib/microsoft/token-reply.ts';
import type { DelegatedTenant } from '../../../lib/tenants/tenant.ts';

type Row = Readonly<Record<string, unknown>>;
const registrations = 'reports/authenticationMethods/userRegistrationDetails';
const paths = ['subscribedSkus', registrations, 'applications'] as const;

/** What happened to a customer, in days before now. */
interface Story {
  /** When the lists began to contain it. */
  readonly listedDay?: number;
  /** From when to when Entra refused the partner, with the number of the refusal. */
  readonly refused?: { readonly number: number; readonly fromDay: number; readonly toDay: number };
  /** When its relationship ended. */
  readonly endedDay?: number;
}

const forever = Number.POSITIVE_INFINITY;

/** The story that a state of the simulated cloud is the end of. @param at how many customers before it have the state. */
const storyOf = (state: string, at: number): Story => {
  if (state === 'no_consent' && at === 0) return { refused: { number: 65001, fromDay: 21, toDay: -1 } };
  if (state === 'no_consent') return { listedDay: 40, refused: { number: 90099, fromDay: forever, toDay: -1 } };
  if (state === 'conditional_access') return { refused: { number: 53003, fromDay: 11, toDay: -1 } };
  if (state === 'deleted') return { refused: { number: 90002, fromDay: 50, toDay: -1 } };
  if (state === 'gdap_expired') return { endedDay: 33 };
  if (at === 1) return { refused: { number: 53003, fromDay: 9, toDay: 6 } };
  return at === 4 ? { listedDay: 71 } : {};
};

/** A customer over the last months. Its data ends as the simulated cloud has it now. */
export class PastTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly #domain: string;
  readonly #story: Story;
  readonly #rows: Readonly<Record<(typeof paths)[number], readonly Row[]>>;
  readonly #lacksExchange: boolean;
  readonly #nowMs: number;
  /** The days on which customers bought or gave up licences, and of each user the day of the registration. */
  readonly #licenceDays: readonly number[];
  readonly #registeredDays: readonly number[];

  private constructor(
    tenant: CloudDocument['tenants'][number],
    story: Story,
    rows: Readonly<Record<(typeof paths)[number], readonly Row[]>>,
    { nowMs, random }: { readonly nowMs: number; readonly random: () => number },
  ) {
    this.tenantId = parseTenantId(tenant.tenantId) as TenantId;
    this.name = tenant.name;
    this.#domain = tenant.domain;
    this.#story = story;
    this.#rows = rows;
    this.#lacksExchange = tenant.trait === 'no_exchange';
    this.#nowMs = nowMs;
    this.#licenceDays = Array.from({ length: 4 }, () => 2 + random() * 86);
    // A campaign: almost half of those who are registered did so in the last twelve weeks.
    this.#registeredDays = rows[registrations].map(() => (random() < 0.45 ? 1 + random() * 84 : forever));
  }

  static async readAll(
    { control, tenants }: CloudDocument,
    more: { readonly nowMs: number; readonly random: () => number },
  ): Promise<readonly PastTenant[]> {
    const rows = await Promise.all(tenants.map(({ tenantId }) => readRows(control, tenantId, paths)));
    const counts = new Map<string, number>();
    return tenants.map((tenant, index) => {
      const at = counts.get(tenant.state) ?? 0;
      counts.set(tenant.state, at + 1);
      return new PastTenant(tenant, storyOf(tenant.state, at), rows[index] as NonNullable<(typeof rows)[0]>, more);
    });
  }

  #dayOf(ms: number): number {
    return (this.#nowMs - ms) / dayMs;
  }

  /** The tenant as the lists showed it; undefined before they did. */
  listedAt(ms: number): DelegatedTenant | undefined {
    const { listedDay = forever, endedDay } = this.#story;
    const day = this.#dayOf(ms);
    if (day > listedDay) return undefined;
    const isEnded = endedDay !== undefined && day <= endedDay;
    const endsSoon = endedDay !== undefined && day <= endedDay + 30;
    const reason = isEnded ? 'gdap_expired' : endsSoon ? 'gdap_expiring' : 'gdap_active';
    return {
      tenantId: this.tenantId,
      name: this.name,
      defaultDomain: parseDomainName(this.#domain),
      relationship: 'gdap',
      ...(endedDay === undefined ? {} : { relationshipEndsAtMs: this.#nowMs - endedDay * dayMs }),
      reachable: !isEnded,
      reason,
      sources: ['relationships'],
    };
  }

  /** Why Entra issued no token at this time, as the broker understands its reply. */
  refusalAt(ms: number): BrokerError | undefined {
    const { refused } = this.#story;
    const day = this.#dayOf(ms);
    if (refused === undefined || day > refused.fromDay || day < refused.toDay) return undefined;
    const description = `AADSTS${refused.number}: refused.`;
    const body = { error: 'invalid_grant', error_description: description, error_codes: [refused.number] };
    const reply = judgeTokenReply({ status: 400, headers: new Headers(), body: JSON.stringify(body) }, ms);
    return reply.ok ? undefined : errorOf(reply.failure);
  }

  /** Whether no token for this resource is to be had. */
  lacks(resource: string): boolean {
    return resource === 'exchange' && this.#lacksExchange;
  }

  /** What Graph answered at this time. @throws BrokerError as the client of jobs does. */
  graphAt(ms: number, path: string): readonly Row[] {
    const day = this.#dayOf(ms);
    if (path.startsWith('/subscribedSkus')) return this.#skusAt(day);
    if (path.startsWith('/applications')) return renewedAt(day, this.#rows.applications);
    const plans = JSON.stringify(this.#rows.subscribedSkus);
    if (!plans.includes('"AAD_PREMIUM')) throw refusedByGraph('Authentication_RequestFromNonPremiumTenantOrB2CTenant');
    return this.#rows[registrations].map((user, at) =>
      day <= (this.#registeredDays[at] ?? forever)
        ? user
        : { ...user, isMfaRegistered: false, isMfaCapable: false, isPasswordlessCapable: false, methodsRegistered: [] },
    );
  }

  #skusAt(day: number): readonly Row[] {
    const [main, ...others] = this.#rows.subscribedSkus;
    if (main === undefined) return [];
    const ahead = this.#licenceDays.filter((changed) => changed < day).length;
    const bought = main['prepaidUnits'] as { readonly enabled: number; readonly warning?: number };
    const enabled = Math.max(0, bought.enabled - 2 * ahead);
    const most = enabled + (bought.warning ?? 0);
    const consumed = Math.max(0, Number(main['consumedUnits']) - ahead);
    const past = { ...main, consumedUnits: ahead === 0 ? consumed : Math.min(most, consumed) };
    return [{ ...past, prepaidUnits: { ...bought, enabled } }, ...others];
  }
}

/** Customers renew credentials every five weeks: in the past, others were about to expire. */
function renewedAt(day: number, applications: readonly Row[]): readonly Row[] {
  const earlierMs = Math.floor(Math.max(0, day) / 35) * 35 * dayMs;
  const renewed = (name: string, value: unknown): unknown =>
    name === 'endDateTime' ? isoTime(Date.parse(String(value)) - earlierMs) : value;
  return JSON.parse(JSON.stringify(applications), renewed) as readonly Row[];
}

const refusedByGraph = (code: string): BrokerError =>
  failureOf('Microsoft Graph', 403, { error: { code, message: 'Refused.' } }, undefined);
