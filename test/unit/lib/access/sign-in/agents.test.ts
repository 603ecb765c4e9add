import { beforeAll, describe, expect, it } from 'vitest';
import { decide } from '../../../../../src/lib/access/policy/decide.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { createCallerVerifier } from '../../../../../src/lib/access/sign-in/verify-caller.ts';
import { fromRow, toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { type Caller, identityOf } from '../../../../../src/lib/core/caller.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { guid, issued, tenant } from '../../../../support/audit-entries.ts';
import {
  audiences,
  claims,
  clientId,
  entraEndpoint,
  homeTenant,
  KeyServer,
  newSigningKey,
  type SigningKey,
  signJwt,
} from '../../../../support/token-forge.ts';

// The shapes are those of "Token claims reference for agents" (Microsoft Entra Agent ID). agents.property.test.ts tries others.

const [application, object, blueprint] = [guid(0xa1), guid(0xb1), guid(0xd1)];
const person = { scp: 'access_as_user', idtyp: 'user', preferred_username: 'ann@contoso.com' };
const app = { idtyp: 'app' };

let key: SigningKey;
beforeAll(() => {
  key = newSigningKey('key-1');
});

async function signIn(changes: Record<string, unknown>): Promise<Caller> {
  const clock = new FakeClock();
  const { fetch } = new KeyServer(key);
  const settings = { entraEndpoint, tenantId: homeTenant, audiences };
  const verifier = createCallerVerifier({ fetch, clock, log: recordingLogger().log }, settings);
  return verifier.verify(`Bearer ${signJwt(key, claims(clock.nowMs(), changes))}`);
}

/** Each rule is for one kind of caller, so the name of the one that decides says what the caller was taken for. */
const policy = (() => {
  const rule = (name: string, callers: object) => ({ name, callers, tenants: ['*'], resources: ['graph'] });
  const rules = [
    rule('agents of the blueprint', { applications: ['*'], blueprints: [blueprint.toUpperCase()] }),
    rule('agents', { applications: ['*'], kinds: ['agent'] }),
    rule('people', { applications: ['*'], kinds: ['user'] }),
    rule('everybody', { applications: ['*'] }),
  ];
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return parsed.policy;
})();

const request = { tenantId: tenant(11), domains: [], resource: 'graph', scopes: [], grant: 'delegated' } as const;

describe('a token', () => {
  it.each<[shape: string, changes: Record<string, unknown>, who: Partial<Caller>, rule: string]>([
    ['of a person', person, { kind: 'user', name: 'ann@contoso.com' }, 'people'],
    [
      'of a person, with facets that have nothing to do with agents',
      { ...person, xms_act_fct: '3 9', xms_sub_fct: '3 6' },
      { kind: 'user', name: 'ann@contoso.com' },
      'people',
    ],
    ['of an application', app, { kind: 'application', name: application }, 'everybody'],
    [
      'of an application, with facets that have nothing to do with agents',
      { ...app, xms_act_fct: '9 3', xms_sub_fct: '3 9 111 1113' },
      { kind: 'application', name: application },
      'everybody',
    ],
    ['of an application, with an empty scope', { ...app, scp: '' }, { kind: 'application' }, 'everybody'],
    ['of an application, with a slash as scope', { scp: '/' }, { kind: 'application' }, 'everybody'],
    [
      'of an agent on its own',
      { ...app, xms_act_fct: '3 9 11', xms_sub_fct: '9 3 11', xms_par_app_azp: blueprint.toUpperCase() },
      { kind: 'agent', blueprint, name: `agent ${application}` },
      'agents of the blueprint',
    ],
    [
      'of an agent on its own, of another blueprint, with a slash as scope',
      { scp: '/', xms_act_fct: '11', xms_sub_fct: '11', xms_par_app_azp: guid(0xd2) },
      { kind: 'agent', blueprint: guid(0xd2) },
      'agents',
    ],
    [
      'of an agent on its own, with the facets of the actor only',
      { xms_act_fct: '11' },
      { kind: 'agent', name: `agent ${application}` },
      'agents',
    ],
    [
      'of an agent on its own, with the facets of the subject only',
      { xms_sub_fct: '11 9' },
      { kind: 'agent' },
      'agents',
    ],
    [
      'of an agent on its own, with the name of its blueprint only',
      { xms_par_app_azp: blueprint },
      { kind: 'agent', blueprint },
      'agents of the blueprint',
    ],
    [
      'of an agent for a person',
      { ...person, xms_act_fct: '11 9 3', xms_sub_fct: '2 3', xms_par_app_azp: blueprint },
      { kind: 'agent', blueprint, actsFor: object, name: `agent ${application} for ann@contoso.com` },
      'agents of the blueprint',
    ],
    [
      'of an agent for a person, without the facets of the subject',
      { ...person, xms_act_fct: '11' },
      { kind: 'agent', actsFor: object },
      'agents',
    ],
    [
      "of an agent's user account",
      { ...person, xms_act_fct: '11', xms_sub_fct: '13', xms_par_app_azp: blueprint },
      { kind: 'agent', blueprint, name: 'agent ann@contoso.com' },
      'agents of the blueprint',
    ],
    [
      "of an agent's user account through another application",
      { ...person, xms_act_fct: '3 9', xms_sub_fct: '3 13' },
      { kind: 'agent', name: 'agent ann@contoso.com' },
      'agents',
    ],
    [
      'of version 1 of an agent for a person',
      {
        ver: '1.0',
        azp: undefined,
        appid: application,
        iss: `https://sts.windows.net/${homeTenant}/`,
        aud: `api://${clientId}`,
        scp: 'access_as_user',
        upn: 'ann@contoso.com',
        app_displayname: 'Billing',
        xms_act_fct: '11',
      },
      { kind: 'agent', actsFor: object, name: `agent Billing (${application.slice(0, 8)}…) for ann@contoso.com` },
      'agents',
    ],
  ])('%s', async (_shape, changes, who, rule) => {
    const caller = await signIn(changes);
    const absent = { blueprint: undefined, actsFor: undefined };
    const expected = { ...absent, applicationId: application, objectId: object, ...who };
    expect({ ...absent, ...caller }).toMatchObject(expected);
    expect(decide(policy, caller, request)).toMatchObject({ allow: true, rule });
    const { name: _name, ...identity } = expected;
    const recorded = fromRow(toRow(issued({ caller: identityOf(caller) }), guid(1)));
    expect({ ...absent, ...recorded?.caller }).toEqual(identity);
  });
});

describe('a token is refused at sign-in', () => {
  const form = 'agent_form';
  const contradiction = 'agent_contradiction';

  it.each<[shape: string, reason: string, changes: Record<string, unknown>]>([
    ['facets of the actor as a number', form, { xms_act_fct: 11 }],
    ['facets of the actor as a list', form, { xms_act_fct: ['11'] }],
    ['facets of the actor as an object', form, { xms_act_fct: { 11: true } }],
    ['null as facets', form, { xms_sub_fct: null }],
    ['no facets in the claim', form, { xms_sub_fct: '' }],
    ['facets separated by commas', form, { xms_act_fct: '3,11' }],
    ['facets separated by two spaces', form, { xms_act_fct: '3  11' }],
    ['a space before the facets', form, { xms_act_fct: ' 11' }],
    ['a line break after the facets', form, { xms_act_fct: '11\n' }],
    ['a facet with a zero in front', form, { xms_act_fct: '011' }],
    ['a facet that is a name', form, { xms_act_fct: 'AgentIdentity' }],
    ['a facet in digits of another script', form, { xms_act_fct: '١١' }],
    ['a negative facet', form, { xms_sub_fct: '-13' }],
    ['more facets than anybody has', form, { xms_act_fct: Array.from({ length: 100 }, () => '11').join(' ') }],
    ['a blueprint that is no GUID', form, { xms_act_fct: '11', xms_par_app_azp: 'blueprint' }],
    ['a list of blueprints', form, { xms_act_fct: '11', xms_par_app_azp: [blueprint] }],
    ['an empty blueprint', form, { xms_par_app_azp: '' }],
    ['a user account as the actor', contradiction, { ...person, xms_act_fct: '13' }],
    ['a user account and an agent identity as the actor', contradiction, { ...person, xms_act_fct: '11 13' }],
    ['an agent identity as the user', contradiction, { ...person, xms_act_fct: '11', xms_sub_fct: '11' }],
    ['an agent identity as the user, of an ordinary actor', contradiction, { ...person, xms_sub_fct: '11' }],
    ['a subject that is both', contradiction, { ...person, xms_act_fct: '11', xms_sub_fct: '11 13' }],
    ['a user account without a user', contradiction, { ...app, xms_act_fct: '11', xms_sub_fct: '13' }],
    ['an agent on its own whose subject is none', contradiction, { ...app, xms_act_fct: '11', xms_sub_fct: '3 9' }],
    ['an ordinary actor whose subject is an agent', contradiction, { ...app, xms_act_fct: '3 9', xms_sub_fct: '11' }],
    ['an ordinary actor with a blueprint', contradiction, { ...app, xms_act_fct: '3 9', xms_par_app_azp: blueprint }],
    [
      'an ordinary actor with a blueprint, for a person',
      contradiction,
      { ...person, xms_act_fct: '3 9', xms_par_app_azp: blueprint },
    ],
    [
      'an ordinary subject with a blueprint, on its own',
      contradiction,
      { ...app, xms_sub_fct: '9', xms_par_app_azp: blueprint },
    ],
    [
      'an agent on its own with the name of a person',
      contradiction,
      { ...app, xms_act_fct: '11', preferred_username: 'ann@contoso.com' },
    ],
    ['an agent on its own with the upn of a person', contradiction, { xms_sub_fct: '11', upn: 'ann@contoso.com' }],
    ['an agent as application, with scopes', 'claims', { ...app, xms_act_fct: '11', scp: 'access_as_user' }],
    ['an agent for a person, without scopes', 'claims', { idtyp: 'user', xms_act_fct: '11' }],
    ['an agent for a person, with an empty scope', 'claims', { idtyp: 'user', xms_act_fct: '11', scp: '' }],
    ['the type agent', 'claims', { idtyp: 'agent', xms_act_fct: '11' }],
  ])('with %s', async (_shape, reason, changes) => {
    const refused: unknown = await signIn(changes).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(BrokerError);
    expect(refused).toMatchObject({ code: 'caller_unauthenticated', logFields: { reason } });
    const { detail } = refused as BrokerError;
    if (reason !== 'claims') expect(detail).toContain('about an agent');
  });
});
