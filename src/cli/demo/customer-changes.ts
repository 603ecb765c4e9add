import { setTimeout as delay } from 'node:timers/promises';
import { changeTenant } from 'microsoft-cloud/client';
import type { PlanAnswer } from '../../lib/api/answers/plans.ts';
import type { EventsAnswer, TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { dayMs } from '../../lib/core/clock.ts';
import { isEnded } from '../../lib/runs/store/run.ts';
import { tokenAs } from './running-demo.ts';
import type { Demo } from './start-demo.ts';

type Changing = Pick<Demo, 'callerToken' | 'cloud' | 'masterKey' | 'url'>;

const pollMs = 500;

/** Of one look. The demo also runs with faults: then the broker may never look. */
const longestMs = 60_000;

/**
 * Lets something happen to two customers of the simulated cloud, so that a visitor finds events: the relationship with one
 * ends soon, and that with another has ended. The broker looks at its customers before and after, so that all pages show the
 * same. Does nothing while the broker cannot look, nor without the key that starts a timer.
 */
export async function changeCustomers(demo: Changing, ending: AbortSignal): Promise<void> {
  const { callerToken, cloud, masterKey, url } = demo;
  if (masterKey === undefined) return;
  const limited = (): AbortSignal => AbortSignal.any([ending, AbortSignal.timeout(longestMs)]);
  const read = async (path: string, signal = limited()): Promise<unknown> => {
    const headers = { authorization: `Bearer ${await callerToken()}` };
    const response = await fetch(`${url}/api/${path}`, { headers, signal });
    return response.ok ? response.json() : {};
  };
  /** Until an answer shows a look since the call: while the broker looks, it begins no other look. */
  const look = async (timeIn: (answer: Partial<EventsAnswer>) => string | undefined): Promise<void> => {
    const headers = { 'x-functions-key': masterKey, 'content-type': 'application/json' };
    const [fromMs, signal] = [Date.now(), limited()];
    let seenMs = Number.NaN;
    while (!(seenMs >= fromMs)) {
      await fetch(`${url}/admin/functions/watch-tenants`, { method: 'POST', headers, body: '{}', signal });
      await delay(pollMs, undefined, { signal });
      seenMs = Date.parse(timeIn((await read('events?limit=1', signal)) as Partial<EventsAnswer>) ?? '');
    }
  };
  try {
    // What is there at the first look is no event.
    await look(({ lookedAt }) => lookedAt);
    const { tenants = [] } = (await read('tenants')) as Partial<TenantsAnswer>;
    const [ended, ends] = withRelationship(demo, tenants).slice(-2);
    if (ended === undefined || ends === undefined) return;
    await changeTenant(cloud.control, ends.tenantId, { relationshipEndsInMs: 6 * dayMs });
    await changeTenant(cloud.control, ended.tenantId, { relationshipEndsInMs: 0 });
    await look(({ events }) => events?.[0]?.at);
  } catch {
    // The demo also runs with faults, and may end at any time.
  }
}

/** Customers with a relationship, also if it has just ended: what jobs last found in them contradicts nothing of it. */
const withRelationship = (
  { cloud }: Pick<Demo, 'cloud'>,
  tenants: TenantsAnswer['tenants'],
): TenantsAnswer['tenants'] => {
  const works = new Set(cloud.tenants.flatMap(({ state, tenantId }) => (state === 'ok' ? [tenantId] : [])));
  return tenants.filter(({ relationship, tenantId }) => relationship === 'gdap' && works.has(tenantId));
};

/** Tags customers as the examples of the documentation do. It does nothing while the broker cannot take it. */
export async function tagCustomers(demo: Omit<Changing, 'masterKey'>): Promise<void> {
  const { callerToken, cloud, url } = demo;
  const [, ...working] = cloud.tenants.filter(({ state }) => state === 'ok');
  for (const [at, { tenantId }] of working.slice(0, 6).entries()) {
    const headers = { authorization: `Bearer ${await callerToken()}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ add: at === 0 ? ['managed', 'trial'] : ['managed'] });
    const address = `${url}/api/tenants/${tenantId}/tags`;
    await fetch(address, { method: 'PUT', headers, body, signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  }
}

/** The change that the demo applies, and one that it only plans. */
const changeJob = 'block-user-consent';
const otherJob = 'sharepoint-sharing-level';

/** Three customers first, then half of all. A visitor, as whom it is made, learns from the reason that it is not his own. */
const applied = {
  waves: ['group:gold', '50%', '100%'],
  stop: { failed: 3, unclear: 1 },
  pauseMinutes: 0,
  reason: 'Ticket 4690: consent phishing at two customers',
};

/**
 * Plans two changes, has one approved and applies it, so that a visitor finds one under way, which waits after its second wave. A
 * customer of the first wave takes a role back before, so its change is refused; a person then lets the others follow. Ends
 * without an error if the broker refuses a step. Takes about half a minute.
 * @param tokenOf signs a person of the demo in.
 */
export async function applyChange(
  demo: Pick<Demo, 'cloud' | 'url'>,
  signal: AbortSignal,
  tokenOf: typeof tokenAs = tokenAs,
): Promise<void> {
  const { cloud, url } = demo;
  const place = { url, control: cloud.control, caFile: cloud.caCertificatePath };
  const callAs = async (person: string) => {
    const headers = { authorization: `Bearer ${await tokenOf(place, person)}`, 'content-type': 'application/json' };
    return async <T>(path: string, body?: object): Promise<T> => {
      const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      const response = await fetch(`${url}/api/${path}`, { ...sent, headers, signal });
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      return (await response.json()) as T;
    };
  };
  try {
    const [operate, approve] = await Promise.all([callAs('operator'), callAs('approver')]);
    const { tenants } = await operate<TenantsAnswer>('tenants');
    // Without those to whom something else happens: that must not decide how the change ends.
    const ids = withRelationship(demo, tenants)
      .slice(0, -2)
      .map(({ tenantId }) => tenantId);
    const { runId } = await operate<{ readonly runId: string }>(`jobs/${changeJob}/plans`, { tenants: ids });
    await operate(`jobs/${otherJob}/plans`, { tenants: ids });
    const path = `plans/${encodeURIComponent(runId)}`;
    while (!isEnded((await operate<PlanAnswer>(path)).status)) await delay(pollMs, undefined, { signal });
    const gold = cloud.tenants.filter(({ state }) => state === 'ok')[2];
    if (gold !== undefined) await changeTenant(cloud.control, gold.tenantId, { moreRoles: [] });
    const { approvalId } = await operate<{ readonly approvalId: string }>(`${path}/apply`, applied);
    await approve(`approvals/${approvalId}/decision`, {
      decision: 'approve',
      reason: 'The customers were told on Monday',
    });
    await operate(`${path}/apply`, applied);
    for (;;) {
      const { apply } = await operate<PlanAnswer>(path);
      // A visitor may end it, and decides about what is not part of the story.
      if (apply === undefined || isEnded(apply.status) || (apply.wave ?? 1) > 1) return;
      if (apply.waits) {
        if (apply.hold !== undefined && apply.tenants.failed !== 1) return;
        const reason =
          apply.hold === undefined ? 'Quiet since then, no tickets' : 'Known: the customer took the role back';
        await operate(`${path}/go-on`, { waitsFor: apply.waitsFor, reason });
      }
      await delay(pollMs, undefined, { signal });
    }
  } catch {
    // The demo also runs with faults, and may end at any time.
  }
}
