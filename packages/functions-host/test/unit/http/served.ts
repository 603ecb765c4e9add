import type { Invocation, InvocationOutcome } from '../../../src/app/invoker.ts';
import type { RegisteredFunction } from '../../../src/app/registry.ts';
import type { TypedData } from '../../../src/app/rpc.ts';
import { RequestGate } from '../../../src/http/request-gate.ts';
import { httpRoute, sortRoutes } from '../../../src/http/router.ts';
import { HostServer } from '../../../src/http/server.ts';

type ServerDeps = Parameters<HostServer['serve']>[0];

/** The keys of the hosts of these tests. They open nothing else. */
export const keys = { master: 'key-of-master', function: 'key-of-functi', system: 'key-of-system' };

const http = (name: string, authLevel: string, methods: readonly string[] = ['GET', 'POST']): RegisteredFunction => ({
  metadata: { name, bindings: { request: { type: 'httpTrigger', direction: 'in', authLevel, methods } } },
  callback: () => undefined,
});

const functions = [http('forAll', 'anonymous'), http('forCallers', 'function'), http('forAdmins', 'admin')];

/** A server with three HTTP functions. Each answers with its name, unless `invoke` does something else. */
export interface Served {
  readonly server: HostServer;
  readonly port: number;
  readonly logged: string[];
  /** The names of the functions that ran, and what they were given. */
  readonly ran: string[];
  readonly invocations: Invocation[];
  /** What the admin API was asked to run. */
  readonly started: unknown[];
}

const text = (body: string): TypedData => ({ http: { statusCode: '200', body: { string: body } } }) as TypedData;

interface ServeOptions extends Partial<Omit<ServerDeps, 'trigger'>> {
  readonly maxBodyBytes?: number;
  readonly invoke?: (name: string) => Promise<InvocationOutcome>;
}

export async function serve({ maxBodyBytes = 1_000, invoke, ...more }: ServeOptions = {}): Promise<Served> {
  const server = new HostServer();
  const served: Served = { server, port: await server.listen(0), logged: [], ran: [], invocations: [], started: [] };
  const log: ServerDeps['log'] = (level, category, message) => served.logged.push(`${level} ${category}: ${message}`);
  const run = async (
    { metadata: { name } }: RegisteredFunction,
    invocation: Invocation,
  ): Promise<InvocationOutcome> => {
    served.ran.push(name);
    served.invocations.push(invocation);
    return (await invoke?.(name)) ?? { ok: true, raw: 1, response: { invocationId: '', returnValue: text(name) } };
  };
  const trigger = {
    invoker: { invoke: run },
    extraInputs: () => [{ name: 'client', data: { string: 'binding' } }],
    streamUrl: undefined,
    maxBodyBytes,
    log,
    stopping: server.stopping,
  } as unknown as ServerDeps['trigger'];
  server.serve({
    routes: sortRoutes(functions.map(({ metadata }) => httpRoute(metadata, 'api'))),
    findFunction: (name) => functions.find(({ metadata }) => metadata.name === name),
    keys,
    requireKeys: true,
    showHomepage: true,
    cors: undefined,
    customHeaders: {},
    gate: new RequestGate(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
    trigger,
    durable: {
      operations: { list: () => [] } as unknown as ServerDeps['durable']['operations'],
      links: { origin: 'http://host.test', hubName: 'Hub', systemKey: keys.system },
      maxBodyBytes,
    },
    admin: {
      functions: [
        { name: 'forAll', trigger: 'httpTrigger' },
        { name: 'Nightly', trigger: 'timerTrigger' },
      ],
      runFunction: (name, input) => name === 'Nightly' && served.started.push(input) > 0,
      startedAtMs: 1_000,
      nowMs: () => 3_500.7,
      maxBodyBytes,
    },
    log,
    ...more,
  });
  return served;
}

export async function end({ server }: Served): Promise<void> {
  const closed = server.close();
  server.abort();
  await closed;
}
