import { SourceMap, type SourceMapPayload } from 'node:module';

/** Position in the bundle that contains the jobs: `dist/index.js:22:141075`. */
const bundlePosition = /[^\s()]*\bindex\.js:(\d+):(\d+)/g;

/**
 * Replaces positions in the bundle by positions in the sources of jobs: `jobs/licence-report.ts:41:22`. Positions in other
 * code stay.
 * @param map the source map of the jobs that the build writes; without it the text stays.
 */
export function withJobPositions(stack: string, map: string | undefined): string {
  if (map === undefined || !stack.includes('index.js:')) return stack;
  const sourceMap = new SourceMap(JSON.parse(map) as SourceMapPayload);
  return stack.replace(bundlePosition, (position, line: string, column: string) => {
    // Stacks count from 1, source maps from 0.
    const entry = sourceMap.findEntry(Number(line) - 1, Number(column) - 1);
    return 'originalSource' in entry && entry.originalSource !== undefined
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : position;
  });
}
