import { readFileSync } from 'node:fs';

/** Linux counts a process's time in hundredths of a second (`getconf CLK_TCK`, 100 on every platform that Node.js runs on). */
const ticksPerSecond = 100;

/** Processor time that a process has used, seconds, over all its threads; NaN where there is no /proc. */
export function cpuSeconds(pid: number): number {
  try {
    // proc(5): fields 14 and 15 are utime and stime; the second field may hold spaces and ends with a bracket.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process at this moment, MiB; NaN where there is no /proc. */
export function residentMiB(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
