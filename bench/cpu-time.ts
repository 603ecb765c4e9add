import { readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second (`getconf CLK_TCK`, 100 on every platform of Node.js). */
const ticksPerSecond = 100;

/** Processor time of a process over all its threads, seconds; NaN without /proc. */
export function cpuSeconds(pid: number): number {
  try {
    // proc(5): fields 14 and 15 are utime and stime. The second field may contain spaces and ends with a parenthesis.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return Number.NaN;
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
