import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Attack, control } from '../attack.ts';
import { victim } from '../forge.ts';

/**
 * A hostile program: it declares an emergency in the name of its operator, and prints its environment and the id of its
 * tenant. It ends with 0 whatever happens.
 */
const program = `
const ask = (headers) => fetch(process.env.PTB_GRAPH_URL + '/v1.0/users?$top=1&$select=id', { headers });
const emergency = { 'x-break-glass': 'true', 'x-reason': 'A program declares this emergency', 'x-ask-again': 'true' };
const statuses = [];
for (const headers of [emergency, { 'X-Break-Glass': 'TRUE', 'X-Reason': emergency['x-reason'] }])
  statuses.push((await ask(headers)).status);
console.log(JSON.stringify({ tenantId: process.env.PTB_TENANT_ID, statuses, environment: process.env }));
`;

/** What the shell of an operator may hold. Whoever has one of these acts as the operator or the broker. */
const secrets: Readonly<Record<string, string>> = Object.fromEntries(
  ['CALLER_TOKEN', 'CALLER_SECRET', 'PTB_TOKEN', 'PTB_FUNCTION_KEY', 'AZURE_CLIENT_SECRET', 'AzureWebJobsStorage'].map(
    (name) => [name, `the value of ${name}`],
  ),
);

/** Programs that would run the name of a customer as code. */
const withNames: readonly (readonly string[])[] = [
  ['sh', '-c', 'echo {name}'],
  ['bash', '-o', 'pipefail', '-c', 'echo {name}'],
  ['bash', '-ce', 'echo {name}'],
  ['env', '-S', 'sh -c {name}'],
  ['pwsh', '-NoProfile', '-ExecutionPolicy', 'Bypass', '-Command', '{name}'],
  [process.execPath, '--import', 'data:text/javascript,', '-e', '"{name}"'],
];

export const exec: Attack = {
  name: 'exec',
  tries:
    'an emergency that a program of ptb exec declares, the credentials of its operator, the output of another tenant, and names of customers as code',
  promise: 'No token for the wrong tenant.',
  run: async (stage, _options, tally) => {
    const [one, other] = stage.tenants;
    const customers = stage.cloud.world.customers.filter(({ tenantId }) =>
      [one?.tenantId, other?.tenantId].includes(tenantId),
    );
    control(one !== undefined && customers.length === 2, 'there are no customers');
    const host = await stage.startHost({
      policy: {
        version: 1,
        rules: [
          {
            name: 'emergencies',
            callers: { applications: [victim] },
            tenants: customers.map(({ tenantId }) => tenantId),
            resources: ['graph'],
            scopes: ['User.Read.All'],
            via: ['gateway'],
            breakGlass: true,
            requests: { methods: ['GET'] },
          },
        ],
      },
    });
    const token = stage.forge.bearer({ application: victim, roles: ['Requests.Send', 'Tenants.Read'] });
    const operator = await host.ask({
      path: `/api/gateway/${one.tenantId}/graph/v1.0/users?$top=1&$select=id`,
      headers: { authorization: token, 'x-break-glass': 'true', 'x-reason': 'The operator declares this' },
    });
    control(operator.status === 200, `the operator may not declare it: ${operator.status} ${operator.text}`);

    const output = join(stage.folder, 'exec-output');
    await mkdir(output);
    const domains = customers.map(({ defaultDomain }) => defaultDomain);
    for (const customer of customers) Object.assign(customer, { defaultDomain: domains[0] });
    try {
      const ids = customers.map(({ tenantId }) => tenantId);
      const args = ['exec', '--via', 'gateway', '--tenant', ...ids, '--output', output, '--url', host.url];
      const { output: said } = await stage.ptb([...args, '--', process.execPath, '-e', program], false, {
        ...secrets,
        PTB_TOKEN: token.slice('Bearer '.length),
      });
      const folders = (await readdir(output, { withFileTypes: true })).filter((entry) => entry.isDirectory());
      const texts = await Promise.all(folders.map(({ name }) => readFile(join(output, name, 'stdout.txt'), 'utf8')));
      control(texts.length > 0 && texts.every((text) => text.startsWith('{')), `the programs did not run: ${said}`);
      const reports = texts.map(
        (text) => JSON.parse(text) as { tenantId: string; statuses: number[]; environment: Record<string, string> },
      );
      tally.attempt(
        new Set(reports.map(({ tenantId }) => tenantId)).size === 2,
        `two tenants with one domain wrote into ${folders.map(({ name }) => name).join(' and ')}`,
      );
      for (const { tenantId, statuses, environment } of reports) {
        for (const status of statuses) tally.attempt(status === 403, `an emergency in ${tenantId}: ${status}`);
        for (const name of Object.keys(secrets))
          tally.attempt(environment[name] === undefined, `${name} reached the program`);
      }
      for (const line of withNames) {
        const { output: shown } = await stage.ptb(['exec', '--url', host.url, '--', ...line], false);
        tally.attempt(shown.includes('name of a customer as code'), `${line.join(' ')}: ${shown}`);
      }
    } finally {
      for (const [index, customer] of customers.entries()) Object.assign(customer, { defaultDomain: domains[index] });
      await rm(output, { recursive: true });
    }
  },
};
