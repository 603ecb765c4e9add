import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { OutboundError } from '../../../../src/lib/core/outbound.ts';
import type { UpstreamRequest } from '../../../../src/lib/gateway/send/upstream.ts';
import type { Answer } from '../../../../src/lib/gateway/send/rewrite-answer.ts';
import { json } from '../gateway/send/stage.ts';

/** What happens to a write. `did`: it is made and answered so, or the answer is lost. */
export type Fault =
  | { readonly status: number; readonly did?: boolean; readonly headers?: Readonly<Record<string, string>> }
  | { readonly lost: 'before' | 'after' | 'connecting' };

/** The objects of one tenant, by their path. A collection of references is a list of ids. */
export type Objects = Readonly<Record<string, JsonObject | readonly string[]>>;

/** One tenant of Microsoft Graph, whose writes may show late. */
export class SimulatedGraph {
  /** Until then after a write, reads show old and new in turn. */
  lateMs = 0;
  /** The faults of the next writes. Undefined: none. */
  readonly faults: (Fault | undefined)[] = [];
  /** Runs before each write takes effect. */
  beforeWrite: () => unknown = () => undefined;
  /** Paths that do not exist yet for reads. */
  readonly hidden = new Set<string>();
  /** Status with which reads are refused. */
  refusesReads: number | undefined;
  /** Writes that took effect. */
  readonly effects: string[] = [];
  readonly #nowMs: () => number;
  readonly #states: { readonly atMs: number; readonly objects: Objects }[];
  #reads = 0;
  #ids = 0;

  constructor(nowMs: () => number, objects: Objects) {
    this.#nowMs = nowMs;
    this.#states = [{ atMs: -Infinity, objects: structuredClone(objects) }];
  }

  get objects(): Objects {
    return this.#states.at(-1)?.objects ?? {};
  }

  /** What somebody else does. */
  put(path: string, object: JsonObject | readonly string[] | undefined): void {
    const { [path]: _, ...others } = this.objects;
    this.#states.push({ atMs: this.#nowMs(), objects: object === undefined ? others : { ...others, [path]: object } });
  }

  read(address: string): Response {
    if (this.refusesReads !== undefined)
      return Response.json({ error: { code: 'Refused', message: 'no' } }, { status: this.refusesReads });
    const path = pathOf(address);
    this.#reads += 1;
    const settled = this.#states.findLast(({ atMs }) => atMs + this.lateMs <= this.#nowMs());
    const objects = (this.#reads % 2 === 1 ? settled?.objects : this.objects) ?? {};
    const found = this.hidden.has(path) ? undefined : objects[path];
    if (Array.isArray(found)) return Response.json({ value: found.map((id: string) => ({ id })) });
    if (found !== undefined) return Response.json({ ...(path.startsWith('/groups/') && groupFacts), ...found });
    const members = Object.entries(objects).filter(([name]) => name.slice(0, name.lastIndexOf('/')) === path);
    const isEmpty = path.lastIndexOf('/') === 0 || objects[path.replace(/\/members$/, '')] !== undefined;
    if (!this.hidden.has(path) && (members.length > 0 || isEmpty))
      return Response.json({ value: members.map(([, of]) => of) });
    return Response.json(
      { error: { code: 'Request_ResourceNotFound', message: 'It does not exist.' } },
      { status: 404 },
    );
  }

  async send({ method, url, headers: sent, body }: UpstreamRequest): Promise<Answer> {
    if (method === 'GET') {
      const found = this.read(url);
      return json(await found.json(), { status: found.status });
    }
    await this.beforeWrite();
    const fault = this.faults.shift();
    if (fault !== undefined && 'lost' in fault) {
      const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      if (fault.lost === 'after') this.#change(method, pathOf(url), body);
      throw new OutboundError('network', 'graph', fault.lost === 'connecting' ? { cause: refused } : {});
    }
    const { status, did = false, headers = {} } = fault ?? {};
    if (status !== undefined && !did)
      return json(
        { error: { code: 'Fault', message: 'It does not exist.' } },
        { status, headers: { 'content-type': 'application/json', ...headers } },
      );
    const { '@odata.etag': etag } = (this.objects[pathOf(url)] ?? {}) as JsonObject;
    if (etag !== undefined && sent['if-match'] !== etag)
      return json({ error: { code: 'Changed', message: 'It was changed.' } }, { status: 412 });
    const answer = this.#change(method, pathOf(url), body);
    return status === undefined ? answer : json({}, { status });
  }

  #change(method: string, path: string, body: Uint8Array | undefined): Answer {
    const given = (body === undefined ? {} : JSON.parse(Buffer.from(body).toString())) as JsonObject;
    this.effects.push(`${method} ${path}`);
    if (path.endsWith('/$ref')) {
      const to = path.slice(0, -'/$ref'.length);
      const list = method === 'POST' ? to : to.slice(0, to.lastIndexOf('/'));
      const ids = (this.objects[list] ?? []) as readonly string[];
      const added = String(given['@odata.id']).split('/').at(-1) ?? '';
      this.put(list, method === 'POST' ? [...ids, added] : ids.filter((id) => !to.endsWith(`/${id}`)));
      return json({}, { status: 204 });
    }
    if (method === 'PATCH') this.put(path, { ...(this.objects[path] as JsonObject), ...given });
    if (method === 'DELETE') this.put(path, undefined);
    const [, restored] = /([^/]+)\/restore$/.exec(path) ?? [];
    if (restored !== undefined) {
      const objects = this.#states.toReversed().flatMap(({ objects: earlier }) => Object.entries(earlier));
      const [place, object] = objects.find(([name]) => name.endsWith(`/${restored}`) && !/deleted/i.test(name)) ?? [];
      if (place !== undefined) this.put(place, object);
    }
    if (method !== 'POST' || restored !== undefined || path.endsWith('Sessions')) return json({}, { status: 204 });
    this.#ids += 1;
    const object = { ...given, id: `new-${this.#ids}` };
    this.put(`${path}/${object.id}`, object);
    return json(object, { status: 201 });
  }
}

/** What the gateway wants to know of a group before it changes its members. */
const groupFacts = { isAssignableToRole: false };

const pathOf = (address: string): string => new URL(address).pathname.replace(/^\/(?:v1\.0|beta)/, '');
