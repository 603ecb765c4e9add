import { createCloudClock } from '../../../src/clock.ts';
import type { Declaration, Row } from '../../../src/graph/declaration.ts';
import { GraphError } from '../../../src/graph/graph-error.ts';
import type { Access } from '../../../src/graph/serve/check-access.ts';
import { createEngine, type Engine } from '../../../src/graph/serve/engine.ts';
import { loadTypes } from '../../../src/graph/schema/schema.ts';
import type { Caller } from '../../../src/resource/caller.ts';
import { createSeeded } from '../../../src/seeded.ts';
import type { CloudRequest } from '../../../src/web/http.ts';
import type { Settings, World } from '../../../src/world.ts';

await loadTypes();

const startMs = Date.parse('2026-11-26T10:00:00Z');

/** An id for the object with a number. */
export const guid = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;

/** An engine over a few declarations, for callers that may do everything. */
export interface SmallEngine {
  readonly engine: Engine;
  readonly settings: Pick<Settings, 'directoryPropagationMs'>;
  /** Sets the clock forward. */
  advance(ms: number): void;
  get(address: string, headers?: Readonly<Record<string, string>>): Answer;
  send(method: string, address: string, body?: unknown, headers?: Readonly<Record<string, string>>): Answer;
}

interface Answer {
  readonly status: number;
  /** Code of an error. */
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Whether the request is unknown to the real service as well. */
  readonly unmatched: boolean;
}

const caller: Caller = {
  tenantId: 'tenant',
  customer: undefined,
  clientId: 'client',
  objectId: 'me',
  isApplication: false,
  isAdmin: true,
  permissions: new Set(),
  hasMfa: true,
};

/** @param limits what the caller may not do. */
export function smallEngine(declarations: readonly Declaration[], limits: Partial<Access> = {}): SmallEngine {
  const clock = createCloudClock({ nowMs: () => startMs });
  const settings = { directoryPropagationMs: 0 };
  const world = {
    clock,
    settings,
    startMs,
    seeded: createSeeded(1),
    addresses: () => ({ graph: 'https://graph.test' }),
    findCustomer: () => undefined,
    isPartner: () => true,
    partner: { directory: {}, adminAgents: { members: new Set(['me']) } },
  } as unknown as World;
  const access: Access = {
    check: () => undefined,
    checkProperty: () => undefined,
    lists: () => false,
    readable: () => 'all',
    ...limits,
  };
  const engine = createEngine({ world, declarations, access });
  const send: SmallEngine['send'] = (method, address, body, headers = {}) => {
    const url = new URL(address.replace(/^https:\/\/graph\.test/, ''), 'https://graph.test');
    const request: CloudRequest = {
      method,
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      headers,
      body: body === undefined ? '' : JSON.stringify(body),
      facts: {},
    };
    return { ...answerOf(engine, request), unmatched: request.facts.unmatched === true };
  };
  return {
    engine,
    settings,
    advance: (ms) => clock.advance(ms),
    send,
    get: (address, headers) => send('GET', address, undefined, headers),
  };
}

function answerOf(engine: Engine, request: CloudRequest): Omit<Answer, 'unmatched'> {
  try {
    const { status, body: text = '', headers = {} } = engine.answer(request, caller);
    const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
    const rows = Array.isArray(body['value']) ? (body['value'] as readonly Row[]) : [];
    return { status, code: undefined, message: undefined, body, rows, headers, text };
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    const { status, code, message, headers } = error;
    return { status, code, message, body: {}, rows: [], headers, text: '' };
  }
}

/** All pages of a list. */
export function allPages(
  engine: SmallEngine,
  address: string,
  headers?: Readonly<Record<string, string>>,
): readonly Row[] {
  const found: Row[] = [];
  let next: unknown = address;
  while (typeof next === 'string') {
    const answer = engine.get(next, headers);
    if (answer.status !== 200) throw new Error(`${next}: ${answer.status} ${answer.message}`);
    found.push(...answer.rows);
    next = answer.body['@odata.nextLink'];
  }
  return found;
}
