import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { startChild } from '../../../src/cli/demo/child.ts';
import { type Attack, control } from '../attack.ts';
import type { Answered } from '../ask.ts';
import { allRoles, attacker } from '../forge.ts';
import { ended, startRun } from '../runs.ts';
import type { Host, Stage } from '../stage.ts';

const watchLoop = join(import.meta.dirname, '../watch-loop.ts');
const largeCheckpoint = join(import.meta.dirname, '../large-checkpoint.ts');
/** Goal for the longest time that one request holds the event loop, milliseconds of processor time. */
export const goalMs = 50;
/**
 * The longest hold that is allowed, as a multiple of a fixed piece of work that is measured in the same run and takes about 45 ms.
 * On a busy machine a hold may include the garbage collection of earlier requests. So a longer one is tried again, and fails if
 * every try is too long.
 */
const generous = 2;
const mostTries = 5;
/** The same multiple for the median of the tries: garbage collection does not explain a hold that is long in most of them. */
const generousMedian = 4;

const mebibyte = 1024 * 1024;
const filled = (head: string, item: string, tail: string, bytes = 4 * mebibyte): string =>
  head + item.repeat(Math.floor((bytes - head.length - tail.length) / item.length)) + tail;

/** How long a request held the event loop of the app. */
export interface Slice {
  readonly what: string;
  /** What the app answered: status, and the code of a failure or how a run ended. */
  readonly answered: string;
  /** Milliseconds of processor time of each try. */
  readonly tries: readonly number[];
  /** Whether each of them was too long beside the fixed piece of work. */
  readonly isLong: boolean;
}

interface Watched {
  readonly stage: Stage;
  readonly host: Host;
  /** The longest hold since the last call, milliseconds. */
  readonly longestMs: () => Promise<number>;
}

/** Milliseconds of processor time of the longest hold since the last question. */
const longestOf =
  (socketPath = '') =>
  async (): Promise<number> => {
    const answer = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      request({ socketPath }, resolve).once('error', reject).end();
    });
    return Number(await text(answer));
  };

/** A hundred rules, of which only the last two let requests out: one to groups once people approve, and one to users. */
const rules = (tenant: string): readonly object[] => [
  ...Array.from({ length: 98 }, (_, number) => ({
    name: `rule ${number}`,
    callers: { applications: [attacker] },
    tenants: [tenant],
    resources: ['graph'],
    scopes: ['User.Read.All', `Files.Read.All`, number % 2 === 0 ? 'Group.Read.All' : 'Directory.Read.All'],
    via: ['gateway'],
    requests: { paths: [`/v1.0/none-${number}/*/members`] },
  })),
  {
    name: 'asks people',
    callers: { applications: [attacker] },
    tenants: [tenant],
    resources: ['graph'],
    scopes: ['Group.ReadWrite.All'],
    via: ['gateway'],
    approval: {},
    requests: { methods: ['PATCH'], paths: ['/v1.0/groups/*'] },
  },
  {
    name: 'the last rule',
    callers: { applications: [attacker] },
    tenants: ['*'],
    resources: ['graph'],
    scopes: ['User.ReadWrite.All', 'Directory.Read.All', 'Organization.Read.All'],
    via: ['gateway'],
    requests: { paths: ['/v1.0/users', '/v1.0/users/*'] },
  },
];

const nobody = '0a1b2c3d-0000-4000-8000-000000000001';

const bearer = ({ stage }: Watched) => ({
  authorization: stage.forge.bearer({ roles: [...allRoles, 'Requests.Send', 'Tenants.Write'] }),
  'x-reason': 'The longest slice',
});

const gateway = (watched: Watched, method: string, path: string, body = ''): Promise<Answered> =>
  watched.host.ask({
    method,
    path: `/api/gateway/${watched.stage.tenants[0]?.tenantId}/graph${path}`,
    headers: bearer(watched),
    ...(body === '' ? {} : { body }),
  });

const api = (watched: Watched, method: string, path: string, body = ''): Promise<Answered> =>
  watched.host.ask({ method, path: `/api${path}`, headers: bearer(watched), ...(body === '' ? {} : { body }) });

const part = (id: number, body: string): string =>
  `{"id":"${id}","method":"PATCH","url":"/users/${nobody}","headers":{"content-type":"application/json"},"body":${body}}`;
