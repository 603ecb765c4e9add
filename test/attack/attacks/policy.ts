import { decodeJwt } from 'jose';
import type { Random } from '../../../src/lib/core/clock.ts';
import { referenceDecision } from '../../support/reference-policy.ts';
import { guid } from '../../support/audit-entries.ts';
import { type Attack, control, type Tally } from '../attack.ts';
import { allRoles, type Pretence } from '../forge.ts';
import { ended } from '../runs.ts';
import type { Host, Stage } from '../stage.ts';

const applications = [1, 2, 3, 4].map((n) => guid(0xa00 + n));
const objects = [1, 2, 3].map((n) => guid(0xb00 + n));
const resources = ['graph', 'exchange', 'arm', 'partner-center'];
const audiences: Readonly<Record<string, string>> = {
  graph: 'https://graph.microsoft.com',
  exchange: 'https://outlook.office365.com',
  arm: 'https://management.azure.com',
  'partner-center': 'https://api.partnercenter.microsoft.com',
};
/** Reads one tenant; a rule of its own. */
const limited = guid(0xc01);
const unlimited = guid(0xc02);

/** Rules for each kind of limit, about few callers and tenants so that they overlap. */
function policyOf(tenants: Stage['tenants']) {
  const [t0, t1, t2, t3] = tenants.map(({ tenantId }) => tenantId);
  const [a1, a2, a3, a4] = applications;
  return {
    version: 1,
    tenantGroups: { gold: [t0, tenants[4]?.domain] },
    rules: [
      { name: 'objects', callers: { applications: [a1], objects: [objects[0]] }, tenants: [t0], resources: ['graph'] },
      { name: 'kinds', callers: { applications: [a1], kinds: ['user'] }, tenants: [t1], resources: ['graph', 'arm'] },
      {
        name: 'roles',
        callers: { applications: [a2], roles: ['Audit.Read'] },
        tenants: ['*'],
        resources: ['exchange'],
      },
      { name: 'grants', callers: { applications: [a2] }, tenants: [t2], resources: ['graph'], grants: ['application'] },
      { name: 'group', callers: { applications: [a3] }, tenants: ['group:gold'], resources: ['*'] },
      { name: 'domain', callers: { applications: [a3, a1] }, tenants: [tenants[3]?.domain], resources: ['arm'] },
      {
        name: 'scopes',
        callers: { applications: [a4] },
        tenants: [t3],
        resources: ['graph'],
        scopes: ['User.Read.All'],
        excessScopes: 'record',
      },
      {
        name: 'everybody',
        callers: { applications: ['*'], kinds: ['application'], objects: [objects[2]] },
        tenants: [t1],
        resources: ['arm'],
      },
      { name: 'limited', callers: { applications: [limited] }, reads: [t0] },
      { name: 'nothing', callers: { applications: [a1], kinds: ['user'] }, reads: [] },
    ],
  };
}

interface Ask {
  readonly who: Required<Pretence>;
  readonly tenant: Stage['tenants'][number] | undefined;
  readonly name: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly grant: 'delegated' | 'application';
}

function randomAsk(tenants: Stage['tenants'], partner: string, random: Random): Ask {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const tenant = random() < 0.05 ? undefined : pick(tenants.slice(0, 6));
  return {
    who: {
      application: pick(applications),
      object: pick(objects),
      kind: pick(['application', 'user']),
      roles: ['Tokens.Request', ...(random() < 0.5 ? ['Audit.Read'] : [])],
    },
    tenant,
    name:
      tenant === undefined
        ? partner
        : pick([tenant.tenantId, tenant.tenantId.toUpperCase(), tenant.domain, tenant.domain.toUpperCase()]),
    resource: pick(resources),
    scopes: random() < 0.7 ? [] : [pick(['User.Read.All', 'Directory.Read.All', 'openid'])],
    grant: random() < 0.8 ? 'delegated' : 'application',
  };
}

