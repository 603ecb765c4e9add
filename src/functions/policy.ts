import type { ReplayAnswer } from '../lib/api/answers/policy.ts';
import { exampleCallerId, exampleTenantId, exampleTime, exampleTokenId } from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { maxReplayBytes, replaySchema } from '../lib/api/requests.ts';
import { dayMs, isoTime } from '../lib/core/clock.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { Limiter } from '../lib/core/limiter.ts';
import { once } from '../lib/core/single-flight.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';

/** Loaded by the first request, to keep start-up short. */
const loadReplay = once(() => import('../lib/gateway/replay/replay-log.ts'));

/** One holds some ten megabytes, and shares the processor with tokens. */
const replays = new Limiter(1);
/** With 20 s for each, the last one is answered before a gateway gives up. */
const mostWaiting = 2;

route(
  {
    name: 'policy-replays',
    method: 'POST',
    path: '/policy/replays',
    access: 'Audit.Read',
    body: replaySchema,
    maxBodyBytes: maxReplayBytes,
    failures: [...directoryFailures, 'busy', 'storage_unavailable'],
    document,
  },
  async (services, { caller, body: { policy, since, until } }) => {
    const { PARTNER_TENANT_ID: partnerTenantId } = services.settings;
    const nowMs = services.clock.nowMs();
    // The clock of the instance that wrote a record may be ahead of this one.
    const toMs = until ?? nowMs + dayMs;
    const fromMs = since ?? (until ?? nowMs) - 7 * dayMs;
    if (fromMs >= toMs) throw new BrokerError('request_invalid', 'since: is not before `until`.');
    if (replays.waiting >= mostWaiting)
      throw new BrokerError('busy', 'Other replays are waiting.', { retryAfterSeconds: 20 });
    const permissionsOf = (job: string): readonly string[] => jobRegistry.find(job)?.permissions ?? [];
    const { readFromMs, ...report } = await replays.run(async () =>
      (await loadReplay()).replayLog({ ...services, partnerTenantId }, caller, { policy, fromMs, toMs }, permissionsOf),
    );
    const period = { from: isoTime(fromMs), to: isoTime(Math.min(toMs, Math.max(nowMs, fromMs))) };
    const answer: ReplayAnswer = { ...report, period, readFrom: isoTime(readFromMs) };
    return { status: 200, headers: { 'cache-control': 'no-store' }, jsonBody: answer };
  },
);

async function document(): Promise<RouteDocument> {
  const { replayAnswerSchema } = await import('../lib/api/answers/policy.ts');
  const digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const example: ReplayAnswer = {
    policies: { inForce: digest, new: digest },
    period: { from: '2026-11-17T05:00:00.000Z', to: exampleTime },
    readFrom: '2026-11-17T05:00:00.000Z',
    records: 1_204,
    others: 0,
    judged: 602,
    judgedInPart: 0,
    refusedByBoth: 0,
    changes: { refused: 2, allowed: 0, approval: 0, rule: 0 },
    skipped: { outcome: 602 },
    unknown: {},
    groups: [
      {
        change: 'refused',
        caller: { applicationId: exampleCallerId, objectId: exampleCallerId, kind: 'application' },
        request: 'GET /v1.0/users/*',
        resource: 'graph',
        ruleInForce: 'helpdesk reads users',
        reason: 'The paths of the rule do not include it.',
        records: 2,
        tenants: 1,
        firstAt: '2026-11-23T04:59:58.120Z',
        lastAt: '2026-11-23T05:00:01.300Z',
        examples: [{ at: '2026-11-23T05:00:01.300Z', tenantId: exampleTenantId, tokenId: exampleTokenId }],
      },
    ],
    moreGroups: 0,
    ungrouped: 0,
    use: {
      rules: [
        {
          rule: 'helpdesk reads users',
          allows: {
            callers: [exampleCallerId],
            kinds: 'people, applications and agents',
            may: 'get delegated tokens for graph, under User.Read.All, Mail.Read',
            terms: {},
            tenants: ['group:gold'],
            except: [],
          },
          records: 602,
          lastAt: exampleTime,
          unused: { scopes: ['Mail.Read'] },
        },
      ],
      roles: [],
      permissions: [{ application: 'default', unused: ['Mail.Read'], tokens: 0 }],
      callerNames: { [exampleCallerId]: 'Helpdesk portal' },
    },
  };
  return {
    group: 'Audit',
    summary: 'Judge recorded use by another policy',
    description:
      'Judges every recorded token, request and change of a period by a policy, and says what it would decide otherwise than the policy in force, and what is used of that. It reads the newest 20,000 records, for up to 20 s; one at a time, while two may wait. A caller that the policy limits to some tenants (`reads`) gets only their records, and the number of the others. The broker does not prove its own log: `ptb policy replay` does, reads every record, and gives the same result for the same records.',
    bodyExample: { policy: '{"version":1,"rules":[]}', since: '2026-11-24' },
    answers: [{ status: 200, description: 'The comparison.', contents: [jsonContent(replayAnswerSchema, example)] }],
  };
}
