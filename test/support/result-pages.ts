import type { RunSource } from '../../src/lib/runs/reading/visible-runs.ts';
import type { Job } from '../../src/lib/runs/job/job.ts';
import { readResultPage } from '../../src/lib/runs/reading/result-page.ts';
import type { ExportFormat, Run } from '../../src/lib/runs/store/run.ts';

/** The texts of all pages of a run, one after the other. */
export async function readPages(
  runs: RunSource,
  run: Run,
  { format, limit = 1000, job }: { readonly format: ExportFormat; readonly limit?: number; readonly job?: Job },
): Promise<string[]> {
  const texts: string[] = [];
  let continuation: string | undefined;
  do {
    const page = await readResultPage(runs, run, job, { format, limit, continuation });
    texts.push(page.text);
    ({ continuation } = page);
  } while (continuation !== undefined);
  return texts;
}
