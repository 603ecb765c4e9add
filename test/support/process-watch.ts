import { readdirSync, readFileSync } from 'node:fs';
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
  // These files are in memory, so reading one at once takes a fraction of the time of a read in the background.
  const look = (): void => {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid) || others.has(pid)) continue;
      const [environment, commandLine] = [shown(pid, 'environ'), shown(pid, 'cmdline')];
      // Not yet started, or ended.
      if (commandLine === '' || environment === '') continue;
      if (environment.split('\0').some((pair) => pair.startsWith(`${variable}=`)))
        seen.set(`${pid} ${commandLine}`, { pid, commandLine, environment });
      else if (before.has(pid)) others.add(pid);
    }
  };
  const before = new Set(readdirSync('/proc'));
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      look();
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

/** Empty if the process has ended or belongs to somebody else. */
function shown(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
