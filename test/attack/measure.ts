import { readFile } from 'node:fs/promises';
import type { Answered } from './ask.ts';

/** Resident memory of a process, MB. Undefined where `/proc` does not exist. */
export async function memoryMb(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** The largest growth of a process's memory during `work`, MB. */
export async function memoryGrowthMb(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = (await memoryMb(pid)) ?? 0;
  let largest = before;
  const watch = setInterval(() => {
    void memoryMb(pid).then((now) => {
      largest = Math.max(largest, now ?? 0);
    });
  }, 50);
  try {
    await work();
    largest = Math.max(largest, (await memoryMb(pid)) ?? 0);
  } finally {
    clearInterval(watch);
  }
  return largest - before;
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;

/** `p50 12 ms, p99 30 ms`. */
export function latencyText(answers: readonly Answered[]): string {
  const sorted = answers.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return `p50 ${Math.round(quantile(sorted, 0.5))} ms, p99 ${Math.round(quantile(sorted, 0.99))} ms`;
}

/** Latency at rest and under attack, and the ratio of the 99th percentiles. */
export function comparison(who: string, rest: readonly Answered[], attacked: readonly Answered[]): string {
  const p99 = (answers: readonly Answered[]): number =>
    quantile(
      answers.map(({ ms }) => ms).toSorted((a, b) => a - b),
      0.99,
    );
  const ratio = (p99(attacked) / p99(rest)).toFixed(1);
  return `${who}: ${latencyText(rest)} at rest; ${latencyText(attacked)} under attack; p99 × ${ratio}`;
}
