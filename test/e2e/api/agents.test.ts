import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answered } from '../../attack/ask.ts';
import { type Host, type Stage, startStage } from '../../attack/stage.ts';
import { guid } from '../../support/audit-entries.ts';

/* Agents in the running product: a token with the facets of one is served, recorded and refused as that of an agent. */

const [agent, blueprint, ann, ben] = [guid(0xa9e27), guid(0xd1), guid(0xa22), guid(0xbe2)];
const reason = 'The customer reports an incident.';

let stage: Stage;
let host: Host;
let tenant: string;

/** The claims of a token for a person, through an application. */
const forPerson = (azp: string, oid: string, upn: string) => ({
  azp,
  oid,
  sub: oid,
  idtyp: 'user',
  scp: 'access_as_user',
  preferred_username: upn,
  roles: ['Tokens.Request', 'Audit.Read', 'Approvals.Decide'],
});
const ofAnn = forPerson(agent, ann, 'ann@partner.example');
const agentForAnn = { ...ofAnn, xms_act_fct: '3 9 11', xms_sub_fct: '2 3', xms_par_app_azp: blueprint };

const ask = (claims: object, path: string, body?: object): Promise<Answered> =>
  host.ask({
    method: body === undefined ? 'GET' : 'POST',
    path: `/api/${path}`,
    headers: {
      authorization: `Bearer ${stage.forge.sign(stage.forge.claims({ ...claims }))}`,
      'content-type': 'application/json',
    },
    body,
  });
const askToken = (claims: object, more: object = {}): Promise<Answered> =>
  ask(claims, 'tokens', { tenant, resource: 'graph', ...more });

beforeAll(async () => {
  stage = await startStage(7);
  tenant = stage.tenants[0]?.tenantId ?? '';
  const callers = { applications: ['*'], blueprints: [blueprint] };
  const rules = [
    { name: 'agents read', callers, tenants: ['*'], resources: ['graph'] },
    { name: 'agents ask', callers, tenants: ['*'], resources: ['arm'], approval: {} },
    { name: 'emergencies', callers: { applications: [agent] }, tenants: ['*'], resources: ['arm'], breakGlass: true },
  ];
  const settings = { SIGN_IN_CLIENT_ID: stage.cloud.document.brokerApplication.signInClientId };
  host = await stage.startHost({ policy: { version: 1, rules }, settings });
});
afterAll(() => stage?.stop());

describe('an agent for a person', () => {
  it('is served by a rule for agents alone, and recorded with its blueprint and the person', async () => {
    expect((await askToken(agentForAnn)).status).toBe(200);
    const { xms_act_fct: _act, xms_par_app_azp: _parent, ...person } = agentForAnn;
    expect(await askToken(person)).toMatchObject({ status: 403, code: 'caller_forbidden' });
    const { body } = await ask(ofAnn, `audit?caller=${agent}`);
    const identity = { applicationId: agent, objectId: ann };
    expect(body['entries']).toMatchObject([
      { outcome: 'denied', caller: { ...identity, kind: 'user' } },
      { outcome: 'issued', rule: 'agents read', caller: { ...identity, kind: 'agent', blueprint, actsFor: ann } },
    ]);
  });

  it('declares no emergency', async () => {
    const emergency = { breakGlass: true, reason };
    const refused = { status: 403, code: 'caller_forbidden' };
    const told = await askToken(agentForAnn, emergency);
    expect(told).toMatchObject({ ...refused, body: { detail: expect.stringContaining('cannot declare') as string } });
    expect(await askToken(agentForAnn, { ...emergency, resource: 'arm' })).toMatchObject(refused);
  });

  it('asks for an approval, which it cannot decide on and another person can', async () => {
    const asked = await askToken(agentForAnn, { resource: 'arm', reason });
    expect(asked.status).toBe(202);
    const path = `approvals/${String(asked.body['approvalId'])}`;
    const decide = (claims: object) => ask(claims, `${path}/decision`, { decision: 'approve', reason });
    const signIn = stage.cloud.document.brokerApplication.signInClientId;
    const agentForBen = { ...forPerson(signIn, ben, 'ben@partner.example'), xms_act_fct: '11', xms_sub_fct: '2 3' };
    for (const claims of [agentForAnn, agentForBen])
      expect(await decide(claims)).toMatchObject({
        status: 403,
        body: { detail: expect.stringContaining('An agent cannot decide') as string },
      });
    expect(await decide(forPerson(signIn, ann, 'ann@partner.example'))).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining('An agent asked for it on your behalf') as string },
    });
    const { body } = await ask(ofAnn, path);
    const name = `agent ${agent} for ann@partner.example`;
    expect(body['asker']).toEqual({
      applicationId: agent,
      objectId: ann,
      kind: 'agent',
      blueprint,
      actsFor: ann,
      name,
    });
    expect((await decide(forPerson(signIn, ben, 'ben@partner.example'))).status).toBe(200);
    expect((await askToken(agentForAnn, { resource: 'arm' })).status).toBe(200);
  });
});

it.each(['apply', 'go-on', 'end'])('an agent with the role gets no further with the %s of a plan', async (action) => {
  const roles = ['Changes.Plan', 'Changes.Apply'];
  const decide = (claims: object) => ask({ ...claims, roles }, `plans/block-user-consent%40none/${action}`, {});
  expect(await decide(agentForAnn)).toMatchObject({
    status: 403,
    body: { code: 'caller_forbidden', detail: expect.stringContaining('A person or a program applies') as string },
  });
  expect(await decide(ofAnn)).toMatchObject({ status: 404, code: 'run_not_found' });
});

it.each([
  [{ xms_act_fct: 11 }, 'is not as Entra writes it'],
  [{ xms_sub_fct: '11' }, 'contradict each other'],
])('a token with the claims %j is refused', async (wrong, sentence) => {
  expect(await askToken({ ...agentForAnn, ...wrong })).toMatchObject({
    status: 401,
    code: 'caller_unauthenticated',
    body: { detail: expect.stringContaining(sentence) as string },
  });
});