const batchOf = (body: string): string =>
  `{"requests":[${Array.from({ length: 20 }, (_, id) => part(id, body)).join(',')}]}`;

/** What the app answered. */
type Said = Pick<Answered, 'status' | 'code'>;
type Try = readonly [what: string, expected: string, send: (watched: Watched) => Promise<Said>];

/** Bodies that the app refuses, and some that it sends, as large as it lets them be. */
const bodies: readonly (readonly [what: string, body: string, expected: string])[] = [
  ['texts', filled('{"otherMails":[', '"a=",', '""]}'), '403 caller_forbidden'],
  ['objects', filled('{"a":[', '{},', '1]}'), '403 caller_forbidden'],
  ['numbers', filled('{"a":[', '1,', '1]}'), '403 caller_forbidden'],
  ['members', `{${Array.from({ length: 300_000 }, (_, at) => `"k${at}":1`).join(',')}}`, '403 caller_forbidden'],
  ['levels', `{"a":${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}}`, '403 caller_forbidden'],
  ['one text', filled('{"displayName":"', 'a', '"}'), '404'],
  ['one text of escapes', filled('{"displayName":"', String.raw`\u0061`, '"}'), '404'],
  ['one text of characters with three bytes', filled('{"displayName":"', '漢', '"}', 1.3 * mebibyte), '404'],
  ['blanks', filled('{', ' ', '"displayName":"a"}'), '404'],
  ['49,000 texts', filled('{"businessPhones":[', `"${'a'.repeat(80)}",`, '""]}'), '403 caller_forbidden'],
  ['4,900 names', `{${Array.from({ length: 4_900 }, (_, at) => `"n${at}":"${'a'.repeat(830)}"`).join(',')}}`, '404'],
];

/** Answers of Microsoft Graph of almost 20 MiB. Links have to be rewritten, so all of it is read. */
const answers = (graph: string): readonly (readonly [what: string, body: string])[] => {
  const head = `{"@odata.nextLink":"${graph}/v1.0/users?$skiptoken=a","value":[`;
  const bytes = 19.9 * mebibyte;
  return [
    ['objects', filled(head, '{"id":"0a1b2c3d-0000-4000-8000-000000000001","displayName":"Ada"},', '{}]}', bytes)],
    ['one text', filled(`${head}{"displayName":"`, 'a', '"}]}', bytes)],
    ['escapes', filled(`${head}{"displayName":"`, String.raw`\u0061`, '"}]}', bytes)],
    ['backslashes', filled(`${head}{"displayName":"`, '\\\\', String.raw`\u0061"}]}`, bytes)],
    ['numbers', filled(head, '1,', '1]}', bytes)],
    ['links', filled(head, `{"a@odata.nextLink":"${graph}/v1.0/users?$skiptoken=b"},`, '{}]}', bytes)],
    [
      'as many links as the gateway rewrites',
      filled(head, `{"a@odata.nextLink":"${graph}/v1.0/users?$skiptoken=b","b":"${'a'.repeat(340)}"},`, '{}]}', bytes),
    ],
  ];
};

const withAnswer =
  (path: string, body: string, send: Try[2]): Try[2] =>
  async (watched) => {
    const { faults } = watched.stage.cloud;
    const fault = faults.add({ service: 'graph', path, status: 200, body });
    try {
      return await send(watched);
    } finally {
      faults.clear(fault);
    }
  };

let runs = 0;
const run = async ({ host, stage }: Watched): Promise<Said> => {
  runs += 1;
  const order = { tenants: stage.tenants.slice(0, 1).map(({ tenantId }) => tenantId), window: `slice-${runs}` };
  return endOf(host, stage, await startRun(host, stage, order));
};

/** How a run that was started ends for its one tenant. */
async function endOf(host: Host, stage: Stage, { status, code, body }: Answered): Promise<Said> {
  if (status !== 202) return { status, code };
  const { failures, tenants } = await ended(host, stage, String(body['runId']));
  return { status, code: failures[0]?.code ?? (tenants.succeeded === 1 ? 'succeeded' : 'neither') };
}

/** Rows of a job and of a query that are almost as long as one may be. */
const sku = (texts: string): string =>
  `{"value":[{"skuId":"a","skuPartNumber":"b","consumedUnits":1,"prepaidUnits":{"enabled":1},${texts}}]}`;
