import { readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second (`getconf CLK_TCK`, 100 on every platform of Node.js). */
const ticksPerSecond = 100;

/** Processor time of a process over all its threads, seconds; NaN without /proc. */
export function cpuSeconds(pid: number): number {
  const [user, system] = timesOf(pid);
  return user + system;
}

/** Processor time of the children of this process that have ended, seconds; NaN without /proc. */
export function childrenCpuSeconds(): number {
  const [, , user, system] = timesOf(process.pid);
  return user + system;
}

/** proc(5): the fields 14 to 17 are utime, stime, cutime and cstime. */
function timesOf(pid: number): readonly [user: number, system: number, childUser: number, childSystem: number] {
  try {
    // The second field may contain spaces and ends with a parenthesis.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    const seconds = (field: number): number => Number(fields[field - 3]) / ticksPerSecond;
    return [seconds(14), seconds(15), seconds(16), seconds(17)];
  } catch {
    return [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
  }
}

/** Current resident memory of a process, MiB; NaN without /proc. */
export function residentMiB(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
