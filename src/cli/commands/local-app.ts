import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { CloudDocument } from 'microsoft-cloud';

interface LocalAppFlags {
  readonly control: string;
  readonly storage: string;
  readonly output: string;
}

/** Containers start in any order. */
const waitsForCloudMs = 60_000;

/**
 * `ptb local-app`: prepares the simulated cloud for an app in a container, as `ptb demo` does for its own, and writes the
 * settings, the policy and the certificate of the cloud. compose.yaml uses it. Hidden from the help, because it works nowhere
 * else.
 */
export function registerLocalApp(program: Command): void {
  program
    .command('local-app', { hidden: true })
    .requiredOption('--control <url>', 'control endpoint of the simulated cloud')
    .requiredOption('--storage <connection>', 'connection string of Azurite')
    .requiredOption('--output <folder>', 'where settings.sh, access-policy.json and ca.pem go')
    .action(prepare);
}

async function prepare({ control, storage, output }: LocalAppFlags): Promise<void> {
  const [{ environmentOf }, { createCheckpointKey }, { localPolicy }, { trustAuthority }, { obtainCredential }] =
    await Promise.all([
      import('microsoft-cloud'),
      import('../demo/checkpoint-key.ts'),
      import('../demo/local-policy.ts'),
      import('../demo/running-demo.ts'),
      import('../demo/start-demo.ts'),
    ]);
  const folder = resolve(output);
  await mkdir(folder, { recursive: true });
  const there = await reached(`${control}/document`);
  const caCertificatePath = join(folder, 'ca.pem');
  await writeFile(caCertificatePath, await (await fetch(`${control}/ca.pem`)).text());
  trustAuthority(caCertificatePath);
  const cloud: CloudDocument = { ...((await there.json()) as CloudDocument), caCertificatePath };
  const policyPath = join(folder, 'access-policy.json');
  await writeFile(policyPath, localPolicy(cloud));
  const settings = {
    ...environmentOf(cloud),
    AzureWebJobsStorage: storage,
    ACCESS_POLICY: policyPath,
    FUNCTIONS_WORKER_RUNTIME: 'node',
  };
  await Promise.all([obtainCredential(resolve(process.argv[1] ?? ''), settings, cloud), createCheckpointKey(cloud)]);
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`,
  );
  await writeFile(join(folder, 'settings.sh'), lines.join(''), { mode: 0o644 });
}

/** Waits for the cloud. @throws the failure of the last attempt. */
async function reached(url: string): Promise<Response> {
  const untilMs = Date.now() + waitsForCloudMs;
  for (;;) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      if (!answer.ok) throw new Error(`${url} answers ${answer.status}.`);
      return answer;
    } catch (thrown) {
      if (Date.now() > untilMs) throw new Error(`${url} does not answer.`, { cause: thrown });
      await sleep(500);
    }
  }
}