const token = `eyJ${'a'.repeat(40)}.${'b'.repeat(200)}.${'c'.repeat(300)} `;
const jobRows: readonly (readonly [what: string, expected: string, body: string])[] = [
  ['words', '202 succeeded', sku(filled('"capabilityStatus":"', 'Ada ', '"', 1.99 * mebibyte))],
  ['almost tokens', '202 succeeded', sku(filled('"capabilityStatus":"', 'eyJaaaa.', '"', 1.99 * mebibyte))],
  ['dots and a token', '202 job_failed', sku(filled('"capabilityStatus":"', '.', `${token}"`, 1.99 * mebibyte))],
  ['a text of 20 MiB that is left out', '202 succeeded', sku(filled('"note":"', 'a', '"', 19.9 * mebibyte))],
  ['a text of 20 MiB', '202 job_failed', sku(filled('"capabilityStatus":"', 'a', '"', 19.9 * mebibyte))],
];
const queryRows: readonly (readonly [what: string, body: string])[] = [
  ['tokens', filled('{"value":[{"a":"', token, '"}]}', 0.99 * mebibyte)],
  ['members with a token', filled('{"value":[{"list":[', `"${token}",`, '""]}]}', 0.99 * mebibyte)],
  ['dots and a token', filled('{"value":[{"a":"', '.', `${token}"}]}`, 0.99 * mebibyte)],
];

/** Sends the same twenty times at once. All have to be answered alike. */
const twenty =
  (send: Try[2]): Try[2] =>
  async (watched) => {
    const all = await Promise.all(Array.from({ length: 20 }, () => send(watched)));
    const [first, ...others] = all.map(({ status, code }) => ({ status, code }));
    control(first !== undefined && others.every(({ status }) => status === first.status), 'answers differ');
    return first;
  };

const query = async (watched: Watched): Promise<Said> => {
  const { host, stage } = watched;
  const order = { tenants: [stage.tenants[0]?.tenantId], path: '/v1.0/users' };
  return endOf(host, stage, await api(watched, 'POST', '/queries', JSON.stringify(order)));
};

const policyOf = (bytes: number): string => {
  const rule = { ...(rules('*')[0] as object), name: 'rule' };
  // A policy has at most 1,000 rules.
  const count = Math.min(1_000, Math.floor(bytes / (JSON.stringify(rule).length * 1.2)));
  const many = Array.from({ length: count }, (_, number) => ({ ...rule, name: `rule ${number}` }));
  return JSON.stringify({ policy: JSON.stringify({ version: 1, rules: many }) });
};

/** Answers of Microsoft Graph of almost 20 MiB, of which a job or query builds values. */
const values: readonly (readonly [what: string, expected: string, body: string])[] = [
  ['numbers', '202 resource_error', filled('{"value":[', '1,', '1]}', 19.9 * mebibyte)],
  ['empty objects', '202 resource_error', filled('{"value":[', '{},', '{}]}', 19.9 * mebibyte)],
  ['levels', '202 resource_error', `{"value":${'['.repeat(10_000_000)}${']'.repeat(10_000_000)}}`],
  [
    'members whose names are numbers',
    '202 resource_error',
    `{"value":[{${Array.from({ length: 1_500_000 }, (_, at) => `"${(at * 7_919) % 4_294_967}":1`).join(',')}}]}`,
  ],
];

