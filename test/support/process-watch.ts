import { readdir, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** What the system shows of a process to its user. */
export interface SeenProcess {
  readonly pid: string;
  readonly commandLine: string;
  readonly environment: string;
}

/** Collects arguments and environment of all processes with a variable while some work runs. Linux only. */
export async function watchProcesses(variable: string, work: () => Promise<void>): Promise<SeenProcess[]> {
  const seen = new Map<string, SeenProcess>();
  /** Processes of others, which are read once. */
  const others = new Set<string>();
  const look = async (): Promise<void> => {
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid) || others.has(pid)) continue;
      const [commandLine, environment] = await Promise.all(
        ['cmdline', 'environ'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
      );
      // Not yet started, or ended.
      if (!commandLine || !environment) continue;
      if (environment.split('\0').some((pair) => pair.startsWith(`${variable}=`)))
        seen.set(`${pid} ${commandLine}`, { pid, commandLine, environment });
      else if (before.has(pid)) others.add(pid);
    }
  };
  const before = new Set(await readdir('/proc'));
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      await look();
      await setTimeout(20);
    }
  })();
  try {
    await work();
  } finally {
    over.abort();
    await watching;
  }
  return [...seen.values()];
}