async function tryAsk(
  host: Host,
  stage: Stage,
  policy: ReturnType<typeof policyOf>,
  ask: Ask,
  tally: Tally,
): Promise<number> {
  const { who, tenant, name, resource, scopes, grant } = ask;
  const body = { tenant: name, resource, grant, ...(scopes.length > 0 ? { scopes } : {}) };
  const { status, body: answer } = await host.ask({
    method: 'POST',
    path: '/api/tokens',
    body,
    headers: { authorization: stage.forge.bearer(who) },
  });
  const tenantId = tenant?.tenantId ?? stage.cloud.document.partnerTenantId;
  const decision = referenceDecision(policy as Parameters<typeof referenceDecision>[0], {
    ...who,
    roles: [...who.roles],
    tenantId,
    domains: tenant === undefined ? [] : [tenant.domain],
    tags: [],
    unresolved: [],
    resource,
    scopes: scopes.filter((scope) => scope !== 'openid'),
    grant,
    isPartnerTenant: tenant === undefined,
  });
  const what = `${JSON.stringify({ ...body, ...who })}: ${status}, by the rules ${decision}`;
  tally.attempt(status !== 500 && (status !== 200 || !decision.startsWith('denied')), what);
  if (status !== 200) return 0;
  const { tid, aud } = decodeJwt(String(answer['accessToken']));
  tally.attempt(tid === tenantId && aud === audiences[resource], `${what}: a token of ${tid} for ${aud}`);
  return 1;
}

/** Every form in which a limited caller may read about tenants. */
async function readEverything(host: Host, stage: Stage, application: string, runId: string): Promise<string> {
  const id = encodeURIComponent(runId);
  const paths = [
    '/tenants',
    '/jobs',
    '/runs',
    `/runs/${id}`,
    `/runs/${id}/tenants`,
    `/runs/${id}/changes`,
    '/audit?limit=1000',
    ...['json', 'jsonl', 'csv'].map((format) => `/runs/${id}/results?format=${format}`),
  ];
  const headers = { authorization: stage.forge.bearer({ application, roles: allRoles }) };
  const answers = [];
  for (const path of paths) answers.push((await host.ask({ path: `/api${path}`, headers })).text);
  return answers.join('\n');
}

async function tryReads(host: Host, stage: Stage, tally: Tally): Promise<void> {
  const tenants = stage.tenants.slice(0, 4);
  const [own, ...hidden] = tenants;
  const start = (application: string, ids: readonly (string | undefined)[], window: string) =>
    host.ask({
      method: 'POST',
      path: '/api/jobs/licence-report/runs',
      body: { tenants: ids, window },
      headers: { authorization: stage.forge.bearer({ application }) },
    });
  const started = await start(
    unlimited,
    tenants.map(({ tenantId }) => tenantId),
    'reads',
  );
  const runId = String(started.body['runId']);
  await ended(host, stage, runId, unlimited);
  const all = await readEverything(host, stage, unlimited, runId);
  const traces = hidden.flatMap(({ tenantId, domain, name }) => [tenantId, domain, name]);
  const invisible = traces.filter((trace) => !all.includes(trace));
  control(invisible.length === 0, `a caller without a limit does not see ${invisible.join()} either: ${all}`);
  const seen = await readEverything(host, stage, limited, runId);
  control(seen.includes(own?.tenantId ?? '-'), 'the limited caller does not see its own tenant');
  for (const trace of traces) tally.attempt(!seen.includes(trace), `a limited caller reads ${trace}`);
  for (const ids of [hidden.map(({ tenantId }) => tenantId), tenants.map(({ tenantId }) => tenantId), undefined]) {
    const { status } = await host.ask({
      method: 'POST',
      path: '/api/jobs/licence-report/runs',
      body: ids === undefined ? {} : { tenants: ids },
      headers: { authorization: stage.forge.bearer({ application: limited }) },
    });
    tally.attempt(
      status === 403 || status === 404,
      `a limited caller starts a run over ${ids?.length ?? 'all'} tenants: ${status}`,
    );
  }
}

export const policy: Attack = {
  name: 'policy',
  tries:
    'callers, objects, kinds, roles, grants, resources, scopes, tenants and reads beyond the rules, compared with a second implementation of them',
  promise: 'No token for the wrong tenant.',
  run: async (stage, { full, random }, tally) => {
    const rules = policyOf(stage.tenants);
    const host = await stage.startHost({ policy: rules });
    let issued = 0;
    for (let tries = full ? 5_000 : 250; tries > 0; tries -= 1)
      issued += await tryAsk(
        host,
        stage,
        rules,
        randomAsk(stage.tenants, stage.cloud.document.partnerTenantId, random),
        tally,
      );
    control(issued > 5, `only ${issued} requests within the rules got a token`);
    tally.note(`${issued} tokens within the rules`);
    await tryReads(host, stage, tally);
    await host.stop();
  },
};
