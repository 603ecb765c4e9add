import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CloudDocument, environmentOf, type RunningCloud, startCloud } from 'microsoft-cloud';
import { type RunningChild, startChild } from '../../src/cli/demo/child.ts';
import { trustAuthority } from '../../src/cli/demo/running-demo.ts';
import { jobs } from '../../src/jobs/index.ts';
import { ptbScript } from '../paths.ts';
import { startAzurite } from '../support/azurite.ts';
import { storeCredential } from '../support/stored-credential.ts';
import { tunedApp } from '../support/tuned-app.ts';
import { ask, type Answered, type Request } from './ask.ts';
import { attacker, createForge, type Forge, victim } from './forge.ts';
import { evilNames, renameCustomers } from './names.ts';

type Tenant = CloudDocument['tenants'][number];

/** One process of the app. */
export interface Host extends RunningChild<{ readonly url: string; readonly masterKey: string }> {
  readonly url: string;
  readonly policyPath: string;
  /** Sends a request. What it answers is scanned for secrets at the end. */
  ask(request: Request): Promise<Answered>;
}

export interface HostOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** A policy of its own. Default: the attacker and the victim may have every token. */
  readonly policy?: object;
  /** File of the orchestrations. A host that continues the runs of another one gets the same. */
  readonly store?: string;
}

/** The app with everything around it. The simulated cloud runs in this process, so that attacks can reach into it. */
export interface Stage {
  readonly cloud: RunningCloud;
  /** Customers without names that attack. All customers work. */
  readonly tenants: readonly Tenant[];
  readonly forge: Forge;
  readonly app: Host;
  readonly connectionString: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Everything that the app has logged or answered, for the search for secrets. */
  readonly left: { readonly lines: string[]; readonly answers: string[]; readonly tokens: Set<string> };
  startHost(options?: HostOptions): Promise<Host>;
  /** Runs the command line as an operator with all roles. @param colour as on a terminal. */
  ptb(
    args: readonly string[],
    colour: boolean,
    environment?: Readonly<Record<string, string>>,
  ): Promise<{ readonly code: number; readonly output: string }>;
  stop(): Promise<void>;
}

const customers = 60;
/** An answer of more than this is scanned in part. */
const keptPerAnswer = 200_000;

/** Seconds between the rounds of a run: enough to stop the app in between. */
const retryDelaySeconds = 2;

export async function startStage(seed: number): Promise<Stage> {
  const started: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of started.splice(0).toReversed()) await end();
  };
  try {
    return await startParts(seed, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  seed: number,
  started: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-attack-'));
  started.push(() => rm(folder, { recursive: true, force: true }));
  const azurite = await startAzurite();
  started.push(() => azurite.stop());
  const cloud = await startCloud({ tenants: customers, plain: true, seed });
  started.push(() => cloud.stop());
  renameCustomers(cloud);
  trustAuthority(cloud.document.caCertificatePath);
  const forge = createForge(cloud);
  const environment = {
    ...environmentOf(cloud.document),
    AzureWebJobsStorage: azurite.connectionString,
    FUNCTIONS_WORKER_RUNTIME: 'node',
    CALLER_REQUESTS_PER_MINUTE: '1000000',
  };
  await storeCredential(cloud.document);
  const appFolder = await tunedApp({ retryDelaySeconds });
  const left: Stage['left'] = { lines: [], answers: [], tokens: new Set() };
  const startHost = createHosts({ folder, environment, appFolder, left, started });
  const first = await startHost();
  const { caCertificatePath } = cloud.document;
  return {
    cloud,
    tenants: cloud.document.tenants.slice(evilNames.length),
    forge,
    app: first,
    connectionString: azurite.connectionString,
    environment,
    folder,
    left,
    startHost,
    ptb: (args, colour, more) =>
      new Promise((resolve) => {
        const token = forge.bearer().slice('Bearer '.length);
        const env = {
          ...process.env,
          NODE_EXTRA_CA_CERTS: caCertificatePath,
          BROKER_URL: first.url,
          PTB_TOKEN: token,
          FORCE_COLOR: colour ? '1' : undefined,
          NO_COLOR: colour ? undefined : '1',
          ...more,
        };
        execFile(process.execPath, [ptbScript, ...args], { env }, (error, stdout, stderr) => {
          left.answers.push(stdout, stderr);
          resolve({ code: error === null ? 0 : Number(error.code), output: `${stdout}\n${stderr}` });
        });
      }),
    stop,
  };
}

/** A policy that allows the attacker and the victim every token of every customer. */
const openPolicy = {
  version: 1,
  rules: [
    {
      name: 'the attacker and the victim may have everything',
      callers: { applications: [attacker, victim] },
      tenants: ['*'],
      resources: ['*'],
      grants: ['delegated', 'application'],
    },
  ],
};

/** A scheduled run would request tokens that an attack takes for its own. */
const noSchedules = Object.fromEntries(jobs.map(({ name }) => [`AzureWebJobs.schedule-${name}.Disabled`, 'true']));

interface HostParts extends Pick<Stage, 'folder' | 'environment' | 'left'> {
  readonly appFolder: string;
  readonly started: (() => Promise<unknown>)[];
}

function createHosts({ folder, environment, appFolder, left, started }: HostParts): Stage['startHost'] {
  let count = 0;
  return async ({ settings = {}, policy = openPolicy, store } = {}) => {
    count += 1;
    const policyPath = join(folder, `policy-${count}.json`);
    await writeFile(policyPath, JSON.stringify(policy));
    const child = await startChild<{ url: string; masterKey: string }>(
      ptbScript,
      ['host', '--json', '--app', appFolder, '--port', '0', '--store', store ?? join(folder, `host-${count}.sqlite`)],
      {
        environment: { ...environment, ...noSchedules, ACCESS_POLICY: policyPath, ...settings },
        onLine: (line) => left.lines.push(line),
      },
    );
    started.push(() => child.stop());
    const { url } = child.ready;
    return {
      ...child,
      url,
      policyPath,
      ask: async (request) => {
        const answered = await ask(url, request);
        keep(left, answered);
        return answered;
      },
    };
  };
}

function keep({ answers, tokens }: Stage['left'], { headers, text, body }: Answered): void {
  const token = body['accessToken'];
  if (typeof token === 'string') tokens.add(token);
  else answers.push(`${JSON.stringify(headers)}\n${text.slice(0, keptPerAnswer)}`);
}
