import { expect, it } from 'vitest';
import { createCallerVerifier } from '../../../../../src/lib/access/sign-in/verify-caller.ts';
import type { Caller } from '../../../../../src/lib/core/caller.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import { FakeClock, seededRandom } from '../../../../fakes/fake-clock.ts';
import { guid } from '../../../../support/audit-entries.ts';
import { casesOf } from '../../../../support/extent.ts';
import {
  audiences,
  claims,
  clientId,
  entraEndpoint,
  homeTenant,
  KeyServer,
  newSigningKey,
  signJwt,
} from '../../../../support/token-forge.ts';

const tokens = casesOf(100_000);
const seed = 20260420;

const random = seededRandom(seed);
const below = (limit: number): number => Math.floor(random() * limit);
const chance = (probability: number): boolean => random() < probability;
const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;

/** The claims of a token that say who calls. Undefined: the token lacks the claim. */
interface Shape {
  readonly idtyp: 'app' | 'user' | undefined;
  readonly scp: string | undefined;
  readonly user: string | undefined;
  readonly actor: readonly string[] | undefined;
  readonly subject: readonly string[] | undefined;
  readonly parent: string | undefined;
}

/**
 * The documented kinds of tokens, each with what its claims say if they are there. A token is of a kind if none of its claims
 * says otherwise. This shares no code with the sign-in, and is written the other way round.
 */
interface Scenario {
  readonly kind: Caller['kind'];
  readonly isForUser: boolean;
  readonly actorIsAgent: boolean;
  readonly subjectIs: 'identity' | 'account' | 'neither';
  readonly actsForPerson?: true;
}
const scenarios: readonly Scenario[] = [
  { kind: 'application', isForUser: false, actorIsAgent: false, subjectIs: 'neither' },
  { kind: 'user', isForUser: true, actorIsAgent: false, subjectIs: 'neither' },
  { kind: 'agent', isForUser: false, actorIsAgent: true, subjectIs: 'identity' },
  { kind: 'agent', isForUser: true, actorIsAgent: true, subjectIs: 'neither', actsForPerson: true },
  { kind: 'agent', isForUser: true, actorIsAgent: true, subjectIs: 'account' },
  { kind: 'agent', isForUser: true, actorIsAgent: false, subjectIs: 'account' },
];

function isOf({ idtyp, scp, user, actor, subject, parent }: Shape, scenario: Scenario): boolean {
  const hasScope = scp !== undefined && scp.length > 0 && scp !== '/';
  const subjectFacet = { identity: '11', account: '13', neither: undefined }[scenario.subjectIs];
  return (
    hasScope === scenario.isForUser &&
    (idtyp === undefined || (idtyp === 'user') === scenario.isForUser) &&
    (actor === undefined || (actor.includes('11') === scenario.actorIsAgent && !actor.includes('13'))) &&
    (subject === undefined || ['11', '13'].every((facet) => subject.includes(facet) === (facet === subjectFacet))) &&
    (parent === undefined || scenario.actorIsAgent) &&
    (user === undefined || scenario.kind !== 'agent' || scenario.isForUser)
  );
}

/** `refused`, or the kind and, of an agent, whom it acts for. */
function oracle(shape: Shape): string {
  const marks = [...(shape.actor ?? []), ...(shape.subject ?? [])].filter((facet) => facet === '11' || facet === '13');
  const isMarked = marks.length > 0 || shape.parent !== undefined;
  // Without any mark of an agent, nothing tells one from a person or application.
  const possible = scenarios.filter((each) => (each.kind === 'agent') === isMarked && isOf(shape, each));
  const found = possible.find(({ actsForPerson }) => actsForPerson) ?? possible[0];
  return found === undefined ? 'refused' : `${found.kind}${found.actsForPerson ? ' for a person' : ''}`;
}

// Others than 11 and 13 are those that real tokens of people and applications have, and ones that look alike.
const facets = ['11', '13', '11', '13', '1', '2', '3', '6', '9', '10', '111', '113', '1311', '31'];
const facetsOf = (): readonly string[] | undefined =>
  chance(0.3)
    ? undefined
    : Array.from({ length: 1 + below(4) }, () => (chance(0.4) ? pick(facets) : pick(['3', '9', '2'])));

