import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode, encode, type SourceMapMappings } from '@jridgewell/sourcemap-codec';

interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** A source map that covers only the jobs. */
export interface JobsMap {
  readonly version: 3;
  readonly sources: readonly string[];
  readonly mappings: string;
}

const jobSource = /(?:^|\/)src\/(jobs\/[^/]+\.ts)$/;

/**
 * Reduces a source map to the sources in `src/jobs`. A deployed app uses it to show where a job threw: the whole map is
 * larger than the app. Code of other sources is mapped to nothing.
 */
export function jobsMapOf({ sources, mappings }: SourceMap): JobsMap {
  const names = new Map<number, string>();
  for (const [index, source] of sources.entries()) {
    const name = jobSource.exec(source)?.[1];
    if (name !== undefined) names.set(index, name);
  }
  const indexes = new Map([...names.keys()].map((index, position) => [index, position]));
  const reduced: SourceMapMappings = decode(mappings).map((line) => {
    const kept: SourceMapMappings[number] = [];
    for (const segment of line) {
      const [column, source, sourceLine, sourceColumn] = segment;
      const index = source === undefined ? undefined : indexes.get(source);
      if (index !== undefined) kept.push([column, index, sourceLine ?? 0, sourceColumn ?? 0]);
      // Ends the code of a job.
      else if (kept.at(-1)?.length === 4) kept.push([column]);
    }
    return kept;
  });
  return { version: 3, sources: [...names.values()], mappings: encode(reduced) };
}

/** @param folder the folder with the source map of the jobs. */
export const readJobsMap = async (folder: string): Promise<JobsMap> =>
  jobsMapOf(JSON.parse(await readFile(join(folder, 'jobs.js.map'), 'utf8')) as SourceMap);
