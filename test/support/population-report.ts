import { session } from '../../packages/microsoft-cloud/test/unit/exchange-session.ts';
import { ask, world } from '../../packages/microsoft-cloud/test/unit/served-engine.ts';
import { rowOf, startMs, viewOf } from '../../packages/microsoft-cloud/test/unit/tenant-view.ts';
import { textRecords } from '../../packages/microsoft-cloud/src/dns/text-records.ts';
import { factsOf } from '../../packages/microsoft-cloud/src/population/graph/facts.ts';
import { hasSharePoint } from '../../packages/microsoft-cloud/src/population/graph/licensing.ts';
import { parseTenantId } from '../../src/lib/core/identifiers.ts';
import type { Job } from '../../src/lib/runs/job/job.ts';
import type { Scripted, SeenRequest } from '../fakes/scripted-fetch.ts';
import { type TriedJob, tryJob, type TryJobOptions } from './try-job.ts';

export type Customer = (typeof world.customers)[number];
/** An object as the population of the simulated cloud creates it. No query has touched it. */
export type Raw = Readonly<Record<string, unknown>>;

export const customers: readonly Customer[] = world.customers;
export const nowMs = startMs;

/** What the population contains: the objects of a list, or the ids of a navigation. */
export const populationOf = (customer: Customer) => {
  const view = viewOf(world, customer);
  return {
    rows: (path: string, ...keys: readonly string[]): readonly Raw[] => view.rows(path, ...keys),
    ids: (path: string, ...keys: readonly string[]): readonly string[] => view.references(path, ...keys),
    /** An object that has no key. */
    object: (path: string): Raw => rowOf(view, path)!,
    hasSharePoint: hasSharePoint(factsOf(view)),
    /** Whether a subscription of the tenant contains a service plan. */
    hasPlan: (...plans: readonly string[]): boolean =>
      view
        .rows('subscribedSkus')
        .flatMap(({ servicePlans }) => servicePlans as readonly Raw[])
        .some(({ servicePlanName }) => plans.includes(String(servicePlanName))),
  };
};

/** Applications, service principals and grants of a customer, which change while the cloud runs. */
export const directoryOf = (customer: Customer) => world.directoryOf(customer);

/** Replaces a value in an answer, by its property. `undefined` leaves the property out. */
type Replace = (name: string, value: unknown) => unknown;

/** The answer of the simulated Graph, over all data and for callers that may do everything. */
function answerOf(customer: Customer, { url, body }: Pick<SeenRequest, 'url' | 'body'>, replace?: Replace): Response {
  const [, version = 'v1.0', ...rest] = url.pathname.split('/');
  if (rest.join('/') === '$batch') {
    const { requests } = JSON.parse(body ?? '{}') as { requests: { id: string; url: string }[] };
    const responses = requests.map((part) => {
      const reply = ask(customer, part.url.slice(1));
      return { id: part.id, status: reply.status, body: contentOf(reply, replace) };
    });
    return Response.json({ responses });
  }
  const reply = ask(customer, `${rest.join('/')}${url.search}`, version);
  return Response.json(contentOf(reply, replace), { status: reply.status });
}

function contentOf({ status, code, message, body }: ReturnType<typeof ask>, replace?: Replace): unknown {
  if (status >= 400) return { error: { code, message } };
  return JSON.parse(JSON.stringify(body, replace).replaceAll('https://graph.test/', 'https://graph.microsoft.com/'));
}

/** Runs a job in a customer of the simulated cloud. @param instead answers some requests; undefined: as the cloud does. */
export const reportOn = (
  job: Job,
  customer: Customer,
  options: Omit<TryJobOptions, 'graph'> & {
    /** Of Graph and Exchange. */
    readonly replace?: Replace;
    readonly instead?: (
      request: SeenRequest,
      count: number,
      answer: () => Response,
    ) => Scripted | undefined | Promise<Scripted | undefined>;
  } = {},
): Promise<TriedJob> =>
  tryJob(job, {
    nowMs,
    tenant: { tenantId: parseTenantId(customer.tenantId)!, name: customer.name },
    partnerTenantId: parseTenantId(world.partner.tenantId)!,
    dns: (name) => textRecords(world, name),
    exchange: ({ cmdlet, parameters, url }) => {
      const { status, ...body } = session(viewOf(world, customer))(cmdlet, parameters, { query: url.search.slice(1) });
      return Response.json(JSON.parse(JSON.stringify(body, options.replace)), { status });
    },
    ...options,
    graph: async (request, count) => {
      const answer = (): Response => answerOf(customer, request, options.replace);
      return (await options.instead?.(request, count, answer)) ?? answer();
    },
  });

/** Requests as `/path` without query, for comparison with the number that a report may send. */
export const pathsOf = ({ requests }: Pick<TriedJob, 'requests'>): readonly string[] =>
  requests.map(({ url }) => url.pathname.replace('/v1.0', ''));
