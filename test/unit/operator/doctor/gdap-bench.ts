import { createGraphClient, type GraphClient } from '../../../../src/lib/microsoft/graph.ts';
import { type DirectoryRole, directoryRoles } from '../../../../src/lib/microsoft/directory-roles.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { type FakeClock, seededRandom } from '../../../fakes/fake-clock.ts';
import { problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

interface PlannedAssignment {
  readonly group: string;
  readonly roles: readonly DirectoryRole[];
  readonly status?: string;
}

export interface PlannedRelationship {
  readonly customer: number;
  readonly roles: readonly DirectoryRole[];
  readonly assignments?: readonly PlannedAssignment[];
  readonly name?: string;
  readonly status?: string;
  readonly endsInDays?: number;
  readonly autoExtendDuration?: string;
}

export const tenantId = (n: number): string => `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, '0')}`;
const base = 'https://graph.test';
const root = '/v1.0/tenantRelationships/delegatedAdminRelationships';
const ids = (roles: readonly DirectoryRole[]) => roles.map((role) => ({ roleDefinitionId: directoryRoles[role] }));

/** The part of Microsoft Graph in the partner tenant that knows relationships and groups, in pages and batches. */
export class GdapBench {
  /** Names of the groups that the account is in. Ids are `id-` and the name. */
  memberOf: readonly string[] = ['AdminAgents', 'Readers'];
  relationships: readonly PlannedRelationship[] = [];
  /** Answers a path instead of the bench. */
  answerInstead: (path: string) => Scripted | undefined = () => undefined;
  mostInFlight = 0;
  readonly seen: SeenRequest[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get client(): GraphClient {
    let inFlight = 0;
    const { fetch } = scriptedFetch(async (request) => {
      this.seen.push(request);
      inFlight += 1;
      this.mostInFlight = Math.max(this.mostInFlight, inFlight);
      await Promise.resolve();
      inFlight -= 1;
      return this.#answer(request);
    });
    const deps = { fetch, clock: this.#clock, random: seededRandom(1), limiter: new Limiter(100) };
    const binding = { baseUrl: base, correlationId: 'c', token: () => Promise.resolve(new Secret('t')) };
    return createGraphClient(deps, binding);
  }

  #answer({ url, body }: SeenRequest): Scripted {
    const instead = this.answerInstead(url.pathname);
    if (instead !== undefined) return instead;
    if (url.pathname !== '/v1.0/$batch') return this.#read(url) ?? problem(404, 'Request_ResourceNotFound');
    const { requests } = JSON.parse(body ?? '') as { requests: { id: string; url: string }[] };
    return {
      responses: requests.map((request) => {
        const part = new URL(`${base}/v1.0${request.url}`);
        const reply = this.answerInstead(part.pathname) ?? this.#read(part);
        if (reply === undefined) return { id: request.id, status: 404, body: { error: { code: 'NotFound' } } };
        if (!(reply instanceof Response)) return { id: request.id, status: 200, body: reply };
        return { id: request.id, status: reply.status, body: { error: { code: 'Refused' } } };
      }),
    };
  }

  #read(url: URL): object | undefined {
    const { pathname, searchParams } = url;
    if (pathname === '/v1.0/me/transitiveMemberOf') {
      const groups = this.memberOf.map((name) => ({
        '@odata.type': '#microsoft.graph.group',
        id: `id-${name}`,
        displayName: name,
      }));
      return {
        value: [...groups, { '@odata.type': '#microsoft.graph.directoryRole', id: 'r', displayName: 'Reader' }],
      };
    }
    if (pathname.startsWith('/v1.0/groups/')) {
      const id = pathname.slice('/v1.0/groups/'.length);
      return { id, displayName: id.replace('id-', '') };
    }
    if (pathname === root) {
      const from = Number(searchParams.get('from') ?? 0);
      const next = from + 300;
      return {
        value: this.relationships.slice(from, next).map((planned, at) => this.#relationship(planned, from + at)),
        ...(next < this.relationships.length ? { '@odata.nextLink': `${base}${root}?from=${next}` } : {}),
      };
    }
    const number = new RegExp(`^${root}/rel-(\\d+)/accessAssignments$`).exec(pathname)?.[1];
    const planned = number === undefined ? undefined : this.relationships[Number(number)];
    if (planned === undefined) return undefined;
    const { assignments = [{ group: 'Readers', roles: planned.roles }] } = planned;
    return {
      value: assignments.map(({ group, roles, status = 'active' }) => ({
        accessContainer: { accessContainerId: `id-${group}`, accessContainerType: 'securityGroup' },
        accessDetails: { unifiedRoles: ids(roles) },
        status,
      })),
    };
  }

  #relationship(planned: PlannedRelationship, index: number): object {
    const { customer, roles, name = 'ours', status = 'active', endsInDays = 400 } = planned;
    return {
      id: `rel-${index}`,
      displayName: name,
      customer: { tenantId: tenantId(customer), displayName: `customer ${customer}` },
      status,
      endDateTime: new Date(this.#clock.nowMs() + endsInDays * 86_400_000).toISOString(),
      autoExtendDuration: planned.autoExtendDuration ?? 'PT0S',
      accessDetails: { unifiedRoles: ids(roles) },
    };
  }
}