function triesOf(graph: string): readonly Try[] {
  const users = (body: string): Try[2] =>
    withAnswer('/v1\\.0/users', body, (watched) => gateway(watched, 'GET', '/v1.0/users'));
  const longFilter = Array.from({ length: 200 }, (_, at) => `id eq '${at}'`).join(' or ');
  const names = Array.from({ length: 5_000 }, (_, at) => `"t${at}.${'a'.repeat(60)}.example"`).join(',');
  const tags = Array.from({ length: 10_000 }, () => '"a"').join(',');
  return [
    ...bodies.map(
      ([what, body, expected]): Try => [
        `body of 4 MiB: ${what}`,
        expected,
        (watched) => gateway(watched, 'PATCH', `/v1.0/users/${nobody}`, body),
      ],
    ),
    ...bodies.map(
      ([what, body, expected]): Try => [
        `body of 4 MiB for people to approve: ${what}`,
        // What is read as a whole is refused as too long to be shown.
        expected === '404' ? '400 request_invalid' : expected,
        (watched) => gateway(watched, 'PATCH', `/v1.0/groups/${nobody}`, body),
      ],
    ),
    [
      'body of 32 KiB for people to approve',
      '202',
      (watched) => gateway(watched, 'PATCH', `/v1.0/groups/${nobody}`, filled('{', ' ', '"displayName":"a"}', 32_000)),
    ],
    [
      'body of 4 MiB for a token',
      '413 request_too_large',
      (watched) => api(watched, 'POST', '/tokens', bodies[0]?.[1]),
    ],
    [
      'body of 64 KiB for a token',
      '400 request_invalid',
      (watched) => api(watched, 'POST', '/tokens', filled('{"a":[', '{},', '1]}', 65_000)),
    ],
    [
      'batch of 4 MiB',
      '200',
      (watched) => gateway(watched, 'POST', '/v1.0/$batch', batchOf(filled('{"a":"', 'a', '"}', 200_000))),
    ],
    [
      'batch of 48,000 values',
      '200',
      (watched) => gateway(watched, 'POST', '/v1.0/$batch', batchOf(filled('{"a":[', '1,', '1]}', 4_800))),
    ],
    [
      'query with a filter of 200 parts',
      '400',
      (watched) => gateway(watched, 'GET', `/v1.0/users?$filter=${encodeURIComponent(longFilter)}`),
    ],
    ...answers(graph).map(
      ([what, body]): Try => [
        `answer of 20 MiB: ${what}`,
        what === 'links' ? '502 resource_error' : '200',
        users(body),
      ],
    ),
    [
      'answer of 20 MiB to a job',
      '202 succeeded',
      withAnswer(
        'subscribedSkus',
        filled(
          '{"value":[',
          '{"skuId":"a","skuPartNumber":"b","consumedUnits":1,"prepaidUnits":{"enabled":1},"appliesTo":"User"},',
          '{"skuId":"a","skuPartNumber":"b","consumedUnits":1,"prepaidUnits":{"enabled":1}}]}',
          19.9 * mebibyte,
        ),
        run,
      ),
    ],
    ['answer of 20 MiB to a query', '202 succeeded', withAnswer('/v1\\.0/users', answers(graph)[0]?.[1] ?? '', query)],
    ...values.map(
      ([what, expected, body]): Try => [
        `answer of 20 MiB to a query: ${what}`,
        expected,
        withAnswer('/v1\\.0/users', body, query),
      ],
    ),
    ...jobRows.map(
      ([what, expected, body]): Try => [`row of a job: ${what}`, expected, withAnswer('subscribedSkus', body, run)],
    ),
    ...queryRows.map(
      ([what, body]): Try => [`row of a query: ${what}`, '202 succeeded', withAnswer('/v1\\.0/users', body, query)],
    ),
    [
      'twenty answers of 2 MiB at once',
      '200',
      withAnswer(
        '/v1\\.0/users',
        filled(
          `{"@odata.nextLink":"${graph}/v1.0/users?$skiptoken=a","value":[`,
          String.raw`{"displayName":"\u0061"},`,
          '{}]}',
          2 * mebibyte,
        ),
        twenty((watched) => gateway(watched, 'GET', '/v1.0/users')),
      ),
    ],
    [
      'twenty bodies of 3 MiB at once',
      '404',
      twenty((watched) =>
        gateway(
          watched,
          'PATCH',
          `/v1.0/users/${nobody}`,
          filled('{"displayName":"', String.raw`\u0061`, '"}', 3 * mebibyte),
        ),
      ),
    ],
    [
      '5,000 domains for a run',
      '404 tenant_unknown',
      (watched) => api(watched, 'POST', '/jobs/licence-report/runs', `{"tenants":[${names}]}`),
    ],
    [
      '5,000 domains for a query',
      '404 tenant_unknown',
      (watched) => api(watched, 'POST', '/queries', `{"tenants":[${names}],"path":"/v1.0/users"}`),
    ],
    ['policy of 500 KiB', '200', (watched) => api(watched, 'POST', '/policy/replays', policyOf(500_000))],
    [
      '10,000 tags',
      '400 request_invalid',
      (watched) => api(watched, 'PUT', `/tenants/${watched.stage.tenants[0]?.tenantId}/tags`, `{"tags":[${tags}]}`),
    ],
    ['tenants', '200', (watched) => api(watched, 'GET', '/tenants')],
    ['description of the API', '200', (watched) => api(watched, 'GET', '/openapi.json')],
    ['audit log', '200', (watched) => api(watched, 'GET', '/audit')],
    ['health', '200', (watched) => api(watched, 'GET', '/health')],
  ];
}

