import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Load {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

interface Report {
  readonly requests: { readonly average: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly non2xx: number;
  readonly errors: number;
}

/** A load of POST requests. */
export interface PostLoad extends Load {
  readonly body: string;
}

/**
 * Sends POST requests from a separate process (autocannon).
 * @throws Error if a reply was not 2xx: failures are fast and would distort the figure.
 */
export const post = ({ body, ...load }: PostLoad): Promise<LoadResult> =>
  measure(load, ['--method', 'POST', '--body', body]);

interface MixedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** GET requests to one origin. Each connection sends them one after the other, again and again. */
export interface MixedLoad extends Omit<Load, 'url' | 'headers'> {
  readonly requests: readonly MixedRequest[];
}

/** Sends different GET requests as {@link post} sends its own. autocannon reads them from an HTTP archive (HAR). */
export async function getMixed({ requests, ...load }: MixedLoad): Promise<LoadResult> {
  const entries = requests.map(({ url, headers }) => ({
    request: { method: 'GET', url, headers: Object.entries(headers).map(([name, value]) => ({ name, value })) },
  }));
  const folder = await mkdtemp(join(tmpdir(), 'ptb-bench-'));
  try {
    const file = join(folder, 'requests.har');
    await writeFile(file, JSON.stringify({ log: { entries } }));
    return await measure({ url: new URL(requests[0]?.url ?? '').origin, headers: {}, ...load }, [`--har=${file}`]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure({ url, headers, connections, seconds }: Load, more: readonly string[]): Promise<LoadResult> {
  const script = createRequire(import.meta.url).resolve('autocannon');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      script,
      '--json',
      `--connections=${connections}`,
      `--duration=${seconds}`,
      ...Object.entries(headers).flatMap(([name, value]) => ['--headers', `${name}=${value}`]),
      ...more,
      url,
    ],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  const report = JSON.parse(stdout) as Report;
  if (report.non2xx > 0 || report.errors > 0)
    throw new Error(`${url}: ${report.non2xx} replies were not 2xx, ${report.errors} requests failed`);
  return {
    requestsPerSecond: report.requests.average,
    latencyMs: { p50: report.latency.p50, p99: report.latency.p99 },
  };
}
