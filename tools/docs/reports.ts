import { ask, world } from '../../packages/microsoft-cloud/test/unit/served-engine.ts';
import { session } from '../../packages/microsoft-cloud/test/unit/exchange-session.ts';
import { startMs, viewOf } from '../../packages/microsoft-cloud/test/unit/tenant-view.ts';
import { textRecords } from '../../packages/microsoft-cloud/src/dns/text-records.ts';
import { jobs } from '../../src/jobs/index.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { clouds } from '../../src/lib/core/resources.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import type { Job } from '../../src/lib/runs/job/job.ts';
import type { Row } from '../../src/lib/runs/job/row.ts';
import { type TriedJob, tryJob } from '../../test/support/try-job.ts';

type Customer = (typeof world.customers)[number];

/** Characters of a sample value. */
const sampleLength = 40;

/** Answers of the simulated Graph to a caller that may do everything. */
function graphOf(customer: Customer, url: URL, body: string | undefined): Response {
  const [, version = 'v1.0', ...path] = url.pathname.split('/');
  const answer = (address: string) => {
    const { status, code, message, body: content } = ask(customer, address, version);
    return { status, body: status >= 400 ? { error: { code, message } } : content };
  };
  if (path.join('/') === '$batch') {
    const { requests } = JSON.parse(body ?? '{}') as { requests: { id: string; url: string }[] };
    return reply(200, { responses: requests.map(({ id, url: part }) => ({ id, ...answer(part.slice(1)) })) });
  }
  const { status, body: content } = answer(path.join('/') + url.search);
  return reply(status, content);
}

/** Links to further pages lead to Graph. */
const reply = (status: number, content: unknown): Response =>
  new Response(JSON.stringify(content).replaceAll('https://graph.test', clouds.public.endpoints.graph), {
    status,
    headers: { 'content-type': 'application/json' },
  });

/** The first customer of the simulated cloud in which the job finds a row. Undefined: in none. */
async function sampleOf(job: Job): Promise<TriedJob | undefined> {
  for (const customer of world.customers) {
    const askExchange = session(viewOf(world, customer));
    const tried = await tryJob(job, {
      nowMs: startMs,
      dns: (name) => textRecords(world, name),
      graph: ({ url, body }) => graphOf(customer, url, body),
      exchange: ({ cmdlet, parameters, url }) => {
        const { status, ...body } = askExchange(cmdlet, parameters, { query: url.search.slice(1) });
        return Response.json(body, { status });
      },
    }).catch(refused);
    if (tried !== undefined && tried.rows.length > 0) return tried;
  }
  return undefined;
}

/** A customer may lack the licence, or this cloud the service. */
function refused(thrown: unknown): undefined {
  if (!(thrown instanceof BrokerError)) throw thrown;
}

const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ') || 'none';

/** Roles that are named. The definition of the job has all. */
const namedRoles = 3;

function rolesText(roles: readonly string[]): string {
  const others = roles.length - namedRoles;
  const named = roles.slice(0, namedRoles).join(', ') || 'none';
  return others > 0 ? `${named} and ${others} more` : named;
}

function cellOf(value: Row[string] | undefined): string {
  const text = value === null || value === undefined ? '' : String(value);
  const short = text.length > sampleLength ? `${text.slice(0, sampleLength - 1)}…` : text;
  return short.replaceAll('\n', ' ').replaceAll('|', '\\|');
}

function tableOf({ columns = [] }: Job, rows: readonly Row[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ type }) => (type === 'number' ? '--:' : '---'))),
    ...rows.slice(0, 1).map((row) => line(columns.map(({ name }) => cellOf(row[name])))),
    '',
  ];
}

async function section(job: Job): Promise<string[]> {
  const { name, title, description, permissions = [], directoryRoles = [], parameters, columns = [] } = job;
  const sample = await sampleOf(job);
  return [
    `### ${title}`,
    '',
    description ?? '',
    '',
    `- Job: \`${name}\``,
    `- Permissions: ${code(permissions)}`,
    `- Role: ${rolesText(directoryRoles)}`,
    ...(parameters.fields.length === 0 ? [] : [`- Parameters: ${code(parameters.fields.map((field) => field.name))}`]),
    ...(sample === undefined ? [] : [`- Requests: ${sample.requests.length}`]),
    ...(sample === undefined ? [`- Columns: ${columns.map((column) => column.title).join(', ')}`] : []),
    '',
    ...(sample === undefined ? [] : tableOf(job, sample.rows)),
  ];
}

/**
 * `docs/reports.md`: the jobs that report, have a topic and describe themselves. Schedules are left out, because operators change them.
 */
export async function reportDocs(): Promise<string> {
  const lines: string[] = [];
  for (const [topic, group] of byTopic(
    jobs.filter(
      ({ topic: about, description, changes }) =>
        about !== undefined && description !== undefined && changes === undefined,
    ),
  )) {
    lines.push(`## ${topicTitle(topic)}`, '');
    for (const job of group) lines.push(...(await section(job)));
  }
  return `# Reports

<!-- Written by \`npm run docs\` from src/jobs. Do not edit by hand. -->

What the jobs of this deployment with \`topic\` and \`description\` answer for each customer. One of the roles is enough, the least privileged first (untested). The sample row and the number of requests are those of a tenant with 60 users in the simulated cloud. An empty cell is not known. \`ptb jobs show JOB\` describes parameters and schedule; [\`ptb report\`](jobs.md#report-about-a-customer) shows all for one customer.

${lines.join('\n')}`;
}