/** One try: how long something held the event loop, and what became of it. */
type Held = Pick<Slice, 'answered'> & { readonly ms: number };

async function heldBy(watched: Watched, [what, expected, send]: Try): Promise<Held> {
  await watched.longestMs();
  const { status, code } = await send(watched);
  const ms = await watched.longestMs();
  const answered = `${status} ${code ?? ''}`.trim();
  // Another answer may cost less.
  control(answered === expected, `${what}: the app answers ${answered}, and not ${expected}`);
  return { ms, answered };
}

/** Collects and counts the records of a large checkpoint in a process of its own. */
async function heldByCheckpoint(socket: string): Promise<Held> {
  const environment = { LOOP_SOCKET: socket };
  const child = await startChild<{ ms: number; counted: boolean }>(largeCheckpoint, [], { environment });
  try {
    const { ms, counted } = child.ready;
    control(counted, 'a checkpoint does not count all of its records');
    return { ms, answered: 'counted' };
  } finally {
    await child.stop();
  }
}

const medianOf = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;

/**
 * Tries what costs most, one after another, each several times.
 * @returns how long each held the event loop, and how long a fixed piece of work does so in the same time.
 */
export async function longestSlices(stage: Stage, times = 3): Promise<{ slices: Slice[]; fixedMs: number }> {
  const [appSocket, fixedSocket] = ['app', 'fixed'].map((name) => join(stage.folder, `${name}-${process.pid}.socket`));
  const other = await startChild(watchLoop, [], { environment: { LOOP_SOCKET: fixedSocket } });
  try {
    const host = await stage.startHost({
      policy: { version: 1, rules: rules(stage.tenants[0]?.tenantId ?? '') },
      settings: { NODE_OPTIONS: `--import=${pathToFileURL(watchLoop).href}`, LOOP_SOCKET: appSocket ?? '' },
    });
    try {
      const watched: Watched = { stage, host, longestMs: longestOf(appSocket) };
      const usual = await gateway(watched, 'GET', '/v1.0/users?$top=1&$select=id');
      control(usual.status === 200, `a usual request is answered with ${usual.status} ${usual.text.slice(0, 200)}`);
      const fixed: number[] = [];
      // The first time costs more.
      await longestOf(fixedSocket)();
      const slices: Slice[] = [];
      /** Tries more often than it has to if the event loop is held for too long. */
      const add = async (what: string, hold: () => Promise<Held>, least: number): Promise<void> => {
        const held: Held[] = [];
        const isLong = (): boolean => held.every(({ ms }) => ms > generous * medianOf(fixed));
        const isOftenLong = (): boolean => medianOf(held.map(({ ms }) => ms)) > generousMedian * medianOf(fixed);
        while (held.length < least || (held.length < mostTries && isLong())) {
          held.push(await hold());
          fixed.push(await longestOf(fixedSocket)());
        }
        slices.push({
          what,
          answered: held[0]?.answered ?? '',
          tries: held.map(({ ms }) => ms),
          isLong: isLong() || isOftenLong(),
        });
      };
      for (const each of triesOf(stage.cloud.document.graph)) {
        await add(each[0], () => heldBy(watched, each), times);
      }
      // The socket of a program that was stopped stays.
      const ownSocket = (): string => join(stage.folder, `${randomUUID()}.socket`);
      await add('checkpoint of 960,000 records of one customer', () => heldByCheckpoint(ownSocket()), 1);
      return { slices, fixedMs: medianOf(fixed) };
    } finally {
      await host.stop();
    }
  } finally {
    await other.stop();
  }
}

export const longestSlice: Attack = {
  name: 'longest-slice',
  tries: 'bodies, answers, rows and queries that hold the processor as long as the app lets them, also twenty at once',
  promise: 'One caller does not stop another.',
  run: async (stage, { full }, tally) => {
    const { slices, fixedMs } = await longestSlices(stage, full ? 3 : 1);
    for (const { what, answered, tries, isLong } of slices) {
      const said = `${what}: held for ${tries.map((ms) => ms.toFixed(0)).join(', ')} ms of processor time (${answered})`;
      tally.attempt(!isLong, said);
      if (full) tally.note(said);
    }
    tally.note(`a fixed piece of work: ${fixedMs.toFixed(0)} ms`);
  },
};