const randomShape = (): Shape => {
  const isForUser = chance(0.5);
  return {
    idtyp: chance(0.5) ? undefined : chance(0.9) === isForUser ? 'user' : 'app',
    scp: isForUser ? 'access_as_user' : pick([undefined, undefined, '', '/']),
    user: chance(isForUser ? 0.8 : 0.1) ? 'ann@contoso.com' : undefined,
    actor: facetsOf(),
    subject: facetsOf(),
    parent: chance(0.3) ? guid(0xd0 + below(3)) : undefined,
  };
};

/** Forms that Entra documents for no claim about an agent, some of which a lenient reader takes for one of an agent. */
const wrongFacets = [
  11,
  13,
  ['11'],
  { 11: 1 },
  true,
  null,
  '',
  ' ',
  '11,3',
  '3;11',
  '11 ',
  '\t11',
  '011',
  '0x0b',
  '11.0',
];
const wrongParents = ['', 'x', 7, null, [guid(1)], guid(1).slice(1), `${guid(1)} `];

interface Made {
  readonly shape: Shape;
  readonly isMalformed: boolean;
  readonly payload: Record<string, unknown>;
}

const clock = new FakeClock();

function make(number: number): Made {
  const shape = randomShape();
  const { idtyp, scp, user, actor, subject, parent } = shape;
  const wrong = pick(['xms_act_fct', 'xms_sub_fct', 'xms_par_app_azp']);
  const isMalformed = chance(0.1);
  const isFirstVersion = chance(0.3);
  const own = guid(0xa0 + below(5));
  return {
    shape,
    isMalformed,
    payload: claims(clock.nowMs(), {
      uti: `u${number}`,
      oid: guid(0xb0 + below(5)),
      azp: own,
      idtyp,
      scp,
      [pick(['preferred_username', 'upn'])]: user,
      xms_act_fct: actor?.join(' '),
      xms_sub_fct: subject?.join(' '),
      xms_par_app_azp: parent,
      xms_idrel: pick([undefined, '1', '7 10', '11']),
      xms_tnt_fct: pick([undefined, '3 9', '11', 13]),
      ...(isFirstVersion
        ? {
            ver: '1.0',
            azp: undefined,
            appid: own,
            iss: `https://sts.windows.net/${homeTenant}/`,
            aud: `api://${clientId}`,
          }
        : {}),
      ...(isMalformed ? { [wrong]: pick(wrong === 'xms_par_app_azp' ? wrongParents : wrongFacets) } : {}),
    }),
  };
}

it(`takes none of ${tokens} generated tokens of agents for a person or an application`, {
  timeout: 600_000,
}, async () => {
  const key = newSigningKey('key-1');
  const { fetch } = new KeyServer(key);
  const settings = { entraEndpoint, tenantId: homeTenant, audiences };
  const verifier = createCallerVerifier({ fetch, clock, log: silentLogger }, settings);
  const counts: Record<string, number> = {};
  const disagreements: unknown[] = [];
  for (let number = 0; number < tokens; number += 1) {
    const { shape, isMalformed, payload } = make(number);
    const expected = isMalformed ? 'refused' : oracle(shape);
    const outcome: unknown = await verifier
      .verify(`Bearer ${signJwt(key, payload)}`)
      .catch((thrown: unknown) => thrown);
    const isRefused = outcome instanceof BrokerError && outcome.code === 'caller_unauthenticated';
    const { kind, actsFor, blueprint, applicationId, objectId, name } = outcome as Caller;
    const found = isRefused ? 'refused' : `${kind}${actsFor === undefined ? '' : ' for a person'}`;
    counts[expected] = (counts[expected] ?? 0) + 1;
    const hasFacts =
      isRefused ||
      (applicationId === (payload['azp'] ?? payload['appid']) &&
        objectId === payload['oid'] &&
        blueprint === shape.parent &&
        (actsFor === undefined || actsFor === objectId) &&
        name.startsWith('agent ') === (kind === 'agent'));
    if ((found !== expected || !hasFacts) && disagreements.length < 5)
      disagreements.push({ expected, found, outcome, payload });
  }
  expect(disagreements).toEqual([]);
  // Each outcome must occur often enough to be significant.
  for (const kind of ['refused', 'application', 'user', 'agent', 'agent for a person'])
    expect(`${kind} ${(counts[kind] ?? 0) > tokens / 50}`).toBe(`${kind} true`);
});
